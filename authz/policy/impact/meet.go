package impact

import (
	"maps"
	"slices"
)

// Meets reports whether a request may be in both cells, of which c is an answer about the policy
// that o was compared with: false is certain, and true may be wrong, since conditions are not
// weighed. It tells which of the requests that are allowed were denied before.
func (c Cell) Meets(o Cell) bool {
	return c.Tenants.meets(o.Tenants) && c.Actions.meets(o.Actions) && c.Object.meets(o.Object) && c.meetsCallers(o)
}

func (s Set) meets(o Set) bool {
	switch {
	case s.Others && o.Others:
		return true
	case s.Others:
		s, o = o, s
	}
	return slices.ContainsFunc(s.Names, o.Has)
}

func (p Pattern) meets(o Pattern) bool {
	inner := p.of
	switch {
	case p.of.covers(o.of):
		inner = o.of
	case !o.of.covers(p.of):
		return false
	}
	gone := func(t target) bool { return t.covers(inner) }
	return !slices.ContainsFunc(p.except, gone) && !slices.ContainsFunc(o.except, gone)
}

// meetsCallers reports whether somebody may be a caller of both cells. The names that a caller has
// for o, by the g rows that both of its policies have, are some of those that they have for c.
func (c Cell) meetsCallers(o Cell) bool {
	a, b := c.Who, o.Who
	if a.Callers == Anonymous && b.Callers == SignedIn || a.Callers == SignedIn && b.Callers == Anonymous {
		return false
	}
	within := func(list, none []string) bool {
		return len(list) > 0 && !slices.ContainsFunc(list, func(n string) bool { return !slices.Contains(none, n) })
	}
	for _, list := range b.Any {
		if within(list, a.None) {
			return false
		}
	}
	// A name that c knows of a caller need not be known for o when it follows from a changed row.
	certain := b.None
	if o.pair != nil && len(certain) > 0 && len(o.pair.turned) > 0 {
		reached := o.pair.reachedAnywhere()
		certain = slices.DeleteFunc(slices.Clone(certain), func(n string) bool { return reached[n] })
	}
	for _, list := range a.Any {
		if within(list, certain) {
			return false
		}
	}
	return true
}

// reachedAnywhere returns the roles that somebody has in some tenant by a g row of one policy alone.
func (p *pair) reachedAnywhere() map[string]bool {
	tenants := map[string]bool{"": true}
	for _, of := range p.sides {
		if of != nil {
			maps.Copy(tenants, of.tenants)
		}
	}
	delete(tenants, everything)
	all := map[string]bool{}
	for t := range tenants {
		_, reached := p.turnedIn(t)
		maps.Copy(all, reached)
	}
	return all
}
