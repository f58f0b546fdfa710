package policy_test

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

// A decision denies unless some rule allows and none denies. An error comes with a decision that
// denies.
func ExampleEngine_Decide() {
	engine, err := policy.Load(shopPolicy("p, role:editor, *, invoice, update, r.obj.owner == r.sub.id && r.obj.status != 'paid', allow\n"), policy.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	acme := tenant.MustParse("acme")
	for _, status := range []string{"open", "paid"} {
		decision, err := engine.Decide(context.Background(), policy.Request{
			Tenant:  acme,
			Subject: policy.Subject{ID: "alice", Roles: policy.RoleNames{"editor"}},
			Action:  "update",
			Object: policy.Object{
				Type: "invoice", ID: "42", Tenant: acme,
				Attributes: policy.Values{"owner": "alice", "status": status},
			},
		})
		fmt.Println(status, decision.Effect, err)
	}
	// Output:
	// open allow <nil>
	// paid deny <nil>
}
