package casbinindex

import (
	"fmt"
	"slices"

	"github.com/casbin/casbin/v2/rbac"

	"github.com/reevehq/reeve/internal/hint"
	"github.com/reevehq/reeve/internal/lookup"
)

// domainTable are the domains of the rows of a g section, and which of them count where. It
// never changes.
type domainTable struct {
	single  bool              // one number, whatever the domain
	numbers map[uint32]uint32 // numbers of the domains, by the symbol of their text
	counts  [][]uint32        // by domain: the domains whose rows count there, itself first
	match   *nameMatcher      // nil where domains are no patterns; by domain
}

// newDomainTable numbers the domains of rows, and matches them with each other as Casbin does
// when it copies the rows of a pattern into the domains that it covers.
func newDomainTable(name string, links [][]string, domains bool, fn rbac.MatchingFunc, t *lookup.Symbols) (*domainTable, []uint32, error) {
	p := &domainTable{single: !domains, numbers: map[uint32]uint32{}, counts: [][]uint32{{0}}}
	at := make([]uint32, len(links))
	if !domains {
		return p, at, nil
	}
	var list []string
	for i, l := range links {
		id := t.Find(l[2])
		dom, ok := p.numbers[id]
		if !ok {
			dom = uint32(len(list))
			p.numbers[id] = dom
			list = append(list, l[2])
		}
		at[i] = dom
	}
	p.counts = make([][]uint32, len(list))
	for i := range list {
		p.counts[i] = []uint32{uint32(i)}
	}
	if fn == nil {
		return p, at, nil
	}
	var err error
	if p.match, err = newNameMatcher(fn, list); err != nil {
		return nil, nil, fmt.Errorf("%w: %s: the domain %w", ErrInvalid, name, err)
	}
	for i, domain := range list {
		p.counts[i] = distinct(p.match.find(p.counts[i], domain))
	}
	return p, at, p.nested(name, list)
}

// nested refuses domains of which Casbin's answer depends on the order in which it met them:
// where a covers b and b covers c, the rows of a count in c only if b was there before c.
func (p *domainTable) nested(name string, domains []string) error {
	for c, covering := range p.counts {
		for _, b := range covering[1:] {
			for _, a := range p.counts[b] {
				if !slices.Contains(covering, a) {
					return fmt.Errorf("%w: %s: the domain %s matches %s, which matches %s, which the first does not match: whether rows of the last count in the first depends on the order of the rows. Write patterns that cover all of each other or nothing",
						ErrInvalid, name, hint.Quote(domains[c]), hint.Quote(domains[b]), hint.Quote(domains[a]))
				}
			}
		}
	}
	return nil
}

// in appends the domains whose rows count in a domain. It panics when the service's function
// does.
func (p *domainTable) in(list []uint32, domain string, id uint32) []uint32 {
	if p.single {
		return append(list, 0)
	}
	if id != 0 {
		if dom, ok := p.numbers[id]; ok {
			return append(list, p.counts[dom]...)
		}
	}
	if p.match == nil {
		return list
	}
	list = p.match.find(list, domain)
	for _, dom := range list {
		list = append(list, p.counts[dom][1:]...)
	}
	return list
}

// distinct leaves out what a list holds twice, in its order.
func distinct(list []uint32) []uint32 {
	seen := make(map[uint32]bool, len(list))
	return slices.DeleteFunc(list, func(n uint32) bool {
		was := seen[n]
		seen[n] = true
		return was
	})
}
