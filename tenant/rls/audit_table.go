package rls

import (
	"fmt"
	"strings"
)

func (a *audit) auditTable(t *table) {
	a.auditParents(t)
	if !t.tenants() {
		if !t.shared && t.uses("awdD") {
			a.add(Finding{Rule: "table-without-tenant", Severity: Warning, Object: t.String(), Gain: "every tenant writes what all of them read: the table has no column " + a.cfg.Column + ", and Config.Shared does not name it",
				Mend: fmt.Sprintf("REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON %s FROM %s, PUBLIC;", t.sql(), a.members()), phase: phaseGrant})
		}
		if t.uses("t") {
			a.triggerGrant(t.String(), t.sql())
		}
		return
	}
	if t.owner.name == a.app.name {
		a.add(Finding{Rule: "app-owns-table", Severity: Error, Object: t.String(), Gain: "the application owns the table and may switch its policies off", Mend: fmt.Sprintf("ALTER TABLE %s OWNER TO %s;", t.sql(), ident(a.cfg.Owner)), phase: phaseRole})
	}
	if t.foreign {
		if t.privileges != "" {
			a.add(Finding{Rule: "foreign-table", Severity: Error, Object: t.String(), Gain: "a table of another server has no policies here: all rows are open",
				Mend: fmt.Sprintf("REVOKE ALL ON %s FROM %s, PUBLIC;", t.sql(), a.members()), phase: phaseGrant})
		}
		return
	}
	if t.partition && !t.enabled {
		if t.privileges != "" {
			a.add(Finding{Rule: "partition-direct", Severity: Error, Object: t.String(), Gain: "policies of the partitioned table do not hold for its partition, which the application may use: all rows are open",
				Mend: fmt.Sprintf("REVOKE ALL ON %s FROM %s, PUBLIC;", t.sql(), a.members()), phase: phaseGrant})
		}
		a.auditKeys(t)
		return // reached through its parent alone
	}
	a.auditTenantColumn(t)
	switch {
	case !t.enabled:
		a.add(Finding{Rule: "rls-off", Severity: Error, Object: t.String(), Gain: "row-level security is off: whoever has a grant reads and writes the rows of all tenants", Mend: wallSQL(t), phase: phasePolicy})
	case !t.forced && (t.privileges != "" || !a.cfg.HandWritten):
		severity := Error
		if a.cfg.HandWritten {
			severity = Info
		}
		a.add(Finding{Rule: "no-force", Severity: severity, Object: t.String(), Gain: "the policies do not bind the owner: their jobs, views and functions see all tenants", Mend: fmt.Sprintf("ALTER TABLE %s FORCE ROW LEVEL SECURITY;", t.sql()), phase: phasePolicy})
	}
	a.auditOwner(t)
	if t.enabled {
		a.auditPolicies(t)
	}
	a.auditKeys(t)
	if t.uses("Dxt") {
		a.add(Finding{Rule: "truncate", Severity: Error, Object: t.String(), Gain: "TRUNCATE passes by policies and empties the table for all tenants; REFERENCES tells about rows of others; what the condition of a trigger calls, the next tenant's statements run",
			Mend: fmt.Sprintf("REVOKE TRUNCATE, REFERENCES, TRIGGER ON %s FROM %s, PUBLIC;", t.sql(), a.members()), phase: phaseGrant})
	}
	if t.public {
		a.add(Finding{Rule: "public-grant", Severity: Warning, Object: t.String(), Gain: "every role of the server has a grant on the table", Mend: fmt.Sprintf("REVOKE ALL ON %s FROM PUBLIC;", t.sql()), phase: phaseGrant})
	}
	if t.privileges != "" && !t.leads {
		rule, gain := "no-index", "slow: each statement reads the rows of all tenants to find those of one"
		if t.follows {
			rule, gain = "index-second-column", "slow: no index begins with the tenant's column"
		}
		severity := Warning
		if a.cfg.HandWritten {
			severity = Info
		}
		a.add(Finding{Rule: rule, Severity: severity, Object: t.String(), Gain: gain, Mend: fmt.Sprintf("CREATE INDEX ON %s (%s);", t.sql(), ident(t.column)), phase: phaseIndex})
	}
}

// triggerGrant is about a table or view of all tenants to which the application may add triggers. One
// on a table of tenants is found as truncate.
func (a *audit) triggerGrant(name, sql string) {
	a.add(Finding{Rule: "trigger-grant", Severity: Error, Object: name, Gain: "the application may create triggers on it: the condition of one, that a tenant's statement puts there, is evaluated in the next tenant's, with that tenant's context",
		Mend: fmt.Sprintf("REVOKE TRIGGER ON %s FROM %s, PUBLIC;", sql, a.members()), phase: phaseGrant})
}

// auditOwner looks at owners whom FORCE does not bind. A superuser is never made another role: the SQL
// would be run by whoever needs the rights.
func (a *audit) auditOwner(t *table) {
	if t.owner.bound() {
		return
	}
	f := Finding{Rule: "owner-past-policies", Severity: Warning, Object: t.String(), phase: phaseRole,
		Gain: "its owner is a superuser or has BYPASSRLS, whom FORCE does not bind: their functions, rules and jobs see all tenants. Another role is to own it"}
	if a.cfg.HandWritten {
		f.Severity = Info
	}
	switch {
	case t.owner.name != a.cfg.Owner:
		f.Mend = fmt.Sprintf("ALTER TABLE %s OWNER TO %s;", t.sql(), ident(a.cfg.Owner))
	case !t.owner.super:
		f.Mend = fmt.Sprintf("ALTER ROLE %s NOBYPASSRLS;", ident(t.owner.name))
	}
	a.add(f)
}

// auditParents looks at the tables through which the rows of another are read: these ask their own
// policies alone.
func (a *audit) auditParents(t *table) {
	if !t.tenants() {
		return
	}
	seen := map[*table]bool{}
	var up func(*table)
	up = func(child *table) {
		for _, p := range child.parents {
			if seen[p] {
				continue
			}
			seen[p] = true
			if !p.tenants() && p.privileges != "" {
				a.add(Finding{Rule: "inherits-past-policies", Severity: Error, Object: p.String(), Gain: "the rows of " + t.String() + ", which inherits from it, are found through it, past their policies: it has no column of the tenant, and all rows are open",
					Mend: fmt.Sprintf("REVOKE ALL ON %s FROM %s, PUBLIC;", p.sql(), a.members()), phase: phaseGrant})
			}
			up(p)
		}
	}
	up(t)
}

func (a *audit) auditTenantColumn(t *table) {
	object := t.String() + "." + t.column
	if !t.notNull {
		a.add(Finding{Rule: "nullable-tenant", Severity: Warning, Object: object, Gain: "rows without a tenant belong to nobody, or to whoever comes without one. Rows that have none must be given one, or deleted, first",
			Mend: fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET NOT NULL;", t.sql(), ident(t.column)), phase: phaseColumn})
	}
	if t.typ != "text" && t.typ != "character varying" {
		a.add(Finding{Rule: "tenant-type", Severity: Warning, Object: object, Gain: "a tenant's id is text; " + t.typ + " compares it otherwise, or not at all",
			Mend: fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s TYPE text;", t.sql(), ident(t.column)), phase: phaseColumn})
	} else if !t.deterministic {
		a.add(Finding{Rule: "tenant-collation", Severity: Error, Object: object, Gain: "the collation calls two ids equal that differ: tenants whose ids differ by case alone see each other's rows",
			Mend: fmt.Sprintf(`ALTER TABLE %s ALTER COLUMN %s TYPE %s COLLATE "C";`, t.sql(), ident(t.column), t.typ), phase: phaseColumn})
	}
	if !a.cfg.HandWritten && !strings.Contains(t.deflt, "reeve.tenant()") {
		a.add(Finding{Rule: "no-default", Severity: Info, Object: object, Gain: "an INSERT that does not name the tenant fails", Mend: fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT reeve.tenant();", t.sql(), ident(t.column)), phase: phaseColumn})
	}
}
