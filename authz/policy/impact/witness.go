package impact

import (
	"context"
	"strconv"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

// member is a part of a cell: one tenant, one action, objects with one pattern above them.
type member struct {
	tenant string // "" is one that no row names
	action string // "" likewise
	object Pattern
}

// witness looks for a request of a member.
func (p *pair) witness(w Who, g guard, m member) (policy.Request, verdict) {
	if g.open {
		return policy.Request{}, maybe
	}
	var named, ids []string
	for _, list := range w.Any {
		for _, n := range list {
			if id, is := strings.CutPrefix(n, "user:"); is {
				named = append(named, id)
			}
		}
	}
	for _, o := range m.object.objects(nil) {
		if o.ID != "" {
			ids = append(ids, o.ID)
		}
	}
	s := p.newSearch(g, w, m, append(named[:len(named):len(named)], p.freshUser()), ids)
	defer func() { p.budget -= min(s.tries, p.budget) }()
	result := never
	users := append([]string{p.freshUser(), ""}, s.d.users...)
	if w.Callers == Anonymous || w.Callers == Everyone && len(w.None) == 0 {
		users = append([]string{""}, users...)
	}
	users = append(append(users, named...), s.d.callers.users...)
	objects := m.object.objects(s.d.ids)
	sessions := p.sessions(w, distinct(users), m.tenant, s.d)
	for _, caller := range sessions {
		s.begin(caller)
		for _, o := range objects {
			s.depth = 0
			got := s.try(caller.ID, o.ID)
			if got == found {
				r := s.request(caller, m, o)
				if p.replay(r, g) {
					return r, found
				}
				got = maybe
			}
			result = max(result, got)
		}
	}
	all := s.d.complete && !s.cut || len(sessions)*len(objects) == 0
	if s.d.asks {
		all = all && s.d.callers.all
	}
	if result == never && !all {
		result = maybe
	}
	return policy.Request{}, result
}

// sessions returns callers who are some of w: one for each user, and where conditions ask for roles
// one for each set of roles that tells them apart.
func (p *pair) sessions(w Who, users []string, tenant string, d *domain) (list []policy.Subject) {
	if w.exact != nil {
		return []policy.Subject{*w.exact}
	}
	for _, id := range users {
		roles, ok := p.session(w, id, tenant)
		if !ok {
			continue
		}
		list = append(list, subjectOf(id, roles))
	}
	if !d.asks {
		return list
	}
	for _, roles := range d.callers.sets() {
		for _, id := range users {
			if id == "" && len(roles) > 0 {
				continue
			}
			if s := subjectOf(id, roles); w.has(id == "", p.names(s, tenant)) {
				list = append(list, s)
			}
		}
	}
	return list
}

func subjectOf(id string, roles policy.RoleNames) policy.Subject {
	s := policy.Subject{ID: id}
	if len(roles) > 0 {
		s.Roles = roles
	}
	return s
}

// freshUser returns a user whom no row names.
func (p *pair) freshUser() string {
	if p.someone == "" {
		p.someone = fresh("someone", func(s string) bool { return p.isSubject("user:" + s) })
	}
	return p.someone
}

// fresh returns a word that is not taken.
func fresh(word string, taken func(string) bool) string {
	s := word
	for i := 2; taken(s); i++ {
		s = word + strconv.Itoa(i)
	}
	return s
}

func (p *pair) tenantOf(name string) tenant.ID {
	if name == "" {
		name = fresh("other", p.isTenant)
	}
	id, _ := tenant.Parse(name)
	return id
}

// replay reports whether the engines say of a request what the guard does.
func (p *pair) replay(r policy.Request, g guard) bool {
	allowed := allows(p.new, r)
	return allowed == g.wider && (p.old == nil || allowed != allows(p.old, r))
}

func allows(p *Policy, r policy.Request) bool {
	d, err := p.engine.Decide(context.Background(), r)
	return err == nil && d.Allowed()
}

// objects returns objects of the pattern, of the ids among them those that it has.
func (p Pattern) objects(ids []string) (list []policy.Object) {
	add := func(o policy.Object) {
		if p.has(o) {
			list = append(list, o)
		}
	}
	t := p.of
	switch t.kind {
	case targetOne:
		return []policy.Object{t.object()}
	case targetPrefix:
		for i := range 1000 {
			s := t.text + "other"
			if i > 0 {
				s += strconv.Itoa(i)
			}
			if add(target{targetOne, s}.object()); len(list) > 0 {
				break
			}
		}
	case targetType:
		for i := range 1000 {
			if add(policy.Object{Type: t.text, ID: strconv.Itoa(i + 1)}); len(list) > 0 {
				break
			}
		}
		add(policy.Object{Type: t.text})
	}
	if !t.isRoute() && t.kind != targetAll {
		for _, id := range ids {
			if id != "" {
				add(policy.Object{Type: t.typ(), ID: id})
			}
		}
	}
	return list
}
