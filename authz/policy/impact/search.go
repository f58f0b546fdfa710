package impact

import (
	"slices"
	"strconv"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
)

// verdict says whether a condition is ever true.
type verdict uint8

const (
	never verdict = iota
	maybe
	found
)

// maxTries bounds the search for one cell.
const maxTries = 100_000

// search looks for values for which a guard holds.
type search struct {
	p     *pair
	g     guard
	d     *domain
	now   []value
	depth int
	tries int
	cut   bool // whether not all lists were tried

	// text is room for what is left of the guard, and dead what was left where no value made it
	// hold. The remainder between two groups of variables says all that counts of those before.
	text []byte
	dead map[string]bool

	tenant string
	caller policy.Subject
	roles  map[rolesKey][]string
}

// rolesKey is by whose rows and when.
type rolesKey struct {
	in   side
	unix int64
}

// rolesNow returns what r.sub.roles is of the caller, if it does not depend on a time that is not
// tried yet.
func (s *search) rolesNow(in side) ([]string, bool) {
	key := rolesKey{in, noonUnix}
	if s.d.time >= 0 {
		if s.depth <= s.d.time {
			return nil, false
		}
		key.unix = s.now[s.d.time].v.Int()
	}
	list, there := s.roles[key]
	if !there {
		list = s.p.rolesAt(s.caller, s.tenant, in, key.unix)
		s.roles[key] = list
	}
	return list, true
}

func (p *pair) newSearch(g guard, w Who, m member, users, ids []string) *search {
	s := &search{p: p, g: g, d: p.domain(g.conds(), w, m, users, ids), tenant: m.tenant, dead: map[string]bool{}}
	s.now = make([]value, len(s.d.vars))
	return s
}

// begin makes a caller the one who is tried.
func (s *search) begin(caller policy.Subject) {
	s.caller, s.roles = caller, map[rolesKey][]string{}
}

// at answers what is tried now, and as missing what is not tried yet.
func (s *search) at(a *condition.Attribute) (condition.Value, []string) {
	i, known := s.d.index[a]
	if !known || i >= s.depth {
		return condition.Value{}, nil
	}
	if up := s.d.vars[i].parent; up >= 0 && s.now[up].x == nil {
		return condition.Value{}, nil // of no parent
	}
	return s.now[i].v, s.now[i].list
}

// try gives the variables from depth on their values.
func (s *search) try(user, object string) verdict {
	if s.tries++; s.tries > maxTries || s.p.budget < s.tries {
		return maybe
	}
	text, left := s.rest(s.text[:0])
	s.text = text
	switch {
	case left == holdsAnyway:
		return found
	case left == heldBack || s.depth == len(s.d.vars):
		return never
	}
	key := ""
	if s.d.vars[s.depth].first {
		if key = string(text); s.dead[key] {
			return never
		}
	}
	i, result := s.depth, never
	v := &s.d.vars[i]
	values := v.values
	switch v.id {
	case condition.PartSubject:
		values = []value{idOf(v.attr.Kind, user)}
	case condition.PartObject:
		values = []value{idOf(v.attr.Kind, object)}
	}
	switch {
	case v.parent >= 0 && s.now[v.parent].x == nil:
		values = []value{{}}
	case v.late:
		values = slices.Concat(s.listsNow(v), values)
	}
	for _, x := range values {
		s.now[i], s.depth = x, i+1
		got := s.try(user, object)
		if got == found {
			return found
		}
		s.depth = i
		result = max(result, got)
	}
	s.depth = i
	if key != "" && result == never {
		s.dead[key] = true
	}
	return result
}

// idOf returns an id as a value of a kind. A number is written in one way.
func idOf(k condition.Kind, id string) value {
	if id == "" {
		return value{}
	}
	v := condition.Unusable()
	switch k {
	case condition.KindUUID:
		if u := condition.UUID(id); u.Kind() != 0 {
			v = u
		}
	case condition.KindInt:
		if n, err := strconv.ParseInt(id, 10, 64); err == nil && strconv.FormatInt(n, 10) == id && condition.Int(n).Kind() != 0 {
			v = condition.Int(n)
		}
	default:
		v = condition.String(id)
	}
	return value{id, v, nil}
}

func (s *search) request(caller policy.Subject, m member, o policy.Object) policy.Request {
	sub, obj, env := policy.Values{}, policy.Values{}, policy.Values{}
	for i, v := range s.d.vars {
		if i >= s.depth || s.now[i].x == nil || v.id != 0 && !(v.id == condition.PartObject && o.Route != "") {
			continue
		}
		into, x := env, s.now[i].x
		switch v.attr.Part() {
		case condition.PartSubject:
			into = sub
		case condition.PartObject:
			into = obj
		}
		if v.parent >= 0 {
			if into, _ = obj[v.attr.Via.Name].(policy.Values); into == nil {
				continue
			}
		}
		switch x.(type) {
		case null:
			x = nil
		case policy.Values: // of this request alone
			x = policy.Values{}
		}
		into[v.attr.Name] = x
	}
	o.Attributes = obj
	caller.Attributes = sub
	r := policy.Request{Tenant: s.p.tenantOf(m.tenant), Subject: caller, Object: o, Env: env, Action: policy.Action(m.action)}
	if o.ID != "" {
		r.Object.Tenant = r.Tenant
	}
	if m.action == "" {
		word := "other"
		if o.Route != "" {
			word = "OTHER"
		}
		r.Action = policy.Action(fresh(word, s.p.isAction))
	}
	return r
}
