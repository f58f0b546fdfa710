package policyrls_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/authz/policy/policyrls"
	"github.com/reevehq/reeve/tenant/rls"
)

var attributes = []policy.Attribute{
	{Type: "sub", Name: "clearance", Kind: policy.KindInt},
	{Type: "env", Name: "ip", Kind: policy.KindString},
	{Type: "invoice", Name: "amount", Kind: policy.KindInt, Column: "amount_cents"},
	{Type: "invoice", Name: "note", Kind: policy.KindString, Null: condition.NullMissing, Column: "note"},
	{Type: "invoice", Name: "weather", Kind: policy.KindString},
	{Type: "project", Name: "id", Kind: policy.KindString, Null: condition.NullMissing, Column: "slug"},
	{Type: "project", Name: "tags", Kind: policy.KindStrings, Column: "tags"},
}

func TestColumnsAreThoseOfObjectsInTheirTables(t *testing.T) {
	got, err := policyrls.Columns(attributes, map[string]string{"invoice": "billing.invoice", "project": "project"})
	if err != nil {
		t.Fatal(err)
	}
	want := []rls.Column{
		{Table: "billing.invoice", Name: "amount_cents", Kind: rls.KindInt, Required: true},
		{Table: "billing.invoice", Name: "id", Kind: rls.KindString, Required: true},
		{Table: "billing.invoice", Name: "note", Kind: rls.KindString},
		{Table: "project", Name: "slug", Kind: rls.KindString, Required: true},
		{Table: "project", Name: "tags", Kind: rls.KindStrings, Required: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestATableOrATypeWithoutTheOtherIsAnError(t *testing.T) {
	_, err := policyrls.Columns(attributes, map[string]string{"invoice": "invoice", "projects": "project"})
	for _, want := range []string{"attributes.csv knows no type projects", "project.id has the column slug, and the type no table", "project.tags has"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

// The words of attributes.csv are the same in both packages.
func TestEveryKindOfAttributesIsOneOfTheAudit(t *testing.T) {
	for kind, want := range map[policy.AttributeKind]rls.Kind{
		policy.KindString: rls.KindString, policy.KindInt: rls.KindInt, policy.KindFloat: rls.KindFloat, policy.KindBool: rls.KindBool, policy.KindStrings: rls.KindStrings,
	} {
		if rls.Kind(kind.String()) != want {
			t.Errorf("%v is not %v", kind, want)
		}
	}
}

func ExampleColumns() {
	columns, err := policyrls.Columns([]policy.Attribute{{Type: "invoice", Name: "amount", Kind: policy.KindInt, Column: "amount_cents"}},
		map[string]string{"invoice": "billing.invoice"})
	fmt.Println(columns, err)
	// Output: [{billing.invoice amount_cents int true} {billing.invoice id string true}] <nil>
}
