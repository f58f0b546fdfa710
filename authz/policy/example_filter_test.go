package policy_test

import (
	"context"
	"fmt"
	"io/fs"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/tenant"
)

// The predicate of a caller is SQL for one database, or is asked about rows that are at hand.
func ExampleEngine_Filter() {
	model, err := fs.ReadFile(policies.Files(), policy.ModelFile)
	if err != nil {
		panic(err)
	}
	engine, err := policy.Load(fstest.MapFS{
		policy.ModelFile:      {Data: model},
		policy.PolicyFile:     {Data: []byte("p, role:editor, *, note, read, r.obj.owner == r.sub.id || r.obj.public, allow\n")},
		policy.AttributesFile: {Data: []byte("note, id, string, no, id\nnote, org, tenant, no, tenant_id\nnote, owner, string, no, owner\nnote, public, bool, no, is_public\n")},
	}, policy.Options{})
	if err != nil {
		panic(err)
	}
	acme := tenant.MustParse("acme")
	may, err := engine.Filter(context.Background(), policy.Request{
		Tenant: acme, Subject: policy.Subject{ID: "alice", Roles: policy.RoleNames{"editor"}},
		Action: "read", Object: policy.Object{Type: "note"},
	})
	if err != nil {
		panic(err)
	}
	where, args, err := may.SQL(policy.Postgres, "n")
	fmt.Println(where, args, err)
	for _, owner := range []string{"alice", "bob"} {
		row := policy.Object{Type: "note", ID: "1", Tenant: acme, Attributes: policy.Values{"owner": owner, "public": false}}
		fmt.Println(owner, may.Match(row))
	}
	// Output:
	// ("n"."tenant_id" = $1::text AND ("n"."owner" = $2::text OR "n"."is_public" = TRUE)) [acme alice] <nil>
	// alice true
	// bob false
}
