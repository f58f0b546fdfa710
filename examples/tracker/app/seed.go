package app

import (
	"context"
	"errors"

	"github.com/reevehq/reeve/tenant"
)

// organisation is the example data of a tenant. Both have the same shape. Sam is a member of
// both, under two names.
type organisation struct {
	id   tenant.ID
	rows []row
}

type row struct {
	statement string
	args      []any
}

const (
	insertOrganisation = `INSERT INTO organisations (tenant_id, name) VALUES ($1, $2)`
	insertMember       = `INSERT INTO members (tenant_id, user_id, name, role) VALUES ($1, $2, $3, $4)`
)

var organisations = []organisation{
	{tenant.MustParse("acme"), []row{
		{insertOrganisation, []any{"Acme Anvils"}},
		{insertMember, []any{"alice", "Alice of Acme", "owner"}},
		{insertMember, []any{"sam", "Sam of Acme", "member"}},
		{insertMember, []any{"gus", "Gus of Acme", "guest"}},
		{insertProject, []any{"project-1001", "Anvil delivery"}},
		{insertTask, []any{"task-1001", "project-1001", "Polish the anvil", "with the anvil wax", "alice", false}},
		{insertTask, []any{"task-1002", "project-1001", "Raise for the anvil smith", "anvil salaries", "alice", true}},
		{insertTask, []any{"task-1003", "project-1001", "Count the anvil stock", "in the anvil cellar", "sam", true}},
		{insertComment, []any{"comment-1001", "task-1001", "sam", "The anvil wax is out"}},
		{insertAttachment, []any{"attachment-1001", "task-1001", "anvil.txt", []byte("drawing of an anvil")}},
		{insertExport, []any{"export-1001", "alice"}},
	}},
	{tenant.MustParse("globex"), []row{
		{insertOrganisation, []any{"Globex Globes"}},
		{insertMember, []any{"carol", "Carol of Globex", "owner"}},
		{insertMember, []any{"sam", "Sam of Globex", "member"}},
		{insertMember, []any{"gil", "Gil of Globex", "guest"}},
		{insertProject, []any{"project-2002", "Globe delivery"}},
		{insertTask, []any{"task-2001", "project-2002", "Paint the globe", "with the globe blue", "carol", false}},
		{insertTask, []any{"task-2002", "project-2002", "Raise for the globe painter", "globe salaries", "carol", true}},
		{insertTask, []any{"task-2003", "project-2002", "Count the globe stock", "in the globe attic", "sam", true}},
		{insertComment, []any{"comment-2001", "task-2001", "sam", "The globe blue is out"}},
		{insertAttachment, []any{"attachment-2001", "task-2001", "globe.txt", []byte("drawing of a globe")}},
		{insertExport, []any{"export-2001", "carol"}},
	}},
}

// seed stores the example data of the tenants that have none.
func (a *App) seed(ctx context.Context) error {
	for _, o := range organisations {
		bound, err := tenant.Bind(ctx, o.id, a.tenants)
		if err != nil {
			return err
		}
		var name string
		var projects int
		if err := a.store.read(bound, getSummary, nil, &name, &projects); !errors.Is(err, errNoRow) {
			if err != nil {
				return err
			}
			continue
		}
		if err := a.store.fill(bound, o); err != nil {
			return err
		}
	}
	return nil
}

// fill stores the rows of an organisation, all or none.
func (s store) fill(ctx context.Context, o organisation) error {
	return s.inTx(ctx, func(tx database) error { return store{tx}.insert(ctx, o) })
}

func (s store) insert(ctx context.Context, o organisation) error {
	for _, r := range o.rows {
		if err := s.write(ctx, r.statement, r.args...); err != nil {
			return err
		}
	}
	return nil
}

// tableNames are the tables, those first that refer to others.
var tableNames = []string{"exports", "attachments", "comments", "tasks", "projects", "members", "organisations"}

// Reset puts the example data back as it was, once the jobs that were asked for are done.
func (a *App) Reset(ctx context.Context) error {
	a.worker.open.Wait()
	for _, o := range organisations {
		bound, err := tenant.Bind(ctx, o.id, a.tenants)
		if err != nil {
			return err
		}
		err = a.store.inTx(bound, func(tx database) error {
			for _, table := range tableNames {
				if err := (store{tx}).write(bound, `DELETE FROM `+table+` WHERE tenant_id = $1`); err != nil {
					return err
				}
			}
			return store{tx}.insert(bound, o)
		})
		if err != nil {
			return err
		}
	}
	a.summaries.clear()
	return nil
}

// Wait returns when the jobs that were asked for are done.
func (a *App) Wait() { a.worker.open.Wait() }
