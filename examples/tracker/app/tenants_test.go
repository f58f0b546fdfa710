package app

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/authztest"
	"github.com/reevehq/reeve/examples/tracker/trackertest"
	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/tenanttest"
)

func TestTenantsAreApart(t *testing.T) {
	a := newApp(t, Config{Unchecked: authztest.Unchecked(t)})
	s := trackertest.Service(t, a, a.rows)
	if testing.Short() {
		s.Requests = trackertest.Only("GET /search?q=t", "GET /tasks/{task}", "POST /exports")
	}
	tenanttest.Run(t, s)
}

func newApp(t *testing.T, cfg Config) *App {
	t.Helper()
	cfg.Data, cfg.Logger = t.TempDir(), slog.New(slog.DiscardHandler)
	a, err := New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// allColumns are those of each table.
var allColumns = map[string]string{
	"organisations": "tenant_id, name", "members": "tenant_id, user_id, name, role", "projects": "tenant_id, id, name",
	"tasks": "tenant_id, id, project_id, title, body, owner, private", "comments": "tenant_id, id, task_id, author, body",
	"attachments": "tenant_id, id, task_id, name, content", "exports": "tenant_id, id, requested_by, status, content",
}

// rows returns the rows of a tenant, with every column.
func (a *App) rows(ctx context.Context, name string) ([]string, error) {
	ctx, err := tenant.BindUnchecked(ctx, tenant.MustParse(name))
	if err != nil {
		return nil, err
	}
	var union []string
	for _, table := range tableNames {
		union = append(union, `SELECT '`+table+`|'||`+strings.ReplaceAll(allColumns[table], ", ", "||'|'||")+` FROM `+table+` WHERE tenant_id = $1`)
	}
	return all(ctx, a.store.database, strings.Join(union, " UNION ALL "), []any{name}, func(row *string) []any { return []any{row} })
}
