//go:build unix

package attacks_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/reevehq/reeve/integration/attacks"
)

// queryer is a *sql.DB or *sql.Tx.
type queryer interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// texts runs texts by database/sql.
type texts struct{ q queryer }

func (r texts) Query(ctx context.Context, text string) ([][]string, error) {
	rows, err := r.q.QueryContext(ctx, text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return read(rows)
}

// read returns the rows of every result as texts, those before an error too.
func read(rows *sql.Rows) ([][]string, error) {
	var all [][]string
	for {
		columns, err := rows.Columns()
		if err != nil {
			return all, err
		}
		for rows.Next() {
			values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				return all, err
			}
			row := make([]string, len(values))
			for i, v := range values {
				row[i] = v.String
			}
			all = append(all, row)
		}
		if !rows.NextResultSet() {
			return all, rows.Err()
		}
	}
}

func (r texts) Exec(ctx context.Context, text string) (int64, error) {
	result, err := r.q.ExecContext(ctx, text)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// sqlStack is database/sql with SQL by hand.
type sqlStack struct {
	texts
	name string
	db   *sql.DB
}

func newSQL(name string, db *sql.DB) *sqlStack { return &sqlStack{texts{db}, name, db} }

func (s *sqlStack) Name() string { return s.name }

func (s *sqlStack) Tx(ctx context.Context, fn func(attacks.Runner) error) error {
	return sqlTx(ctx, s.db, fn)
}

func sqlTx(ctx context.Context, db *sql.DB, fn func(attacks.Runner) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := fn(texts{tx}); err != nil {
		return err
	}
	return tx.Commit()
}

func (s *sqlStack) Store() attacks.Store { return sqlStore{s.texts} }

// asker sends texts with arguments.
type asker interface {
	ask(ctx context.Context, text string, args ...any) ([][]string, error)
	do(ctx context.Context, text string, args ...any) (int, error)
}

func (r texts) ask(ctx context.Context, text string, args ...any) ([][]string, error) {
	rows, err := r.q.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return read(rows)
}

func (r texts) do(ctx context.Context, text string, args ...any) (int, error) {
	result, err := r.q.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// sqlStore is a service that writes its SQL by hand and forgot the tenant.
type sqlStore struct{ asker }

const noteColumns = "tenant_id, id, project_id, title, body, votes"

func filtered(text, filter string) string {
	if filter == "" {
		return text
	}
	return text + " WHERE (" + filter + ")"
}

func (s sqlStore) notes(ctx context.Context, text string, args ...any) ([]attacks.Note, error) {
	rows, err := s.ask(ctx, text, args...)
	var all []attacks.Note
	for _, r := range rows {
		if len(r) != 6 {
			return all, fmt.Errorf("a note of %d columns", len(r))
		}
		votes, _ := strconv.Atoi(r[5])
		all = append(all, attacks.Note{Tenant: r[0], ID: r[1], Project: r[2], Title: r[3], Body: r[4], Votes: votes})
	}
	return all, err
}

func (s sqlStore) strings(ctx context.Context, text string, args ...any) ([]string, error) {
	rows, err := s.ask(ctx, text, args...)
	return slices.Concat(rows...), err
}

// first returns the first column of the first row.
func (s sqlStore) first(ctx context.Context, text string, args ...any) (string, error) {
	rows, err := s.ask(ctx, text, args...)
	if err != nil {
		return "", err
	}
	if len(rows) == 0 {
		return "", sql.ErrNoRows
	}
	return rows[0][0], nil
}

func (s sqlStore) List(ctx context.Context, filter, order string) ([]attacks.Note, error) {
	text := filtered("SELECT "+noteColumns+" FROM note", filter)
	if order != "" {
		text += " ORDER BY " + order
	}
	return s.notes(ctx, text)
}

func (s sqlStore) Get(ctx context.Context, id string) (attacks.Note, error) {
	notes, err := s.notes(ctx, "SELECT "+noteColumns+" FROM note WHERE id = $1", id)
	if err != nil {
		return attacks.Note{}, err
	}
	if len(notes) == 0 {
		return attacks.Note{}, sql.ErrNoRows
	}
	return notes[0], nil
}

func (s sqlStore) Pluck(ctx context.Context, column string) ([]string, error) {
	return s.strings(ctx, "SELECT "+column+" FROM note")
}

func (s sqlStore) Count(ctx context.Context, filter string) (int, error) {
	text, err := s.first(ctx, filtered("SELECT count(*) FROM note", filter))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// insert leaves the tenant to the database when the note names none.
func insert(n attacks.Note, start int) (columns, placeholders string, args []any) {
	columns, args = "id, project_id, title, body, votes", []any{n.ID, n.Project, n.Title, n.Body, n.Votes}
	if n.Tenant != "" {
		columns, args = columns+", tenant_id", append(args, n.Tenant)
	}
	all := make([]string, len(args))
	for i := range all {
		all[i] = fmt.Sprintf("$%d", start+i)
	}
	return columns, strings.Join(all, ", "), args
}

func (s sqlStore) Create(ctx context.Context, notes ...attacks.Note) error {
	var text string
	var args []any
	for i, n := range notes {
		columns, placeholders, more := insert(n, len(args)+1)
		if i == 0 {
			text = "INSERT INTO note (" + columns + ") VALUES (" + placeholders + ")"
		} else {
			text += ", (" + placeholders + ")"
		}
		args = append(args, more...)
	}
	_, err := s.do(ctx, text, args...)
	return err
}

func (s sqlStore) Save(ctx context.Context, n attacks.Note) error {
	columns, placeholders, args := insert(n, 1)
	_, err := s.do(ctx, "INSERT INTO note ("+columns+") VALUES ("+placeholders+
		") ON CONFLICT (tenant_id, id) DO UPDATE SET project_id = excluded.project_id, title = excluded.title, body = excluded.body, votes = excluded.votes", args...)
	return err
}

func (s sqlStore) Upsert(ctx context.Context, n attacks.Note) error {
	columns, placeholders, args := insert(n, 1)
	_, err := s.do(ctx, "INSERT INTO note ("+columns+") VALUES ("+placeholders+") ON CONFLICT (tenant_id, id) DO UPDATE SET title = excluded.title, body = excluded.body", args...)
	return err
}

func assignments(set map[string]any) (text string, args []any) {
	var parts []string
	for _, column := range slices.Sorted(maps.Keys(set)) {
		args = append(args, set[column])
		parts = append(parts, fmt.Sprintf("%s = $%d", column, len(args)))
	}
	return strings.Join(parts, ", "), args
}

func (s sqlStore) Update(ctx context.Context, id string, set map[string]any) (int, error) {
	text, args := assignments(set)
	return s.do(ctx, fmt.Sprintf("UPDATE note SET %s WHERE id = $%d", text, len(args)+1), append(args, id)...)
}

func (s sqlStore) UpdateAll(ctx context.Context, filter string, set map[string]any) (int, error) {
	text, args := assignments(set)
	return s.do(ctx, filtered("UPDATE note SET "+text, filter), args...)
}

func (s sqlStore) Delete(ctx context.Context, id string) (int, error) {
	return s.do(ctx, "DELETE FROM note WHERE id = $1", id)
}

func (s sqlStore) DeleteAll(ctx context.Context, filter string) (int, error) {
	return s.do(ctx, filtered("DELETE FROM note", filter))
}

func (s sqlStore) Increment(ctx context.Context, id string) (int, error) {
	return s.do(ctx, "UPDATE note SET votes = votes + 1 WHERE id = $1", id)
}

func (s sqlStore) Project(ctx context.Context, id string) (name string, notes []attacks.Note, err error) {
	if name, err = s.first(ctx, "SELECT name FROM project WHERE id = $1", id); err != nil {
		return "", nil, err
	}
	notes, err = s.notes(ctx, "SELECT "+noteColumns+" FROM note WHERE project_id = $1", id)
	return name, notes, err
}

func (s sqlStore) Joined(ctx context.Context, filter string) ([]string, error) {
	return s.strings(ctx, filtered("SELECT p.name FROM note n JOIN project p ON p.id = n.project_id", filter))
}

func (s sqlStore) Tagged(ctx context.Context, tag string) ([]attacks.Note, error) {
	return s.notes(ctx, "SELECT n.tenant_id, n.id, n.project_id, n.title, n.body, n.votes FROM note n JOIN note_tag nt ON nt.note_id = n.id WHERE nt.tag_id = $1", tag)
}

func (s sqlStore) Tag(ctx context.Context, note, tag string) error {
	_, err := s.do(ctx, "INSERT INTO note_tag (note_id, tag_id) VALUES ($1, $2)", note, tag)
	return err
}

func (s sqlStore) Untag(ctx context.Context, note, tag string) error {
	_, err := s.do(ctx, "DELETE FROM note_tag WHERE note_id = $1 AND tag_id = $2", note, tag)
	return err
}
