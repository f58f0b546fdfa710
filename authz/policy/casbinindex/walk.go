package casbinindex

import (
	"fmt"
	"slices"
)

// roleWalk finds what one name has in one domain. Between decisions it is room for the next
// one, and holds nothing of a request.
type roleWalk struct {
	graph   *roleGraph
	section int
	name    string
	domain  string
	has     []uint32 // numbers, sorted
	err     error    // the service's function panicked

	visited, seat []uint32 // by name, by domain: the last walk that visited it
	turn          uint32
	queue         []uint32
	domains       []uint32
	found         []uint32
}

// walk follows the links of a name. The targets are nil where names are no patterns.
func (g *roleGraph) walk(targets *roleTargets, name string, id uint32, domain string, domainID uint32) *roleWalk {
	w, _ := g.walks.Get().(*roleWalk)
	if w == nil {
		w = &roleWalk{graph: g, visited: make([]uint32, len(g.names)), seat: make([]uint32, max(len(g.domains.counts), 1))}
	}
	w.name, w.domain, w.has, w.queue, w.domains = name, domain, w.has[:0], w.queue[:0], w.domains[:0]
	if w.turn++; w.turn == 0 {
		clear(w.visited)
		clear(w.seat)
		w.turn = 1
	}
	w.follow(targets, id, domainID)
	return w
}

// free gives the room back.
func (w *roleWalk) free() {
	w.name, w.domain, w.err = "", "", nil
	w.graph.walks.Put(w)
}

// follow goes as far as Casbin: depth links from the name.
func (w *roleWalk) follow(targets *roleTargets, id, domainID uint32) {
	g := w.graph
	defer func() {
		if r := recover(); r != nil {
			w.err = fmt.Errorf("a matching function panics on it")
		}
	}()
	w.domains = g.domains.in(w.domains, w.domain, domainID)
	for _, dom := range w.domains {
		w.seat[dom] = w.turn
	}
	n, known := g.local[id]
	switch {
	case known && id != 0:
		w.meet(n)
	case g.match == nil:
		return
	default:
		w.start(targets)
	}
	for level, from := 0, 0; from < len(w.queue); level++ {
		if level == 0 && !known {
			level = 1 // what it matches is a link away
		}
		for to := len(w.queue); from < to; from++ {
			w.step(targets, w.queue[from], level < g.depth)
		}
	}
	for _, n := range w.queue {
		w.has = append(w.has, g.names[n])
	}
	slices.Sort(w.has)
	w.has = slices.Compact(w.has)
}

// start begins with a name that is in no row: it has what the patterns that it matches have.
func (w *roleWalk) start(targets *roleTargets) {
	g := w.graph
	w.found = targets.match.find(w.found[:0], w.name)
	for _, i := range w.found {
		w.has = append(w.has, targets.numbers[i])
	}
	if g.depth < 1 {
		return
	}
	w.found = g.holders.find(w.found[:0], w.name)
	for _, i := range w.found {
		w.through(g.owner[i])
	}
}

// step notes what a name matches, and goes on to what it has when there are links left.
func (w *roleWalk) step(targets *roleTargets, n uint32, more bool) {
	g := w.graph
	if targets != nil {
		w.has = append(w.has, targets.covered[n]...)
	}
	if !more {
		return
	}
	for _, l := range g.links[n] {
		if w.seat[l.domain] != w.turn {
			continue
		}
		w.meet(l.role)
		if targets == nil {
			continue
		}
		w.has = append(w.has, targets.members[l.role]...)
		for _, member := range g.members[l.role] {
			if w.seated(member) {
				w.meet(member)
			}
		}
	}
	if targets != nil {
		for _, pattern := range g.covered[n] {
			w.through(pattern)
		}
	}
}

// through meets the roles that a pattern has.
func (w *roleWalk) through(pattern uint32) {
	for _, l := range w.graph.links[pattern] {
		if w.seat[l.domain] == w.turn {
			w.meet(l.role)
		}
	}
}

func (w *roleWalk) meet(n uint32) {
	if w.visited[n] != w.turn {
		w.visited[n] = w.turn
		w.queue = append(w.queue, n)
	}
}

// seated reports whether a row that counts names n.
func (w *roleWalk) seated(n uint32) bool {
	for _, dom := range w.domains {
		if _, found := slices.BinarySearch(w.graph.seats[n], dom); found {
			return true
		}
	}
	return false
}

// holds reports whether the name has the role of a number.
func (w *roleWalk) holds(role uint32) bool {
	_, found := slices.BinarySearch(w.has, role)
	return found
}
