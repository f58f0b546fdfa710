package policy

import (
	"slices"
	"strings"

	"github.com/casbin/casbin/v2/rbac"
)

// asked counts what following links costs in the sections that are keys, and what is asked
// where rules are scanned.
func (p *Plan) asked(v *view) {
	seen := map[int]bool{}
	for _, k := range v.roleKeys {
		s := v.sections[k.section]
		if s.graph == nil || seen[k.section] {
			continue
		}
		seen[k.section] = true
		p.Asks = p.Asks || s.calls
		p.Evaluated += s.graph.holders.tries() + s.graph.places.match.tries()
		if targets := v.targets[k.section]; targets != nil {
			p.Evaluated += targets.match.tries()
		}
	}
	if (len(v.always) > 0 || v.ruleless) && v.asks(v.matcher) != "" {
		p.Asks = true
	}
}

// asks says what of the service, or of Casbin's, e asks; "" for nothing.
func (v *view) asks(e *expr) string {
	what := ""
	role := func(section int) {
		switch s := v.sections[section]; {
		case s.asked != nil:
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
		case x.kind == exprOpaque:
			if x.opaque.calls {
				what = "a function of the service"
			}
			for _, a := range x.opaque.asks {
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
func (p *part) largest() int {
	if p.keyless {
		return len(p.first)
	}
	most := 0
	if len(p.groups.lines) > 0 {
		most = 1
	}
	for s := range p.groups.several {
		group := p.groups.found[s.a:s.b]
		if p.holder < 0 {
			most = max(most, len(group))
			continue
		}
		for from := 0; from < len(group); {
			to := from
			for to < len(group) && group[to].who == group[from].who {
				to++
			}
			most, from = max(most, to-from), to
		}
	}
	return most
}

// unused notes the options that no matcher makes use of.
func (p *Plan) unused(o *indexOptions, ix *Index) {
	called := func(name string) bool {
		for _, a := range ix.model["m"] {
			if hasEval(a.Value) || strings.Contains(a.Value, name+"(") || strings.Contains(a.Value, name+" (") {
				return true
			}
		}
		return false
	}
	for name := range o.functions {
		if !called(name) {
			p.note("%s: no matcher calls this function", name)
		}
	}
	for _, given := range []map[string]rbac.MatchingFunc{o.matching, o.domainMatching} {
		for name := range given {
			if !called(name) {
				p.note("%s: no matcher asks it, its matching function has no effect", name)
			}
		}
	}
	slices.Sort(p.Notes)
}
