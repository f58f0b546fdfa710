//go:build unix

package integration_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/reevehq/reeve/tenant/rls"
)

// rlsTrial changes a database in a transaction that is rolled back, so that a hundred faults
// need one database and not one each.
type rlsTrial struct {
	w    *rlsFixture
	t    *testing.T
	conn *pgconn.PgConn
	db   *sql.DB // on the same connection, within the transaction
}

func newRLSTrial(w *rlsFixture) *rlsTrial {
	w.t.Helper()
	outer, err := stdlib.GetDefaultDriver().Open(w.Super())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = outer.Close() })
	db := sql.OpenDB(within{outer.(*stdlib.Conn)})
	db.SetMaxOpenConns(1)
	w.t.Cleanup(func() { _ = db.Close() })
	return &rlsTrial{w: w, conn: outer.(*stdlib.Conn).Conn().PgConn(), db: db}
}

// begin begins a trial, which ends with the test.
func (r *rlsTrial) begin(t *testing.T) {
	t.Helper()
	r.t = t
	r.run("BEGIN")
	t.Cleanup(func() { r.t = t; r.run("ROLLBACK") })
}

func (r *rlsTrial) run(text string) {
	r.t.Helper()
	if _, err := r.conn.Exec(context.Background(), r.w.roles(text)).ReadAll(); err != nil {
		r.t.Fatalf("%v, of\n%s", err, text)
	}
}

// as runs statements as a role.
func (r *rlsTrial) as(role, statements string) {
	r.t.Helper()
	r.run("SET LOCAL ROLE " + role + ";\n" + statements + ";\nRESET ROLE")
}

// audit asks as the application does.
func (r *rlsTrial) audit(cfg rls.Config) rls.Findings {
	r.t.Helper()
	r.run("SET LOCAL ROLE {app}")
	findings, err := rls.Audit(context.Background(), r.db, cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.run("RESET ROLE")
	return findings
}

// within connects to where a transaction is open, in which its own are savepoints.
type within struct{ conn *stdlib.Conn }

func (w within) Connect(context.Context) (driver.Conn, error) { return inner{w.conn}, nil }
func (w within) Driver() driver.Driver                        { return stdlib.GetDefaultDriver() }

type inner struct{ *stdlib.Conn }

func (c inner) Close() error                       { return nil } // its opener closes it
func (c inner) ResetSession(context.Context) error { return nil }
func (c inner) savepoint(text string) error {
	_, err := c.ExecContext(context.Background(), text, nil)
	return err
}
func (c inner) Commit() error   { return c.savepoint("RELEASE SAVEPOINT inside") }
func (c inner) Rollback() error { return c.savepoint("ROLLBACK TO SAVEPOINT inside") }
func (c inner) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	return c, c.savepoint("SAVEPOINT inside")
}
