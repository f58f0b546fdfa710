package pgxscope_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/pgxscope"
	"github.com/reevehq/reeve/tenant/rls"
)

// A service makes one DB and gives it to the code that sqlc generated, in place of the pool.
func ExampleNew() {
	ctx := context.Background()
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		panic(err)
	}
	config.PrepareConn = pgxscope.RequireScope                     // nobody else uses this pool
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec // behind pgbouncer before 1.21
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		panic(err)
	}
	defer pool.Close()
	signer, err := rls.NewSigner(rls.SignerConfig{Key: session.NewSecretKey([]byte(os.Getenv("TENANT_KEY"))), KeyID: "2026-01"})
	if err != nil {
		panic(err)
	}
	var sessions *session.Manager // it knows which tenants may be served
	db, err := pgxscope.New(pgxscope.Config{Pool: pool, Context: signer, Statuses: sessions})
	if err != nil {
		panic(err)
	}
	// In a handler, with the context of the request: one flush, and the tenant's rows alone.
	rows, err := db.Query(ctx, "SELECT body FROM note ORDER BY id LIMIT 50")
	if err != nil {
		panic(err)
	}
	fmt.Println(pgx.CollectRows(rows, pgx.RowTo[string]))
}

// Without a tenant nothing is sent: here there is not even a server.
func ExampleDB_Exec() {
	pool, err := pgxpool.New(context.Background(), "postgres://app@127.0.0.1:1/shop")
	if err != nil {
		panic(err)
	}
	defer pool.Close()
	db, err := pgxscope.New(pgxscope.Config{Pool: pool, Context: rls.Plain(), Statuses: pgxscope.InsecureAnyStatus{}})
	if err != nil {
		panic(err)
	}
	_, err = db.Exec(context.Background(), "DELETE FROM note")
	fmt.Println(errors.Is(err, tenant.ErrNoScope))

	// A text that would leave the tenant's transaction is refused as early.
	ctx, err := tenant.BindUnchecked(context.Background(), tenant.MustParse("acme"))
	if err != nil {
		panic(err)
	}
	_, err = db.Exec(ctx, "COMMIT; DELETE FROM note")
	fmt.Println(err)
	// Output:
	// true
	// pgxscope: statement refused: one statement is allowed
}

// Statements that belong together are a transaction: an error of the function, and a panic, roll it
// back.
func ExampleDB_InTx() {
	var db *pgxscope.DB // of New
	var ctx context.Context
	err := db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "UPDATE account SET balance = balance - $2 WHERE id = $1", 1, 100); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE account SET balance = balance + $2 WHERE id = $1", 2, 100)
		return err
	})
	if err != nil {
		panic(err)
	}
}
