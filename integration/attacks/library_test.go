//go:build unix

package attacks_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aarondl/sqlboiler/v4/drivers"
	boil "github.com/aarondl/sqlboiler/v4/queries"
	"github.com/aarondl/sqlboiler/v4/queries/qm"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/reevehq/reeve/integration/attacks"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/sqlscope"
)

func in(t *testing.T, id tenant.ID) context.Context {
	t.Helper()
	ctx, err := tenant.BindUnchecked(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// row is a note to libraries that scan by tags.
type row struct {
	bun.BaseModel `bun:"table:note" db:"-"`

	Tenant  string `bun:"tenant_id,nullzero,default:reeve.tenant()" db:"tenant_id"`
	ID      string `bun:"id,pk" db:"id"`
	Project string `bun:"project_id" db:"project_id"`
	Title   string `bun:"title" db:"title"`
}

// boiled is a row to sqlboiler.
type boiled struct {
	Tenant  string `boil:"tenant_id"`
	ID      string `boil:"id"`
	Project string `boil:"project_id"`
	Title   string `boil:"title"`
}

// TestLibrariesOnDatabaseSQLAreScoped: they need no code of ours.
func TestLibrariesOnDatabaseSQLAreScoped(t *testing.T) {
	w := attacks.NewPostgres(t)
	pool := scopedPool(t, connectors(t, w.App())["pgx"], w.Signer)
	own := func(t *testing.T, rows []row, err error) {
		t.Helper()
		if err != nil || len(rows) != 3 {
			t.Errorf("%d rows, %v", len(rows), err)
		}
		for _, r := range rows {
			if r.Tenant != attacks.Attacker.String() {
				t.Errorf("a row of %s", r.Tenant)
			}
		}
	}
	ctx := in(t, attacks.Attacker)
	t.Run("sqlx", func(t *testing.T) {
		db := sqlx.NewDb(pool, "pgx")
		var rows []row
		err := db.SelectContext(ctx, &rows, "SELECT tenant_id, id, project_id, title FROM note")
		own(t, rows, err)
		if _, err := db.NamedExecContext(ctx, "UPDATE note SET title = :title", map[string]any{"title": "x"}); err != nil {
			t.Error(err)
		}
		if err := db.Select(&rows, "SELECT tenant_id, id, project_id, title FROM note"); !errors.Is(err, tenant.ErrNoScope) {
			t.Errorf("without a context: %v", err)
		}
	})
	t.Run("sqlboiler", func(t *testing.T) {
		q := &boil.Query{}
		boil.SetDialect(q, &drivers.Dialect{LQ: '"', RQ: '"', UseIndexPlaceholders: true})
		qm.Apply(q, qm.Select("tenant_id", "id", "project_id", "title"), qm.From("note"), qm.Where("id = ?", "a-n1"), qm.Or("1 = 1"))
		var rows []boiled
		err := q.Bind(ctx, pool, &rows)
		found := make([]row, len(rows))
		for i, r := range rows {
			found[i].Tenant = r.Tenant
		}
		own(t, found, err)
		if _, err := boil.Raw("UPDATE note SET title = $1", "x").ExecContext(ctx, pool); err != nil {
			t.Error(err)
		}
		if err := q.Bind(context.Background(), pool, &rows); !errors.Is(err, tenant.ErrNoScope) {
			t.Errorf("without a tenant: %v", err)
		}
	})
	t.Run("bun", func(t *testing.T) {
		db := bun.NewDB(pool, pgdialect.New())
		var rows []row
		err := db.NewSelect().Model(&rows).WhereOr("1 = 1").WhereOr("2 = 2").Scan(ctx)
		own(t, rows, err)
		if _, err := db.NewUpdate().Model((*row)(nil)).Set("title = ?", "x").Where("1 = 1").Exec(ctx); err != nil {
			t.Error(err)
		}
		if _, err := db.NewInsert().Model(&row{ID: "a-n9", Project: "a-p1"}).Exec(ctx); err != nil {
			t.Error(err)
		}
		if _, err := db.NewInsert().Model(&row{Tenant: "globex", ID: "x-1", Project: "g-p1"}).Exec(ctx); err == nil {
			t.Error("a row of another tenant is inserted")
		}
		if err := db.NewSelect().Model(&rows).Scan(context.Background()); !errors.Is(err, tenant.ErrNoScope) {
			t.Errorf("without a tenant: %v", err)
		}
	})
	foreign, err := w.Foreign(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for key, text := range foreign {
		if !strings.Contains(text, "CANARY") && !strings.HasPrefix(key, "note_tag") {
			t.Errorf("%s is %s", key, text)
		}
	}
}

// TestTextsOfSeveralStatementsRunNone: with both drivers, as a query, an execution and with
// arguments.
func TestTextsOfSeveralStatementsRunNone(t *testing.T) {
	w := attacks.NewPostgres(t)
	for name, c := range connectors(t, w.App()) {
		db := scopedPool(t, c, w.Signer)
		ctx := in(t, attacks.Attacker)
		for _, text := range []string{"UPDATE note SET title = 'x'; COMMIT", "SELECT 1; COMMIT; SELECT 2", "SELECT ';'; COMMIT"} {
			if _, err := db.ExecContext(ctx, text); err == nil {
				t.Errorf("%s: Exec %q", name, text)
			}
			if rows, err := db.QueryContext(ctx, text); err == nil {
				rows.Close()
				t.Errorf("%s: Query %q", name, text)
			}
		}
		var n int
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM note WHERE title = 'x'").Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d rows were changed, %v", name, n, err)
		}
		var text string
		if err := db.QueryRowContext(ctx, "SELECT 'a;b' || $1::text;", "c").Scan(&text); err != nil || text != "a;bc" {
			t.Errorf("%s: a semicolon in a constant: %q, %v", name, text, err)
		}
	}
}

// TestADeferredConstraintThatFailsIsHeard by real drivers, at the last row.
func TestADeferredConstraintThatFailsIsHeard(t *testing.T) {
	w := attacks.NewPostgres(t)
	w.Exec(w.Owner(), "ALTER TABLE note ALTER CONSTRAINT note_tenant_id_project_id_fkey DEFERRABLE INITIALLY DEFERRED")
	for name, c := range connectors(t, w.App()) {
		db := scopedPool(t, c, w.Signer)
		rows, err := db.QueryContext(in(t, attacks.Attacker), "INSERT INTO note (id, project_id) VALUES ('a-n8', 'nobody') RETURNING id")
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
		}
		if rows.Err() == nil {
			t.Errorf("%s: a row that is not there was inserted without an error", name)
		}
		rows.Close()
	}
}

// onOne connects to a connection that is open already, for whoever asks.
type onOne struct{ conn *stdlib.Conn }

func (c onOne) Connect(context.Context) (driver.Conn, error) { return unclosed{c.conn}, nil }
func (c onOne) Driver() driver.Driver                        { return stdlib.GetDefaultDriver() }

type unclosed struct{ *stdlib.Conn }

func (unclosed) Close() error { return nil }

// TestNothingIsLeftOfATenantOnAConnection for whoever uses it next without a scope: the setting
// ends with each statement and each transaction, also one that fails.
func TestNothingIsLeftOfATenantOnAConnection(t *testing.T) {
	w := attacks.NewPostgres(t)
	opened, err := stdlib.GetDefaultDriver().Open(w.App())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	c := onOne{opened.(*stdlib.Conn)}
	scoped, bare := scopedPool(t, c, w.Signer), one(t, sql.OpenDB(c))
	ctx := in(t, attacks.Attacker)
	left := func(after string) {
		t.Helper()
		var setting sql.NullString
		if err := bare.QueryRowContext(t.Context(), "SELECT current_setting('reeve.context', true)").Scan(&setting); err != nil || setting.String != "" {
			t.Errorf("after %s the connection has %q, %v", after, setting.String, err)
		}
		if _, err := bare.ExecContext(t.Context(), "SELECT * FROM note"); err == nil || !strings.Contains(err.Error(), "no tenant") {
			t.Errorf("after %s notes are read: %v", after, err)
		}
	}
	left("nothing")
	for _, text := range []string{"SELECT * FROM note", "UPDATE note SET votes = 2", "SELECT 1/0", "SAVEPOINT s"} {
		_, _ = scoped.ExecContext(ctx, text)
		left(text)
	}
	tx, err := scoped.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM note").Scan(&n); err != nil || n != 3 {
		t.Errorf("%d notes, %v", n, err)
	}
	if err := tx.Commit(); err != nil {
		t.Error(err)
	}
	left("a transaction")
}

// TestAPoolIsCleanAfterAnything: tenants share two connections, and their statements are
// cancelled, fail, panic and are left open at random.
func TestAPoolIsCleanAfterAnything(t *testing.T) {
	w := attacks.NewPostgres(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	for name, c := range connectors(t, w.App()) {
		db, err := sqlscope.OpenDB(sqlscope.Config{Connector: c, Context: w.Signer, Statuses: sqlscope.InsecureAnyStatus{}})
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(2)
		var wg sync.WaitGroup
		for i := range 4 {
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			wg.Go(func() {
				for range 60 {
					id := []tenant.ID{attacks.Attacker, attacks.Victim, attacks.Bystander}[r.IntN(3)]
					if err := disturb(in(t, id), r, db, id); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			})
		}
		wg.Wait()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	// The server hears a moment later that a connection in a transaction was closed.
	testwait.Until(t, "no connection is left in a transaction", func() bool {
		return w.Exec(w.Super(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'") == "0"
	})
}

// disturb does something and returns an error when it reads a row of another tenant.
func disturb(ctx context.Context, r *rand.Rand, db *sql.DB, id tenant.ID) error {
	what := r.IntN(5)
	if what == 0 {
		limited, cancel := context.WithTimeout(ctx, time.Duration(r.IntN(4000))*time.Microsecond)
		defer cancel()
		ctx = limited
	}
	rows, err := db.QueryContext(ctx, "SELECT tenant_id FROM note, generate_series(1, 20)")
	if err != nil {
		if what == 0 {
			return nil
		}
		return err
	}
	n := 0
	for rows.Next() {
		var got string
		if err := rows.Scan(&got); err != nil {
			break
		}
		if n++; got != id.String() {
			rows.Close()
			return fmt.Errorf("%s reads a row of %s", id, got)
		}
		if what == 1 {
			break
		}
	}
	rows.Close()
	if what == 0 || what > 3 && n != 60 {
		if what == 0 {
			return nil
		}
		return fmt.Errorf("%s reads %d rows", id, n)
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(); _ = recover() }()
	if _, err := tx.ExecContext(ctx, "SAVEPOINT s"); err != nil {
		return err
	}
	switch what {
	case 2:
		_, _ = tx.ExecContext(ctx, "SELECT 1/0")
		if _, err := tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT s"); err != nil {
			return err
		}
	case 3:
		panic("a handler")
	}
	var foreign int
	if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM note WHERE tenant_id <> $1", id.String()).Scan(&foreign); err != nil || foreign != 0 {
		return fmt.Errorf("%s reads %d rows in a transaction: %w", id, foreign, err)
	}
	return nil
}
