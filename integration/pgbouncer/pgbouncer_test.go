//go:build unix

package pgbouncer_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/reevehq/reeve/integration/pgbouncer"
	"github.com/reevehq/reeve/integration/pgserver"
)

// Two clients have one connection to the server, each for a transaction: what one of them sets
// for the session, the other has. So a test that finds no such thing has looked.
func TestClientsShareASession(t *testing.T) {
	db := pgserver.New(t).Database(t)
	through := pgbouncer.Start(t, db.App(), 1)
	connect := func() *pgx.Conn {
		conn, err := pgx.Connect(t.Context(), through)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(t.Context()) })
		return conn
	}
	one, other := connect(), connect()
	if _, err := one.Exec(t.Context(), "set my.setting = 'left'"); err != nil {
		t.Fatal(err)
	}
	var left string
	if err := other.QueryRow(t.Context(), "select current_setting('my.setting', true)", pgx.QueryExecModeExec).Scan(&left); err != nil || left != "left" {
		t.Errorf("%q, %v: the session is not shared", left, err)
	}
}
