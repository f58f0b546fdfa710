package policy_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"pgregory.net/rapid"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/casbinindex"
	"github.com/reevehq/reeve/tenant"
)

const (
	inDomains = `
[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, dom, obj, act, eft
[role_definition]
g = _, _, _
[policy_effect]
e = %s
[matchers]
m = g(r.sub, p.sub, r.dom) && %s && %s && (r.act == p.act || p.act == "*")
`
	allowAndDeny = "some(where (p.eft == allow)) && !some(where (p.eft == deny))"
)

var casbinOrder = []policy.MappedValue{policy.MapCaller, policy.MapTenant, policy.MapRoute, policy.MapMethod}

func indexPolicy(t interface{ Fatal(...any) }, text, rules string, m policy.Mapping) *policy.IndexPolicy {
	ix, err := casbinindex.LoadFS(fstest.MapFS{"model.conf": {Data: []byte(text)}, "policy.csv": {Data: []byte(rules)}}, "model.conf", "policy.csv", casbinindex.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.FromIndex(ix, m)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestFromIndexAnswersAsCasbinsEnforcer draws models of RBAC with domains, rules, roles and
// requests. The oracle is Casbin's own enforcer, asked for the user and for each role of the session.
func TestFromIndexAnswersAsCasbinsEnforcer(t *testing.T) {
	allowed, denied := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		of := func(name string, texts ...string) string { return rapid.SampledFrom(texts).Draw(t, name) }
		text := fmt.Sprintf(inDomains,
			of("effect", allowAndDeny, allowAndDeny, "some(where (p.eft == allow))", "!some(where (p.eft == deny))", "priority(p.eft) || deny"),
			of("domain", "r.dom == p.dom", `(r.dom == p.dom || p.dom == "*")`, "keyMatch(r.dom, p.dom)"),
			of("object", "r.obj == p.obj", "keyMatch(r.obj, p.obj)", "keyMatch2(r.obj, p.obj)"))
		user := func() string { return of("user", "user:alice", "user:bob", "anonymous") }
		role := func() string { return of("role", "role:admin", "role:editor", "role:viewer") }
		domain := func() string { return of("tenant", "acme", "globex", "*", "") }
		var rules []string
		for range rapid.IntRange(0, 12).Draw(t, "rules") {
			rules = append(rules, strings.Join([]string{"p", of("subject", user(), role(), role()), domain(), of("route", "/a", "/a/:id", "/a/*", "/*", "*"), of("method", "GET", "POST", "*"), of("eft", "allow", "allow", "deny")}, ", "))
		}
		for range rapid.IntRange(0, 6).Draw(t, "links") {
			rules = append(rules, strings.Join([]string{"g", of("member", user(), role()), role(), domain()}, ", "))
		}
		slices.Sort(rules)
		rules = slices.Compact(rules)
		parsed, err := model.NewModelFromString(text)
		if err != nil {
			t.Fatal(err)
		}
		e, err := casbin.NewEnforcer(parsed)
		if err != nil {
			t.Fatal(err)
		}
		for _, rule := range rules {
			values := strings.Split(rule, ", ")
			if values[0] == "p" {
				_, err = e.AddPolicy(values[1:])
			} else {
				_, err = e.AddGroupingPolicy(values[1:])
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		sessionRoles := rapid.Bool().Draw(t, "session roles")
		m := policy.Mapping{Values: casbinOrder, UserPrefix: "user:", Anonymous: "anonymous", SessionRoles: sessionRoles}
		if sessionRoles {
			m.RolePrefix = "role:"
		}
		ix, err := casbinindex.New(e.GetModel(), casbinindex.Config{})
		if err != nil {
			t.Fatal(err)
		}
		p, err := policy.FromIndex(ix, m)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"alice", "bob", ""} {
			for _, in := range []string{"acme", "globex"} {
				for _, route := range []string{"/a", "/a/:id", "/a/b/c", "/b"} {
					for _, method := range []string{"GET", "POST"} {
						r := policy.Request{Tenant: tenant.MustParse(in), Action: policy.Action(method), Object: policy.Route(route)}
						names := []string{"anonymous"}
						if id != "" {
							r.Subject = policy.Subject{ID: id, Roles: policy.RoleNames{"editor", "unknown"}}
							names = []string{"user:" + id}
							if sessionRoles {
								names = append(names, "role:editor", "role:unknown")
							}
						}
						want := askCasbin(t, e, names, in, route, method)
						got, err := p.Decide(context.Background(), r)
						if err != nil || got.Allowed() != want || got.Revision != p.Revision() {
							t.Fatalf("%+v: %v %v, Casbin says %v\n%s\n%s", r, got, err, want, text, strings.Join(rules, "\n"))
						}
						if want {
							allowed++
						} else {
							denied++
						}
					}
				}
			}
		}
	})
	if all := allowed + denied; allowed < all/100 || denied < all/100 || all == 0 {
		t.Errorf("%d are allowed and %d denied: the requests meet no rules", allowed, denied)
	}
}

// askCasbin asks an enforcer for each name: one has to be allowed, and none denied by a rule.
func askCasbin(t *rapid.T, e *casbin.Enforcer, names []string, values ...any) bool {
	allowed := false
	for _, name := range names {
		ok, rule, err := e.EnforceEx(append([]any{name}, values...)...)
		if err != nil {
			t.Fatal(err)
		}
		if !ok && len(rule) > 0 {
			return false
		}
		allowed = allowed || ok
	}
	return allowed
}

func TestAnIndexKnowsAnonymousCallersByNameOrDeniesThem(t *testing.T) {
	text := fmt.Sprintf(inDomains, allowAndDeny, "keyMatch(r.dom, p.dom)", "keyMatch(r.obj, p.obj)")
	rules := "p, anonymous, *, /login, POST, allow\np, alice, *, *, *, allow\np, , *, *, *, allow\n"
	named := indexPolicy(t, text, rules, policy.Mapping{Values: casbinOrder, Anonymous: "anonymous"})
	unnamed := indexPolicy(t, text, rules, policy.Mapping{Values: casbinOrder})
	acme := tenant.MustParse("acme")
	for name, c := range map[string]struct {
		policy *policy.IndexPolicy
		r      policy.Request
		want   bool
	}{
		"a rule for the name":             {named, policy.Request{Action: "POST", Object: policy.Route("/login")}, true},
		"in a tenant":                     {named, policy.Request{Tenant: acme, Action: "POST", Object: policy.Route("/login")}, true},
		"no rule for the name":            {named, policy.Request{Action: "GET", Object: policy.Route("/a")}, false},
		"no name, and a rule for no name": {unnamed, policy.Request{Action: "POST", Object: policy.Route("/login")}, false},
		"a user":                          {named, policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "GET", Object: policy.Route("/a")}, true},
	} {
		if d, err := c.policy.Decide(t.Context(), c.r); err != nil || d.Allowed() != c.want {
			t.Errorf("%s: %v %v", name, d, err)
		}
	}
}

func TestAMappingThatLeavesADoubtIsRefused(t *testing.T) {
	ix, err := casbinindex.LoadFS(fstest.MapFS{"model.conf": {Data: []byte(fmt.Sprintf(inDomains, allowAndDeny, "r.dom == p.dom", "r.obj == p.obj"))}, "policy.csv": {}}, "model.conf", "policy.csv", casbinindex.Config{})
	if err != nil {
		t.Fatal(err)
	}
	acme := tenant.MustParse("acme")
	caller, in, route, method := policy.MapCaller, policy.MapTenant, policy.MapRoute, policy.MapMethod
	for name, c := range map[string]struct {
		m    policy.Mapping
		want []string
	}{
		"nothing":                      {policy.Mapping{}, []string{"Mapping.Values: 0 values, and the model's request has 4: sub, dom, obj, act", "MapCaller stands there 0 times", "MapRoute", "MapMethod", "Mapping.Tenant: required without MapTenant"}},
		"too few":                      {policy.Mapping{Values: []policy.MappedValue{caller, in, route}}, []string{"3 values", "MapMethod"}},
		"a value twice":                {policy.Mapping{Values: []policy.MappedValue{caller, caller, route, method}, Tenant: acme}, []string{"MapCaller stands there 2 times"}},
		"the tenant twice":             {policy.Mapping{Values: []policy.MappedValue{caller, in, in, route, method}}, []string{"MapTenant stands there 2 times"}},
		"a value that is none":         {policy.Mapping{Values: []policy.MappedValue{caller, 9, route, method}, Tenant: acme}, []string{"9 is none of"}},
		"a tenant without effect":      {policy.Mapping{Values: casbinOrder, Tenant: acme}, []string{"Mapping.Tenant: it has no effect"}},
		"roles without a prefix":       {policy.Mapping{Values: casbinOrder, SessionRoles: true}, []string{"Mapping.RolePrefix: required"}},
		"roles like users":             {policy.Mapping{Values: casbinOrder, SessionRoles: true, RolePrefix: "x:", UserPrefix: "x:"}, []string{"Mapping.RolePrefix: it is UserPrefix"}},
		"roles that a user can be":     {policy.Mapping{Values: casbinOrder, SessionRoles: true, RolePrefix: "role-"}, []string{"does not end in a colon"}},
		"a role prefix without effect": {policy.Mapping{Values: casbinOrder, RolePrefix: "role:"}, []string{"Mapping.RolePrefix: it has no effect"}},
		"nothing is wrong":             {policy.Mapping{Values: casbinOrder}, nil},
	} {
		p, err := policy.FromIndex(ix, c.m)
		if (err == nil) != (len(c.want) == 0) || (p == nil) != (err != nil) {
			t.Errorf("%s: %v %v", name, p, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "policy: invalid config: Mapping.") {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		}
	}
	for name, ix := range map[string]*casbinindex.Index{"nil": nil, "zero": {}} {
		if p, err := policy.FromIndex(ix, policy.Mapping{Values: casbinOrder}); p != nil || !errors.Is(err, casbinindex.ErrNotLoaded) {
			t.Errorf("%s: %v %v", name, p, err)
		}
	}
}

func TestAnIndexPolicyDeniesWhatItCannotDecide(t *testing.T) {
	text := fmt.Sprintf(inDomains, allowAndDeny, "keyMatch(r.dom, p.dom)", "keyMatch(r.obj, p.obj)")
	p := indexPolicy(t, text, "p, alice, *, *, *, allow\n", policy.Mapping{Values: casbinOrder})
	over, cancel := context.WithCancel(t.Context())
	cancel()
	acme := tenant.MustParse("acme")
	alice := policy.Subject{ID: "alice"}
	for name, c := range map[string]struct {
		policy *policy.IndexPolicy
		ctx    context.Context
		r      policy.Request
		want   error
	}{
		"the context is over":     {p, over, policy.Request{Tenant: acme, Subject: alice, Action: "GET", Object: policy.Route("/a")}, context.Canceled},
		"a malformed request":     {p, t.Context(), policy.Request{Subject: alice, Action: "GET", Object: policy.Route("/a")}, policy.ErrRequest},
		"a HEAD":                  {p, t.Context(), policy.Request{Tenant: acme, Subject: alice, Action: "HEAD", Object: policy.Route("/a")}, policy.ErrRequest},
		"a typed object":          {p, t.Context(), policy.Request{Tenant: acme, Subject: alice, Action: "read", Object: policy.Object{Type: "doc"}}, policy.ErrMisused},
		"another tenant's object": {p, t.Context(), policy.Request{Tenant: acme, Subject: alice, Action: "read", Object: policy.Object{Type: "doc", ID: "1", Tenant: tenant.MustParse("globex")}}, policy.ErrRequest},
		"no index":                {&policy.IndexPolicy{}, t.Context(), policy.Request{Tenant: acme, Subject: alice, Action: "GET", Object: policy.Route("/a")}, policy.ErrNotLoaded},
		"nil":                     {nil, t.Context(), policy.Request{Tenant: acme, Subject: alice, Action: "GET", Object: policy.Route("/a")}, policy.ErrNotLoaded},
	} {
		if d, err := c.policy.Decide(c.ctx, c.r); !errors.Is(err, c.want) || d.Allowed() {
			t.Errorf("%s: %v %v", name, d, err)
		}
	}
	if d, err := p.Decide(t.Context(), policy.Request{Tenant: acme, Subject: alice, Action: "GET", Object: policy.Route("/a")}); err != nil || !d.Allowed() || d.Reasons[0].Rule != "alice, *, *, *, allow" {
		t.Errorf("a request that can be decided: %v %v", d, err)
	}
	if p.Routes() != nil || (*policy.IndexPolicy)(nil).Revision() != "" {
		t.Error("an index lists routes, or nil has a revision")
	}
}

// A policy without domains would otherwise hold in every tenant.
func TestAnIndexWithoutDomainsIsForOneTenant(t *testing.T) {
	text := strings.NewReplacer(", dom", "", "g = _, _, _", "g = _, _", "g(r.sub, p.sub, r.dom)", "g(r.sub, p.sub)").Replace(fmt.Sprintf(inDomains, allowAndDeny, "r.act == r.act", "keyMatch2(r.obj, p.obj)"))
	p := indexPolicy(t, text, "p, admin, /a/:id, GET, allow\np, anonymous, /login, GET, allow\ng, alice, admin\n", policy.Mapping{
		Values: []policy.MappedValue{policy.MapCaller, policy.MapRoute, policy.MapMethod}, Tenant: tenant.MustParse("acme"), Anonymous: "anonymous",
	})
	ask := func(in, id, route string) bool {
		r := policy.Request{Subject: policy.Subject{ID: id}, Action: "GET", Object: policy.Route(route)}
		if in != "" {
			r.Tenant = tenant.MustParse(in)
		}
		d, err := p.Decide(t.Context(), r)
		if err != nil {
			t.Error(err)
		}
		return d.Allowed()
	}
	if !ask("acme", "alice", "/a/:id") || ask("globex", "alice", "/a/:id") || !ask("acme", "", "/login") || ask("", "", "/login") {
		t.Error("the one tenant's policy is not for that tenant alone")
	}
}
