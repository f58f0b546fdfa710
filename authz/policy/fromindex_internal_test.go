package policy

import (
	"errors"
	"slices"
	"testing"

	"github.com/reevehq/reeve/tenant"
)

// recordedIndex notes what it is asked.
type recordedIndex struct {
	asked  [][]any
	answer func(values []any) (bool, []string, error)
}

func (x *recordedIndex) EnforceEx(values ...any) (bool, []string, error) {
	x.asked = append(x.asked, values)
	return x.answer(values)
}

func (x *recordedIndex) IsRole(name string) bool { return name == "admin" }

func (x *recordedIndex) Revision() string { return "r" }

var everyValue = []MappedValue{MapMethod, MapRoute, MapTenant, MapCaller}

// TestAnIndexIsAskedForCallerTenantTemplateAndMethodAlone: neither the URL nor anything else that a client
// writes into a request reaches it.
func TestAnIndexIsAskedForCallerTenantTemplateAndMethodAlone(t *testing.T) {
	x := &recordedIndex{answer: func([]any) (bool, []string, error) { return false, nil, nil }}
	p := &IndexPolicy{index: x, mapping: Mapping{Values: everyValue, UserPrefix: "user:", SessionRoles: true, RolePrefix: "role:", Anonymous: "anonymous"}}
	url := Values{"url": "/invoices/7?x=1", "path": "/invoices/7", EnvIP: "10.0.0.1"}
	acme := tenant.MustParse("acme")
	for _, r := range []Request{
		{Tenant: acme, Subject: Subject{ID: "alice", Roles: RoleNames{"editor"}, Attributes: url}, Action: "GET", Object: Object{Route: "/invoices/:id", Attributes: url}, Env: url},
		{Action: "GET", Object: Route("/login"), Env: url},
		{Tenant: acme, Action: "POST", Object: HostRoute("api.example.com", "/login")},
	} {
		if d, err := p.Decide(t.Context(), r); err != nil || d.Allowed() || d.Revision != "r" {
			t.Errorf("%v %v", d, err)
		}
	}
	want := [][]any{
		{"GET", "/invoices/:id", "acme", "user:alice"},
		{"GET", "/invoices/:id", "acme", "role:editor"},
		{"GET", "/login", "", "anonymous"},
		{"POST", "//api.example.com/login", "acme", "anonymous"},
	}
	if !slices.EqualFunc(x.asked, want, func(a, b []any) bool { return slices.Equal(a, b) }) {
		t.Errorf("the index is asked %v, want %v", x.asked, want)
	}
}

func TestAPanicOrAnErrorBesideAnAllowOfAnIndexDenies(t *testing.T) {
	outage := errors.New("down")
	r := Request{Tenant: tenant.MustParse("acme"), Subject: Subject{ID: "alice", Roles: RoleNames{"editor", "viewer"}}, Action: "GET", Object: Route("/a")}
	for name, answer := range map[string]func([]any) (bool, []string, error){
		"a panic":                  func([]any) (bool, []string, error) { panic("index") },
		"an error beside an allow": func([]any) (bool, []string, error) { return true, []string{"p"}, outage },
		"an error for the last name": func(v []any) (bool, []string, error) {
			return true, []string{"p"}, map[any]error{"role:viewer": outage}[v[3]]
		},
		"an error for the first name": func(v []any) (bool, []string, error) {
			return true, []string{"p"}, map[any]error{"alice": outage}[v[3]]
		},
		"a panic for the last name": func(v []any) (bool, []string, error) {
			if v[3] == "role:viewer" {
				panic("index")
			}
			return true, []string{"p"}, nil
		},
	} {
		p := &IndexPolicy{index: &recordedIndex{answer: answer}, mapping: Mapping{Values: everyValue, SessionRoles: true, RolePrefix: "role:"}}
		d, err := p.Decide(t.Context(), r)
		if err == nil || d.Allowed() || len(d.Reasons) > 0 || errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v %v", name, d, err)
		}
	}
}

func TestACallerIsTakenForNobodyElseByAnIndex(t *testing.T) {
	x := &recordedIndex{answer: func([]any) (bool, []string, error) { return true, []string{"p"}, nil }}
	p := &IndexPolicy{index: x, mapping: Mapping{Values: everyValue, SessionRoles: true, RolePrefix: "role:", Anonymous: "role:guest"}}
	bare := &IndexPolicy{index: x, mapping: Mapping{Values: everyValue, Anonymous: "anonymous"}}
	split := &IndexPolicy{index: x, mapping: Mapping{Values: everyValue, SessionRoles: true, UserPrefix: "ro", RolePrefix: "role:"}}
	acme := tenant.MustParse("acme")
	for name, c := range map[string]struct {
		policy  *IndexPolicy
		subject Subject
	}{
		"a user named like a role of the policy":      {bare, Subject{ID: "admin"}},
		"a user named like the anonymous caller":      {bare, Subject{ID: "anonymous"}},
		"a role named like the anonymous caller":      {p, Subject{ID: "alice", Roles: RoleNames{"guest"}}},
		"a user named like a role, with other roles":  {p, Subject{ID: "admin", Roles: RoleNames{"editor"}}},
		"a user whose id is a role's name in a rule":  {p, Subject{ID: "role:owner"}},
		"a user whose id and prefix make such a name": {split, Subject{ID: "le:owner"}},
	} {
		d, err := c.policy.Decide(t.Context(), Request{Tenant: acme, Subject: c.subject, Action: "GET", Object: Route("/a")})
		if !errors.Is(err, ErrRequest) || d.Allowed() || len(x.asked) > 0 {
			t.Errorf("%s: %v %v, asked %v", name, d, err, x.asked)
		}
	}
}
