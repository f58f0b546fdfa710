package impact

import (
	"cmp"
	"maps"
	"slices"

	"github.com/reevehq/reeve/authz/policy"
)

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
		for _, at := range p.scopes(tenant) {
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
func (p *pair) differ(tenant string, ask *query) []part {
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
func (p *pair) look(tenant string, n *node, turned []string, reached map[string]bool, ask *query) []part {
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
			if ask != nil && ask.matches != nil && !ask.matches(&c) {
				continue
			}
			for _, g := range guardsOf(c) {
				key := keyOf(c.callers, g)
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
