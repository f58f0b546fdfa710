package rls

import (
	"fmt"
	"strings"
)

// auditViews looks at what reads tables of tenants, directly or through other views.
func (a *audit) auditViews() {
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
	for _, v := range a.views {
		if !over(v) || !v.app {
			continue
		}
		if v.material {
			a.add(Finding{Rule: "materialized-view", Severity: Error, Object: v.String(), Gain: "a materialized view holds the rows of all tenants and has no policies",
				Mend: fmt.Sprintf("REVOKE ALL ON %s FROM %s, PUBLIC;", v.sql(), ident(a.app.name)), phase: phaseGrant})
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

func (a *audit) auditFunctions() {
	for _, f := range a.functions {
		if f.leaky {
			a.add(Finding{Rule: "leakproof", Severity: Warning, Object: f.signature, Gain: "LEAKPROOF: it runs before the policies and may tell about hidden rows; a superuser says so of it, and no function of a service needs it",
				Mend: fmt.Sprintf("ALTER %s %s NOT LEAKPROOF;", f.kind, f.signature), phase: phaseFunction})
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
