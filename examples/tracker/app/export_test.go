package app

import (
	"context"
	"fmt"
	"strings"

	"github.com/reevehq/reeve/tenant"
)

// columns are those of each table, as many as its NULLs would have to be told from.
var columns = map[string]string{
	"organisations": "tenant_id, name", "members": "tenant_id, user_id, name, role", "projects": "tenant_id, id, name",
	"tasks": "tenant_id, id, project_id, title, body, owner, private", "comments": "tenant_id, id, task_id, author, body",
	"attachments": "tenant_id, id, task_id, name, content", "exports": "tenant_id, id, requested_by, status, content",
}

// Rows returns the rows of a tenant, with every column.
func Rows(ctx context.Context, a *App, name string) ([]string, error) {
	ctx, err := tenant.BindUnchecked(ctx, tenant.MustParse(name))
	if err != nil {
		return nil, err
	}
	var all []string
	for _, table := range tableNames {
		text := strings.ReplaceAll(columns[table], ", ", "||'|'||")
		err := a.store.query(ctx, `SELECT `+text+` FROM `+table+` WHERE tenant_id = $1`, []any{name}, func(s scan) error {
			var row string
			err := s(&row)
			all = append(all, fmt.Sprint(table, ": ", row))
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}
