package policy

import "slices"

const maxRules = 1<<30 - 1

// mark is a rule as it is found: its number, whether it has a condition, and whether it
// denies, so that rules without a condition decide without being read. Marks are in the
// order of the files.
type mark = uint32

const (
	markDeny mark = 1 << iota
	markWhen
	markBits = iota
)

// lookup finds rules by tenant, action and what they cover.
type lookup struct {
	groups groups
	kinds  []kinds // by tenant
	any    kinds   // of all tenants
}

// kinds are the shapes that stand in a tenant, so that others are not looked for: a bit for
// each among the rules for one action, and four bits higher among those for every action.
type kinds uint8

const everyAction = 4 // places that the bits are higher

func (k kinds) has(s shape) bool { return k>>(s-1)&1 != 0 }

func (k kinds) prefixes() bool { return k.has(coversPrefix) || k.has(coversPrefix+everyAction) }

// newLookup takes the rules that are wanted.
func newLookup(s *snapshot, wanted func(*rule) bool) lookup {
	l := lookup{kinds: make([]kinds, s.names.tenants.numbers())}
	n := 0
	for i := range s.rules {
		if wanted(&s.rules[i]) {
			n++
		}
	}
	keys, all := make([]groupKey, 0, n), make([]found, 0, n)
	for i := range s.rules {
		r := &s.rules[i]
		if !wanted(r) {
			continue
		}
		m := mark(i) << markBits
		if s.reasons[i].Effect == Deny {
			m |= markDeny
		}
		if r.when != 0 {
			m |= markWhen
		}
		t := s.names
		keys = append(keys, keyOf(t.tenants.term(r.tenant), t.words.term(r.action), t.words.term(r.typ), r.shape, t.objects.term(r.rest)))
		all = append(all, found{r.who, m})

		bit := kinds(1) << (r.shape - 1)
		if r.action == 0 {
			bit <<= everyAction
		}
		l.kinds[r.tenant] |= bit
		l.any |= bit
	}
	l.groups = newGroups(keys, all)
	return l
}

// keyOf is under what a rule is found.
func keyOf(tenant, action, typ term, s shape, rest term) groupKey {
	return groupKey{
		valuesOf(tenant.id, action.id, typ.id<<3|uint32(s), rest.id),
		valuesOf(tenant.hash, action.hash, typ.hash^uint32(s), rest.hash).hash(),
	}
}

// question is a request in terms, zero for what the policy does not mention.
type question struct {
	tenant, user, action, typ, rest term

	name string // of the object, "" for one that no rule can name
}

// expect has the groups fetched that find is likely to look up, before the numbers of the
// question are known.
func (l *lookup) expect(tenant term, q *question) {
	if l.any.has(coversOne) && q.rest != (term{}) {
		l.groups.expect(keyOf(tenant, q.action, q.typ, coversOne, q.rest))
	}
	if l.any.has(coversType) && q.typ != (term{}) {
		l.groups.expect(keyOf(tenant, q.action, q.typ, coversType, term{}))
	}
}

// hit is a group that a question leads to.
type hit struct {
	bucket
	own bool // of the tenant's own rules
}

// find appends the groups of the rules for a question. Each rule is in one group.
func (l *lookup) find(list []hit, tenant term, q *question, prefixes []term) []hit {
	k := l.kinds[tenant.id]
	if k&(1<<everyAction-1) != 0 && q.action != (term{}) {
		list = l.shapes(list, k, tenant, q.action, q, prefixes)
	}
	if k>>everyAction != 0 {
		list = l.shapes(list, k>>everyAction, tenant, term{}, q, prefixes)
	}
	return list
}

func (l *lookup) shapes(list []hit, k kinds, tenant, action term, q *question, prefixes []term) []hit {
	if k.has(coversOne) && q.rest != (term{}) {
		list = l.bucket(list, keyOf(tenant, action, q.typ, coversOne, q.rest))
	}
	if k.has(coversType) && q.typ != (term{}) {
		list = l.bucket(list, keyOf(tenant, action, q.typ, coversType, term{}))
	}
	if k.has(coversAll) {
		list = l.bucket(list, keyOf(tenant, action, term{}, coversAll, term{}))
	}
	if k.has(coversPrefix) {
		for _, prefix := range prefixes {
			list = l.bucket(list, keyOf(tenant, action, q.typ, coversPrefix, prefix))
		}
	}
	return list
}

func (l *lookup) bucket(list []hit, key groupKey) []hit {
	b := l.groups.find(key)
	if b.n == 0 {
		return list
	}
	return append(list, hit{b, key.first>>32 != 0})
}

// beginnings appends how the name begins: a prefix ends where an id begins,
// or after a / or a :.
func (s *snapshot) beginnings(list []term, q *question) []term {
	if q.typ != (term{}) && q.name != "" {
		list = append(list, term{})
	}
	for i := range len(q.name) {
		if q.name[i] != '/' && q.name[i] != ':' || !s.lengths.has(i+1) {
			continue
		}
		prefix := q.name[:i+1]
		var k term
		if s.names.objects.settle(&k, prefix); k != (term{}) {
			list = append(list, k)
		}
	}
	return list
}

// lengths has a bit for each number of bytes that some prefix has, so that a name of many
// segments is not looked up at each of them.
type lengths [maxRouteLength/64 + 1]uint64

func (l *lengths) add(n int)      { l[n/64] |= 1 << (n % 64) }
func (l *lengths) has(n int) bool { return l[n/64]>>(n%64)&1 != 0 }

// gather appends the rules of a group that are for one of the caller's names. The shorter
// of the two lists is walked.
func (s *snapshot) gather(hits []mark, at *hit, c caller) []mark {
	if at.n == 1 {
		if c.has(at.a) {
			hits = append(hits, at.b)
		}
		return hits
	}
	from := &s.shared
	if at.own {
		from = &s.own
	}
	group := from.groups.found[at.a:at.b]
	if len(group) <= 2*len(c)+8 {
		for _, f := range group {
			if c.has(f.who) {
				hits = append(hits, f.rule)
			}
		}
		return hits
	}
	for i, id := range c {
		if len(c) <= fewNames && slices.Contains(c[:i], id) {
			continue
		}
		for _, f := range foundFor(group, id) {
			hits = append(hits, f.rule)
		}
	}
	return hits
}
