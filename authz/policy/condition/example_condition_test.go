package condition_test

import (
	"fmt"

	"github.com/reevehq/reeve/authz/policy/condition"
)

// A tool reads a condition, and asks for what is known of one object.
func ExampleParse() {
	schema, err := condition.NewSchema([]condition.Attribute{
		{Type: "invoice", Name: "owner", Kind: condition.KindString},
		{Type: "invoice", Name: "status", Kind: condition.KindString},
	})
	if err != nil {
		panic(err)
	}
	expr, err := condition.Parse("r.obj.owner == r.sub.id && r.obj.status in ('draft', 'sent')", "invoice", schema)
	if err != nil {
		panic(err)
	}
	for a := range expr.Attributes() {
		fmt.Println(a.Ref())
	}
	known := map[string]any{"r.obj.owner": "alice", "r.sub.id": "alice", "r.obj.status": "sent"}
	fmt.Println(condition.Eval(expr, func(a *condition.Attribute) (condition.Value, []string) { return a.ValueOf(known[a.Ref()]) }))
	// Output:
	// r.obj.owner
	// r.sub.id
	// r.obj.status
	// true
}
