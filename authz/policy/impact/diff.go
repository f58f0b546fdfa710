package impact

import (
	"errors"
	"maps"
	"slices"
)

// Report is the requests that two policies decide differently.
type Report struct {
	// Cells are all of them, each request in exactly one: first what is wider, and of that what
	// concerns most.
	Cells []Cell
}

// Wider reports whether the policy after allows anything that the one before denies, or may.
func (r Report) Wider() bool {
	return slices.ContainsFunc(r.Cells, func(c Cell) bool { return c.Direction == Wider })
}

// Diff returns the requests that two policies decide differently. A request that a policy answers
// with an error is denied by it.
func Diff(old, new *Policy) (Report, error) {
	if old == nil || new == nil {
		return Report{}, errors.New("impact: two policies are needed")
	}
	p := newPair(old, new)
	named, others := p.changedTenants()
	var parts []part
	if others {
		parts = append(parts, p.differ("", nil)...)
	}
	for _, name := range named {
		parts = append(parts, p.differ(name, nil)...)
	}
	return Report{p.gather(parts, named, others)}, nil
}

// changedTenants returns the tenants in which a decision may have changed, and whether those that
// no row names are among them. A tenant is named when rows of its own matter to what changed.
func (p *pair) changedTenants() (named []string, others bool) {
	set := map[string]bool{}
	for name := range p.changed {
		set[name] = true
	}
	for name := range p.turned {
		set[name] = true
	}
	others = set[everything]
	delete(set, everything)
	if others {
		touched := minimal(p.touched("", nil))
		p.owns(func(name string, at *scope) {
			set[name] = set[name] || at.meets(touched)
		})
		if turned, reached := p.turnedIn(""); len(turned) > 0 {
			reachable := map[string]bool{}
			for _, n := range turned {
				for _, s := range [...]side{before, after} {
					for _, name := range p.closure("", n, s) {
						reachable[name] = true
					}
				}
			}
			for _, of := range p.sides {
				for here := range of.granted {
					if here.tenant != everything && reachable[here.name] {
						set[here.tenant] = true // there a name may have other roles
					}
				}
			}
			for _, of := range p.sides {
				for name := range reached {
					for _, i := range of.subjects[name] {
						set[of.rules[i].Tenant] = true
					}
				}
			}
			delete(set, everything)
		}
		for _, of := range p.sides {
			for name := range of.ends {
				set[name] = true // there a name may have other roles for a time
			}
		}
		delete(set, everything)
	}
	maps.DeleteFunc(set, func(_ string, is bool) bool { return !is })
	return slices.Sorted(maps.Keys(set)), others
}

// owns visits the scopes of single tenants.
func (p *pair) owns(visit func(name string, at *scope)) {
	for _, of := range p.sides {
		for name, at := range of.scopes {
			if name != everything {
				visit(name, at)
			}
		}
	}
}

// meets reports whether some rule of the scope covers a name of some target.
func (at *scope) meets(targets []target) bool {
	for _, t := range targets {
		for u := range t.above {
			if at.has(u) {
				return true
			}
		}
		hit := false
		at.within(t, func(target) { hit = true })
		if hit {
			return true
		}
	}
	return false
}

// minimal returns targets without those that lie within another.
func minimal(list []target) []target {
	set := map[target]bool{}
	for _, t := range list {
		set[t] = true
	}
	var out []target
	for t := range set {
		inner := false
		for u := range t.above {
			inner = inner || u != t && set[u]
		}
		if !inner {
			out = append(out, t)
		}
	}
	return out
}

// turnedIn returns the names whose g rows in a tenant differ, and the roles that they reach.
func (p *pair) turnedIn(tenant string) (names []string, reached map[string]bool) {
	names = slices.Clone(p.turned[everything])
	if tenant != "" {
		for _, n := range p.turned[tenant] {
			if !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
	}
	reached = map[string]bool{}
	for _, n := range names {
		common := p.closure(tenant, n, both)
		for _, s := range [...]side{before, after} {
			for _, role := range p.closure(tenant, n, s) {
				if !slices.Contains(common, role) {
					reached[role] = true
				}
			}
		}
	}
	return names, reached
}

// touched returns the targets of which something changed in a tenant: of rules that differ, and of
// those for the roles reached.
func (p *pair) touched(tenant string, reached map[string]bool) []target {
	list := slices.Clone(p.changed[everything])
	if tenant != "" {
		list = append(list, p.changed[tenant]...)
	}
	if reached == nil {
		_, reached = p.turnedIn(tenant)
	}
	if len(reached) == 0 {
		return list
	}
	for _, of := range p.sides {
		for name := range reached {
			for _, i := range of.subjects[name] {
				if r := &of.rules[i]; r.Tenant == everything || r.Tenant == tenant {
					list = append(list, r.target)
				}
			}
		}
	}
	return list
}
