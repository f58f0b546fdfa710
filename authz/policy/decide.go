package policy

import (
	"slices"

	"github.com/reevehq/reeve/internal/lookup"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// decide writes the answer to a valid request into d, the zero Decision. Its cost depends on the caller's roles and on the rules
// for this object and these roles, not on how many rules there are. Rules are found first
// and their conditions evaluated after, which keeps every list below on the stack.
func (s *snapshot) decide(d *Decision, r *Request, q *query) {
	var names [64]uint32
	var marks [16]mark
	s.combine(d, s.candidates(names[:0], marks[:0], r, q), r, q)
}

// hash begins the zero query: it takes the hashes of what a valid request says.
func (s *snapshot) hash(q *query, r *Request) {
	n, o := s.names, &r.Object
	q.tenant.Hash = n.tenants.Hash(r.Tenant.String())
	q.user.Hash = n.users.Hash(r.Subject.ID)
	q.action.Hash = n.words.Hash(string(r.Action))
	q.name = o.Route
	if o.Route == "" {
		q.typ.Hash, q.name = n.words.Hash(o.Type), o.ID
	}
	if q.name != "" {
		q.rest.Hash = n.objects.Hash(q.name)
	}
}

// prefetch fetches the memory that the answer is likely to need. Among many rules it is far away,
// and arrives together. It is a hint: it returns nothing, it changes nothing,
// and no decision depends on it.
func (s *snapshot) prefetch(q *query) {
	n := s.names
	n.tenants.Prefetch(q.tenant)
	n.users.Prefetch(q.user)
	s.closures.Prefetch(n.user(n.users.LikelyNumber(q.user.Hash)))
	n.words.Prefetch(q.action)
	if q.typ.Hash != 0 {
		n.words.Prefetch(q.typ)
	}
	if q.rest.Hash != 0 {
		n.objects.Prefetch(q.rest)
	}
	s.own.prefetch(q.tenant, q)
	s.shared.prefetch(lookup.Term{}, q)
}

// resolve gives a query its numbers, and takes from it what the policy does not mention.
func (s *snapshot) resolve(q *query, r *Request) {
	n, o := s.names, &r.Object
	n.tenants.Resolve(&q.tenant, r.Tenant.String())
	n.words.Resolve(&q.action, string(r.Action))
	q.name = o.Route
	if o.Route == "" {
		// Without its type, an id could be taken for a route.
		if n.words.Resolve(&q.typ, o.Type); q.typ != (lookup.Term{}) {
			q.name = o.ID
		}
	}
	if q.name == "" {
		q.rest = lookup.Term{}
		return
	}
	n.objects.Resolve(&q.rest, q.name)
}

// candidates appends the rules that are for the caller, action and object of a resolved query.
// names is room for the caller's names.
func (s *snapshot) candidates(names []uint32, marks []mark, r *Request, q *query) []mark {
	var begin [16]lookup.Term
	prefixes := begin[:0]
	if (s.shared.kinds[0] | s.own.kinds[q.tenant.ID]).prefixes() {
		prefixes = s.prefixes(prefixes, q)
	}
	c := s.caller(names, r, q)
	var room [16]ruleGroup
	list := s.shared.groupsFor(room[:0], lookup.Term{}, q, prefixes)
	if q.tenant.ID != 0 {
		list = s.own.groupsFor(list, q.tenant, q, prefixes)
	}
	for i := range list {
		marks = s.gather(marks, &list[i], c)
	}
	return marks
}

// combine decides by the rules that are for this caller, action and object. d is the zero Decision.
func (s *snapshot) combine(d *Decision, marks []mark, r *Request, q *query) {
	sortMarks(marks)
	d.Revision = s.revision
	denied := false
	for _, m := range marks {
		deny := m&markDeny != 0
		if !deny && d.Reasons != nil {
			continue // decided, unless a deny rule follows
		}
		holds := condition.True
		if m&markWhen != 0 {
			number := s.rules[m>>markBits].when
			if s.roled != nil && s.roled[number] {
				s.tellRoles(r, q)
			}
			when := s.conditions[number]
			if holds = condition.Eval(when, r.values()); r.misfit.of != nil {
				r.resolveMisfits(when)
			}
		}
		reasons := s.reasons[m>>markBits:][:1:1]
		switch {
		case !deny && holds == condition.True:
			d.Effect, d.Reasons = Allow, reasons
		case deny && holds != condition.False && denied:
			d.Reasons = slices.Concat(d.Reasons, reasons)
		case deny && holds != condition.False:
			denied, d.Effect, d.Reasons = true, Deny, reasons
		}
	}
}

func sortMarks(marks []mark) {
	if len(marks) > 1 {
		slices.Sort(marks)
	}
}

// caller is the numbers of every name that rules may know a caller by. A few may stand there
// twice; more than a few are sorted.
type caller []uint32

// fewNames is how many names are compared one by one, rather than sorted.
const fewNames = 16

// caller appends the caller's names to ids.
func (s *snapshot) caller(ids []uint32, r *Request, q *query) caller {
	ids = append(ids, s.names.anyone)
	if r.Subject.ID == "" {
		return ids
	}
	ids = append(ids, s.names.authenticated)
	if s.names.users.Resolve(&q.user, r.Subject.ID); q.user != (lookup.Term{}) {
		ids = s.expandRoles(ids, s.names.user(q.user.ID), r, q.tenant.ID)
	}
	if r.Subject.Roles != nil {
		for i := range r.Subject.Roles.Len() {
			if role := s.names.roles.Find(r.Subject.Roles.At(i)); role != 0 {
				ids = s.expandRoles(ids, role, r, q.tenant.ID)
			}
		}
	}
	if len(ids) > fewNames {
		slices.Sort(ids)
		ids = slices.Compact(ids)
	}
	return ids
}

// expandRoles appends a name and every role that it has, near or far.
func (s *snapshot) expandRoles(ids []uint32, id uint32, r *Request, tenant uint32) []uint32 {
	if s.ending.has(id) {
		return append(append(ids, id), s.ending.of(s, tenant, id, r.now.tick())...)
	}
	return append(append(ids, id), s.closures.Of(r.Tenant.String(), tenant, id)...)
}

// has reports whether a rule may know the caller by a name.
func (c caller) has(id uint32) bool {
	if len(c) > fewNames {
		_, there := slices.BinarySearch(c, id)
		return there
	}
	return slices.Contains(c, id)
}
