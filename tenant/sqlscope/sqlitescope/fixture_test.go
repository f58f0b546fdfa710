package sqlitescope_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/sqlscope/sqlitescope"
)

var (
	acme   = tenant.MustParse("acme")
	globex = tenant.MustParse("globex")
)

// canary is the text that stands in rows of one tenant alone.
func canary(id tenant.ID) string { return "canary-of-" + id.String() + "-canary" }

// statuses answers for each tenant what a store would. Nil is an outage.
type statuses struct {
	mu    sync.Mutex
	of    map[tenant.ID]tenant.Status
	down  bool
	asked int
}

var errDown = errors.New("store down")

func (s *statuses) TenantStatus(_ context.Context, id tenant.ID) (tenant.Status, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.down {
		return tenant.Active, errDown // a status beside the error: it must not count
	}
	return s.of[id], nil
}

func (s *statuses) set(id tenant.ID, status tenant.Status) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of[id] = status
}

// schema stands for a service's migration, which is called again and again.
func schema(ctx context.Context, db *sql.DB) error {
	for _, text := range []string{
		`CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL, parent INTEGER REFERENCES notes (id)) STRICT`,
		`CREATE INDEX IF NOT EXISTS notes_body ON notes (body)`,
		`CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (body)`,
		`CREATE VIEW IF NOT EXISTS bodies AS SELECT body FROM notes`,
		`PRAGMA user_version = 3`,
	} {
		if _, err := db.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return nil
}

type fixture struct {
	*sqlitescope.Store
	dir      string
	statuses *statuses
}

// newFixture returns a store with a row of each of two tenants, below a folder whose name means
// something in a URI.
func newFixture(tb testing.TB, change ...func(*sqlitescope.Config)) *fixture {
	tb.Helper()
	w := &fixture{
		dir:      filepath.Join(tb.TempDir(), "a?mode=memory&b#c%20d"),
		statuses: &statuses{of: map[tenant.ID]tenant.Status{acme: tenant.Active, globex: tenant.Active}},
	}
	cfg := sqlitescope.Config{Dir: w.dir, Statuses: w.statuses, Migrate: schema}
	for _, f := range change {
		f(&cfg)
	}
	store, err := sqlitescope.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	w.Store = store
	tb.Cleanup(func() {
		if err := store.Close(); err != nil {
			tb.Error(err)
		}
	})
	for _, id := range []tenant.ID{acme, globex} {
		if _, err := w.DB().ExecContext(in(tb, id), `INSERT INTO notes (body) VALUES (?)`, canary(id)); err != nil {
			tb.Fatal(err)
		}
	}
	return w
}

func in(tb testing.TB, id tenant.ID) context.Context {
	tb.Helper()
	ctx, err := tenant.BindUnchecked(tb.Context(), id)
	if err != nil {
		tb.Fatal(err)
	}
	return ctx
}

// dump returns everything that a query gives, of all its result sets.
func dump(rows *sql.Rows) (string, error) {
	defer rows.Close()
	var b strings.Builder
	for {
		columns, err := rows.Columns()
		if err != nil {
			return b.String(), err
		}
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				return b.String(), err
			}
			for _, v := range row {
				if raw, is := v.([]byte); is {
					v = string(raw)
				}
				fmt.Fprintf(&b, "%v|", v)
			}
		}
		if !rows.NextResultSet() {
			return b.String(), rows.Err()
		}
	}
}

func (w *fixture) bodies(tb testing.TB, id tenant.ID) string {
	tb.Helper()
	rows, err := w.DB().QueryContext(in(tb, id), `SELECT body FROM notes ORDER BY id`)
	if err != nil {
		tb.Fatal(err)
	}
	text, err := dump(rows)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// file is the path of a tenant's file, which is part of what the package promises.
func (w *fixture) file(id tenant.ID) string {
	return filepath.Join(w.dir, "t-"+id.FileName()+".db")
}

func (w *fixture) exists(id tenant.ID) bool {
	_, err := os.Lstat(w.file(id))
	return err == nil
}
