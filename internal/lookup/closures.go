package lookup

import (
	"cmp"
	"slices"
	"strings"
)

// MaxRoles is how many roles Closures list altogether, of 4 bytes each.
const MaxRoles = 64 << 20

// Closures list all roles of each name, near and far, by domain.
type Closures struct {
	domains  bool
	homes    []home         // by name
	spans    Groups         // by place and name, of the names with several homes: from and to
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

// Of returns the roles of a name in a domain. Both are numbers; the text of the domain is
// needed where it is covered by a pattern.
func (c *Closures) Of(domain string, domainID, name uint32) []uint32 {
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
		if s := c.spans.Find(spanKey(place, name)); s.N != 0 {
			return c.roles[s.a:s.b]
		}
	}
	return nil
}

// spanKey is under what the roles of a name with several homes are found.
func spanKey(place, name uint32) Key {
	at := ValuesOf(place, name, 0, 0)
	return Key{at, at.hash()}
}

// Prefetch fetches the memory where the roles of a name are looked up later.
func (c *Closures) Prefetch(name uint32) { prefetch(c.homes, uint64(name)) }

func (c *Closures) place(domain string, id uint32) uint32 {
	if !c.domains {
		return 0
	}
	if id != 0 && int(id) < len(c.places) && c.places[id] != nowhere {
		return c.places[id]
	}
	return c.covering(domain)
}

// covering returns the longest pattern that covers a domain without links of its own.
func (c *Closures) covering(domain string) uint32 {
	for _, p := range c.prefixes {
		if strings.HasPrefix(domain, p.text) {
			return p.place
		}
	}
	return nowhere
}

// CloseRows computes the closures of rows: a name, one of its roles and, with domains, the domain
// where it has the role. Links are followed to a depth. It returns nil when more than [MaxRoles]
// would be listed. With patterns, a domain that holds a * covers, by keyMatch, all that begin as it does up to the *.
// Such coverings nest, so that each domain has at most one domain above it.
func CloseRows(links [][]string, domains, patterns bool, depth int, t *Symbols) *Closures {
	c := &Closures{domains: domains}
	places := map[uint32]uint32{}
	g := closer{closures: c, depth: depth}
	if !domains {
		c.above = []uint32{nowhere}
	}
	byPrefix := map[string]uint32{}
	for _, l := range links {
		place := uint32(0)
		if domains {
			place = c.addPlace(l[2], patterns, places, byPrefix, t)
		}
		g.edges = append(g.edges, Edge{place, t.Find(l[0]), t.Find(l[1])})
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
		if text := t.Text(id); !patterns || !strings.Contains(text, "*") {
			c.above[place] = c.covering(text)
		}
	}
	if !g.close(t.Numbers()) {
		return nil
	}
	if domains {
		c.places = slices.Repeat([]uint32{nowhere}, t.Numbers())
		for id, place := range places {
			c.places[id] = place
		}
	}
	c.arrange(g.spans, t.Numbers())
	return c
}

// CloseEdges computes the closures of edges in numbered domains, where those of domain 0 hold in
// all. Domains and names are more than any number of one. It sorts the edges, and returns nil when
// more than [MaxRoles] would be listed.
func CloseEdges(edges []Edge, domains, names, depth int) *Closures {
	c := &Closures{
		domains: true, above: make([]uint32, domains), places: make([]uint32, domains), prefixes: []domainPrefix{{"", 0}},
	}
	c.above[0] = nowhere
	g := closer{closures: c, depth: depth, edges: edges}
	for i := range c.places {
		c.places[i] = uint32(i)
	}
	if !g.close(names) {
		return nil
	}
	c.arrange(g.spans, names)
	return c
}

// arrange moves what was computed to where it is found without hashing.
func (c *Closures) arrange(spans []placeSpan, names int) {
	c.homes = slices.Repeat([]home{{place: nowhere}}, names)
	for _, s := range spans {
		h := &c.homes[s.name]
		if h.place == nowhere {
			*h = home{s.place, s.span}
			continue
		}
		h.place = several
	}
	var keys []Key
	var all []Entry
	for _, s := range spans {
		if c.homes[s.name].place == several {
			keys = append(keys, spanKey(s.place, s.name))
			all = append(all, Entry{s.from, s.to})
		}
	}
	c.spans = NewGroups(keys, all)
}

func (c *Closures) addPlace(domain string, patterns bool, places map[uint32]uint32, byPrefix map[string]uint32, t *Symbols) uint32 {
	id := t.Find(domain)
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
