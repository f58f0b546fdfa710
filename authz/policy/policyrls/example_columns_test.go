package policyrls_test

import (
	"fmt"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/policyrls"
)

// The audit of a database is told which columns the conditions of a policy compare.
func ExampleColumns() {
	columns, err := policyrls.Columns([]policy.Attribute{{Type: "invoice", Name: "amount", Kind: policy.KindInt, Column: "amount_cents"}},
		map[string]string{"invoice": "billing.invoice"})
	fmt.Println(columns, err)
	// Output: [{billing.invoice amount_cents int true} {billing.invoice id string true}] <nil>
}
