package notes

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
)

var (
	ErrBatchAlreadyClosed = errors.New("batch already closed")
)

const touchNotes = `-- name: TouchNotes :batchexec
UPDATE note SET at = now() WHERE id = $1
`

type TouchNotesBatchResults struct {
	br     pgx.BatchResults
	tot    int
	closed bool
}

func (q *Queries) TouchNotes(ctx context.Context, id []int64) *TouchNotesBatchResults {
	batch := &pgx.Batch{}
	for _, a := range id {
		vals := []interface{}{
			a,
		}
		batch.Queue(touchNotes, vals...)
	}
	br := q.db.SendBatch(ctx, batch)
	return &TouchNotesBatchResults{br, len(id), false}
}

func (b *TouchNotesBatchResults) Exec(f func(int, error)) {
	defer b.br.Close()
	for t := 0; t < b.tot; t++ {
		if b.closed {
			if f != nil {
				f(t, ErrBatchAlreadyClosed)
			}
			continue
		}
		_, err := b.br.Exec()
		if f != nil {
			f(t, err)
		}
	}
}

func (b *TouchNotesBatchResults) Close() error {
	b.closed = true
	return b.br.Close()
}
