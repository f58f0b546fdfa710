package casbinindex

import (
	"fmt"
	"slices"
	"sync"

	"github.com/casbin/casbin/v2/rbac"

	"github.com/reevehq/reeve/internal/lookup"
)

// maxMatches bounds how often the names of a section match each other, 4 bytes each.
const maxMatches = 16 << 20

// roleGraph follows the links of a g section at each decision, as Casbin's role managers do
// that match names or domains as patterns. It never changes: where Casbin adds the names of
// a request to its own for a while, and matches them in both directions, a roleGraph matches
// a name of the request with patterns of the policy, and keeps nothing.
type roleGraph struct {
	depth   int
	domains *domainTable
	names   []uint32          // numbers of the names in the rows
	local   map[uint32]uint32 // their positions in names
	links   [][]roleLink      // by name

	match   rbac.MatchingFunc // nil where names are no patterns; then so are the rest
	holders *nameMatcher      // of the names that have links
	owner   []uint32          // by pattern of holders: the name
	granted *nameMatcher      // of the names that are roles
	role    []uint32          // by pattern of granted: the name
	covered [][]uint32        // by name: the names with links that it matches
	members [][]uint32        // by role: the names that match it
	seats   [][]uint32        // by name: the domains of its rows, sorted

	walks sync.Pool
}

type roleLink struct{ domain, role uint32 }

// newRoleGraph links rows. It panics when the service's function does.
func newRoleGraph(name string, rows [][]string, s *roleSection, match, domain rbac.MatchingFunc, t *lookup.Symbols) (*roleGraph, error) {
	doms, at, err := newDomainTable(name, rows, s.domains, domain, t)
	if err != nil {
		return nil, err
	}
	g := &roleGraph{depth: s.depth, domains: doms, local: map[uint32]uint32{}, match: match}
	var names []string
	number := func(text string, dom uint32) uint32 {
		id := t.Find(text)
		n, ok := g.local[id]
		if !ok {
			n = uint32(len(g.names))
			g.local[id] = n
			g.names, g.links, g.seats = append(g.names, id), append(g.links, nil), append(g.seats, nil)
			names = append(names, text)
		}
		if match != nil {
			g.seats[n] = append(g.seats[n], dom)
		}
		return n
	}
	for i, row := range rows {
		member, role := number(row[0], at[i]), number(row[1], at[i])
		g.links[member] = append(g.links[member], roleLink{at[i], role})
	}
	if match == nil {
		return g, nil
	}
	for n, seats := range g.seats {
		slices.Sort(seats)
		g.seats[n] = slices.Compact(seats)
	}
	return g, g.matchNames(name, names)
}

// matchNames matches the names of the rows with each other.
func (g *roleGraph) matchNames(section string, names []string) (err error) {
	isRole := make([]bool, len(names))
	for _, links := range g.links {
		for _, l := range links {
			isRole[l.role] = true
		}
	}
	var holders, granted []string
	for n, text := range names {
		if len(g.links[n]) > 0 {
			holders, g.owner = append(holders, text), append(g.owner, uint32(n))
		}
		if isRole[n] {
			granted, g.role = append(granted, text), append(g.role, uint32(n))
		}
	}
	if g.holders, err = newNameMatcher(g.match, holders); err == nil {
		g.granted, err = newNameMatcher(g.match, granted)
	}
	if err != nil {
		return fmt.Errorf("%w: %s: the name %w", ErrInvalid, section, err)
	}
	g.covered, g.members = make([][]uint32, len(names)), make([][]uint32, len(names))
	var found []uint32
	count := 0
	for n, text := range names {
		found = g.holders.find(found[:0], text)
		for _, i := range found {
			if g.owner[i] != uint32(n) {
				g.covered[n] = append(g.covered[n], g.owner[i])
			}
		}
		count += len(found)
		found = g.granted.find(found[:0], text)
		for _, i := range found {
			if r := g.role[i]; r != uint32(n) {
				g.members[r] = append(g.members[r], uint32(n))
			}
		}
		if count += len(found); count > maxMatches {
			return fmt.Errorf("%w: %s: its names match each other more than %d times", ErrInvalid, section, maxMatches)
		}
	}
	return nil
}

// roleTargets are the names that a matcher asks g for, where names are patterns.
type roleTargets struct {
	graph   *roleGraph
	numbers []uint32            // by target; of those that no rule holds, numbers beyond all others
	beyond  map[string]uint32   // these
	is      map[uint32]struct{} // numbers
	match   *nameMatcher
	covered [][]uint32 // by name of the graph: the targets that it matches
	members [][]uint32 // by role of the graph: the targets that match it
}

// newRoleTargets compiles the names, each of which is there once.
func newRoleTargets(g *roleGraph, section string, names []string, t *lookup.Symbols) (*roleTargets, error) {
	r := &roleTargets{
		graph: g, beyond: map[string]uint32{}, is: map[uint32]struct{}{},
		covered: make([][]uint32, len(g.names)), members: make([][]uint32, len(g.names)),
	}
	for _, name := range names {
		id := t.Find(name)
		if id == 0 {
			id = uint32(t.Numbers() + len(r.beyond))
			r.beyond[name] = id
		}
		r.is[id] = struct{}{}
		r.numbers = append(r.numbers, id)
	}
	var err error
	if r.match, err = newNameMatcher(g.match, names); err != nil {
		return nil, fmt.Errorf("%w: %s: the name %w", ErrInvalid, section, err)
	}
	var found []uint32
	count := 0
	for n, id := range g.names {
		found = r.match.find(found[:0], t.Text(id))
		for _, i := range found {
			r.covered[n] = append(r.covered[n], r.numbers[i])
		}
		count += len(found)
	}
	for i, name := range names {
		found = g.granted.find(found[:0], name)
		for _, j := range found {
			r.members[g.role[j]] = append(r.members[g.role[j]], r.numbers[i])
		}
		if count += len(found); count > maxMatches {
			return nil, fmt.Errorf("%w: %s: its names match the rules more than %d times", ErrInvalid, section, maxMatches)
		}
	}
	return r, nil
}

// number returns the number of a target, and false for a text that is none.
func (r *roleTargets) number(name string, t *lookup.Symbols) (uint32, bool) {
	id := t.Find(name)
	if id == 0 {
		id = r.beyond[name]
	}
	_, is := r.is[id]
	return id, is
}
