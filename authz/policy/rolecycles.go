package policy

import (
	"cmp"
	"fmt"
	"slices"
	"sort"

	"github.com/reevehq/reeve/tenant"
)

// roleCycles finds the cycles of roles, and the chains that are longer than Casbin follows, in
// one domain at a time. The links of a tenant are followed on top of those of all.
type roleCycles struct {
	names  *names
	files  []string
	links  []link // sorted
	p      *problems
	shared reversed
	own    reversed
	domain uint32
	active map[uint32]bool // names on the way here
	path   []link          // the links of it
	depth  map[uint32]int  // of the names that are done
}

// reversed are the names that have each role.
type reversed map[uint32][]uint32

// checkRoleCycles reports what is wrong with the links of every domain. A mistake in the domain of a
// tenant with a file of its own is about that tenant, whichever file its last link is in.
func checkRoleCycles(n *names, files []string, links []link, own map[string]tenant.ID, p *problems) {
	c := roleCycles{names: n, files: files, links: links, p: p}
	for from := 0; from < len(links); {
		domain := links[from].domain
		here := linksIn(links[from:], domain)
		before := len(p.list)
		p.about = own[n.tenants.Text(domain)]
		c.check(domain, here)
		p.about = tenant.ID{}
		if domain == 0 && len(p.list) > before {
			return // every tenant would report the same again
		}
		from += len(here)
	}
}

// check walks from every name that has a role in a domain to those that have it, to any distance.
// Users stand at the beginning of chains, and theirs may be one link longer: they are looked at
// only where a role's chain is too long already.
func (c *roleCycles) check(domain uint32, links []link) {
	roles := c.ofRoles(links)
	c.domain, c.active, c.depth = domain, map[uint32]bool{}, map[uint32]int{}
	c.own = reverse(roles)
	if domain == 0 {
		c.shared = c.own
	}
	before := len(c.p.list)
	c.walk(roles)
	if len(c.p.list) == before {
		return
	}
	shared := c.shared
	c.own, c.shared = reverse(links), reverse(linksIn(c.links, 0))
	c.walk(links)
	c.shared = shared
}

// ofRoles returns the links of roles, which stand before those of users.
func (c *roleCycles) ofRoles(links []link) []link {
	return links[:sort.Search(len(links), func(i int) bool { return c.names.isUser(links[i].member) })]
}

func reverse(links []link) reversed {
	r := reversed{}
	for _, l := range links {
		r[l.role] = append(r[l.role], l.member)
	}
	return r
}

func (c *roleCycles) walk(links []link) {
	// In the order of the files, which is the order of what is reported.
	links = slices.Clone(links)
	slices.SortFunc(links, func(a, b link) int { return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line)) })
	var todo []uint32
	for _, l := range links {
		todo = append(todo, l.member)
	}
	visited := map[uint32]bool{}
	for i := 0; i < len(todo); i++ {
		if visited[todo[i]] {
			continue
		}
		visited[todo[i]] = true
		todo = append(append(todo, c.own[todo[i]]...), c.shared[todo[i]]...)
	}
	for _, id := range todo {
		c.visit(id, 0)
	}
}

// visit returns how many links it is from id to the farthest of its roles, by the longest
// way. The walk began level links before.
func (c *roleCycles) visit(id uint32, level int) int {
	if depth, done := c.depth[id]; done {
		return depth
	}
	c.active[id] = true
	defer delete(c.active, id)
	depth := 0
	out := linksOf(c.links, c.domain, id)
	if c.domain != 0 {
		out = slices.Concat(out, linksOf(c.links, 0, id))
	}
	for _, l := range out {
		if c.active[l.role] {
			through := ""
			if own := c.ownOf(l); own != l {
				own, l = l, own
				through = fmt.Sprintf(", through %s:%d", c.files[own.file], own.line)
			}
			c.bad(CodeRoleCycle, l, "a role cycle: %s has %s, which has it already%s", c.names.name(l.member), c.names.name(l.role), through)
			continue
		}
		limit := maxDepth
		if !c.names.isUser(l.member) {
			limit-- // a session may grant the role, which is a link too
		}
		if level > maxDepth {
			continue // the chain is reported on the way back
		}
		c.path = append(c.path, l)
		next := c.visit(l.role, level+1)
		c.path = c.path[:len(c.path)-1]
		depth = max(depth, next+1)
		if next == limit {
			c.bad(CodeRoleChain, l, "a role chain of more than %d links, which Casbin does not follow", maxDepth)
		}
	}
	c.depth[id] = depth
	return depth
}

// ownOf returns the link of a cycle, which last closes, that is of the domain itself: the links of
// all are no cycle, so that the author of a tenant's rows finds the mistake in them.
func (c *roleCycles) ownOf(last link) link {
	for i := len(c.path) - 1; last.domain != c.domain && i >= 0; i-- {
		if last.role == c.path[i].role {
			break // it is no part of the cycle, nor is what is before
		}
		if c.path[i].domain == c.domain {
			return c.path[i]
		}
	}
	return last
}

func (c *roleCycles) bad(code Code, l link, format string, args ...any) {
	c.p.add(code, c.files[l.file], int(l.line), int(l.col), format, args...)
}

// linksIn returns the links of a domain, when none of a domain before it stand there.
func linksIn(links []link, domain uint32) []link {
	return links[:sort.Search(len(links), func(i int) bool { return links[i].domain > domain })]
}

// linksOf returns the links of a name in a domain.
func linksOf(links []link, domain, member uint32) []link {
	at := func(domain, member uint32) uint64 { return uint64(domain)<<32 | uint64(member) }
	from := sort.Search(len(links), func(i int) bool { return at(links[i].domain, links[i].member) >= at(domain, member) })
	to := from
	for to < len(links) && at(links[to].domain, links[to].member) == at(domain, member) {
		to++
	}
	return links[from:to]
}
