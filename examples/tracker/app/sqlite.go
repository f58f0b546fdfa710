package app

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"path/filepath"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/sqlscope/sqlitescope"
)

// sqliteDB is the database on SQLite. The wall is the file: in that of a tenant there are no
// rows of another, and no SQL reaches a second file.
type sqliteDB struct {
	sqliteQueries // of pool, or of a transaction
	pool          *sql.DB
	owner         io.Closer
}

type sqliteQueries interface {
	ExecContext(ctx context.Context, statement string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, statement string, args ...any) (*sql.Rows, error)
}

// openSQLite returns the database in a folder. Files are made when a tenant is first asked for.
func openSQLite(dir string, statuses tenant.Statuses) (*sqliteDB, error) {
	store, err := sqlitescope.New(sqlitescope.Config{
		Dir:      filepath.Join(dir, "tenants"),
		Statuses: statuses,
		Migrate: func(ctx context.Context, db *sql.DB) error {
			_, err := db.ExecContext(ctx, sqliteSchema())
			return err
		},
	})
	if err != nil {
		return nil, err
	}
	return &sqliteDB{store.DB(), store.DB(), store}, nil
}

// sqliteSchema is the schema in SQLite's words. STRICT tables keep what a column is declared as,
// so that a condition and a filter compare the same.
func sqliteSchema() string {
	return strings.NewReplacer("BOOLEAN", "INTEGER", "BYTEA", "BLOB", "\n);", "\n) STRICT;").Replace(schema)
}

func (d *sqliteDB) exec(ctx context.Context, statement string, args ...any) (int64, error) {
	result, err := d.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (d *sqliteDB) query(ctx context.Context, statement string, args []any, each func(scan) error) error {
	rows, err := d.QueryContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

func (d *sqliteDB) inTx(ctx context.Context, do func(database) error) error {
	tx, err := d.pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after Commit
	if err := do(&sqliteDB{sqliteQueries: tx}); err != nil {
		return err
	}
	return tx.Commit()
}

func (d *sqliteDB) dialect() policy.Dialect { return policy.SQLite }

// ping has nobody to ask: the files are on this machine.
func (d *sqliteDB) ping(context.Context) error { return nil }

func (d *sqliteDB) close() error { return d.owner.Close() }
