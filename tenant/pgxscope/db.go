package pgxscope

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/rls"
)

// DB runs queries in the tenant of their context. Its methods are those of a pool that sqlc's
// DBTX has, and behave as these but for what the package documentation says. It is safe for
// concurrent use.
type DB struct {
	pool     *pgxpool.Pool
	context  rls.Context
	statuses tenant.Statuses
}

// Exec runs a statement and returns its command tag. One statement is allowed in a text, also
// without arguments.
func (db *DB) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	s, err := db.scope(ctx)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	b, err := s.statement(sql, args)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	c, err := db.acquire(ctx, &s, b)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	defer c.Release()
	return exec(ctx, c.Conn(), b)
}

// Query runs a query. The rows must be closed, or read to their end.
func (db *DB) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	s, err := db.scope(ctx)
	if err != nil {
		return failed(err)
	}
	b, err := s.statement(sql, args)
	if err != nil {
		return failed(err)
	}
	c, err := db.acquire(ctx, &s, b)
	if err != nil {
		return failed(err)
	}
	return query(ctx, c.Conn(), b, c.Release)
}

// QueryRow runs a query for one row. The row must be scanned.
func (db *DB) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, _ := db.Query(ctx, sql, args...) // the rows have the error
	return row{rows}
}

// SendBatch sends the queries of a batch in one transaction and one flush. [pgx.Batch.BeginTx]
// is refused; use [DB.BeginTx].
func (db *DB) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	s, err := db.scope(ctx)
	if err != nil {
		return pgx.FailedBatchResults(b, err)
	}
	scoped, err := s.statements(b)
	if err != nil {
		return pgx.FailedBatchResults(b, err)
	}
	c, err := db.acquire(ctx, &s, scoped)
	if err != nil {
		return pgx.FailedBatchResults(b, err)
	}
	return sendBatch(ctx, c.Conn(), b, scoped, c.Release)
}

// exec runs a batch of a scope and one statement.
func exec(ctx context.Context, to sender, b *pgx.Batch) (pgconn.CommandTag, error) {
	br, err := send(ctx, to, b)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	tag, err := br.Exec()
	if end := br.Close(); err == nil { // checks deferred to the end of the transaction fail here
		err = end
	}
	if err != nil {
		return pgconn.CommandTag{}, plain(err)
	}
	return tag, nil
}

// query is exec for a statement with rows. release is called once, when they are closed.
func query(ctx context.Context, to sender, b *pgx.Batch, release func()) (pgx.Rows, error) {
	br, err := send(ctx, to, b)
	if err != nil {
		release()
		return failed(err)
	}
	inner, err := br.Query()
	r := &rows{inner: inner, end: func() error {
		defer release()
		return br.Close()
	}}
	if err != nil {
		r.Close()
		return r, r.Err()
	}
	return r, nil
}
