//go:build unix

package attacks

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the one file for all

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/sqlscope/sqlitescope"
)

// SQLiteFixture has the tables of [Rows] in SQLite: a file for each tenant, or one for all.
type SQLiteFixture struct {
	// DB is the pool of the application, with one connection.
	DB *sql.DB

	dir   string
	owner *sql.DB // of the one file for all
}

const sqliteTables = `
CREATE TABLE IF NOT EXISTS project (tenant_id text NOT NULL DEFAULT '%[1]s', id text NOT NULL, name text NOT NULL, PRIMARY KEY (tenant_id, id), UNIQUE (tenant_id, name)) STRICT;
CREATE TABLE IF NOT EXISTS tag (tenant_id text NOT NULL DEFAULT '%[1]s', id text NOT NULL, name text NOT NULL, PRIMARY KEY (tenant_id, id)) STRICT;
CREATE TABLE IF NOT EXISTS note (tenant_id text NOT NULL DEFAULT '%[1]s', id text NOT NULL, project_id text NOT NULL, title text NOT NULL DEFAULT '', body text NOT NULL DEFAULT '',
	votes integer NOT NULL DEFAULT 0, PRIMARY KEY (tenant_id, id), FOREIGN KEY (tenant_id, project_id) REFERENCES project (tenant_id, id)) STRICT;
CREATE TABLE IF NOT EXISTS note_tag (tenant_id text NOT NULL DEFAULT '%[1]s', note_id text NOT NULL, tag_id text NOT NULL, PRIMARY KEY (tenant_id, note_id, tag_id),
	FOREIGN KEY (tenant_id, note_id) REFERENCES note (tenant_id, id), FOREIGN KEY (tenant_id, tag_id) REFERENCES tag (tenant_id, id)) STRICT;
CREATE VIEW IF NOT EXISTS note_view AS SELECT * FROM note;
`

// NewSQLite returns a file for each tenant behind sqlitescope.
func NewSQLite(t *testing.T) *SQLiteFixture {
	t.Helper()
	w := &SQLiteFixture{dir: filepath.Join(t.TempDir(), "tenants")}
	store, err := sqlitescope.New(sqlitescope.Config{Dir: w.dir, Statuses: allActive{}, MaxOpen: 1,
		Migrate: func(ctx context.Context, db *sql.DB) error {
			id, err := tenant.Require(ctx)
			if err != nil {
				return err
			}
			_, err = db.ExecContext(ctx, fmt.Sprintf(sqliteTables, id))
			return err
		}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	w.DB = store.DB()
	return w.reset(t)
}

// NewSQLiteWithoutWalls returns one file for all. A row that names no tenant is the attacker's.
func NewSQLiteWithoutWalls(t *testing.T) *SQLiteFixture {
	t.Helper()
	source := "file:" + filepath.Join(t.TempDir(), "all.db") + "?_pragma=foreign_keys(1)&_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)"
	w := &SQLiteFixture{}
	for _, db := range []**sql.DB{&w.owner, &w.DB} {
		opened, err := sql.Open("sqlite", source)
		if err != nil {
			t.Fatal(err)
		}
		opened.SetMaxOpenConns(1)
		t.Cleanup(func() { _ = opened.Close() })
		*db = opened
	}
	if _, err := w.owner.ExecContext(t.Context(), fmt.Sprintf(sqliteTables, Attacker)); err != nil {
		t.Fatal(err)
	}
	return w.reset(t)
}

func (w *SQLiteFixture) reset(t *testing.T) *SQLiteFixture {
	t.Helper()
	if err := w.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

// allActive says that every tenant may be served.
type allActive struct{}

// TenantStatus implements [tenant.Statuses].
func (allActive) TenantStatus(context.Context, tenant.ID) (tenant.Status, error) {
	return tenant.Active, nil
}

// File returns the path of a tenant's file.
func (w *SQLiteFixture) File(id tenant.ID) string {
	return filepath.Join(w.dir, "t-"+id.FileName()+".db")
}

// Dialect implements [World].
func (w *SQLiteFixture) Dialect() Dialect { return SQLite }

// Signed implements [World].
func (w *SQLiteFixture) Signed() bool { return false }

// of returns the pool and the context that reach the rows of a tenant.
func (w *SQLiteFixture) of(ctx context.Context, id tenant.ID) (*sql.DB, context.Context, error) {
	if w.owner != nil {
		return w.owner, ctx, nil
	}
	ctx, err := tenant.BindUnchecked(ctx, id)
	return w.DB, ctx, err
}

// Reset implements [World].
func (w *SQLiteFixture) Reset(ctx context.Context) error {
	for i, id := range []tenant.ID{Attacker, Victim, Bystander} {
		db, ctx, err := w.of(ctx, id)
		if err != nil {
			return err
		}
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		err = fill(ctx, tx, id, i == 0 || w.owner == nil)
		if err == nil {
			err = tx.Commit()
		}
		if err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return nil
}

func fill(ctx context.Context, tx *sql.Tx, id tenant.ID, empty bool) error {
	for i := len(Tables) - 1; empty && i >= 0; i-- {
		if _, err := tx.ExecContext(ctx, "DELETE FROM "+Tables[i]); err != nil {
			return err
		}
	}
	for _, r := range Rows() {
		if r.Tenant != id {
			continue
		}
		placeholders := strings.TrimSuffix(strings.Repeat("?, ", len(r.Values)), ", ")
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", r.Table, strings.Join(r.Columns, ", "), placeholders), r.Values...); err != nil {
			return err
		}
	}
	return nil
}

// Foreign implements [World]. In a file for each tenant, all that is in another's is foreign.
func (w *SQLiteFixture) Foreign(ctx context.Context) (map[string]string, error) {
	found := map[string]string{}
	for _, id := range []tenant.ID{Victim, Bystander} {
		db, ctx, err := w.of(ctx, id)
		if err != nil {
			return nil, err
		}
		for table, columns := range map[string][2]string{
			"project": {"id", "name"}, "tag": {"id", "name"}, "note_tag": {"note_id || ' ' || tag_id", "'is there'"},
			"note": {"id || ' ' || project_id", "title || ' ' || body || ' ' || votes"},
		} {
			text := fmt.Sprintf("SELECT tenant_id || ' ' || %s, %s FROM %s", columns[0], columns[1], table)
			if w.owner != nil {
				text += " WHERE tenant_id <> '" + Attacker.String() + "'"
			}
			if err := collect(ctx, db, table, text, found); err != nil {
				return nil, err
			}
		}
	}
	return found, nil
}

func collect(ctx context.Context, db *sql.DB, table, text string, into map[string]string) error {
	rows, err := db.QueryContext(ctx, text)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var key, row string
		if err := rows.Scan(&key, &row); err != nil {
			return err
		}
		into[table+" "+key] = row
	}
	return rows.Err()
}
