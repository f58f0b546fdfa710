package pgxscope

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// results are those of a batch after the one of the scope. They call the callbacks of what was
// queued themselves, so that these see no connection either.
type results struct {
	inner   pgx.BatchResults
	queued  []*pgx.QueuedQuery // not read yet
	release func()
	closed  bool
	err     error
}

// sendBatch sends scoped, which begins with the scope, for the batch b. release is called once,
// when the results are closed.
func sendBatch(ctx context.Context, to sender, b, scoped *pgx.Batch, release func()) pgx.BatchResults {
	br, err := send(ctx, to, scoped)
	if err != nil {
		release()
		return pgx.FailedBatchResults(b, err)
	}
	return &results{inner: br, queued: b.QueuedQueries, release: release}
}

var errNoMore = errors.New("pgxscope: no more results in the batch")

// advance takes one query from the queue.
func (r *results) advance() error {
	switch {
	case r.err != nil:
		return r.err
	case r.closed:
		return errors.New("pgxscope: the batch is closed")
	case len(r.queued) == 0:
		return errNoMore
	}
	r.queued = r.queued[1:]
	return nil
}

func (r *results) Exec() (pgconn.CommandTag, error) {
	if err := r.advance(); err != nil {
		return pgconn.CommandTag{}, err
	}
	tag, err := r.inner.Exec()
	return tag, plain(err)
}

func (r *results) Query() (pgx.Rows, error) {
	if err := r.advance(); err != nil {
		return failed(err)
	}
	inner, err := r.inner.Query()
	return &rows{inner: inner}, plain(err)
}

func (r *results) QueryRow() pgx.Row {
	rows, _ := r.Query() // the rows have the error
	return row{rows}
}

// Close reads what was not read, with the callbacks, and ends the transaction. A callback's error
// ends the reading, as in pgx: the statements were run all the same.
func (r *results) Close() error {
	if r.closed {
		return r.err
	}
	r.read()
	return r.err
}

func (r *results) read() {
	defer func() { // also when a callback panics
		r.closed = true
		if err := r.inner.Close(); r.err == nil {
			r.err = plain(err)
		}
		r.release()
	}()
	for r.err == nil && len(r.queued) > 0 {
		if fn := r.queued[0].Fn; fn != nil {
			r.err = fn(r)
		} else {
			_, r.err = r.Exec()
		}
	}
}

// Tx returns nil: a batch begins no transaction here.
func (r *results) Tx() pgx.Tx { return nil }
