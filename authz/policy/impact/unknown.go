package impact

import (
	"maps"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/hint"
)

// Unknown is a name in a question or a sentence that no row of the policy has: a question about it
// is about nothing, and a sentence that forbids it holds whatever the rows say.
type Unknown struct {
	Kind  string // "action", "object", "role" or "tenant"
	Name  string
	Meant string // one that rows have and that differs in case or in one letter, or the route of a path; "" for none
}

// String returns "no row names the action delte: did you mean delete?".
func (u Unknown) String() string {
	text := "no row names "
	if u.Kind != "role" { // whose name says it
		text += "the " + u.Kind + " "
	}
	text += u.Name
	if u.Meant != "" {
		text += ": did you mean " + u.Meant + "?"
	}
	return text
}

// Unknown returns the names of a question that no row has, but for tenants those that a policy for
// every tenant need not name: these are told where a row has one that is written nearly so.
func (p *Policy) Unknown(q Question) []Unknown {
	var list []Unknown
	note := func(kind, name string, known map[string]bool, always bool) {
		if name == "" || known[name] {
			return
		}
		u := Unknown{Kind: kind, Name: name, Meant: nearly(name, known)}
		if u.Meant == "" && name[0] == '/' {
			u.Meant = templateOf(name, known)
		}
		if always || u.Meant != "" {
			list = append(list, u)
		}
	}
	if q.Action != everything && !policy.IsMethod(q.Action) {
		words := maps.Clone(p.actions)
		maps.DeleteFunc(words, func(action string, _ bool) bool { return policy.IsMethod(action) })
		note("action", q.Action, words, true)
	}
	if q.Object != "" && q.Object != everything && !p.isAbout(targetOf(q.Object)) {
		known := p.types
		if q.Object[0] == '/' {
			known = p.routes()
		}
		note("object", q.Object, known, true)
	}
	note("tenant", q.Tenant, p.tenants, false)
	return list
}

// UnknownRole returns a role, with or without role:, that no row has.
func (p *Policy) UnknownRole(name string) (u Unknown, unknown bool) {
	name = "role:" + strings.TrimPrefix(name, "role:")
	known := p.roles()
	if known[name] {
		return Unknown{}, false
	}
	return Unknown{Kind: "role", Name: name, Meant: nearly(name, known)}, true
}

// UnknownIn returns the names of a sentence that no row has.
func (p *Policy) UnknownIn(a Assertion) []Unknown {
	var list []Unknown
	add := func(more ...Unknown) {
		for _, u := range more {
			if !slices.Contains(list, u) {
				list = append(list, u)
			}
		}
	}
	for _, name := range slices.Concat(a.names, a.except) {
		if strings.HasPrefix(name, "role:") {
			if u, unknown := p.UnknownRole(name); unknown {
				add(u)
			}
		}
	}
	add(p.Unknown(Question{Tenant: a.outside})...)
	for _, action := range a.actions {
		for _, object := range a.objects {
			add(p.Unknown(Question{Tenant: a.tenant, Action: action, Object: object})...)
		}
	}
	return list
}

// isAbout reports whether a rule is about some of what a target covers, but for rules about everything.
func (p *Policy) isAbout(t target) bool {
	if p.types[t.typ()] && t.kind != targetAll {
		return true
	}
	for i := range p.rules {
		if u := p.rules[i].target; u.kind != targetAll && (u.covers(t) || t.covers(u)) {
			return true
		}
	}
	return false
}

// templateOf returns the route whose parameters stand for parts of a path, as /invoices/:id is of /invoices/42; ""
// for none.
func templateOf(path string, routes map[string]bool) string {
	parts := strings.Split(path, "/")
	for _, route := range slices.Sorted(maps.Keys(routes)) {
		of := strings.Split(route, "/")
		same := len(of) == len(parts)
		for i := 0; same && i < len(of); i++ {
			isParameter := strings.HasPrefix(of[i], ":") || strings.HasPrefix(of[i], "{") && strings.HasSuffix(of[i], "}")
			same = of[i] == parts[i] || isParameter && parts[i] != "" && parts[i] != everything
		}
		if same {
			return route
		}
	}
	return ""
}

func (p *Policy) routes() map[string]bool {
	all := map[string]bool{}
	for i := range p.rules {
		if p.rules[i].target.isRoute() {
			all[p.rules[i].Object] = true
		}
	}
	return all
}

func (p *Policy) roles() map[string]bool {
	all := map[string]bool{anyone: true, authenticated: true}
	for i := range p.rules {
		all[p.rules[i].Subject] = true
	}
	for _, g := range p.grants {
		all[g.Member], all[g.Role] = true, true
	}
	return all
}

// nearly returns the name that differs from one in case or in one letter, or in two that have changed
// places; "" for none.
func nearly(name string, known map[string]bool) string {
	plain := strings.TrimPrefix(name, "role:")
	for _, other := range slices.Sorted(maps.Keys(known)) {
		if hint.Near(plain, strings.TrimPrefix(other, "role:")) {
			return other
		}
	}
	return ""
}
