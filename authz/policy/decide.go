package policy

import "slices"

// decide answers a valid request. Its cost depends on the caller's roles and on the rules
// for this object and these roles, not on how many rules there are. Rules are found first
// and their conditions evaluated after, which keeps every list below on the stack.
func (s *snapshot) decide(r *Request, q *question) Decision {
	var names [64]uint32
	var hits [16]mark
	return s.weigh(s.hits(names[:0], hits[:0], r, q), r)
}

// ask begins a question: it takes the hashes of what a valid request says.
func (s *snapshot) ask(r *Request) (q question) {
	n, o := s.names, &r.Object
	q.tenant.hash = n.tenants.hash(r.Tenant.String())
	q.user.hash = n.users.hash(r.Subject.ID)
	q.action.hash = n.words.hash(string(r.Action))
	q.name = o.Route
	if o.Route == "" {
		q.typ.hash, q.name = n.words.hash(o.Type), o.ID
	}
	if q.name != "" {
		q.rest.hash = n.objects.hash(q.name)
	}
	return q
}

// fetch has all places fetched that the answer is likely to need. Among many rules these are
// far away in memory, and arrive together. It is a hint: it returns nothing, it changes nothing,
// and no decision depends on it.
func (s *snapshot) fetch(q *question) {
	n := s.names
	n.tenants.fetch(q.tenant)
	n.users.fetch(q.user)
	s.closures.expect(n.who(n.users.guess(q.user.hash)))
	n.words.fetch(q.action)
	if q.typ.hash != 0 {
		n.words.fetch(q.typ)
	}
	if q.rest.hash != 0 {
		n.objects.fetch(q.rest)
	}
	s.own.expect(q.tenant, q)
	s.shared.expect(term{}, q)
}

// fetch has the place fetched where the number of a text with a term's hash is looked up.
func (t *texts) fetch(k term) { prefetch(t.slots, uint64(t.first(k.hash))) }

// settle gives a question its numbers, and takes from it what the policy does not mention.
func (s *snapshot) settle(q *question, r *Request) {
	n, o := s.names, &r.Object
	n.tenants.settle(&q.tenant, r.Tenant.String())
	n.words.settle(&q.action, string(r.Action))
	q.name = o.Route
	if o.Route == "" {
		// Without its type, an id could be taken for a route.
		if n.words.settle(&q.typ, o.Type); q.typ != (term{}) {
			q.name = o.ID
		}
	}
	if q.name == "" {
		q.rest = term{}
		return
	}
	n.objects.settle(&q.rest, q.name)
}

// hits appends the rules that are for the caller, action and object of a settled question.
// names is room for the caller's names.
func (s *snapshot) hits(names []uint32, hits []mark, r *Request, q *question) []mark {
	var begin [16]term
	prefixes := begin[:0]
	if (s.shared.kinds[0] | s.own.kinds[q.tenant.id]).prefixes() {
		prefixes = s.beginnings(prefixes, q)
	}
	c := s.caller(names, r, q)
	var room [16]hit
	list := s.shared.find(room[:0], term{}, q, prefixes)
	if q.tenant.id != 0 {
		list = s.own.find(list, q.tenant, q, prefixes)
	}
	for i := range list {
		hits = s.gather(hits, &list[i], c)
	}
	return hits
}

// weigh decides by the rules that are for this caller, action and object.
func (s *snapshot) weigh(hits []mark, r *Request) Decision {
	sortMarks(hits)
	d := Decision{Revision: s.revision}
	denied := false
	for _, m := range hits {
		deny := m&markDeny != 0
		if !deny && d.Reasons != nil {
			continue // decided, unless a deny rule follows
		}
		holds := yes
		if m&markWhen != 0 {
			holds = s.conditions[s.rules[m>>markBits].when].node.eval(r)
		}
		reasons := s.reasons[m>>markBits:][:1:1]
		switch {
		case !deny && holds == yes:
			d.Effect, d.Reasons = Allow, reasons
		case deny && holds != no && denied:
			d.Reasons = slices.Concat(d.Reasons, reasons)
		case deny && holds != no:
			denied, d.Effect, d.Reasons = true, Deny, reasons
		}
	}
	return d
}

func sortMarks(hits []mark) {
	if len(hits) > 1 {
		slices.Sort(hits)
	}
}

// caller is the numbers of every name that rules may know a caller by. A few may stand there
// twice; more than a few are sorted.
type caller []uint32

// fewNames is how many names are compared one by one, rather than sorted.
const fewNames = 16

// caller appends the caller's names to ids.
func (s *snapshot) caller(ids []uint32, r *Request, q *question) caller {
	ids = append(ids, s.names.anyone)
	if r.Subject.ID == "" {
		return ids
	}
	ids = append(ids, s.names.authenticated)
	if s.names.users.settle(&q.user, r.Subject.ID); q.user != (term{}) {
		ids = s.reach(ids, s.names.who(q.user.id), r, q.tenant.id)
	}
	if r.Subject.Roles != nil {
		for i := range r.Subject.Roles.Len() {
			if role := s.names.roles.find(r.Subject.Roles.At(i)); role != 0 {
				ids = s.reach(ids, role, r, q.tenant.id)
			}
		}
	}
	if len(ids) > fewNames {
		slices.Sort(ids)
		ids = slices.Compact(ids)
	}
	return ids
}

// reach appends a name and every role that it has, near or far.
func (s *snapshot) reach(ids []uint32, id uint32, r *Request, tenant uint32) []uint32 {
	return append(append(ids, id), s.closures.of(r.Tenant.String(), tenant, id)...)
}

// has reports whether a rule may know the caller by a name.
func (c caller) has(id uint32) bool {
	if len(c) > fewNames {
		_, found := slices.BinarySearch(c, id)
		return found
	}
	return slices.Contains(c, id)
}
