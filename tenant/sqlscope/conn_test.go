package sqlscope_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/tenant/sqlscope"
)

// TestAConnectionWhoseEndIsNotKnownIsClosed breaks each step, by a panic and by a context that
// ends at it.
func TestAConnectionWhoseEndIsNotKnownIsClosed(t *testing.T) {
	for _, step := range []string{"BEGIN", acme, "UPDATE note", "COMMIT"} {
		t.Run(step+" panics", func(t *testing.T) {
			r := &recorder{do: func(sent string) error {
				if sent == step {
					panic("driver")
				}
				return nil
			}}
			db := open(t, r)
			func() {
				defer func() { _ = recover() }()
				_, _ = db.ExecContext(in(t, "acme"), "UPDATE note")
			}()
			r.do = nil
			db.SetMaxOpenConns(2) // a connection that panics is not given back at every step
			if _, err := db.ExecContext(in(t, "acme"), "UPDATE note"); err != nil {
				t.Error(err)
			}
			if opened, _ := r.counts(); opened != 2 {
				t.Errorf("%d connections: the broken one is used again", opened)
			}
		})
		t.Run(step+" fails", func(t *testing.T) {
			r := &recorder{do: func(sent string) error {
				if sent == step || sent == "ROLLBACK" {
					return errors.New("the network is away")
				}
				return nil
			}}
			db := open(t, r)
			if _, err := db.ExecContext(in(t, "acme"), "UPDATE note"); err == nil {
				t.Error("no error")
			}
			r.do = nil
			if _, err := db.ExecContext(in(t, "acme"), "UPDATE note"); err != nil {
				t.Error(err)
			}
			if opened, closed := r.counts(); opened != 2 || closed != 1 {
				t.Errorf("%d opened, %d closed: the broken one is used again", opened, closed)
			}
		})
	}
	for _, step := range []string{"UPDATE note", "COMMIT", "ROLLBACK"} {
		t.Run(step+" of a transaction panics", func(t *testing.T) {
			r := &recorder{}
			db := open(t, r)
			db.SetMaxOpenConns(2)
			tx, err := db.BeginTx(in(t, "acme"), nil)
			if err != nil {
				t.Fatal(err)
			}
			r.do = func(sent string) error {
				if sent == step {
					panic("driver")
				}
				return nil
			}
			func() {
				defer func() { _ = recover() }()
				_, _ = tx.ExecContext(in(t, "acme"), "UPDATE note")
				if step == "COMMIT" {
					_ = tx.Commit()
				}
				_ = tx.Rollback()
			}()
			r.do = nil
			_ = tx.Rollback()
			if _, err := db.ExecContext(in(t, "acme"), "UPDATE note"); err != nil {
				t.Error(err)
			}
			if opened, _ := r.counts(); opened != 2 {
				t.Errorf("%d connections: the broken one is used again", opened)
			}
		})
	}
}

func TestACancelledStatementIsNotCommitted(t *testing.T) {
	for _, step := range []string{"BEGIN", acme, "UPDATE note"} {
		ctx, cancel := context.WithCancel(in(t, "acme"))
		r := &recorder{do: func(sent string) error {
			if sent == step {
				cancel()
			}
			return nil
		}}
		db := open(t, r)
		if _, err := db.ExecContext(ctx, "UPDATE note"); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", step, err)
		}
		if sent := r.took(); slices.Contains(sent, "COMMIT") || !slices.Contains(sent, "ROLLBACK") {
			t.Errorf("%s: sent %q", step, sent)
		}
	}
}

func TestWhatATenantLeavesInTheSessionIsDropped(t *testing.T) {
	r := &recorder{left: true}
	db := open(t, r)
	if _, err := db.ExecContext(in(t, "acme"), "UPDATE note"); err != nil {
		t.Fatal(err)
	}
	sends(t, r, "BEGIN", acme, "CLOSE ALL", "DISCARD TEMP", "UPDATE note", "COMMIT")
	r.do = func(sent string) error {
		if sent == "DISCARD TEMP" {
			return errOutage
		}
		return nil
	}
	if _, err := db.ExecContext(in(t, "acme"), "UPDATE note"); !errors.Is(err, errOutage) {
		t.Errorf("it cannot be dropped: %v", err)
	}
	sends(t, r, "BEGIN", acme, "CLOSE ALL", "DISCARD TEMP", "ROLLBACK")
}

// The driver would run what somebody put in place of a statement that it prepared.
func TestAConnectionWithAReplacedStatementIsClosed(t *testing.T) {
	r := &recorder{left: true, stale: 1}
	db := open(t, r)
	if _, err := db.ExecContext(in(t, "acme"), "UPDATE note"); err != nil {
		t.Fatal(err)
	}
	sends(t, r, "BEGIN", acme, "ROLLBACK", "BEGIN", acme, "CLOSE ALL", "DISCARD TEMP", "UPDATE note", "COMMIT")
	if opened, closed := r.counts(); opened != 2 || closed != 1 {
		t.Errorf("%d connections were opened and %d closed", opened, closed)
	}
	r.stale = 100
	if _, err := db.BeginTx(in(t, "acme"), nil); !errors.Is(err, driver.ErrBadConn) {
		t.Errorf("with no other connection: %v", err)
	}
}

// The settings with which a session begins are the service's. A server that does not go back to them
// is left.
func TestAConnectionWithOtherSettingsIsResetOrClosed(t *testing.T) {
	r := &recorder{set: "public|on"}
	db := open(t, r)
	update := func(set string, want ...string) {
		t.Helper()
		r.set = set
		if _, err := db.ExecContext(in(t, "acme"), "UPDATE note"); err != nil {
			t.Fatal(err)
		}
		sends(t, r, want...)
	}
	update("public|on", "BEGIN", acme, "UPDATE note", "COMMIT")
	update("public|on", "BEGIN", acme, "UPDATE note", "COMMIT")
	r.do = func(sent string) error {
		if sent == "RESET ALL" {
			r.set = "public|on"
		}
		return nil
	}
	update("elsewhere|on", "BEGIN", acme, "RESET ALL", "COMMIT", "BEGIN", acme, "UPDATE note", "COMMIT")
	r.do = nil
	if opened, closed := r.counts(); opened != 1 || closed != 0 {
		t.Errorf("%d connections were opened and %d closed", opened, closed)
	}
	update("elsewhere|on", "BEGIN", acme, "RESET ALL", "COMMIT", "BEGIN", acme, "RESET ALL", "COMMIT", "BEGIN", acme, "UPDATE note", "COMMIT")
	if opened, closed := r.counts(); opened != 2 || closed != 1 {
		t.Errorf("%d connections were opened and %d closed", opened, closed)
	}
	r.do = func(sent string) error {
		if sent == "RESET ALL" {
			return errOutage
		}
		return nil
	}
	r.set = "public|on"
	if _, err := db.ExecContext(in(t, "acme"), "UPDATE note"); !errors.Is(err, errOutage) {
		t.Errorf("it cannot be reset: %v", err)
	}
}

func TestTheConnectionInsideIsOutOfReach(t *testing.T) {
	db := open(t, &recorder{})
	if _, own := db.Driver().(sqlscope.Driver); !own {
		t.Errorf("the driver of the pool is %T", db.Driver())
	}
	if _, err := db.Driver().Open("host=somewhere"); err == nil {
		t.Error("the driver opens a connection without a scope")
	}
	c, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	err = c.Raw(func(inner any) error {
		if _, reached := inner.(interface{ Secret() }); reached {
			t.Error("Raw reaches a method of the driver's own")
		}
		_, err := inner.(driver.ExecerContext).ExecContext(t.Context(), "UPDATE note", nil)
		return err
	})
	if err == nil {
		t.Error("a statement by Raw needs no tenant")
	}
}

func TestAConnectionRunsOneStatementAtATime(t *testing.T) {
	r := &recorder{rows: func(string) []int64 { return []int64{1, 2} }}
	db := open(t, r)
	ctx := in(t, "acme")
	c, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rows, err := c.QueryContext(ctx, "SELECT n")
	if err != nil {
		t.Fatal(err)
	}
	r.took()
	if _, err := c.ExecContext(in(t, "globex"), "UPDATE note"); err == nil {
		t.Error("a second tenant is set within the transaction of the first")
	}
	sends(t, r)
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.took()
	if _, err := c.BeginTx(in(t, "globex"), nil); err == nil {
		t.Error("a transaction begins in a transaction")
	}
	sends(t, r)
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
}

func TestTextsThatEndTransactionsAreRefused(t *testing.T) {
	refused := []string{
		"BEGIN", "begin transaction", "START TRANSACTION", "COMMIT", "commit and chain", "END", "ABORT", "ROLLBACK", "rollback work",
		"ROLLBACK AND CHAIN", "ROLLBACK PREPARED 'x'", "PREPARE TRANSACTION 'x'", "PREPARE p AS SELECT 1", "DEALLOCATE ALL",
		"SET reeve.tenant = 'globex'", "SET SESSION AUTHORIZATION x", "SET ROLE x", "RESET ALL", "DISCARD ALL", "LISTEN x", "UNLISTEN *",
		"LOAD 'x'", " \t\n\r\f\vCOMMIT", "-- x\nCOMMIT", "-- x\rCOMMIT", "/* x */COMMIT", "/* /* x */ y */ COMMIT", ";COMMIT", "; ;/**/;COMMIT", "COMMIT;",
		"COPY note FROM STDIN; COMMIT", "DO $$ BEGIN END $$", "/* x */ do LANGUAGE plpgsql 'BEGIN END'",
		"ALTER ROLE app SET x.y = 'z'", "alter/**/user current_user PASSWORD 'x'", "ALTER DATABASE x SET y.z = 'a'", "ALTER SYSTEM SET x = y", "ALTER GROUP x RENAME TO y",
	}
	for _, text := range refused {
		r := &recorder{}
		db := open(t, r)
		ctx := in(t, "acme")
		if _, err := db.ExecContext(ctx, text); !errors.Is(err, sqlscope.ErrStatement) {
			t.Errorf("Exec %q: %v", text, err)
		}
		if _, err := db.QueryContext(ctx, text); !errors.Is(err, sqlscope.ErrStatement) {
			t.Errorf("Query %q: %v", text, err)
		}
		if _, err := db.PrepareContext(ctx, text); !errors.Is(err, sqlscope.ErrStatement) {
			t.Errorf("Prepare %q: %v", text, err)
		}
		sends(t, r)
	}
	allowed := []string{
		"SELECT 'COMMIT'", "SAVEPOINT a", "RELEASE a", "ROLLBACK TO a", "ROLLBACK TO SAVEPOINT a", "rollback work to a", "ROLLBACK TRANSACTION TO a",
		"SET LOCAL statement_timeout = 1", "SET CONSTRAINTS ALL DEFERRED", "SET TRANSACTION READ ONLY", "beginning", "-- COMMIT", "SELECT 1;", "", "ALTER TABLE note ADD x int", "done",
	}
	for _, text := range allowed {
		r := &recorder{}
		if _, err := open(t, r).ExecContext(in(t, "acme"), text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		sends(t, r, "BEGIN", acme, text, "COMMIT")
	}
}

// TestATextOfSeveralStatementsIsPrepared: a server prepares one statement, so that a text is one.
func TestATextOfSeveralStatementsIsPrepared(t *testing.T) {
	const text = "SELECT 1; COMMIT"
	r := &recorder{}
	db := open(t, r)
	if _, err := db.ExecContext(in(t, "acme"), text); err != nil {
		t.Fatal(err)
	}
	sends(t, r, "BEGIN", acme, "prepare "+text, "execute "+text, "close "+text, "COMMIT")
	var n int
	if err := db.QueryRowContext(in(t, "acme"), text).Scan(&n); err != nil {
		t.Fatal(err)
	}
	sends(t, r, "BEGIN", acme, "prepare "+text, "execute "+text, "next", "close rows", "close "+text, "COMMIT")
}

func TestTheDriversOwnValuesPass(t *testing.T) {
	r := &recorder{}
	db := open(t, r)
	if _, err := db.ExecContext(in(t, "acme"), "UPDATE note", special("x"), sql.NullString{String: "y", Valid: true}); err != nil {
		t.Fatal(err)
	}
	if sent := strings.Join(r.took(), "|"); !strings.Contains(sent, "UPDATE note special x y") {
		t.Errorf("sent %q", sent)
	}
}
