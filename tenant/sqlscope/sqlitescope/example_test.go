package sqlitescope_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/sqlscope/sqlitescope"
)

// One handle serves all tenants, each in a file of its own.
func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	active := &statuses{of: map[tenant.ID]tenant.Status{acme: tenant.Active, globex: tenant.Active}} // a session.Manager in a service
	store, err := sqlitescope.New(sqlitescope.Config{
		Dir:      filepath.Join(dir, "tenants"),
		Statuses: active,
		Migrate: func(ctx context.Context, db *sql.DB) error {
			_, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS tasks (title TEXT NOT NULL) STRICT`)
			return err
		},
	})
	if err != nil {
		panic(err)
	}
	defer store.Close()

	add := func(ctx context.Context, title string) error {
		_, err := store.DB().ExecContext(ctx, `INSERT INTO tasks (title) VALUES (?)`, title)
		return err
	}
	count := func(ctx context.Context) (n int, err error) {
		err = store.DB().QueryRowContext(ctx, `SELECT count(*) FROM tasks`).Scan(&n)
		return n, err
	}
	// Requests are bound by the middleware.
	ofAcme, _ := tenant.BindUnchecked(context.Background(), acme)
	ofGlobex, _ := tenant.BindUnchecked(context.Background(), globex)
	fmt.Println(add(ofAcme, "paint the fence"))
	fmt.Println(count(ofAcme))
	fmt.Println(count(ofGlobex))
	_, err = count(context.Background())
	fmt.Println(errors.Is(err, tenant.ErrNoScope))
	// Output:
	// <nil>
	// 1 <nil>
	// 0 <nil>
	// true
}
