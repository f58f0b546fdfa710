package policy_test

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

// An explanation names the rules that decided or, when none did, those that came nearest.
func ExampleEngine_Explain() {
	engine, err := policy.Load(shopPolicy("p, role:editor, *, invoice, update, r.obj.status != 'paid', allow\n"+
		"g, role:admin, role:editor, *\n"), policy.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	acme := tenant.MustParse("acme")
	explanation, err := engine.Explain(context.Background(), policy.Request{
		Tenant:  acme,
		Subject: policy.Subject{ID: "alice", Roles: policy.RoleNames{"admin"}},
		Action:  "update",
		Object:  policy.Object{Type: "invoice", ID: "42", Tenant: acme, Attributes: policy.Values{"status": "paid"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(explanation)
	// Output:
	// deny: user:alice, update invoice:42 in acme
	// ├─ no rule allows it, and the caller is user:alice, role:admin, role:editor, role:authenticated, role:anyone
	// └─ nearly: policy.csv:1: p, role:editor, *, invoice, update, r.obj.status != 'paid', allow
	//    └─ condition: r.obj.status != 'paid' is false
}
