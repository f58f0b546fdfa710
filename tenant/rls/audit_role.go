package rls

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

func (a *audit) auditRoles() {
	app := ident(a.app.name)
	if a.app.super {
		a.add(Finding{Rule: "app-superuser", Severity: Error, Object: a.app.name, Gain: "the application is a superuser: no policy binds it", Mend: "ALTER ROLE " + app + " NOSUPERUSER;", phase: phaseRole})
	}
	if a.app.bypass {
		a.add(Finding{Rule: "bypass-role", Severity: Error, Object: a.app.name, Gain: "BYPASSRLS: no policy binds the application", Mend: "ALTER ROLE " + app + " NOBYPASSRLS;", phase: phaseRole})
	}
	if a.app.createRole {
		a.add(Finding{Rule: "app-creates-roles", Severity: Error, Object: a.app.name, Gain: "the application may make itself a member of almost any role", Mend: "ALTER ROLE " + app + " NOCREATEROLE;", phase: phaseRole})
	}
	for _, r := range a.roles {
		if r.memberOfIt && !a.app.super {
			rule, gain := "bypass-by-set-role", "by SET ROLE the application turns into a role that policies do not bind"
			if !r.super && !r.bypass {
				rule, gain = "member-of-owner", "the application has the rights of a role that may switch policies off, or read past them"
			}
			a.add(Finding{Rule: rule, Severity: Error, Object: r.name, Gain: gain, Mend: fmt.Sprintf("REVOKE %s FROM %s;", ident(r.name), app), phase: phaseRole})
		}
		if r.bypass && !r.super && r.uses != "" {
			a.add(Finding{Rule: "bypass-role", Severity: Error, Object: r.name, Gain: "BYPASSRLS: whoever logs in as this role reads the rows of all tenants in " + r.uses, Mend: "ALTER ROLE " + ident(r.name) + " NOBYPASSRLS;", phase: phaseRole})
		}
	}
	if a.app.replication && !a.app.super {
		a.add(Finding{Rule: "app-replicates", Severity: Error, Object: a.app.name, Gain: "REPLICATION: the application may read the changes of all tenants' rows from the log, past every policy", Mend: "ALTER ROLE " + app + " NOREPLICATION;", phase: phaseRole})
	}
	a.auditOwned()
	a.auditCreates()
	a.auditDefaults()
}

// auditOwned looks for what the application owns: a default, a rule or a trigger that one tenant's
// statement puts there is run by the next tenant's. Objects of a role whose membership is a fault are
// left to that.
func (a *audit) auditOwned() {
	if a.app.super {
		return
	}
	owned := map[string][]string{}
	for _, g := range a.owns {
		if !slices.ContainsFunc(a.roles, func(r role) bool { return r.name == g.owner }) {
			owned[g.owner] = append(owned[g.owner], g.object)
		}
	}
	for _, owner := range slices.Sorted(maps.Keys(owned)) {
		objects := strings.Join(owned[owner][:min(3, len(owned[owner]))], ", ")
		if more := len(owned[owner]) - 3; more > 0 {
			objects += fmt.Sprintf(" and %d more", more)
		}
		a.add(Finding{Rule: "app-owns", Severity: Error, Object: owner, Gain: "the application owns " + objects + ": a default, a rule or a trigger that one tenant's statement gives it is run by the next tenant's, with that tenant's context",
			Mend: fmt.Sprintf("REASSIGN OWNED BY %s TO %s;", ident(owner), ident(a.cfg.Owner)), phase: phaseRole})
	}
}

// auditCreates looks for schemas in which the application may create. A session chooses its path, so
// that each of them may come before the service's and the system's.
func (a *audit) auditCreates() {
	for _, g := range a.creates {
		var mend string
		switch {
		case len(g.grantees) > 0:
			mend = fmt.Sprintf("REVOKE CREATE ON SCHEMA %s FROM %s;", ident(g.object), g.from())
		case g.owner == a.app.name:
			mend = fmt.Sprintf("ALTER SCHEMA %s OWNER TO %s;", ident(g.object), ident(a.cfg.Owner))
		case g.owner == "pg_database_owner" && a.database.app:
			continue // which is said of the database
		default:
			mend = fmt.Sprintf("REVOKE %s FROM %s;", ident(g.owner), ident(a.app.name))
		}
		a.add(Finding{Rule: "app-creates", Severity: Error, Object: g.object, Gain: "the application may put tables, functions and operators of its own before yours: what one tenant's statement puts there, the next tenant's statement runs",
			Mend: mend, phase: phaseGrant})
	}
}

// auditDefaults looks at rights on tables that are not there yet, and are audited at the next start.
func (a *audit) auditDefaults() {
	severity, which := Info, "a table that is created later is open to the application until it has a wall"
	for _, t := range a.tables {
		if t.tenants() && (t.partition || t.partitioned) {
			severity, which = Warning, "a partition that is added later has no policies of its own, and is open to the application: all rows are"
		}
	}
	for _, g := range a.toCome {
		object, in := g.owner, ""
		if g.object != "" {
			object, in = object+" in "+g.object, " IN SCHEMA "+ident(g.object)
		}
		a.add(Finding{Rule: "default-grants", Severity: severity, Object: object, Gain: which,
			Mend: fmt.Sprintf("ALTER DEFAULT PRIVILEGES FOR ROLE %s%s REVOKE ALL ON TABLES FROM %s;", ident(g.owner), in, g.from()), phase: phaseGrant})
	}
}

// auditDatabase looks at the database itself.
func (a *audit) auditDatabase() {
	d := a.database
	if d.app {
		a.add(Finding{Rule: "app-owns-database", Severity: Error, Object: d.name, Gain: "the application owns the database: it may take back every right on it, and drop it",
			Mend: fmt.Sprintf("ALTER DATABASE %s OWNER TO %s;", ident(d.name), ident(a.cfg.Owner)), phase: phaseRole})
	}
	if len(d.creates.grantees) > 0 {
		a.add(Finding{Rule: "app-creates-schemas", Severity: Error, Object: d.name, Gain: "the application may create schemas: one of its own name comes before yours for every connection, and the next tenant's statement runs what is in it",
			Mend: fmt.Sprintf("REVOKE CREATE ON DATABASE %s FROM %s;", ident(d.name), d.creates.from()), phase: phaseGrant})
	}
	a.auditTemporary()
}

// auditTemporary looks for the right to make temporary tables, which have no policies and stay
// for whoever gets the connection next.
func (a *audit) auditTemporary() {
	d := a.database
	if len(d.temporary.grantees) == 0 {
		return
	}
	severity := Warning
	if a.cfg.HandWritten {
		severity = Info
	}
	a.add(Finding{Rule: "temporary-tables", Severity: severity, Object: d.name, Gain: "the application may make temporary tables: what one tenant's statement puts there, the next tenant on the connection reads, and no policy sees it",
		Mend: fmt.Sprintf("REVOKE TEMPORARY ON DATABASE %s FROM %s;", ident(d.name), d.temporary.from()), phase: phaseGrant})
}

// auditContext looks at the schema reeve.
func (a *audit) auditContext() {
	if a.keyRead {
		a.add(Finding{Rule: "key-readable", Severity: Error, Object: "reeve.context_key", Gain: "the application may read or change the keys, and so sign for any tenant", Mend: "REVOKE ALL ON reeve.context_key FROM PUBLIC, " + a.members() + ";", phase: phaseGrant})
	}
	if a.cfg.HandWritten {
		return
	}
	for _, want := range contextFunctions(a.cfg) {
		a.auditContextFunction(want)
	}
}

// isContextFunction reports whether a function is looked at by auditContextFunction.
func (a *audit) isContextFunction(f function) bool {
	return slices.ContainsFunc(contextFunctions(a.cfg), func(c contextFunction) bool { return c.signature == f.signature })
}

// auditContextFunction holds a function that policies call against that of this version.
func (a *audit) auditContextFunction(want contextFunction) {
	i := slices.IndexFunc(a.functions, func(f function) bool { return f.signature == want.signature })
	if i < 0 {
		a.add(Finding{Rule: "context-function", Severity: Error, Object: want.signature, Gain: "there is no such function, which tells policies for whom a statement is: nothing bounds it", Mend: setupSQL(a.cfg), phase: phaseFunction})
		return
	}
	switch f := a.functions[i]; {
	case f.owner == a.app.name:
		a.add(Finding{Rule: "context-function", Severity: Error, Object: f.signature, Gain: "the application owns the function that tells for whom a statement is, and may replace it",
			Mend: fmt.Sprintf("ALTER FUNCTION %s OWNER TO %s;\n", f.signature, ident(a.cfg.Owner)) + runSQL(a.cfg), phase: phaseFunction})
	case f.body != want.body || f.definer != want.definer || f.volatile || f.config:
		a.add(Finding{Rule: "context-function", Severity: Error, Object: f.signature, Gain: "the function that tells for whom a statement is is not that of this version and configuration: it may believe what any SQL can set",
			Mend: functionSQL(a.cfg), phase: phaseFunction})
	case f.public || !f.appRuns:
		a.add(Finding{Rule: "context-function", Severity: Warning, Object: f.signature, Gain: "it is not the application alone that may ask for whom a statement is",
			Mend: runSQL(a.cfg), phase: phaseFunction})
	}
}
