package sqlitescope_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/sqlscope/sqlitescope"
)

// calls are all ways to begin something with the handle.
var calls = map[string]func(context.Context, *sql.DB) error{
	"Exec":     func(ctx context.Context, db *sql.DB) error { _, err := db.ExecContext(ctx, `SELECT 1`); return err },
	"Query":    func(ctx context.Context, db *sql.DB) error { _, err := db.QueryContext(ctx, `SELECT 1`); return err },
	"QueryRow": func(ctx context.Context, db *sql.DB) error { return db.QueryRowContext(ctx, `SELECT 1`).Scan(new(int)) },
	"Prepare":  func(ctx context.Context, db *sql.DB) error { _, err := db.PrepareContext(ctx, `SELECT 1`); return err },
	"Begin":    func(ctx context.Context, db *sql.DB) error { _, err := db.BeginTx(ctx, nil); return err },
	"Begin read": func(ctx context.Context, db *sql.DB) error {
		_, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
		return err
	},
	"Ping": func(ctx context.Context, db *sql.DB) error { return db.PingContext(ctx) },
	"Conn": func(ctx context.Context, db *sql.DB) error {
		conn, err := db.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.ExecContext(ctx, `SELECT 1`)
		return err
	},
}

func TestWithoutATenantThatMayBeServedNothingIsOpened(t *testing.T) {
	initech, odd := tenant.MustParse("initech"), tenant.MustParse("odd")
	for name, call := range calls {
		w := newFixture(t)
		w.statuses.set(odd, 77)
		for what, row := range map[string]struct {
			ctx  context.Context
			want error
		}{
			"no tenant":               {t.Context(), tenant.ErrNoScope},
			"never set up":            {in(t, initech), tenant.ErrUnknown},
			"a status that is none":   {in(t, odd), tenant.ErrUnknown},
			"a context that is done":  {done(in(t, acme)), context.Canceled},
			"suspended, newly opened": {in(t, tenant.MustParse("late")), tenant.ErrSuspended},
		} {
			w.statuses.set(tenant.MustParse("late"), tenant.Suspended)
			if err := call(row.ctx, w.DB()); !errors.Is(err, row.want) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
		w.statuses.down = true
		if err := call(in(t, initech), w.DB()); !errors.Is(err, errDown) {
			t.Errorf("%s: a status that cannot be had: %v", name, err)
		}
		if w.exists(initech) || w.exists(odd) || w.exists(tenant.MustParse("late")) {
			t.Errorf("%s: a file was made for a tenant that is not served", name)
		}
	}
}

func done(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

func TestASuspendedTenantIsRefusedWithinStatusFor(t *testing.T) {
	w := newFixture(t, func(cfg *sqlitescope.Config) { cfg.StatusFor = time.Nanosecond })
	tx, err := w.DB().BeginTx(in(t, acme), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	w.statuses.set(acme, tenant.Suspended)
	if _, err := tx.ExecContext(in(t, acme), `SELECT 1`); !errors.Is(err, tenant.ErrSuspended) {
		t.Errorf("in a transaction that had begun: %v", err)
	}
	if _, err := w.DB().ExecContext(in(t, acme), `SELECT 1`); !errors.Is(err, tenant.ErrSuspended) {
		t.Errorf("on a file that was open: %v", err)
	}
	w.statuses.down = true
	if _, err := w.DB().ExecContext(in(t, globex), `SELECT 1`); !errors.Is(err, errDown) {
		t.Errorf("an outage: %v", err)
	}
}

func TestAnAnswerIsRememberedOnlyForStatusForAndOnlyWhenActive(t *testing.T) {
	w := newFixture(t, func(cfg *sqlitescope.Config) { cfg.StatusFor = time.Minute })
	asked := w.statuses.asked
	for range 20 {
		w.bodies(t, acme)
	}
	if w.statuses.asked != asked {
		t.Errorf("asked %d times within StatusFor", w.statuses.asked-asked)
	}
	initech := tenant.MustParse("initech")
	w.statuses.set(initech, tenant.Suspended)
	if _, err := w.DB().ExecContext(in(t, initech), `SELECT 1`); !errors.Is(err, tenant.ErrSuspended) {
		t.Fatal(err)
	}
	w.statuses.set(initech, tenant.Active)
	if _, err := w.DB().ExecContext(in(t, initech), `SELECT 1`); err != nil {
		t.Errorf("the refusal was remembered: %v", err)
	}
}

func TestWhatBeganForOneTenantIsRefusedToAnother(t *testing.T) {
	w := newFixture(t)
	a, b := in(t, acme), in(t, globex)
	read := `SELECT body FROM notes`

	tx, err := w.DB().BeginTx(a, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	inTx, err := tx.PrepareContext(a, read)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := w.DB().Conn(a)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(a, `SELECT 1`); err != nil {
		t.Fatal(err)
	}
	for name, query := range map[string]func(context.Context) (*sql.Rows, error){
		"a transaction":                      func(ctx context.Context) (*sql.Rows, error) { return tx.QueryContext(ctx, read) },
		"a statement of a transaction":       func(ctx context.Context) (*sql.Rows, error) { return inTx.QueryContext(ctx) },
		"a connection":                       func(ctx context.Context) (*sql.Rows, error) { return conn.QueryContext(ctx, read) },
		"a new statement in the transaction": func(ctx context.Context) (*sql.Rows, error) { _, err := tx.PrepareContext(ctx, read); return nil, err },
		"a transaction on the connection":    func(ctx context.Context) (*sql.Rows, error) { _, err := conn.BeginTx(ctx, nil); return nil, err },
	} {
		if rows, err := query(b); !errors.Is(err, tenant.ErrMismatch) || rows != nil {
			t.Errorf("%s: %v", name, err)
		}
		if rows, err := query(t.Context()); !errors.Is(err, tenant.ErrNoScope) || rows != nil {
			t.Errorf("%s without a tenant: %v", name, err)
		}
	}
	rows, err := tx.QueryContext(a, read)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := dump(rows); err != nil || got != canary(acme)+"|" {
		t.Errorf("the transaction itself: %q, %v", got, err)
	}
}

// A statement belongs to whoever runs it and not to whoever prepared it first.
func TestAPreparedStatementRunsForTheTenantWhoRunsIt(t *testing.T) {
	w := newFixture(t)
	stmt, err := w.DB().PrepareContext(in(t, acme), `SELECT body FROM notes`)
	if err != nil {
		t.Fatal(err)
	}
	defer stmt.Close()
	for range 50 {
		for _, id := range []tenant.ID{globex, acme} {
			var body string
			if err := stmt.QueryRowContext(in(t, id)).Scan(&body); err != nil || body != canary(id) {
				t.Fatalf("%s got %q, %v", id, body, err)
			}
		}
	}
	if err := stmt.QueryRowContext(t.Context()).Scan(new(string)); !errors.Is(err, tenant.ErrNoScope) {
		t.Errorf("without a tenant: %v", err)
	}
}

func TestTheDriverBelowIsNotReachable(t *testing.T) {
	w := newFixture(t)
	conn, err := w.DB().Conn(in(t, acme))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Raw(func(driverConn any) error {
		for name, is := range map[string]bool{
			"RegisterAuthorizer": implements[interface{ Serialize() ([]byte, error) }](driverConn),
			"Backup":             implements[interface{ NewBackup(string) (any, error) }](driverConn),
			"Deserialize":        implements[interface{ Deserialize([]byte) error }](driverConn),
		} {
			if is {
				t.Errorf("%s is reachable", name)
			}
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if _, err := w.DB().Driver().Open(w.file(globex)); err == nil {
		t.Error("the driver opens files by name")
	}
}

func implements[T any](v any) bool { _, is := v.(T); return is }

func TestATransactionKeepsItsPromises(t *testing.T) {
	w := newFixture(t)
	ctx := in(t, acme)
	tx, err := w.DB().BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`INSERT INTO notes (body) VALUES ('one')`, `SAVEPOINT s`, `INSERT INTO notes (body) VALUES ('two')`, `ROLLBACK TO s`, `RELEASE s`,
		`INSERT INTO words (body) VALUES ('found by fts5')`, `PRAGMA defer_foreign_keys = ON`,
	} {
		if _, err := tx.ExecContext(ctx, text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if got := w.bodies(t, acme); got != canary(acme)+"|one|" {
		t.Errorf("got %q", got)
	}
	var word string
	if err := w.DB().QueryRowContext(ctx, `SELECT highlight(words, 0, '<', '>') FROM words WHERE words MATCH 'fts5'`).Scan(&word); err != nil || word != "found by <fts5>" {
		t.Errorf("full text: %q, %v", word, err)
	}
	result, err := w.DB().ExecContext(ctx, `INSERT INTO notes (body) VALUES ('three')`)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := result.LastInsertId(); err != nil || id != 3 {
		t.Errorf("LastInsertId %d, %v", id, err)
	}
	read, err := w.DB().BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer read.Rollback()
	if _, err := read.ExecContext(ctx, `INSERT INTO notes (body) VALUES ('four')`); err == nil {
		t.Error("a transaction that reads only wrote")
	}
}

func TestAConfigurationIsRefusedWithEveryProblem(t *testing.T) {
	_, err := sqlitescope.New(sqlitescope.Config{StatusFor: time.Hour, MaxOpen: -1, BusyTimeout: time.Hour})
	for _, want := range []string{"sqlitescope: invalid config: Dir: required", "Statuses: required", "StatusFor: ", "MaxOpen: ", "BusyTimeout: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %v", want, err)
		}
	}
	loose := t.TempDir()
	if err := os.Chmod(loose, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlitescope.New(sqlitescope.Config{Dir: loose, Statuses: &statuses{}}); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("a folder that others may enter: %v", err)
	}
}
