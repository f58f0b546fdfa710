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
	out, in  map[uint64]span // by scope and name: where its links stand in edges, in back
	back     []Edge
	mark     []uint32 // by name: the last walk that met it
	walk     uint32
	interned map[string]span
	spans    map[uint64]span // by scope and name, what is computed
}

func scope64(scope, name uint32) uint64 { return uint64(scope)<<32 | uint64(name) }

func (g *closer) close(names int) bool {
	g.back = slices.Clone(g.edges)
	slices.SortFunc(g.edges, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Role, b.Role))
	})
	slices.SortFunc(g.back, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Role, b.Role), cmp.Compare(a.Name, b.Name))
	})
	g.out = ranges(g.edges, func(e Edge) uint32 { return e.Name })
	g.in = ranges(g.back, func(e Edge) uint32 { return e.Role })
	g.mark = make([]uint32, names+1)
	g.interned, g.spans = map[string]span{}, map[uint64]span{}
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
				s := g.in[scope64(p, touched[j])]
				for _, e := range g.back[s.from:s.to] {
					touched = g.meet(touched, e.Name)
				}
			}
		}
		for _, name := range touched {
			buffer = g.expand(buffer[:0], scope, name)
			slices.Sort(buffer)
			g.spans[scope64(scope, name)] = g.store(buffer)
			if len(g.closures.roles) > MaxRoles {
				return false
			}
		}
	}
	return true
}

func ranges(edges []Edge, key func(Edge) uint32) map[uint64]span {
	out := make(map[uint64]span, len(edges))
	for i := 0; i < len(edges); {
		from, k := i, scope64(edges[i].Domain, key(edges[i]))
		for i < len(edges) && scope64(edges[i].Domain, key(edges[i])) == k {
			i++
		}
		out[k] = span{uint32(from), uint32(i)}
	}
	return out
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
				s := g.out[scope64(p, list[from])]
				for _, e := range g.edges[s.from:s.to] {
					list = g.meet(list, e.Role)
				}
			}
		}
	}
	return append(list[:0], list[1:]...)
}

// store keeps a sorted list of roles, each distinct list once.
func (g *closer) store(list []uint32) span {
	key := make([]byte, 0, 64)
	for _, id := range list {
		key = append(key, byte(id), byte(id>>8), byte(id>>16), byte(id>>24))
	}
	if s, ok := g.interned[string(key)]; ok {
		return s
	}
	s := span{from: uint32(len(g.closures.roles))}
	g.closures.roles = append(g.closures.roles, list...)
	s.to = uint32(len(g.closures.roles))
	g.interned[string(key)] = s
	return s
}
