package rls

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// Generate reads a database and returns the script that walls its tables off: [SetupSQL], for
// each table of tenants NOT NULL and a default of the tenant's column, keys and references
// that begin with it, forced row-level security with a restrictive policy for all commands
// and one permissive one, and the grants of the application, who may make no temporary tables.
// The roles must be there, see
// [RolesSQL]. The owner reads the script and runs it, in one transaction; where the tables are
// as they should be already, it has only what changes nothing.
//
// A table gets a base policy, which opens the rows within the tenant, only when it has no
// policy that is permissive.
func Generate(ctx context.Context, db *sql.DB, cfg Config) (string, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return "", err
	}
	if cfg.HandWritten {
		return "", fmt.Errorf("%w: HandWritten: there is nothing to generate for policies of your own", ErrInvalid)
	}
	c, err := load(ctx, db, cfg)
	if err != nil {
		return "", fmt.Errorf("rls: generate: %w", err)
	}
	if !c.app.exists {
		return "", fmt.Errorf("%w: App: there is no role %s, see RolesSQL", ErrInvalid, cfg.App)
	}
	a := &audit{cfg: cfg, catalog: c}
	// Granted rights count: the script grants it.
	for _, t := range c.tables {
		if t.tenants() && !t.partition && !t.foreign {
			t.privileges += "rawd"
		}
	}
	a.auditTemporary()
	for _, t := range c.tables {
		if t.tenants() {
			a.auditTable(t)
		}
	}
	// A superuser may run the script, which makes them nobody else.
	a.findings = slices.DeleteFunc(a.findings, func(f Finding) bool { return f.Rule == "owner-past-policies" })
	var b strings.Builder
	b.WriteString(setupSQL(cfg))
	b.WriteString(a.findings.SQL())
	schemas := map[string]bool{}
	for _, t := range c.tables {
		if !t.tenants() || t.partition || t.foreign {
			continue
		}
		if !schemas[t.schema] {
			schemas[t.schema] = true
			fmt.Fprintf(&b, "GRANT USAGE ON SCHEMA %[1]s TO %[2]s;\nGRANT USAGE ON ALL SEQUENCES IN SCHEMA %[1]s TO %[2]s;\n", ident(t.schema), ident(cfg.App))
		}
		fmt.Fprintf(&b, "GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO %s;\n", t.sql(), ident(cfg.App))
	}
	return b.String(), nil
}

func quoteTable(table string) string {
	schema, name, _ := strings.Cut(qualified(table), ".")
	return ident(schema) + "." + ident(name)
}
