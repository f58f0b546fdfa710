package rls

import (
	"fmt"
	"slices"
	"strings"
)

// auditViews looks at what reads tables of tenants, directly or through other views. A materialized
// view with the tenant's column holds their rows, by whatever function it was filled.
func (a *audit) auditViews() {
	var shared []string
	for _, name := range a.cfg.Shared {
		shared = append(shared, qualified(name))
	}
	byOID := map[uint32]*view{}
	for _, v := range a.views {
		byOID[v.oid] = v
	}
	var over func(v *view) bool
	over = func(v *view) bool {
		if v.done {
			return v.overTenants
		}
		v.done = true
		for _, oid := range v.reads {
			if t := a.byOID[oid]; t != nil && t.tenants() {
				v.overTenants = true
			}
			if inner := byOID[oid]; inner != nil && over(inner) {
				v.overTenants = true
			}
		}
		return v.overTenants
	}
	a.auditRules(over, byOID)
	for _, v := range a.views {
		if v.triggers {
			a.triggerGrant(v.String(), v.sql())
		}
		if v.keys && v.app {
			a.add(Finding{Rule: "key-readable", Severity: Error, Object: v.String(), Gain: "the view shows the keys: who reads one signs for any tenant",
				Mend: fmt.Sprintf("REVOKE ALL ON %s FROM %s, PUBLIC;", v.sql(), a.members()), phase: phaseGrant})
		}
		if !over(v) && !(v.material && v.column && !slices.Contains(shared, v.String())) || !v.app {
			continue
		}
		if v.material {
			a.add(Finding{Rule: "materialized-view", Severity: Error, Object: v.String(), Gain: "a materialized view holds the rows of all tenants and has no policies",
				Mend: fmt.Sprintf("REVOKE ALL ON %s FROM %s, PUBLIC;", v.sql(), a.members()), phase: phaseGrant})
			continue
		}
		if !v.invoker {
			a.add(Finding{Rule: "view-of-owner", Severity: Error, Object: v.String(), Gain: "the view reads with its owner's rights: policies are asked about the owner, and grants are theirs",
				Mend: fmt.Sprintf("ALTER VIEW %s SET (security_invoker = true);", v.sql()), phase: phasePolicy})
		}
		if !v.barrier && strings.Contains(v.def, " WHERE ") && (strings.Contains(v.def, "current_setting(") || strings.Contains(v.def, "reeve.tenant()")) {
			a.add(Finding{Rule: "view-filter-no-barrier", Severity: Warning, Object: v.String(), Gain: "a cheap function in the caller's WHERE runs before the view's own filter and sees the rows that it hides",
				Mend: fmt.Sprintf("ALTER VIEW %s SET (security_barrier = true);", v.sql()), phase: phasePolicy})
		}
	}
}

// auditRules looks at rules that write to or read tables of tenants. Their statements are run with the
// rights of the owner of the table or view, also where that asks as its caller.
func (a *audit) auditRules(over func(*view) bool, views map[uint32]*view) {
	for _, r := range a.rules {
		if !slices.ContainsFunc(r.reads, func(oid uint32) bool {
			t, v := a.byOID[oid], views[oid]
			return t != nil && t.tenants() || v != nil && over(v)
		}) {
			continue
		}
		mend := fmt.Sprintf("ALTER TABLE %s OWNER TO %s;", r.sql(), ident(a.cfg.Owner))
		if r.owner == a.cfg.Owner {
			mend = fmt.Sprintf("DROP RULE %s ON %s;", ident(r.name), r.sql())
		}
		a.add(Finding{Rule: "rule-past-policies", Severity: Error, Object: r.String(), Gain: "the rule's statements are run with the rights of " + r.owner + ", whom no policy binds: rows of all tenants are read and written", Mend: mend, phase: phasePolicy})
	}
}

func (a *audit) auditFunctions() {
	for _, signature := range a.files {
		if !a.app.super {
			a.add(Finding{Rule: "server-files", Severity: Error, Object: signature, Gain: "the application may reach the files of the server, in which the rows of all tenants are, or connect as somebody else",
				Mend: fmt.Sprintf("REVOKE ALL ON FUNCTION %s FROM %s, PUBLIC;", signature, a.members()), phase: phaseGrant})
		}
	}
	for _, f := range a.functions {
		if f.leaky {
			a.add(Finding{Rule: "leakproof", Severity: Warning, Object: f.signature, Gain: "LEAKPROOF: it runs before the policies and may tell about hidden rows; a superuser says so of it, and no function of a service needs it",
				Mend: fmt.Sprintf("ALTER %s %s NOT LEAKPROOF;", f.kind, f.signature), phase: phaseFunction})
		}
		if f.trigger {
			mend := fmt.Sprintf("ALTER FUNCTION %s OWNER TO %s;", f.signature, ident(a.cfg.Owner))
			if f.owner == a.cfg.Owner {
				mend = fmt.Sprintf("ALTER FUNCTION %s SECURITY INVOKER;", f.signature)
			}
			a.add(Finding{Rule: "definer-trigger", Severity: Warning, Object: f.signature, Gain: "SECURITY DEFINER: a trigger runs it with the rights of " + f.owner + ", whom no policy binds, whoever writes the row: what it reads and writes is of all tenants", Mend: mend, phase: phaseFunction})
		}
		if !f.definer || !f.mighty || f.own && a.isContextFunction(f) {
			continue
		}
		switch {
		case f.public:
			a.add(Finding{Rule: "definer-function", Severity: Error, Object: f.signature, Gain: "SECURITY DEFINER: everybody may run it with the rights of its owner, who may read past policies. Grant it to the application on purpose if it must have it",
				Mend: fmt.Sprintf("REVOKE ALL ON %s %s FROM PUBLIC;", f.kind, f.signature), phase: phaseFunction})
		case f.appRuns && !f.path:
			a.add(Finding{Rule: "definer-search-path", Severity: Warning, Object: f.signature, Gain: "SECURITY DEFINER without a fixed search_path: whoever calls it puts tables and operators of their own in place of yours",
				Mend: fmt.Sprintf("ALTER %s %s SET search_path = pg_catalog, pg_temp;", f.kind, f.signature), phase: phaseFunction})
		}
	}
}
