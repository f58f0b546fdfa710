//go:build unix

package attacks_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/reevehq/reeve/integration/attacks"
	"github.com/reevehq/reeve/integration/internal/notes"
)

// queries has the shape of what sqlc generates: constant texts on a DBTX, and no word of a tenant.
type queries struct{ db notes.DBTX }

const (
	listNotes    = "SELECT tenant_id, id, project_id, title, body, votes FROM note ORDER BY id"
	getNote      = "SELECT tenant_id, id, project_id, title, body, votes FROM note WHERE id = $1"
	notesOf      = "SELECT tenant_id, id, project_id, title, body, votes FROM note WHERE project_id = $1"
	notesTagged  = "SELECT n.tenant_id, n.id, n.project_id, n.title, n.body, n.votes FROM note n JOIN note_tag nt ON nt.note_id = n.id WHERE nt.tag_id = $1"
	listBodies   = "SELECT body FROM note"
	listParents  = "SELECT p.name FROM note n JOIN project p ON p.id = n.project_id"
	countNotes   = "SELECT count(*) FROM note"
	nameProject  = "SELECT name FROM project WHERE id = $1"
	createNote   = "INSERT INTO note (tenant_id, id, project_id, title, body, votes) VALUES ($1, $2, $3, $4, $5, $6)"
	createOwn    = "INSERT INTO note (id, project_id, title, body, votes) VALUES ($1, $2, $3, $4, $5)"
	onConflict   = " ON CONFLICT (tenant_id, id) DO UPDATE SET title = excluded.title, body = excluded.body"
	renameNote   = "UPDATE note SET title = $2 WHERE id = $1"
	renameNotes  = "UPDATE note SET title = $1"
	moveNote     = "UPDATE note SET project_id = $2 WHERE id = $1"
	giveNote     = "UPDATE note SET tenant_id = $2, project_id = $3 WHERE id = $1"
	deleteNote   = "DELETE FROM note WHERE id = $1"
	incrementOne = "UPDATE note SET votes = votes + 1 WHERE id = $1"
	tagNote      = "INSERT INTO note_tag (note_id, tag_id) VALUES ($1, $2)"
	untagNote    = "DELETE FROM note_tag WHERE note_id = $1 AND tag_id = $2"
)

func (q queries) notes(ctx context.Context, text string, args ...any) ([]attacks.Note, error) {
	rows, err := q.db.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var items []attacks.Note
	for rows.Next() {
		var i attacks.Note
		if err := rows.Scan(&i.Tenant, &i.ID, &i.Project, &i.Title, &i.Body, &i.Votes); err != nil {
			return items, err
		}
		items = append(items, i)
	}
	return items, rows.Err()
}

func (q queries) strings(ctx context.Context, text string) ([]string, error) {
	rows, err := q.db.Query(ctx, text)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func (q queries) execRows(ctx context.Context, text string, args ...any) (int, error) {
	result, err := q.db.Exec(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	return int(result.RowsAffected()), nil
}

// List has no filter: sqlc's texts are constants.
func (q queries) List(ctx context.Context, filter, order string) ([]attacks.Note, error) {
	if filter != "" || order != "" {
		return nil, errors.ErrUnsupported
	}
	return q.notes(ctx, listNotes)
}

func (q queries) Get(ctx context.Context, id string) (i attacks.Note, err error) {
	err = q.db.QueryRow(ctx, getNote, id).Scan(&i.Tenant, &i.ID, &i.Project, &i.Title, &i.Body, &i.Votes)
	return i, err
}

func (q queries) Pluck(ctx context.Context, column string) ([]string, error) {
	if column != "body" {
		return nil, errors.ErrUnsupported
	}
	return q.strings(ctx, listBodies)
}

func (q queries) Count(ctx context.Context, filter string) (n int, err error) {
	if filter != "" {
		return 0, errors.ErrUnsupported
	}
	err = q.db.QueryRow(ctx, countNotes).Scan(&n)
	return n, err
}

func create(n attacks.Note) (text string, args []any) {
	if n.Tenant == "" {
		return createOwn, []any{n.ID, n.Project, n.Title, n.Body, n.Votes}
	}
	return createNote, []any{n.Tenant, n.ID, n.Project, n.Title, n.Body, n.Votes}
}

// Create is a :batchexec.
func (q queries) Create(ctx context.Context, all ...attacks.Note) error {
	b := &pgx.Batch{}
	for _, n := range all {
		text, args := create(n)
		b.Queue(text, args...)
	}
	return q.db.SendBatch(ctx, b).Close()
}

func (q queries) Save(ctx context.Context, n attacks.Note) error { return q.Upsert(ctx, n) }

func (q queries) Upsert(ctx context.Context, n attacks.Note) error {
	text, args := create(n)
	_, err := q.db.Exec(ctx, text+onConflict, args...)
	return err
}

func (q queries) Update(ctx context.Context, id string, set map[string]any) (int, error) {
	tenant, gives := set["tenant_id"]
	project, moves := set["project_id"]
	switch {
	case gives:
		return q.execRows(ctx, giveNote, id, tenant, project)
	case moves:
		return q.execRows(ctx, moveNote, id, project)
	}
	return q.execRows(ctx, renameNote, id, set["title"])
}

func (q queries) UpdateAll(ctx context.Context, filter string, set map[string]any) (int, error) {
	if filter != "" {
		return 0, errors.ErrUnsupported
	}
	return q.execRows(ctx, renameNotes, set["title"])
}

func (q queries) Delete(ctx context.Context, id string) (int, error) {
	return q.execRows(ctx, deleteNote, id)
}

func (q queries) DeleteAll(context.Context, string) (int, error) { return 0, errors.ErrUnsupported }

func (q queries) Increment(ctx context.Context, id string) (int, error) {
	return q.execRows(ctx, incrementOne, id)
}

func (q queries) Project(ctx context.Context, id string) (name string, all []attacks.Note, err error) {
	if err := q.db.QueryRow(ctx, nameProject, id).Scan(&name); err != nil {
		return "", nil, err
	}
	all, err = q.notes(ctx, notesOf, id)
	return name, all, err
}

func (q queries) Joined(ctx context.Context, filter string) ([]string, error) {
	if filter != "" {
		return nil, errors.ErrUnsupported
	}
	return q.strings(ctx, listParents)
}

func (q queries) Tagged(ctx context.Context, tag string) ([]attacks.Note, error) {
	return q.notes(ctx, notesTagged, tag)
}

func (q queries) Tag(ctx context.Context, note, tag string) error {
	_, err := q.db.Exec(ctx, tagNote, note, tag)
	return err
}

func (q queries) Untag(ctx context.Context, note, tag string) error {
	_, err := q.db.Exec(ctx, untagNote, note, tag)
	return err
}

// sqlcStack has raw texts as pgx has them, and the models of sqlc.
type sqlcStack struct{ *pgxStack }

func (s sqlcStack) Name() string          { return "sqlc" }
func (s sqlcStack) Store() attacks.Store  { return queries{s.db} }
func (s sqlcStack) Cases() []attacks.Case { return nil } // pgx has them

func TestSqlcStopsEveryAttack(t *testing.T) {
	w := attacks.NewPostgres(t)
	attacks.Run(t, w, sqlcStack{newPgx(t, w)})
}

func TestSqlcWorksForItsOwnTenant(t *testing.T) {
	w := attacks.NewPostgres(t)
	works(t, w, sqlcStack{newPgx(t, w)})
}
