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
	spans    Groups         // by scope and name, of the names with several homes: from and to
	roles    []uint32       // each span sorted, the name itself left out
	scopes   []uint32       // by the number of the domain
	prefixes []domainPrefix // longest first; only with keyMatch
	above    []uint32       // by scope: the scope whose roles hold too, or none
}

type span struct{ from, to uint32 }

// home is the one scope where a name has roles, or nowhere, or several.
type home struct {
	scope uint32
	span  span
}

// domainPrefix is a domain such as t*, which covers every domain that begins alike.
type domainPrefix struct {
	text  string
	scope uint32
}

const (
	nowhere = ^uint32(0)
	several = nowhere - 1
)

// Of returns the roles of a name in a domain. Both are numbers; the text of the domain is
// needed where it is covered by a pattern.
func (c *Closures) Of(domain string, domainID, name uint32) []uint32 {
	if int(name) >= len(c.homes) || c.homes[name].scope == nowhere {
		return nil
	}
	h := &c.homes[name]
	for scope := c.scope(domain, domainID); scope != nowhere; scope = c.above[scope] {
		if h.scope == scope {
			return c.roles[h.span.from:h.span.to]
		}
		if h.scope != several {
			continue
		}
		if s := c.spans.Find(spanKey(scope, name)); s.N != 0 {
			return c.roles[s.a:s.b]
		}
	}
	return nil
}

// spanKey is under what the roles of a name with several homes are found.
func spanKey(scope, name uint32) Key {
	at := ValuesOf(scope, name, 0, 0)
	return Key{at, at.hash()}
}

// Prefetch fetches the memory where the roles of a name are looked up later.
func (c *Closures) Prefetch(name uint32) { prefetch(c.homes, uint64(name)) }

func (c *Closures) scope(domain string, id uint32) uint32 {
	if !c.domains {
		return 0
	}
	if id != 0 && int(id) < len(c.scopes) && c.scopes[id] != nowhere {
		return c.scopes[id]
	}
	return c.covering(domain)
}

// covering returns the longest pattern that covers a domain without links of its own.
func (c *Closures) covering(domain string) uint32 {
	for _, p := range c.prefixes {
		if strings.HasPrefix(domain, p.text) {
			return p.scope
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
	scopes := map[uint32]uint32{}
	g := closer{closures: c, depth: depth}
	if !domains {
		c.above = []uint32{nowhere}
	}
	byPrefix := map[string]uint32{}
	for _, l := range links {
		scope := uint32(0)
		if domains {
			scope = c.addScope(l[2], patterns, scopes, byPrefix, t)
		}
		g.edges = append(g.edges, Edge{scope, t.Find(l[0]), t.Find(l[1])})
	}
	for text, scope := range byPrefix {
		c.prefixes = append(c.prefixes, domainPrefix{text, scope})
	}
	slices.SortFunc(c.prefixes, func(a, b domainPrefix) int {
		return cmp.Or(cmp.Compare(len(b.text), len(a.text)), cmp.Compare(a.text, b.text))
	})
	for _, p := range c.prefixes {
		for _, q := range c.prefixes {
			if len(q.text) < len(p.text) && strings.HasPrefix(p.text, q.text) {
				c.above[p.scope] = q.scope
				break
			}
		}
	}
	for id, scope := range scopes {
		if text := t.Text(id); !patterns || !strings.Contains(text, "*") {
			c.above[scope] = c.covering(text)
		}
	}
	if !g.close(t.Numbers()) {
		return nil
	}
	if domains {
		c.scopes = slices.Repeat([]uint32{nowhere}, t.Numbers())
		for id, scope := range scopes {
			c.scopes[id] = scope
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
		domains: true, above: make([]uint32, domains), scopes: make([]uint32, domains), prefixes: []domainPrefix{{"", 0}},
	}
	c.above[0] = nowhere
	g := closer{closures: c, depth: depth, edges: edges}
	for i := range c.scopes {
		c.scopes[i] = uint32(i)
	}
	if !g.close(names) {
		return nil
	}
	c.arrange(g.spans, names)
	return c
}

// arrange moves what was computed to where it is found without hashing.
func (c *Closures) arrange(spans []domainSpan, names int) {
	c.homes = slices.Repeat([]home{{scope: nowhere}}, names)
	for _, s := range spans {
		h := &c.homes[s.name]
		if h.scope == nowhere {
			*h = home{s.scope, s.span}
			continue
		}
		h.scope = several
	}
	var keys []Key
	var all []Entry
	for _, s := range spans {
		if c.homes[s.name].scope == several {
			keys = append(keys, spanKey(s.scope, s.name))
			all = append(all, Entry{s.from, s.to})
		}
	}
	c.spans = NewGroups(keys, all)
}

func (c *Closures) addScope(domain string, patterns bool, scopes map[uint32]uint32, byPrefix map[string]uint32, t *Symbols) uint32 {
	id := t.Find(domain)
	if scope, ok := scopes[id]; ok {
		return scope
	}
	prefix, _, pattern := strings.Cut(domain, "*")
	if scope, ok := byPrefix[prefix]; ok && pattern && patterns {
		scopes[id] = scope
		return scope
	}
	scope := uint32(len(c.above))
	c.above = append(c.above, nowhere)
	scopes[id] = scope
	if pattern && patterns {
		byPrefix[prefix] = scope
	}
	return scope
}
