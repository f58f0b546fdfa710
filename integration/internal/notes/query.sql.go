package notes

import (
	"context"

	"github.com/jackc/pgx/v5/pgtype"
)

type Note struct {
	ID   int64
	Body pgtype.Text
}

const createNote = `-- name: CreateNote :one
INSERT INTO note (id, body) VALUES ($1, $2)
RETURNING id, body
`

type CreateNoteParams struct {
	ID   int64
	Body pgtype.Text
}

func (q *Queries) CreateNote(ctx context.Context, arg CreateNoteParams) (Note, error) {
	row := q.db.QueryRow(ctx, createNote, arg.ID, arg.Body)
	var i Note
	err := row.Scan(&i.ID, &i.Body)
	return i, err
}

const deleteNote = `-- name: DeleteNote :execrows
DELETE FROM note WHERE id = $1
`

func (q *Queries) DeleteNote(ctx context.Context, id int64) (int64, error) {
	result, err := q.db.Exec(ctx, deleteNote, id)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected(), nil
}

const getNote = `-- name: GetNote :one
SELECT id, body FROM note WHERE id = $1
`

func (q *Queries) GetNote(ctx context.Context, id int64) (Note, error) {
	row := q.db.QueryRow(ctx, getNote, id)
	var i Note
	err := row.Scan(&i.ID, &i.Body)
	return i, err
}

const listNotes = `-- name: ListNotes :many
SELECT id, body FROM note ORDER BY id
`

func (q *Queries) ListNotes(ctx context.Context) ([]Note, error) {
	rows, err := q.db.Query(ctx, listNotes)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var items []Note
	for rows.Next() {
		var i Note
		if err := rows.Scan(&i.ID, &i.Body); err != nil {
			return nil, err
		}
		items = append(items, i)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return items, nil
}

const renameNote = `-- name: RenameNote :exec
UPDATE note SET body = $2 WHERE id = $1
`

type RenameNoteParams struct {
	ID   int64
	Body pgtype.Text
}

func (q *Queries) RenameNote(ctx context.Context, arg RenameNoteParams) error {
	_, err := q.db.Exec(ctx, renameNote, arg.ID, arg.Body)
	return err
}
