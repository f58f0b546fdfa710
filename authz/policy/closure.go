package policy

import (
	"slices"
	"strings"
)

// link is a grant between numbered names.
type link struct {
	to int32
	at *grant
}

// links are the grants of one tenant, or those of all tenants.
type links struct {
	from []int32 // who is granted something, in the order of the files
	out  map[int32][]link
	in   map[int32][]int32 // who has a role
}

func newLinks() *links {
	return &links{out: map[int32][]link{}, in: map[int32][]int32{}}
}

func (l *links) add(n *names, g *grant) {
	who, role := n.id(g.who), n.id(g.role)
	l.from = append(l.from, who)
	l.out[who] = append(l.out[who], link{role, g})
	l.in[role] = append(l.in[role], who)
}

// reach is what a name has: itself and every role it is granted, near or far.
type reach struct {
	ids   []int32 // sorted
	depth int     // links to the farthest, by the longest way
}

// closure computes reaches. The grants of one tenant are followed on top of those of all.
type closure struct {
	own, shared *links
	above       map[int32]reach // by the shared grants alone
	touched     map[int32]bool  // names whose reach own changes
	active      map[int32]bool  // names on the way here
	done        map[int32]reach
	p           *problems
}

// closeOver returns the reach of every name whose reach own changes; for the others, above
// holds. Cycles and chains longer than Casbin follows are problems.
func closeOver(own, shared *links, above map[int32]reach, p *problems) map[int32]reach {
	c := closure{
		own: own, shared: shared, above: above, p: p,
		touched: map[int32]bool{}, active: map[int32]bool{}, done: map[int32]reach{},
	}
	// Whoever is granted something, and whoever has them, to any distance.
	todo := slices.Clone(own.from)
	for i := 0; i < len(todo); i++ {
		if c.touched[todo[i]] {
			continue
		}
		c.touched[todo[i]] = true
		todo = append(append(todo, own.in[todo[i]]...), shared.in[todo[i]]...)
	}
	for _, id := range todo {
		c.visit(id, 0)
	}
	return c.done
}

// visit computes the reach of id, level links below where the search began.
func (c *closure) visit(id int32, level int) reach {
	if r, ok := c.done[id]; ok {
		return r
	}
	if !c.touched[id] {
		if r, ok := c.above[id]; ok {
			return r
		}
		return reach{ids: []int32{id}}
	}
	c.active[id] = true
	defer delete(c.active, id)
	r := reach{ids: []int32{id}}
	for _, l := range append(slices.Clone(c.own.out[id]), c.shared.out[id]...) {
		if c.active[l.to] {
			c.p.add(l.at.file, l.at.line, l.at.col, "a role cycle: %s has %s, which has it already", l.at.who, l.at.role)
			continue
		}
		limit := maxDepth
		if strings.HasPrefix(l.at.who, "role:") {
			limit-- // a session may grant the role, which is a link too
		}
		if level > maxDepth {
			continue // the chain is reported on the way back
		}
		next := c.visit(l.to, level+1)
		r.ids = append(r.ids, next.ids...)
		r.depth = max(r.depth, next.depth+1)
		if next.depth+1 == limit+1 {
			c.p.add(l.at.file, l.at.line, l.at.col, "a role chain of more than %d links, which Casbin does not follow", maxDepth)
		}
	}
	slices.Sort(r.ids)
	r.ids = slices.Clip(slices.Compact(r.ids))
	c.done[id] = r
	return r
}
