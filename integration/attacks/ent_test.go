//go:build unix

package attacks_test

import (
	"context"
	"database/sql"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/reevehq/reeve/integration/attacks"
	"github.com/reevehq/reeve/integration/internal/entnote"
	"github.com/reevehq/reeve/integration/internal/entnote/note"
	"github.com/reevehq/reeve/integration/internal/entnote/predicate"
	"github.com/reevehq/reeve/integration/internal/entnote/project"
	"github.com/reevehq/reeve/integration/internal/entnote/tag"
)

// entStack is a generated client of ent on a pool. The client knows of no tenant but a column.
type entStack struct {
	texts
	db     *sql.DB
	client *entnote.Client
}

func newEnt(pool *sql.DB) *entStack {
	return &entStack{texts{pool}, pool, entnote.NewClient(entnote.Driver(entsql.OpenDB(dialect.Postgres, pool)))}
}

func (s *entStack) Name() string         { return "ent" }
func (s *entStack) Store() attacks.Store { return entStore{s.client} }

func (s *entStack) Query(ctx context.Context, text string) ([][]string, error) {
	rows, err := s.client.QueryContext(ctx, text)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return read(rows)
}

func (s *entStack) Tx(ctx context.Context, fn func(attacks.Runner) error) error {
	tx, err := s.client.Tx(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := fn(texts{tx}); err != nil {
		return err
	}
	return tx.Commit()
}

type entStore struct{ c *entnote.Client }

// where is a condition by text, as ent's modifiers allow.
func where(filter string) predicate.Note {
	return func(s *entsql.Selector) {
		if filter != "" {
			s.Where(entsql.ExprP(filter))
		}
	}
}

func fromEnt(rows []*entnote.Note) []attacks.Note {
	var notes []attacks.Note
	for _, r := range rows {
		notes = append(notes, attacks.Note{Tenant: r.TenantID, ID: r.ID, Project: r.ProjectID, Title: r.Title, Body: r.Body, Votes: r.Votes})
	}
	return notes
}

func (s entStore) List(ctx context.Context, filter, order string) ([]attacks.Note, error) {
	q := s.c.Note.Query().Where(where(filter))
	if order != "" {
		q = q.Order(func(s *entsql.Selector) { s.OrderExpr(entsql.Expr(order)) })
	}
	rows, err := q.All(ctx)
	return fromEnt(rows), err
}

func (s entStore) Get(ctx context.Context, id string) (attacks.Note, error) {
	row, err := s.c.Note.Get(ctx, id)
	if err != nil {
		return attacks.Note{}, err
	}
	return fromEnt([]*entnote.Note{row})[0], nil
}

func (s entStore) Pluck(ctx context.Context, column string) (all []string, err error) {
	err = s.c.Note.Query().Modify(func(s *entsql.Selector) { s.SelectExpr(entsql.Expr(column)) }).Scan(ctx, &all)
	return all, err
}

func (s entStore) Count(ctx context.Context, filter string) (int, error) {
	return s.c.Note.Query().Where(where(filter)).Count(ctx)
}

func (s entStore) create(n attacks.Note) *entnote.NoteCreate {
	c := s.c.Note.Create().SetID(n.ID).SetProjectID(n.Project).SetTitle(n.Title).SetBody(n.Body).SetVotes(n.Votes)
	if n.Tenant != "" {
		c.SetTenantID(n.Tenant)
	}
	return c
}

func (s entStore) Create(ctx context.Context, notes ...attacks.Note) error {
	var all []*entnote.NoteCreate
	for _, n := range notes {
		all = append(all, s.create(n))
	}
	return s.c.Note.CreateBulk(all...).Exec(ctx)
}

func (s entStore) Save(ctx context.Context, n attacks.Note) error {
	return s.create(n).OnConflictColumns("tenant_id", "id").UpdateNewValues().Exec(ctx)
}

func (s entStore) Upsert(ctx context.Context, n attacks.Note) error {
	return s.create(n).OnConflictColumns("tenant_id", "id").Update(func(u *entnote.NoteUpsert) { u.UpdateTitle().UpdateBody() }).Exec(ctx)
}

func set(m *entnote.NoteMutation, values map[string]any) error {
	for column, v := range values {
		if err := m.SetField(column, v); err != nil {
			return err
		}
	}
	return nil
}

func (s entStore) Update(ctx context.Context, id string, values map[string]any) (int, error) {
	u := s.c.Note.UpdateOneID(id)
	if err := set(u.Mutation(), values); err != nil {
		return 0, err
	}
	if err := u.Exec(ctx); err != nil {
		return 0, err
	}
	return 1, nil
}

func (s entStore) UpdateAll(ctx context.Context, filter string, values map[string]any) (int, error) {
	u := s.c.Note.Update().Where(where(filter))
	if err := set(u.Mutation(), values); err != nil {
		return 0, err
	}
	return u.Save(ctx)
}

func (s entStore) Delete(ctx context.Context, id string) (int, error) {
	return s.c.Note.Delete().Where(note.ID(id)).Exec(ctx)
}

func (s entStore) DeleteAll(ctx context.Context, filter string) (int, error) {
	return s.c.Note.Delete().Where(where(filter)).Exec(ctx)
}

func (s entStore) Increment(ctx context.Context, id string) (int, error) {
	return s.c.Note.Update().Where(note.ID(id)).AddVotes(1).Save(ctx)
}

func (s entStore) Project(ctx context.Context, id string) (string, []attacks.Note, error) {
	row, err := s.c.Project.Query().Where(project.ID(id)).WithNotes().First(ctx)
	if err != nil {
		return "", nil, err
	}
	return row.Name, fromEnt(row.Edges.Notes), nil
}

func (s entStore) Joined(ctx context.Context, filter string) ([]string, error) {
	return s.c.Note.Query().Where(where(filter)).QueryProject().Select(project.FieldName).Strings(ctx)
}

// Tagged asks by an edge, which privacy rules of ent do not see (ent/ent#4509).
func (s entStore) Tagged(ctx context.Context, id string) ([]attacks.Note, error) {
	rows, err := s.c.Note.Query().Where(note.HasTagsWith(tag.ID(id))).All(ctx)
	return fromEnt(rows), err
}

func (s entStore) Tag(ctx context.Context, id, tag string) error {
	return s.c.Note.UpdateOneID(id).AddTagIDs(tag).Exec(ctx)
}

func (s entStore) Untag(ctx context.Context, id, tag string) error {
	return s.c.Note.UpdateOneID(id).RemoveTagIDs(tag).Exec(ctx)
}

func TestEntStopsEveryAttack(t *testing.T) {
	w := attacks.NewPostgres(t)
	attacks.Run(t, w, newEnt(scopedPool(t, connectors(t, w.App())["pgx"], w.Signer)))
}

// TestEntWorksForItsOwnTenant: a stack for which everything is an error stops every attack too.
func TestEntWorksForItsOwnTenant(t *testing.T) {
	w := attacks.NewPostgres(t)
	works(t, w, newEnt(scopedPool(t, connectors(t, w.App())["pgx"], w.Signer)))
}
