package pgxscope

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reevehq/reeve/tenant"
)

// setConfig sets a setting until the transaction ends. It names the schema: a function of that name in
// another one would be given the context.
const setConfig = "select pg_catalog.set_config($1, $2, true)"

// scope is the tenant of one call, as the setting that policies read.
type scope struct {
	id          tenant.ID
	name, value string
}

// scope returns the scope of ctx, made for this call and for no later one. It sends nothing.
func (db *DB) scope(ctx context.Context) (scope, error) {
	id, err := tenant.Require(ctx)
	if err != nil {
		return scope{}, err
	}
	if _, err := tenant.Bind(ctx, id, db.statuses); err != nil {
		return scope{}, err
	}
	return db.setting(ctx, id)
}

func (db *DB) setting(ctx context.Context, id tenant.ID) (scope, error) {
	name, value, err := db.context.Setting(ctx, id)
	if err != nil {
		return scope{}, fmt.Errorf("pgxscope: the context of %s: %w", id, err)
	}
	if name == "" || value == "" {
		return scope{}, fmt.Errorf("pgxscope: the context of %s is empty", id)
	}
	return scope{id, name, value}, nil
}

// longWait is a wait for a connection after which a scope is made anew: a signed context lives
// for a second at least.
const longWait = 100 * time.Millisecond

// acquire takes a connection from the pool for a scope, and for a batch that begins with it or
// nil. The scope is as young as the connection.
func (db *DB) acquire(ctx context.Context, s *scope, b *pgx.Batch) (*pgxpool.Conn, error) {
	from := time.Now()
	c, err := db.pool.Acquire(ctx)
	if err != nil || time.Since(from) < longWait {
		return c, err
	}
	if *s, err = db.scope(ctx); err != nil {
		c.Release()
		return nil, err
	}
	if b != nil {
		b.QueuedQueries[0] = s.batch().QueuedQueries[0]
	}
	return c, nil
}

// within is scope for a statement of a transaction of tenant id.
func (db *DB) within(ctx context.Context, id tenant.ID) (scope, error) {
	s, err := db.scope(ctx)
	if err != nil {
		return scope{}, err
	}
	if s.id != id {
		return scope{}, fmt.Errorf("pgxscope: %w: the transaction is of another tenant than the context", tenant.ErrMismatch)
	}
	return s, nil
}

// batch returns a batch that begins with the scope.
func (s scope) batch() *pgx.Batch {
	b := new(pgx.Batch)
	s.queue(b)
	return b
}

func (s scope) queue(b *pgx.Batch) { b.Queue(setConfig, s.name, s.value) }

// sender is a connection, or a stand-in for one.
type sender interface {
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

// send sends a batch that begins with the scope, in one flush, and reads the first result. With
// an error the batch is closed.
func send(ctx context.Context, to sender, b *pgx.Batch) (pgx.BatchResults, error) {
	br := to.SendBatch(ctx, b)
	if _, err := br.Exec(); err != nil {
		_ = br.Close() // it has the same error
		return nil, plain(err)
	}
	return br, nil
}

// plain returns an error as pgx has it for a query that is in no batch.
func plain(err error) error {
	if e, ok := errors.AsType[pgx.ErrPreprocessingBatch](err); ok {
		return e.Unwrap()
	}
	return err
}
