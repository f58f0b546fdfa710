package notes

import (
	"context"

	"github.com/jackc/pgx/v5/pgtype"
)

// iteratorForImportNotes implements pgx.CopyFromSource.
type iteratorForImportNotes struct {
	rows                 []ImportNotesParams
	skippedFirstNextCall bool
}

func (r *iteratorForImportNotes) Next() bool {
	if len(r.rows) == 0 {
		return false
	}
	if !r.skippedFirstNextCall {
		r.skippedFirstNextCall = true
		return true
	}
	r.rows = r.rows[1:]
	return len(r.rows) > 0
}

func (r iteratorForImportNotes) Values() ([]interface{}, error) {
	return []interface{}{
		r.rows[0].ID,
		r.rows[0].Body,
	}, nil
}

func (r iteratorForImportNotes) Err() error {
	return nil
}

type ImportNotesParams struct {
	ID   int64
	Body pgtype.Text
}

func (q *Queries) ImportNotes(ctx context.Context, arg []ImportNotesParams) (int64, error) {
	return q.db.CopyFrom(ctx, []string{"note"}, []string{"id", "body"}, &iteratorForImportNotes{rows: arg})
}
