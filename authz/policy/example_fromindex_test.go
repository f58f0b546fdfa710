package policy_test

import (
	"context"
	"fmt"

	"github.com/casbin/casbin/v2/model"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/casbinindex"
	"github.com/reevehq/reeve/tenant"
)

// A service keeps the Casbin policy that it has, as authz.Config.Policy.
func ExampleFromIndex() {
	m, err := model.NewModelFromString(`
[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, dom, obj, act
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act
`)
	if err != nil {
		panic(err)
	}
	if err := m.AddPolicy("p", "p", []string{"admin", "acme", "/reports/:id", "GET"}); err != nil {
		panic(err)
	}
	if err := m.AddPolicy("g", "g", []string{"user:alice", "admin", "acme"}); err != nil {
		panic(err)
	}
	index, err := casbinindex.New(m, casbinindex.Config{})
	if err != nil {
		panic(err)
	}
	decider, err := policy.FromIndex(index, policy.Mapping{
		Values:     []policy.MappedValue{policy.MapCaller, policy.MapTenant, policy.MapRoute, policy.MapMethod},
		UserPrefix: "user:",
	})
	if err != nil {
		panic(err)
	}
	for _, user := range []string{"alice", "bob"} {
		decision, err := decider.Decide(context.Background(), policy.Request{
			Tenant: tenant.MustParse("acme"), Subject: policy.Subject{ID: user},
			Action: "GET", Object: policy.Object{Route: "/reports/:id"},
		})
		fmt.Println(user, decision.Effect, err)
	}
	// Output:
	// alice allow <nil>
	// bob deny <nil>
}
