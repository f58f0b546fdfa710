package sqlitescope_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/sqlscope/sqlitescope"
)

func TestTheSchemaIsMigratedOnceWhileAFileIsOpenWhoeverComes(t *testing.T) {
	var runs atomic.Int64
	w := newFixture(t, func(cfg *sqlitescope.Config) {
		cfg.Migrate = func(ctx context.Context, db *sql.DB) error {
			runs.Add(1)
			return schema(ctx, db)
		}
	})
	initech := tenant.MustParse("initech")
	w.statuses.set(initech, tenant.Active)
	before := runs.Load()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, err := w.DB().ExecContext(in(t, initech), `SELECT * FROM notes`); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := runs.Load() - before; got != 1 {
		t.Errorf("migrated %d times", got)
	}
}

func TestAFailedMigrationFailsTheCallAndIsTriedAgain(t *testing.T) {
	errNot := errors.New("not yet")
	fail, initech := atomic.Bool{}, tenant.MustParse("initech")
	var kept *sql.DB
	var tx *sql.Tx
	w := newFixture(t, func(cfg *sqlitescope.Config) {
		cfg.Migrate = func(ctx context.Context, db *sql.DB) error {
			if fail.Load() {
				return errNot
			}
			if err := schema(ctx, db); err != nil {
				return err
			}
			if id, err := tenant.Require(ctx); err != nil || id != initech {
				return err
			}
			kept = db
			var err error
			tx, err = db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true}) // which it never ends
			return err
		}
	})
	w.statuses.set(initech, tenant.Active)
	fail.Store(true)
	if _, err := w.DB().ExecContext(in(t, initech), `SELECT 1`); !errors.Is(err, errNot) {
		t.Errorf("got %v", err)
	}
	fail.Store(false)
	if _, err := w.DB().ExecContext(in(t, initech), `SELECT * FROM notes`); err != nil {
		t.Errorf("it was not tried again: %v", err)
	}
	if _, err := kept.ExecContext(in(t, initech), `DROP TABLE notes`); err == nil {
		t.Error("the handle of a migration works after it")
	}
	if _, err := tx.ExecContext(in(t, initech), `DROP TABLE notes`); err == nil {
		t.Error("a transaction of a migration works after it")
	}
	tx.Rollback()
}

func TestAMigrationStaysInItsTenantAndOutOfOtherFiles(t *testing.T) {
	refused := []string{
		`ATTACH '$FILE' AS g`, `VACUUM INTO '$FILE'`, `PRAGMA writable_schema = ON`, `UPDATE sqlite_schema SET sql = 'x'`, `PRAGMA database_list`,
		`CREATE TEMP TABLE t (x)`, `SELECT load_extension('x')`, `PRAGMA application_id = 0`, `CREATE VIRTUAL TABLE v USING csv (filename = 'x')`, `BEGIN`,
		`CREATE VIRTUAL TABLE v USING sqlite_dbpage`, `CREATE VIRTUAL TABLE temp.v USING fts5 (x)`,
	}
	own := []string{
		`CREATE TABLE t (x INTEGER PRIMARY KEY, y TEXT CHECK (y <> ''), z REAL)`, `CREATE INDEX i ON t (lower(y)) WHERE z > 0`,
		`ALTER TABLE t ADD COLUMN w TEXT`, `ALTER TABLE t RENAME COLUMN y TO name`, `ALTER TABLE t DROP COLUMN w`, `ALTER TABLE t RENAME TO u`,
		`CREATE TRIGGER c AFTER INSERT ON u BEGIN UPDATE u SET z = 1 WHERE x = new.x; END`, `INSERT INTO u (name) VALUES ('x')`,
		`CREATE VIRTUAL TABLE r USING rtree (id, a, b)`, `INSERT INTO r VALUES (1, 2, 3)`, `DROP TABLE r`, `CREATE VIRTUAL TABLE v USING fts5vocab ('words', 'row')`, `SELECT * FROM v`, `DROP TABLE v`,
		`PRAGMA foreign_keys = OFF`, `PRAGMA foreign_keys = ON`, `ANALYZE`, `REINDEX`, `DROP TRIGGER c`, `DROP INDEX i`, `DROP TABLE u`, `PRAGMA foreign_keys = OFF`,
	}
	probed := false
	w := newFixture(t, func(cfg *sqlitescope.Config) {
		file := cfg.Dir + "/t-globex.db"
		cfg.Migrate = func(ctx context.Context, db *sql.DB) error {
			if err := schema(ctx, db); err != nil {
				return err
			}
			id, err := tenant.Require(ctx)
			if err != nil || id != acme {
				return err
			}
			probed = true
			for _, text := range refused {
				if _, err := db.ExecContext(ctx, strings.ReplaceAll(text, "$FILE", file)); err == nil {
					t.Errorf("%s was not refused", text)
				}
			}
			if _, err := db.ExecContext(in(t, globex), `SELECT 1`); !errors.Is(err, tenant.ErrMismatch) {
				t.Errorf("for another tenant: %v", err)
			}
			if _, err := db.Exec(`SELECT 1`); !errors.Is(err, tenant.ErrNoScope) {
				t.Errorf("without a tenant: %v", err)
			}
			for _, text := range own {
				if _, err := db.ExecContext(ctx, text); err != nil {
					return fmt.Errorf("%s: %w", text, err)
				}
			}
			return nil
		}
	})
	if !probed {
		t.Fatal("no migration ran")
	}
	// The settings that the migration made on its connections have gone with them.
	if _, err := w.DB().ExecContext(in(t, acme), `INSERT INTO notes (body, parent) VALUES ('x', 99)`); err == nil || !strings.Contains(err.Error(), "FOREIGN KEY") {
		t.Errorf("foreign keys are off: %v", err)
	}
	if _, err := w.DB().ExecContext(in(t, acme), `DROP TABLE notes`); err == nil {
		t.Error("the schema changes outside a migration")
	}
}
