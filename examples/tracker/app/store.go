package app

import (
	"context"
	"crypto/rand"
	"strings"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/tenant"
)

// project, task, comment, attachment and export are rows. Their tags say what the policy sees of
// them: the tenant is the one that is stored with the row.
type project struct {
	ID     string    `json:"id" authz:"id"`
	Tenant tenant.ID `json:"-" authz:"tenant"`
	Name   string    `json:"name" authz:"name,selected"`
}

type task struct {
	ID      string    `json:"id" authz:"id"`
	Tenant  tenant.ID `json:"-" authz:"tenant"`
	Project string    `json:"project"`
	Title   string    `json:"title" authz:"title,selected"`
	Body    string    `json:"body"`
	Owner   *string   `json:"owner" authz:"owner"`
	Private *bool     `json:"private" authz:"private"`
}

type comment struct {
	ID     string `json:"id"`
	Author string `json:"author"` // the name that the author has in the organisation
	Body   string `json:"body"`
}

type attachment struct {
	ID      string `json:"id"`
	Task    string `json:"task"`
	Name    string `json:"name"`
	Content []byte `json:"content,omitempty"`
}

type export struct {
	ID          string    `json:"id" authz:"id"`
	Tenant      tenant.ID `json:"-" authz:"tenant"`
	RequestedBy *string   `json:"requested_by" authz:"requested_by"`
	Status      string    `json:"status"` // waiting, done or refused
	Content     string    `json:"content"`
}

var (
	projects = authz.Must(authz.NewMapper[project]("project"))
	tasks    = authz.Must(authz.NewMapper[task]("task"))
	exports  = authz.Must(authz.NewMapper[export]("export"))
)

// store has the statements. Each names the tenant of its context, for the reader and for the
// index; tenants are kept apart by the database below, also where a statement forgets it.
type store struct{ database }

const (
	projectColumns = `p.id, p.tenant_id, p.name`
	taskColumns    = `t.id, t.tenant_id, t.project_id, t.title, t.body, t.owner, t.private`

	getProject       = `SELECT ` + projectColumns + ` FROM projects p WHERE p.tenant_id = $1 AND p.id = $2`
	insertProject    = `INSERT INTO projects (tenant_id, id, name) VALUES ($1, $2, $3)`
	getTask          = `SELECT ` + taskColumns + ` FROM tasks t WHERE t.tenant_id = $1 AND t.id = $2`
	insertTask       = `INSERT INTO tasks (tenant_id, id, project_id, title, body, owner, private) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	updateTask       = `UPDATE tasks SET project_id = $3, title = $4, body = $5, private = $6 WHERE tenant_id = $1 AND id = $2`
	deleteTask       = `DELETE FROM tasks WHERE tenant_id = $1 AND id = $2`
	listComments     = `SELECT c.id, m.name, c.body FROM comments c JOIN members m ON m.tenant_id = c.tenant_id AND m.user_id = c.author WHERE c.tenant_id = $1 AND c.task_id = $2 ORDER BY c.id, m.name`
	insertComment    = `INSERT INTO comments (tenant_id, id, task_id, author, body) VALUES ($1, $2, $3, $4, $5)`
	listAttachments  = `SELECT a.id, a.task_id, a.name FROM attachments a WHERE a.tenant_id = $1 AND a.task_id = $2 ORDER BY a.id`
	getAttachment    = `SELECT a.id, a.task_id, a.name, a.content FROM attachments a WHERE a.tenant_id = $1 AND a.id = $2`
	insertAttachment = `INSERT INTO attachments (tenant_id, id, task_id, name, content) VALUES ($1, $2, $3, $4, $5)`
	getExport        = `SELECT e.id, e.tenant_id, e.requested_by, e.status, e.content FROM exports e WHERE e.tenant_id = $1 AND e.id = $2`
	insertExport     = `INSERT INTO exports (tenant_id, id, requested_by, status, content) VALUES ($1, $2, $3, 'waiting', '')`
	finishExport     = `UPDATE exports SET status = $3, content = $4 WHERE tenant_id = $1 AND id = $2`
	getRole          = `SELECT m.role FROM members m WHERE m.tenant_id = $1 AND m.user_id = $2`
	getSummary       = `SELECT o.name, (SELECT count(*) FROM projects p WHERE p.tenant_id = o.tenant_id) FROM organisations o WHERE o.tenant_id = $1`
)

func (p *project) fields() []any { return []any{&p.ID, &p.Tenant, &p.Name} }

func (t *task) fields() []any {
	return []any{&t.ID, &t.Tenant, &t.Project, &t.Title, &t.Body, &t.Owner, &t.Private}
}

func (c *comment) fields() []any { return []any{&c.ID, &c.Author, &c.Body} }

func (e *export) fields() []any {
	return []any{&e.ID, &e.Tenant, &e.RequestedBy, &e.Status, &e.Content}
}

// write runs a statement whose first parameter is the tenant of ctx.
func (s store) write(ctx context.Context, statement string, args ...any) error {
	id, err := tenant.Require(ctx)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, statement, append([]any{id}, args...)...)
	return err
}

// read is write for a query for one row.
func (s store) read(ctx context.Context, statement string, args []any, dest ...any) error {
	id, err := tenant.Require(ctx)
	if err != nil {
		return err
	}
	return one(ctx, s.database, statement, append([]any{id}, args...), dest...)
}

// list is read for all rows.
func list[T any](ctx context.Context, s store, statement string, args []any, fields func(*T) []any) ([]T, error) {
	id, err := tenant.Require(ctx)
	if err != nil {
		return nil, err
	}
	return all(ctx, s.database, statement, append([]any{id}, args...), fields)
}

// newID returns an id that nobody can guess.
func newID(kind string) string { return kind + "-" + strings.ToLower(rand.Text()) }
