//go:build unix

package pgxscope_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/reevehq/reeve/integration/internal/notes"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/pgxscope"
)

var _ notes.DBTX = (*pgxscope.DB)(nil)
var _ notes.DBTX = (*pgxpool.Pool)(nil)

func TestWhatSqlcGeneratesRunsUnchanged(t *testing.T) {
	w := newFixture(t)
	db, _, _ := w.direct()
	text := func(s string) pgtype.Text { return pgtype.Text{String: s, Valid: true} }
	for _, id := range []tenant.ID{acme, globex, acme} {
		ctx := in(t, id)
		run := func(q *notes.Queries) error {
			list, err := q.ListNotes(ctx)
			if err != nil || len(list) != 3 || list[2] != (notes.Note{ID: 3, Body: text(fmt.Sprintf("canary-%s-3", id))}) {
				t.Errorf("ListNotes: %v, %v", list, err)
			}
			if note, err := q.CreateNote(ctx, notes.CreateNoteParams{ID: 10, Body: text("new")}); err != nil || note.ID != 10 {
				t.Errorf("CreateNote: %v, %v", note, err)
			}
			if err := q.RenameNote(ctx, notes.RenameNoteParams{ID: 10, Body: text("newer")}); err != nil {
				t.Errorf("RenameNote: %v", err)
			}
			if n, err := q.ImportNotes(ctx, []notes.ImportNotesParams{{ID: 11, Body: text("x")}, {ID: 12}}); err != nil || n != 2 {
				t.Errorf("ImportNotes: %d, %v", n, err)
			}
			touched := 0
			q.TouchNotes(ctx, []int64{10, 11, 12}).Exec(func(n int, err error) {
				if touched++; err != nil || n != touched-1 {
					t.Errorf("TouchNotes: %d, %v", n, err)
				}
			})
			if note, err := q.GetNote(ctx, 10); err != nil || note.Body.String != "newer" {
				t.Errorf("GetNote: %v, %v", note, err)
			}
			for note := range int64(3) {
				if n, err := q.DeleteNote(ctx, 10+note); err != nil || n != 1 {
					t.Errorf("DeleteNote: %d, %v", n, err)
				}
			}
			if _, err := q.GetNote(ctx, 10); !errors.Is(err, pgx.ErrNoRows) {
				t.Errorf("GetNote of none: %v", err)
			}
			return nil
		}
		_ = run(notes.New(db))
		if err := db.InTx(ctx, pgx.TxOptions{}, func(tx pgx.Tx) error { return run(notes.New(db).WithTx(tx)) }); err != nil {
			t.Error(err)
		}
	}
	if _, err := notes.New(db).ListNotes(t.Context()); !errors.Is(err, tenant.ErrNoScope) {
		t.Errorf("without a tenant: %v", err)
	}
}
