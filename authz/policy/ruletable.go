package policy

import (
	"slices"

	"github.com/reevehq/reeve/internal/lookup"
)

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

// ruleTable finds rules by tenant, action and what they cover.
type ruleTable struct {
	groups lookup.Groups
	kinds  []kinds // by tenant
	any    kinds   // of all tenants
}

// kinds are the shapes that stand in a tenant, so that others are not looked for: a bit for
// each among the rules for one action, and four bits higher among those for every action.
type kinds uint8

const everyAction = 4 // places that the bits are higher

func (k kinds) has(s shape) bool { return k>>(s-1)&1 != 0 }

func (k kinds) prefixes() bool { return k.has(coversPrefix) || k.has(coversPrefix+everyAction) }

// newRuleTable takes the rules that are wanted.
func newRuleTable(s *snapshot, wanted func(*rule) bool) ruleTable {
	l := ruleTable{kinds: make([]kinds, s.names.tenants.Numbers())}
	n := 0
	for i := range s.rules {
		if wanted(&s.rules[i]) {
			n++
		}
	}
	keys, all := make([]lookup.Key, 0, n), make([]lookup.Entry, 0, n)
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
		keys = append(keys, keyOf(t.tenants.Term(r.tenant), t.words.Term(r.action), t.words.Term(r.typ), r.shape, t.objects.Term(r.rest)))
		all = append(all, lookup.Entry{Name: r.subject, Rule: m})

		if (r.shape == coversOne || r.shape == coversPrefix) && s.filters(r.typ) {
			keys = append(keys, keyOf(t.tenants.Term(r.tenant), t.words.Term(r.action), t.words.Term(r.typ), coversSome, lookup.Term{}))
			all = append(all, lookup.Entry{Name: r.subject, Rule: m})
		}
		bit := kinds(1) << (r.shape - 1)
		if r.action == 0 {
			bit <<= everyAction
		}
		l.kinds[r.tenant] |= bit
		l.any |= bit
	}
	l.groups = lookup.NewGroups(keys, all)
	return l
}

// keyOf is under what a rule is found.
func keyOf(tenant, action, typ lookup.Term, s shape, rest lookup.Term) lookup.Key {
	return lookup.NewKey(
		lookup.ValuesOf(tenant.ID, action.ID, typ.ID<<3|uint32(s), rest.ID),
		lookup.ValuesOf(tenant.Hash, action.Hash, typ.Hash^uint32(s), rest.Hash),
	)
}

// query is a request in terms, zero for what the policy does not mention.
type query struct {
	tenant, user, action, typ, rest lookup.Term

	name string // of the object, "" for one that no rule can name
}

// prefetch fetches the groups that groupsFor is likely to look up, before the numbers of the
// query are known.
func (l *ruleTable) prefetch(tenant lookup.Term, q *query) {
	if l.any.has(coversOne) && q.rest != (lookup.Term{}) {
		l.groups.Prefetch(keyOf(tenant, q.action, q.typ, coversOne, q.rest))
	}
	if l.any.has(coversType) && q.typ != (lookup.Term{}) {
		l.groups.Prefetch(keyOf(tenant, q.action, q.typ, coversType, lookup.Term{}))
	}
}

// ruleGroup is a group that a query leads to.
type ruleGroup struct {
	lookup.Bucket
	own bool // of the tenant's own rules
}

// groupsFor appends the groups of the rules for a query. Each rule is in one group.
func (l *ruleTable) groupsFor(list []ruleGroup, tenant lookup.Term, q *query, prefixes []lookup.Term) []ruleGroup {
	k := l.kinds[tenant.ID]
	if k&(1<<everyAction-1) != 0 && q.action != (lookup.Term{}) {
		list = l.shapes(list, k, tenant, q.action, q, prefixes)
	}
	if k>>everyAction != 0 {
		list = l.shapes(list, k>>everyAction, tenant, lookup.Term{}, q, prefixes)
	}
	return list
}

func (l *ruleTable) shapes(list []ruleGroup, k kinds, tenant, action lookup.Term, q *query, prefixes []lookup.Term) []ruleGroup {
	own := tenant.ID != 0
	if k.has(coversOne) && q.rest != (lookup.Term{}) {
		list = l.bucket(list, own, keyOf(tenant, action, q.typ, coversOne, q.rest))
	}
	if k.has(coversType) && q.typ != (lookup.Term{}) {
		list = l.bucket(list, own, keyOf(tenant, action, q.typ, coversType, lookup.Term{}))
	}
	if k.has(coversAll) {
		list = l.bucket(list, own, keyOf(tenant, action, lookup.Term{}, coversAll, lookup.Term{}))
	}
	if k.has(coversPrefix) {
		for _, prefix := range prefixes {
			list = l.bucket(list, own, keyOf(tenant, action, q.typ, coversPrefix, prefix))
		}
	}
	return list
}

func (l *ruleTable) bucket(list []ruleGroup, own bool, key lookup.Key) []ruleGroup {
	b := l.groups.Find(key)
	if b.N == 0 {
		return list
	}
	return append(list, ruleGroup{b, own})
}

// prefixes appends how the name begins: a prefix ends where an id begins,
// or after a / or a :.
func (s *snapshot) prefixes(list []lookup.Term, q *query) []lookup.Term {
	if q.typ != (lookup.Term{}) && q.name != "" {
		list = append(list, lookup.Term{})
	}
	for i := range len(q.name) {
		if q.name[i] != '/' && q.name[i] != ':' || !s.lengths.has(i+1) {
			continue
		}
		prefix := q.name[:i+1]
		var k lookup.Term
		if s.names.objects.Resolve(&k, prefix); k != (lookup.Term{}) {
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
func (s *snapshot) gather(found []mark, at *ruleGroup, c caller) []mark {
	if at.N == 1 {
		if f := at.Single(); c.has(f.Name) {
			found = append(found, f.Rule)
		}
		return found
	}
	from := &s.shared
	if at.own {
		from = &s.own
	}
	var room [1]lookup.Entry
	group := from.groups.Entries(at.Bucket, &room)
	if len(group) <= 2*len(c)+8 {
		for _, f := range group {
			if c.has(f.Name) {
				found = append(found, f.Rule)
			}
		}
		return found
	}
	for i, id := range c {
		if len(c) <= fewNames && slices.Contains(c[:i], id) {
			continue
		}
		for _, f := range lookup.EntriesFor(group, id) {
			found = append(found, f.Rule)
		}
	}
	return found
}
