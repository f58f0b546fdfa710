package casbinindex

import (
	"slices"
	"strings"
)

// addCosts counts what following links costs in the sections that are keys, and what is asked
// where rules are scanned.
func (p *Plan) addCosts(v *compiledModel) {
	seen := map[int]bool{}
	for _, k := range v.roleKeys {
		s := v.sections[k.section]
		if s.graph == nil || seen[k.section] {
			continue
		}
		seen[k.section] = true
		p.Asks = p.Asks || s.calls
		p.Evaluated += s.graph.holders.tries() + s.graph.domains.match.tries()
		if targets := v.targets[k.section]; targets != nil {
			p.Evaluated += targets.match.tries()
		}
	}
	if (len(v.always) > 0 || v.ruleless) && v.asks(v.matcher) != "" {
		p.Asks = true
	}
}

// asks says what of the service, or of Casbin's, e asks; "" for nothing.
func (v *compiledModel) asks(e *expr) string {
	what := ""
	role := func(section int) {
		switch s := v.sections[section]; {
		case s.manager != nil:
			what = "a role manager"
		case s.calls:
			what = "a matching function of the service"
		}
	}
	e.walk(func(x *expr) {
		switch {
		case x.kind == exprCall && x.fn.custom:
			what = "a function of the service"
		case x.kind == exprRole:
			role(x.at)
		case x.kind == exprGovaluate:
			if x.govaluate.calls {
				what = "a function of the service"
			}
			for _, a := range x.govaluate.roleCalls {
				role(a.section)
			}
		}
	})
	if what == "" && v.hasEval(e) {
		for _, c := range v.conditions {
			if c != e && !v.hasEval(c) {
				if what = v.asks(c); what != "" {
					return what
				}
			}
		}
	}
	return what
}

// largest counts the rules of the largest group that a look-up finds for one role.
func (p *partition) largest() int {
	if p.keyless {
		return len(p.first)
	}
	return p.groups.Largest(p.holder >= 0)
}

// unused notes the options that no matcher makes use of.
func (p *Plan) unused(cfg *Config, ix *Index) {
	called := func(name string) bool {
		for _, a := range ix.model["m"] {
			if hasEval(a.Value) || strings.Contains(a.Value, name+"(") || strings.Contains(a.Value, name+" (") {
				return true
			}
		}
		return false
	}
	for name := range cfg.Functions {
		if !called(name) {
			p.note("%s: no matcher calls this function", name)
		}
	}
	for _, given := range []map[string]func(string, string) bool{cfg.Matching, cfg.DomainMatching} {
		for name := range given {
			if !called(name) {
				p.note("%s: no matcher asks it, its matching function has no effect", name)
			}
		}
	}
	slices.Sort(p.Notes)
}
