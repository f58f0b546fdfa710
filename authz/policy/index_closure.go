package policy

import (
	"cmp"
	"slices"
	"strings"
)

// maxClosure bounds the memory of closures: beyond, Casbin's manager is asked.
const maxClosure = 64 << 20 // roles listed, 4 bytes each

// roleClosures lists for every name that has roles all of them, near and far, by domain.
type roleClosures struct {
	domains  bool
	homes    []home         // by name
	spans    groups         // by place and name, of the names with several homes: from and to
	roles    []uint32       // each span sorted, the name itself left out
	places   []uint32       // by the number of the domain
	prefixes []domainPrefix // longest first; only with keyMatch
	above    []uint32       // by place: the place whose roles hold too, or none
}

type span struct{ from, to uint32 }

// home is the one place where a name has roles, or nowhere, or several.
type home struct {
	place uint32
	span  span
}

// domainPrefix is a domain such as t*, which covers every domain that begins alike.
type domainPrefix struct {
	text  string
	place uint32
}

const (
	nowhere = ^uint32(0)
	several = nowhere - 1
)

// of returns the roles of a name in a domain. Both are numbers; the text of the domain is
// needed where it is covered by a pattern.
func (c *roleClosures) of(domain string, domainID, name uint32) []uint32 {
	if int(name) >= len(c.homes) || c.homes[name].place == nowhere {
		return nil
	}
	h := &c.homes[name]
	for place := c.place(domain, domainID); place != nowhere; place = c.above[place] {
		if h.place == place {
			return c.roles[h.span.from:h.span.to]
		}
		if h.place != several {
			continue
		}
		if s := c.spans.find(spanKey(place, name)); s.n != 0 {
			return c.roles[s.a:s.b]
		}
	}
	return nil
}

// spanKey is under what the roles of a name with several homes are found.
func spanKey(place, name uint32) groupKey {
	at := valuesOf(place, name, 0, 0)
	return groupKey{at, at.hash()}
}

// expect has the place fetched where the roles of a name are looked up later.
func (c *roleClosures) expect(name uint32) { prefetch(c.homes, uint64(name)) }

func (c *roleClosures) place(domain string, id uint32) uint32 {
	if !c.domains {
		return 0
	}
	if id != 0 && int(id) < len(c.places) && c.places[id] != nowhere {
		return c.places[id]
	}
	return c.covering(domain)
}

// covering returns the longest pattern that covers a domain without links of its own.
func (c *roleClosures) covering(domain string) uint32 {
	for _, p := range c.prefixes {
		if strings.HasPrefix(domain, p.text) {
			return p.place
		}
	}
	return nowhere
}

// closeRoles computes the closures, or returns nil when they would be too large. With
// patterns, a domain that holds a * covers, by keyMatch, all that begin as it does up to the
// *; such coverings nest, so each place has at most one place above it.
func closeRoles(links [][]string, s *roleSection, patterns bool, t *texts) *roleClosures {
	c := &roleClosures{domains: s.domains}
	places := map[uint32]uint32{}
	g := grants{closures: c, depth: s.depth}
	if !s.domains {
		c.above = []uint32{nowhere}
	}
	byPrefix := map[string]uint32{}
	for _, l := range links {
		place := uint32(0)
		if s.domains {
			place = c.addPlace(l[2], patterns, places, byPrefix, t)
		}
		g.edges = append(g.edges, edge{place, t.find(l[0]), t.find(l[1])})
	}
	for text, place := range byPrefix {
		c.prefixes = append(c.prefixes, domainPrefix{text, place})
	}
	slices.SortFunc(c.prefixes, func(a, b domainPrefix) int {
		return cmp.Or(cmp.Compare(len(b.text), len(a.text)), cmp.Compare(a.text, b.text))
	})
	for _, p := range c.prefixes {
		for _, q := range c.prefixes {
			if len(q.text) < len(p.text) && strings.HasPrefix(p.text, q.text) {
				c.above[p.place] = q.place
				break
			}
		}
	}
	for id, place := range places {
		if text := t.text(id); !patterns || !strings.Contains(text, "*") {
			c.above[place] = c.covering(text)
		}
	}
	if !g.close(t.numbers()) {
		return nil
	}
	if s.domains {
		c.places = slices.Repeat([]uint32{nowhere}, t.numbers())
		for id, place := range places {
			c.places[id] = place
		}
	}
	c.settle(g.spans, t.numbers())
	return c
}

// closeLinks computes the closures of a policy whose links stand in numbered places, where
// those of place 0 hold in all. It returns nil when they would be too large.
func closeLinks(links []link, places, names int) *roleClosures {
	c := &roleClosures{
		domains: true, above: make([]uint32, places), places: make([]uint32, places), prefixes: []domainPrefix{{"", 0}},
	}
	c.above[0] = nowhere
	g := grants{closures: c, depth: maxDepth, edges: make([]edge, len(links))}
	for i := range c.places {
		c.places[i] = uint32(i)
	}
	for i, l := range links {
		g.edges[i] = edge{l.place, l.who, l.role}
	}
	if !g.close(names) {
		return nil
	}
	c.settle(g.spans, names)
	return c
}

// settle moves what was computed in maps to where it is found without hashing.
func (c *roleClosures) settle(spans map[uint64]span, names int) {
	c.homes = slices.Repeat([]home{{place: nowhere}}, names)
	for key, s := range spans {
		h := &c.homes[uint32(key)]
		if h.place == nowhere {
			*h = home{uint32(key >> 32), s}
			continue
		}
		h.place = several
	}
	var keys []groupKey
	var all []found
	for key, s := range spans {
		if c.homes[uint32(key)].place == several {
			keys = append(keys, spanKey(uint32(key>>32), uint32(key)))
			all = append(all, found{s.from, s.to})
		}
	}
	c.spans = newGroups(keys, all)
	onLargePages(c.homes)
	onLargePages(c.roles)
}

func (c *roleClosures) addPlace(domain string, patterns bool, places map[uint32]uint32, byPrefix map[string]uint32, t *texts) uint32 {
	id := t.find(domain)
	if place, ok := places[id]; ok {
		return place
	}
	prefix, _, pattern := strings.Cut(domain, "*")
	if place, ok := byPrefix[prefix]; ok && pattern && patterns {
		places[id] = place
		return place
	}
	place := uint32(len(c.above))
	c.above = append(c.above, nowhere)
	places[id] = place
	if pattern && patterns {
		byPrefix[prefix] = place
	}
	return place
}

// edge is one link of a place.
type edge struct{ place, who, role uint32 }

// grants computes closures over links.
type grants struct {
	closures *roleClosures
	depth    int
	edges    []edge
	out, in  map[uint64]span // by place and name: where its links stand in edges, in back
	back     []edge
	mark     []uint32 // by name: the last walk that met it
	walk     uint32
	interned map[string]span
	spans    map[uint64]span // by place and name, what is computed
}

func place64(place, name uint32) uint64 { return uint64(place)<<32 | uint64(name) }

func (g *grants) close(names int) bool {
	g.back = slices.Clone(g.edges)
	slices.SortFunc(g.edges, func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.who, b.who), cmp.Compare(a.role, b.role))
	})
	slices.SortFunc(g.back, func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.role, b.role), cmp.Compare(a.who, b.who))
	})
	g.out = ranges(g.edges, func(e edge) uint32 { return e.who })
	g.in = ranges(g.back, func(e edge) uint32 { return e.role })
	g.mark = make([]uint32, names+1)
	g.interned, g.spans = map[string]span{}, map[uint64]span{}
	var buffer, touched []uint32
	for i := 0; i < len(g.edges); {
		place := g.edges[i].place
		// Whoever is granted something here, and whoever has them, to any distance.
		g.walk++
		touched = touched[:0]
		for ; i < len(g.edges) && g.edges[i].place == place; i++ {
			touched = g.meet(touched, g.edges[i].who)
		}
		for j := 0; j < len(touched); j++ {
			for p := place; p != nowhere; p = g.closures.above[p] {
				s := g.in[place64(p, touched[j])]
				for _, e := range g.back[s.from:s.to] {
					touched = g.meet(touched, e.who)
				}
			}
		}
		for _, name := range touched {
			buffer = g.reach(buffer[:0], place, name)
			slices.Sort(buffer)
			g.spans[place64(place, name)] = g.store(buffer)
			if len(g.closures.roles) > maxClosure {
				return false
			}
		}
	}
	return true
}

func ranges(edges []edge, key func(edge) uint32) map[uint64]span {
	out := make(map[uint64]span, len(edges))
	for i := 0; i < len(edges); {
		from, k := i, place64(edges[i].place, key(edges[i]))
		for i < len(edges) && place64(edges[i].place, key(edges[i])) == k {
			i++
		}
		out[k] = span{uint32(from), uint32(i)}
	}
	return out
}

func (g *grants) meet(list []uint32, name uint32) []uint32 {
	if g.mark[name] == g.walk {
		return list
	}
	g.mark[name] = g.walk
	return append(list, name)
}

// reach appends what a name has by at most depth links.
func (g *grants) reach(list []uint32, place, name uint32) []uint32 {
	g.walk++
	g.mark[name] = g.walk
	list = append(list, name)
	for level, from := 0, 0; level < g.depth && from < len(list); level++ {
		to := len(list)
		for ; from < to; from++ {
			for p := place; p != nowhere; p = g.closures.above[p] {
				s := g.out[place64(p, list[from])]
				for _, e := range g.edges[s.from:s.to] {
					list = g.meet(list, e.role)
				}
			}
		}
	}
	return append(list[:0], list[1:]...)
}

// store keeps a sorted list of roles, each distinct list once.
func (g *grants) store(list []uint32) span {
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
