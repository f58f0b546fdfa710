package lookup

import (
	"cmp"
	"slices"
)

// Edge is one link: a name has a role in a domain.
type Edge struct{ Domain, Name, Role uint32 }

// closer computes closures over links.
type closer struct {
	closures *Closures
	depth    int
	edges    []Edge
	out, in  edgesBy  // name, role
	mark     []uint32 // by name: the last walk that met it
	walk     uint32
	single   []span // by role: the list of that role alone, empty where there is none
	interned map[string]span
	spans    []domainSpan // what is computed
}

// domainSpan is the roles of a name in a domain.
type domainSpan struct {
	scope, name uint32
	span
}

func (g *closer) close(names int) bool {
	if byDomain := func(a, b Edge) int { return cmp.Compare(a.Domain, b.Domain) }; !slices.IsSortedFunc(g.edges, byDomain) {
		slices.SortFunc(g.edges, byDomain)
	}
	g.out = newEdgesBy(g.edges, names, func(e Edge) uint32 { return e.Name })
	g.in = newEdgesBy(g.edges, names, func(e Edge) uint32 { return e.Role })
	g.mark, g.single = make([]uint32, names+1), make([]span, names+1)
	g.interned = map[string]span{}
	var buffer, touched []uint32
	for i := 0; i < len(g.edges); {
		scope := g.edges[i].Domain
		// The names that are granted something here, and those that have them, to any distance.
		g.walk++
		touched = touched[:0]
		for ; i < len(g.edges) && g.edges[i].Domain == scope; i++ {
			touched = g.meet(touched, g.edges[i].Name)
		}
		for j := 0; j < len(touched); j++ {
			for p := scope; p != nowhere; p = g.closures.above[p] {
				for _, e := range g.in.of(touched[j], p) {
					touched = g.meet(touched, e.Name)
				}
			}
		}
		for _, name := range touched {
			buffer = g.expand(buffer[:0], scope, name)
			slices.Sort(buffer)
			g.spans = append(g.spans, domainSpan{scope, name, g.store(buffer)})
			if len(g.closures.roles) > MaxRoles {
				return false
			}
		}
	}
	return true
}

// edgesBy are edges by a number that each has, and those of one number by domain.
type edgesBy struct {
	from []uint32 // by number: where its edges begin in list, and those of the next
	list []Edge
}

// newEdgesBy takes edges sorted by domain. Each number is at most most.
func newEdgesBy(edges []Edge, most int, number func(Edge) uint32) edgesBy {
	b := edgesBy{make([]uint32, most+3), make([]Edge, len(edges))}
	for _, e := range edges {
		b.from[number(e)+2]++
	}
	for i := 2; i < len(b.from); i++ {
		b.from[i] += b.from[i-1]
	}
	for _, e := range edges { // which moves the beginning of each to its end
		at := &b.from[number(e)+1]
		b.list[*at] = e
		*at++
	}
	return b
}

// of returns the edges of a number in a domain.
func (b *edgesBy) of(number, domain uint32) []Edge {
	list := b.list[b.from[number]:b.from[number+1]]
	if len(list) > 8 {
		from, _ := slices.BinarySearchFunc(list, domain, func(e Edge, domain uint32) int { return cmp.Compare(e.Domain, domain) })
		list = list[from:]
	}
	for len(list) > 0 && list[0].Domain < domain {
		list = list[1:]
	}
	if len(list) > 8 {
		to, _ := slices.BinarySearchFunc(list, uint64(domain)+1, func(e Edge, domain uint64) int { return cmp.Compare(uint64(e.Domain), domain) })
		return list[:to]
	}
	to := 0
	for to < len(list) && list[to].Domain == domain {
		to++
	}
	return list[:to]
}

func (g *closer) meet(list []uint32, name uint32) []uint32 {
	if g.mark[name] == g.walk {
		return list
	}
	g.mark[name] = g.walk
	return append(list, name)
}

// expand appends what a name has by at most depth links.
func (g *closer) expand(list []uint32, scope, name uint32) []uint32 {
	g.walk++
	g.mark[name] = g.walk
	list = append(list, name)
	for level, from := 0, 0; level < g.depth && from < len(list); level++ {
		to := len(list)
		for ; from < to; from++ {
			for p := scope; p != nowhere; p = g.closures.above[p] {
				for _, e := range g.out.of(list[from], p) {
					list = g.meet(list, e.Role)
				}
			}
		}
	}
	return append(list[:0], list[1:]...)
}

// store keeps a sorted list of roles, each distinct list once.
func (g *closer) store(list []uint32) span {
	if len(list) == 1 {
		s := &g.single[list[0]]
		if s.to == 0 {
			*s = g.append(list)
		}
		return *s
	}
	key := make([]byte, 0, 64)
	for _, id := range list {
		key = append(key, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
	}
	if s, ok := g.interned[string(key)]; ok {
		return s
	}
	s := g.append(list)
	g.interned[string(key)] = s
	return s
}

func (g *closer) append(list []uint32) span {
	s := span{from: uint32(len(g.closures.roles))}
	g.closures.roles = append(g.closures.roles, list...)
	s.to = uint32(len(g.closures.roles))
	return s
}
