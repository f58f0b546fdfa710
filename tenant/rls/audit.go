package rls

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// Audit reads the catalog of a PostgreSQL database (15 or later) and returns what lets tenants
// meet: in roles, grants, policies, views, functions and keys, and where the columns of
// attributes.csv compare otherwise than conditions do. It changes nothing, and any role may
// ask: a service does so at its start with its own, see [Findings.Err].
func Audit(ctx context.Context, db *sql.DB, cfg Config) (Findings, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c, err := load(ctx, db, cfg)
	if err != nil {
		return nil, fmt.Errorf("rls: audit: %w", err)
	}
	a := &audit{cfg: cfg, catalog: c}
	if !c.app.exists {
		a.add(Finding{Rule: "no-role", Severity: Error, Object: cfg.App, Gain: "the application's role is not there: it logs in with another, which policies may not bind", Mend: rolesSQL(cfg), phase: phaseRole})
		return a.findings, nil
	}
	a.auditRoles()
	a.auditDatabase()
	a.auditContext()
	for _, t := range c.tables {
		a.auditTable(t)
	}
	a.auditViews()
	a.auditFunctions()
	a.auditColumns()
	slices.SortStableFunc(a.findings, func(x, y Finding) int {
		return cmp.Or(cmp.Compare(y.Severity, x.Severity), cmp.Compare(x.Object, y.Object), cmp.Compare(x.Rule, y.Rule))
	})
	return a.findings, nil
}

type audit struct {
	cfg      Config
	findings Findings
	*catalog
}

func (a *audit) add(f Finding) { a.findings = append(a.findings, f) }

// members names the application and the roles that it is a member of in SQL, but for those whose
// membership is itself a fault.
func (a *audit) members() string {
	names := []string{ident(a.app.name)}
	for _, name := range a.memberOf {
		if !slices.ContainsFunc(a.roles, func(r role) bool { return r.name == name }) {
			names = append(names, ident(name))
		}
	}
	return strings.Join(names, ", ")
}

// caller is the expression of the tenant in policies that the mending SQL writes.
const caller = "(SELECT reeve.tenant())"

// floorSQL creates the floor under all other policies of a table.
func floorSQL(t *table) string {
	return fmt.Sprintf(`ALTER TABLE %[1]s ENABLE ROW LEVEL SECURITY;
ALTER TABLE %[1]s FORCE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS reeve_tenant ON %[1]s;
CREATE POLICY reeve_tenant ON %[1]s AS RESTRICTIVE FOR ALL TO PUBLIC USING (%[2]s = %[3]s) WITH CHECK (%[2]s = %[3]s);
`, t.sql(), ident(t.column), caller)
}

// baseSQL creates the one permissive policy where there is none. The floor bounds it.
func baseSQL(t *table) string {
	return fmt.Sprintf(`DROP POLICY IF EXISTS reeve_base ON %[1]s;
CREATE POLICY reeve_base ON %[1]s FOR ALL TO PUBLIC USING (true) WITH CHECK (true);
`, t.sql())
}

// wallSQL is the floor, and the base where the application would otherwise see nothing.
func wallSQL(t *table) string {
	for _, p := range t.policies {
		if p.permissive && p.app {
			return floorSQL(t)
		}
	}
	return floorSQL(t) + baseSQL(t)
}
