package policyrls

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant/rls"
)

// Check looks that a database has the policies of [SQL], by the policy of an engine: a table
// without them would be open to everybody within their tenant, and no statement would tell. Any
// role may ask: a service does so at its start, after rls.Audit, and may do so again when its
// policy was reloaded. The error wraps [rls.ErrRevision] and names each table.
func Check(ctx context.Context, db *sql.DB, e *policy.Engine, types ...policy.RLSConfig) error {
	list, err := generate(e, types)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("policyrls: check: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "SELECT pg_catalog.set_config('search_path', 'pg_catalog', true)"); err != nil {
		return fmt.Errorf("policyrls: check: %w", err)
	}
	var problems []error
	for i, r := range list {
		if err := check(ctx, tx, r, types[i].App); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// there counts the policies of a table that are as SQL creates them: one for each command.
const there = `SELECT count(DISTINCT p.polcmd) FROM pg_catalog.pg_policy p
	JOIN pg_catalog.pg_class c ON c.oid = p.polrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
	WHERE n.nspname = $1 AND c.relname = $2 AND c.relrowsecurity AND c.relforcerowsecurity AND NOT p.polpermissive AND p.polcmd <> '*'
	AND p.polname = 'reeve_' || CASE p.polcmd WHEN 'r' THEN 'select' WHEN 'a' THEN 'insert' WHEN 'w' THEN 'update' ELSE 'delete' END
	AND p.polroles = ARRAY(SELECT oid FROM pg_catalog.pg_roles WHERE rolname = $3)
	AND pg_catalog.obj_description(p.oid, 'pg_policy') = $4 || pg_catalog.md5(coalesce(pg_catalog.pg_get_expr(p.polqual, p.polrelid), '') || ' ' || coalesce(pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid), ''))`

func check(ctx context.Context, tx *sql.Tx, r policy.RLS, app string) error {
	schema, table, _ := strings.Cut(r.Table(), ".")
	var n int
	if err := tx.QueryRowContext(ctx, there, schema, table, app, r.Comment()).Scan(&n); err != nil {
		return fmt.Errorf("policyrls: check %s: %w", r.Table(), err)
	}
	if n != 4 {
		return fmt.Errorf("%w: %s has %d of the 4 policies of revision %s: run the statements of policyrls.SQL", rls.ErrRevision, r.Table(), n, r.Revision())
	}
	return nil
}
