package app

import (
	"context"
	"embed"
	"errors"

	"github.com/reevehq/reeve/authz/policy"
)

// database runs SQL in the tenant of the context. There is one for SQLite, with a file for each
// tenant, and one for PostgreSQL, with row-level security. Both speak the same text: parameters
// are $1, $2, …
type database interface {
	// exec runs a statement and returns how many rows it changed.
	exec(ctx context.Context, statement string, args ...any) (int64, error)

	// dialect is the dialect of lists.
	dialect() policy.Dialect

	// query calls each for every row.
	query(ctx context.Context, statement string, args []any, each func(scan) error) error

	// inTx runs do in a transaction, which is rolled back when do fails.
	inTx(ctx context.Context, do func(database) error) error

	// ping asks whether the database answers. It reads nothing.
	ping(ctx context.Context) error

	close() error
}

// scan reads the columns of a row.
type scan func(dest ...any) error

// schema creates the tables where they are missing.
//
//go:embed schema.sql
var schema string

//go:embed policy
var policyFiles embed.FS

// errNoRow means that a query for one row found none.
var errNoRow = errors.New("tracker: no row")

// one is query for one row.
func one(ctx context.Context, db database, statement string, args []any, dest ...any) error {
	found := false
	err := db.query(ctx, statement, args, func(s scan) error {
		found = true
		return s(dest...)
	})
	if err == nil && !found {
		return errNoRow
	}
	return err
}

// all is query that returns the rows, each read into a T by the places that fields gives.
func all[T any](ctx context.Context, db database, statement string, args []any, fields func(*T) []any) ([]T, error) {
	rows := []T{}
	err := db.query(ctx, statement, args, func(s scan) error {
		var row T
		if err := s(fields(&row)...); err != nil {
			return err
		}
		rows = append(rows, row)
		return nil
	})
	return rows, err
}
