package policy

import "slices"

// decide answers a valid request. Its cost depends on the caller's roles and on the rules
// for this object and these roles, not on how many rules there are. Rules are found first
// and their conditions evaluated after, which keeps every list below on the stack.
func (s *snapshot) decide(r *Request) Decision {
	var names, hits [64]int32
	return s.weigh(s.hits(names[:0], hits[:0], r), r)
}

// hits appends the rules that are for this caller, action and object. who is room for the
// caller's names.
func (s *snapshot) hits(who, hits []int32, r *Request) []int32 {
	own := s.tenants[r.Tenant]
	who = s.caller(who, r, own)
	hits = s.shared.find(hits, who, r.Action, &r.Object)
	if own != nil {
		hits = own.find(hits, who, r.Action, &r.Object)
	}
	return hits
}

// weigh decides by the rules that are for this caller, action and object.
func (s *snapshot) weigh(hits []int32, r *Request) Decision {
	slices.Sort(hits)
	d := Decision{Revision: s.revision}
	denied := false
	for _, i := range hits {
		rule := &s.rules[i]
		if rule.Effect == Allow && d.Reasons != nil {
			continue // decided, unless a deny rule follows
		}
		holds := yes
		if rule.when != nil {
			holds = rule.when.eval(r)
		}
		switch {
		case rule.Effect == Allow && holds == yes:
			d.Effect, d.Reasons = Allow, rule.reasons
		case rule.Effect == Deny && holds != no && denied:
			d.Reasons = slices.Concat(d.Reasons, rule.reasons)
		case rule.Effect == Deny && holds != no:
			denied, d.Effect, d.Reasons = true, Deny, rule.reasons
		}
	}
	return d
}

// caller appends the numbers of every name that rules may know the caller by.
func (s *snapshot) caller(ids []int32, r *Request, own *scope) []int32 {
	ids = append(ids, anyoneID)
	if r.Subject.ID == "" {
		return ids
	}
	ids = append(ids, authenticatedID)
	if id, ok := s.names.users[r.Subject.ID]; ok {
		ids = s.reach(ids, id, own)
	}
	if r.Subject.Roles != nil {
		for i := range r.Subject.Roles.Len() {
			if id, ok := s.names.roles[r.Subject.Roles.At(i)]; ok {
				ids = s.reach(ids, id, own)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (s *snapshot) reach(ids []int32, id int32, own *scope) []int32 {
	if own != nil {
		if r, ok := own.reaches[id]; ok {
			return append(ids, r.ids...)
		}
	}
	if r, ok := s.shared.reaches[id]; ok {
		return append(ids, r.ids...)
	}
	return append(ids, id)
}

// find appends the rules that are for one of the caller's names, the action and the object.
// It meets each rule once, since a rule is in one list under one name.
func (sc *scope) find(hits, who []int32, action Action, o *Object) []int32 {
	if t := sc.actions[string(action)]; t != nil {
		hits = t.find(hits, who, o)
	}
	if t := sc.actions[everything]; t != nil {
		hits = t.find(hits, who, o)
	}
	return hits
}

func (t *targets) find(hits, who []int32, o *Object) []int32 {
	hits = gather(hits, who, t.all)
	name := objectName{o.Type, o.ID}
	if o.Route != "" {
		name.rest = o.Route
	} else {
		hits = gather(hits, who, t.types[o.Type])
	}
	if name.rest == "" {
		return hits
	}
	hits = gather(hits, who, t.one[name])
	if len(t.prefix) == 0 {
		return hits
	}
	// A prefix ends where an id begins, or after a / or a :.
	hits = gather(hits, who, t.prefix[objectName{name.typ, ""}])
	for i := range len(name.rest) {
		if name.rest[i] == '/' || name.rest[i] == ':' {
			hits = gather(hits, who, t.prefix[objectName{name.typ, name.rest[:i+1]}])
		}
	}
	return hits
}

// gather appends the rules of a list that are for one of the caller's names. Both are
// sorted.
func gather(hits, who []int32, list []entry) []int32 {
	for _, id := range who {
		if len(list) == 0 {
			break
		}
		list = list[lowerBound(list, id):]
		for len(list) > 0 && list[0].who == id {
			hits = append(hits, list[0].rule)
			list = list[1:]
		}
	}
	return hits
}

// lowerBound returns where entries for who begin, or would.
func lowerBound(list []entry, who int32) int {
	low, high := 0, len(list)
	for low < high {
		mid := int(uint(low+high) >> 1)
		if list[mid].who < who {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}
