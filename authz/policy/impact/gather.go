package impact

import (
	"cmp"
	"slices"
	"strings"
)

// guardsOf returns where callers are decided differently: wider and narrower.
func guardsOf(c cube) []guard {
	if c.open {
		return []guard{{open: true, wider: true}}
	}
	var list []guard
	if !c.new.denies() && !(c.old.always && len(c.old.deny) == 0) {
		list = append(list, guard{denies: c.old, allows: c.new, wider: true})
	}
	if !c.old.denies() && !(c.new.always && len(c.new.deny) == 0) {
		list = append(list, guard{denies: c.new, allows: c.old})
	}
	return list
}

func keyOf(w Who, g guard) string { return w.String() + "|" + g.key() }

// gather makes cells of parts: those of tenants that are alike are one, and those that cannot be
// are none.
func (p *pair) gather(parts []part, named []string, others bool) []Cell {
	byKey := map[string]int{}
	var joined []part
	for _, x := range parts {
		slices.SortFunc(x.object.except, func(a, b target) int { return cmp.Compare(a.text, b.text) })
		x.object = x.object.named()
		key := x.key + "|" + x.actions.String() + "|" + x.object.String()
		i, there := byKey[key]
		if !there {
			byKey[key] = len(joined)
			joined = append(joined, x)
			continue
		}
		joined[i].tenants = append(joined[i].tenants, x.tenants...)
		joined[i].members = append(joined[i].members, x.members...)
	}
	var cells []Cell
	for _, x := range joined {
		c := Cell{Direction: Narrower, Who: x.cube.callers, Actions: x.actions, Object: x.object, When: x.g.text(p), guard: x.g, pair: p}
		if x.g.wider {
			c.Direction = Wider
		}
		c.Tenants = Set{Names: slices.Sorted(slices.Values(x.tenants))}
		if slices.Contains(x.tenants, "") {
			c.Tenants = Set{Others: true, Names: slices.DeleteFunc(slices.Clone(named), func(n string) bool { return slices.Contains(x.tenants, n) })}
		}
		switch p.resolve(&c, x) {
		case never:
			continue
		case maybe:
			c.May = true
			if x.g.open {
				c.When = "too many conditions to tell"
			}
		}
		cells = append(cells, c)
	}
	sortCells(cells)
	p.closures = nil // several goroutines may ask cells, which remember nothing more
	return cells
}

// resolve finds a witness in a part.
func (p *pair) resolve(c *Cell, x part) verdict {
	result := never
	for _, m := range x.members {
		r, got := p.witness(x.cube.callers, x.g, m)
		if got == found {
			c.Witness = r
			return found
		}
		result = max(result, got)
	}
	return result
}

func (p Pattern) named() Pattern {
	p.Of, p.Except = p.of.String(), nil
	for _, t := range p.except {
		p.Except = append(p.Except, t.String())
	}
	return p
}

func sortCells(cells []Cell) {
	breadth := func(c Cell) int {
		n := 0
		if c.Who.Callers == Everyone {
			n -= 8
		}
		if len(c.Who.Any) == 0 {
			n -= 4
		}
		if c.Tenants.Others {
			n -= 2
		}
		if strings.HasSuffix(c.Object.Of, everything) {
			n--
		}
		return n
	}
	slices.SortStableFunc(cells, func(a, b Cell) int {
		if c := cmp.Or(cmp.Compare(a.Direction, b.Direction), cmp.Compare(breadth(a), breadth(b)), cmp.Compare(a.Object.Of, b.Object.Of)); c != 0 {
			return c
		}
		return cmp.Compare(a.String(), b.String())
	})
}

// query narrows what is looked at.
type query struct {
	targets []target
	action  string // "" is all
	matches func(*cube) bool
}
