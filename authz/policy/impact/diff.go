package impact

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
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
		p.owns(func(name string, at *place) {
			set[name] = set[name] || at.meets(touched)
		})
		if turned, reached := p.turnedIn(""); len(turned) > 0 {
			reach := map[string]bool{}
			for _, n := range turned {
				for _, s := range [...]side{before, after} {
					for _, name := range p.closure("", n, s) {
						reach[name] = true
					}
				}
			}
			for _, of := range p.sides {
				for here := range of.granted {
					if here.tenant != everything && reach[here.name] {
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
	}
	maps.DeleteFunc(set, func(_ string, is bool) bool { return !is })
	return slices.Sorted(maps.Keys(set)), others
}

// owns visits the places of single tenants.
func (p *pair) owns(visit func(name string, at *place)) {
	for _, of := range p.sides {
		for name, at := range of.places {
			if name != everything {
				visit(name, at)
			}
		}
	}
}

// meets reports whether some rule of the place covers a name of some target.
func (at *place) meets(targets []target) bool {
	for _, t := range targets {
		for u := range t.above {
			if at.rules[u] != nil {
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

// part is a piece of a cell: in one tenant, about the objects of one node.
type part struct {
	key     string
	cube    cube
	g       guard
	actions Set
	object  Pattern
	members []member
	tenants []string
}

// node is the objects that a target covers and no target below it.
type node struct {
	at     target
	except []target
	parent target
}

// nodes returns the objects within some targets, told apart by all rules for a tenant.
func (p *pair) nodes(tenant string, touched []target) []node {
	set := map[target]bool{}
	for _, t := range minimal(touched) {
		if t.kind == targetAll {
			set[allRoutes] = true
			for typ := range p.types {
				set[target{targetType, typ}] = true
			}
		} else {
			set[t] = true
		}
		for _, at := range p.places(tenant) {
			at.within(t, func(u target) { set[u] = true })
		}
	}
	index := map[target]int{}
	var list []node
	for _, t := range slices.SortedFunc(maps.Keys(set), func(a, b target) int {
		return cmp.Or(cmp.Compare(a.text, b.text), cmp.Compare(a.kind, b.kind))
	}) {
		index[t] = len(list)
		list = append(list, node{at: t})
	}
	for i := range list {
		for u := range list[i].at.above {
			if j, there := index[u]; there && j != i {
				list[j].except = append(list[j].except, list[i].at)
				list[i].parent = u
				break
			}
		}
	}
	return list
}

// differ returns what differs in a tenant, "" for one that no row names. ask narrows it.
func (p *pair) differ(tenant string, ask *question) []part {
	turned, reached := p.turnedIn(tenant)
	var touched []target
	if ask != nil {
		touched = ask.targets
	} else {
		touched = p.touched(tenant, reached)
	}
	var parts []part
	at := map[target][]int{} // of parts, by node
	nodes := p.nodes(tenant, touched)
	for i := range nodes {
		n := &nodes[i]
		from := len(parts)
		parts = append(parts, p.look(tenant, n, turned, reached, ask)...)
		for j := from; j < len(parts); j++ {
			at[n.at] = append(at[n.at], j)
		}
	}
	return p.lift(parts, nodes, at)
}

// lift joins what is alike of a node and the node above it, the lowest first.
func (p *pair) lift(parts []part, nodes []node, at map[target][]int) []part {
	gone := make([]bool, len(parts))
	order := slices.Clone(nodes)
	slices.SortStableFunc(order, func(a, b node) int { return cmp.Compare(len(b.at.text), len(a.at.text)) })
	for _, n := range order {
		if n.parent.kind == 0 {
			continue
		}
		for _, i := range at[n.at] {
			for _, j := range at[n.parent] {
				a, b := &parts[i], &parts[j]
				if gone[i] || a.key != b.key || a.actions.String() != b.actions.String() {
					continue
				}
				gone[i] = true
				b.object.except = slices.DeleteFunc(slices.Clone(b.object.except), func(t target) bool { return t == n.at })
				b.object.except = append(b.object.except, a.object.except...)
				b.members = append(b.members, a.members...)
			}
		}
	}
	var out []part
	for i := range parts {
		if !gone[i] {
			out = append(out, parts[i])
		}
	}
	return out
}

// look returns what differs about the objects of a node.
func (p *pair) look(tenant string, n *node, turned []string, reached map[string]bool, ask *question) []part {
	var rules []pairRule
	for t := range n.at.above {
		rules = p.rulesAt(rules, tenant, t)
	}
	known := both
	if typ := n.at.typ(); typ != "" {
		known = p.types[typ]
	}
	fits := func(action string) bool { return policy.IsMethod(action) == n.at.isRoute() }
	named, wanted := map[string]bool{}, map[string]bool{}
	for _, r := range rules {
		if r.act != everything && !fits(r.act) {
			continue
		}
		named[r.act] = true
		if r.in != both || reached[r.sub] || known != both || ask != nil {
			wanted[r.act] = true
		}
	}
	delete(named, everything)
	if ask != nil {
		if ask.action != "" {
			if !fits(ask.action) {
				return nil
			}
			wanted = map[string]bool{ask.action: true}
			named[ask.action] = true
		} else if p.inverse {
			wanted[everything] = true
		}
	}
	var actions []string
	if wanted[everything] {
		actions = append(slices.Sorted(maps.Keys(named)), "")
	} else {
		actions = slices.Sorted(maps.Keys(wanted))
	}
	var parts []part
	byKey := map[string]int{}
	for _, action := range actions {
		var about []pairRule
		for _, r := range rules {
			if r.act == everything || r.act == action {
				about = append(about, r)
			}
		}
		for _, c := range p.expand(tenant, about, turned, known) {
			if ask != nil && ask.who != nil && !ask.who(&c) {
				continue
			}
			for _, g := range guardsOf(c) {
				key := keyOf(c.who, g)
				i, there := byKey[key]
				if !there {
					i = len(parts)
					byKey[key] = i
					parts = append(parts, part{key: key, cube: c, g: g, object: Pattern{of: n.at, except: n.except}, tenants: []string{tenant}})
				}
				parts[i].actions.Names = append(parts[i].actions.Names, action)
				parts[i].members = append(parts[i].members, member{tenant, action, Pattern{of: n.at, except: n.except}})
			}
		}
	}
	for i := range parts {
		s := &parts[i].actions
		if slices.Contains(s.Names, "") { // what is not named, and all that is but a few
			names := slices.DeleteFunc(slices.Clone(actions), func(a string) bool { return slices.Contains(s.Names, a) })
			*s = Set{Names: names, Others: true}
		}
	}
	return parts
}

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
		c := Cell{Direction: Narrower, Who: x.cube.who, Actions: x.actions, Object: x.object, When: x.g.text(p), guard: x.g, pair: p}
		if x.g.wider {
			c.Direction = Wider
		}
		c.Tenants = Set{Names: slices.Sorted(slices.Values(x.tenants))}
		if slices.Contains(x.tenants, "") {
			c.Tenants = Set{Others: true, Names: slices.DeleteFunc(slices.Clone(named), func(n string) bool { return slices.Contains(x.tenants, n) })}
		}
		switch p.settle(&c, x) {
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
	return cells
}

// settle finds a witness in a part.
func (p *pair) settle(c *Cell, x part) verdict {
	result := never
	for _, m := range x.members {
		r, got := p.witness(x.cube.who, x.g, m)
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
		return cmp.Or(cmp.Compare(a.Direction, b.Direction), cmp.Compare(breadth(a), breadth(b)), cmp.Compare(a.Object.Of, b.Object.Of), cmp.Compare(a.String(), b.String()))
	})
}

// question narrows what is looked at.
type question struct {
	targets []target
	action  string // "" is all
	who     func(*cube) bool
}
