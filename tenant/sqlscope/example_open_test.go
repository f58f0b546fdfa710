package sqlscope_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
	"github.com/reevehq/reeve/tenant/sqlscope"
)

// A pool in the place of the driver's: a statement needs a tenant, and runs in it.
func ExampleOpenDB() {
	connector := &recorder{} // stdlib.GetConnector(config) of pgx, or pq.NewConnector(url)
	db, err := sqlscope.OpenDB(sqlscope.Config{
		Connector: connector,
		Context:   rls.Plain(),                  // rls.NewSigner, where SQL may be injected
		Statuses:  sqlscope.InsecureAnyStatus{}, // the session manager
	})
	if err != nil {
		panic(err)
	}
	defer db.Close()

	_, err = db.Exec("UPDATE note SET done = true")
	fmt.Println(errors.Is(err, tenant.ErrNoScope))

	// Requests are bound by the middleware; tests and jobs bind their own context.
	ctx, err := tenant.BindUnchecked(context.Background(), tenant.MustParse("acme"))
	if err != nil {
		panic(err)
	}
	_, err = db.ExecContext(ctx, "UPDATE note SET done = true")
	fmt.Println(err, connector.took())
	// Output:
	// true
	// <nil> [BEGIN set reeve.tenant=acme UPDATE note SET done = true COMMIT]
}

// A transaction is of one tenant.
func ExampleOpenDB_transaction() {
	move := func(ctx context.Context, db *sql.DB, note, project string) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer tx.Rollback() // after Commit it does nothing
		if _, err := tx.ExecContext(ctx, "UPDATE note SET project_id = $2 WHERE id = $1", note, project); err != nil {
			return err
		}
		return tx.Commit()
	}
	connector := &recorder{}
	db, err := sqlscope.OpenDB(sqlscope.Config{Connector: connector, Context: rls.Plain(), Statuses: sqlscope.InsecureAnyStatus{}})
	if err != nil {
		panic(err)
	}
	defer db.Close()
	ctx, err := tenant.BindUnchecked(context.Background(), tenant.MustParse("acme"))
	if err != nil {
		panic(err)
	}
	fmt.Println(move(ctx, db, "n1", "p2"))
	fmt.Println(connector.took())
	// Output:
	// <nil>
	// [BEGIN set reeve.tenant=acme UPDATE note SET project_id = $2 WHERE id = $1 n1 p2 COMMIT]
}
