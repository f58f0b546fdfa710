package pgxscope

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reevehq/reeve/tenant"
)

// Begin begins a transaction in the tenant of ctx. See [DB.BeginTx].
func (db *DB) Begin(ctx context.Context) (pgx.Tx, error) {
	return db.BeginTx(ctx, pgx.TxOptions{})
}

// BeginTx begins a transaction in the tenant of ctx, in one flush. It must end with Commit or
// Rollback. Every statement and Commit need a context of the same tenant, which may still be
// served; Rollback and its savepoints' need none. As in pgx, the end of ctx does not end the
// transaction, and Begin of the transaction makes a savepoint.
func (db *DB) BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error) {
	s, err := db.scope(ctx)
	if err != nil {
		return nil, err
	}
	c, err := db.acquire(ctx, &s, nil)
	if err != nil {
		return nil, err
	}
	var b pgx.Batch
	b.BeginTx(options)
	s.queue(&b)
	br := c.Conn().SendBatch(ctx, &b)
	inner := br.Tx()
	if err := br.Close(); err != nil {
		c.Release() // which closes a connection in a transaction
		return nil, plain(err)
	}
	commit := options.CommitQuery
	if commit == "" {
		commit = "commit"
	}
	return &tx{db: db, id: s.id, inner: inner, root: &root{conn: c, commit: commit}}, nil
}

// InTx calls fn with a transaction in the tenant of ctx, and commits it when fn returns nil.
// When fn returns an error, which is returned, or panics, the transaction is rolled back.
func (db *DB) InTx(ctx context.Context, options pgx.TxOptions, fn func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, db, options, fn)
}

// tx is a transaction, or a savepoint of one, of one tenant. Nothing but that is remembered: each
// statement carries the scope.
type tx struct {
	db     *DB
	id     tenant.ID
	inner  pgx.Tx
	root   *root
	nested bool
	closed bool
}

// root is shared by a transaction and its savepoints.
type root struct {
	conn   *pgxpool.Conn
	commit string
	ended  bool
}

// scope is the scope of a statement, or why there is none.
func (t *tx) scope(ctx context.Context) (scope, error) {
	if t.closed || t.root.ended {
		return scope{}, pgx.ErrTxClosed
	}
	return t.db.within(ctx, t.id)
}

func (t *tx) Begin(ctx context.Context) (pgx.Tx, error) {
	if _, err := t.scope(ctx); err != nil {
		return nil, err
	}
	inner, err := t.inner.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return &tx{db: t.db, id: t.id, inner: inner, root: t.root, nested: true}, nil
}

// Commit sends the scope once more: triggers that are deferred run then.
func (t *tx) Commit(ctx context.Context) error {
	s, err := t.scope(ctx)
	if err != nil {
		return err
	}
	t.closed = true
	if t.nested {
		return t.inner.Commit(ctx)
	}
	defer t.release()
	conn := t.root.conn.Conn()
	if conn.PgConn().TxStatus() != 'T' { // it has failed: the commit is a rollback
		return t.inner.Commit(ctx)
	}
	b := s.batch()
	b.Queue(t.root.commit)
	tag, err := exec(ctx, conn, b)
	if err == nil && tag.String() == "ROLLBACK" {
		return pgx.ErrTxCommitRollback
	}
	return err
}

func (t *tx) Rollback(ctx context.Context) error {
	if t.closed || t.root.ended {
		return pgx.ErrTxClosed
	}
	t.closed = true
	if !t.nested {
		defer t.release()
	}
	return t.inner.Rollback(ctx)
}

// release gives the connection back. One that is in a transaction still is closed, which ends
// the transaction.
func (t *tx) release() {
	t.root.ended = true
	t.root.conn.Release()
}

func (t *tx) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	s, err := t.scope(ctx)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	b, err := s.statement(sql, args)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	return exec(ctx, t.inner, b)
}

func (t *tx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	s, err := t.scope(ctx)
	if err != nil {
		return failed(err)
	}
	b, err := s.statement(sql, args)
	if err != nil {
		return failed(err)
	}
	return query(ctx, t.inner, b, func() {})
}

func (t *tx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, _ := t.Query(ctx, sql, args...) // the rows have the error
	return row{rows}
}

func (t *tx) SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	s, err := t.scope(ctx)
	if err != nil {
		return pgx.FailedBatchResults(b, err)
	}
	scoped, err := s.statements(b)
	if err != nil {
		return pgx.FailedBatchResults(b, err)
	}
	return sendBatch(ctx, t.inner, b, scoped, func() {})
}

// Prepare is refused: pgx prepares what is used more than once, and a name of a statement would
// stand for a text that nobody looked at.
func (t *tx) Prepare(context.Context, string, string) (*pgconn.StatementDescription, error) {
	return nil, fmt.Errorf("%w: Prepare; the pool keeps statements prepared", ErrStatement)
}

// LargeObjects returns the zero LargeObjects, of which every method panics: large objects know
// no policies.
func (t *tx) LargeObjects() pgx.LargeObjects { return pgx.LargeObjects{} }

// Conn returns nil: a connection is in no tenant.
func (t *tx) Conn() *pgx.Conn { return nil }
