package policy

import "slices"

// decide answers a valid request. Its cost depends on the caller's roles and on the rules
// for this object and these roles, not on how many rules there are. Rules are found first
// and their conditions evaluated after, which keeps every list below on the stack.
func (s *snapshot) decide(r *Request) Decision {
	var names [64]uint32
	var hits [16]mark
	return s.weigh(s.hits(names[:0], hits[:0], r), r)
}

// hits appends the rules that are for this caller, action and object. names is room for the
// caller's names.
//
// The groups are found before the caller's names are: with many rules both are far away in
// memory, and the processor waits for them together.
func (s *snapshot) hits(names []uint32, hits []mark, r *Request) []mark {
	q := s.question(r)
	var prefixes [16]uint32
	if (s.shared.kinds[0] | s.own.kinds[q.tenant]).prefixes() {
		q.prefixes = s.beginnings(prefixes[:0], &q)
	}
	var room [16]bucket
	list := s.shared.find(room[:0], 0, &q)
	if q.tenant != 0 {
		list = s.own.find(list, q.tenant, &q)
	}
	c := s.caller(names, r, q.tenant)
	for i := range list {
		hits = s.gather(hits, &list[i], c)
	}
	return hits
}

// question numbers what a request is about.
func (s *snapshot) question(r *Request) question {
	n, o := s.names, &r.Object
	q := question{
		tenant: n.tenants.find(r.Tenant.String()),
		action: n.words.find(string(r.Action)),
		name:   o.Route,
	}
	if o.Route == "" {
		q.typ, q.name = n.words.find(o.Type), o.ID
		if q.typ == 0 {
			q.name = "" // without its type, an id could be taken for a route
		}
	}
	if q.name != "" {
		q.rest = n.objects.find(q.name)
	}
	return q
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
func (s *snapshot) caller(ids []uint32, r *Request, tenant uint32) caller {
	ids = append(ids, s.names.anyone)
	if r.Subject.ID == "" {
		return ids
	}
	ids = append(ids, s.names.authenticated)
	if user := s.names.users.find(r.Subject.ID); user != 0 {
		ids = s.reach(ids, s.names.who(user), r, tenant)
	}
	if r.Subject.Roles != nil {
		for i := range r.Subject.Roles.Len() {
			if role := s.names.roles.find(r.Subject.Roles.At(i)); role != 0 {
				ids = s.reach(ids, role, r, tenant)
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
