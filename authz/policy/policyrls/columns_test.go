package policyrls_test

import (
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

// A member whose text is in a column that calls "Alice" and "alice" one, or that is padded, would be
// a member in lists and none in checks.
func TestColumnsOfRelationsAreAmongThem(t *testing.T) {
	members := &condition.Relation{Table: "doc_member", Key: "doc_id", Value: "user_id", Only: "role", Is: "lead"}
	attributes := []policy.Attribute{
		{Type: "doc", Name: "id", Kind: policy.KindUUID, Column: "id"},
		{Type: "doc", Name: "project", Kind: policy.KindParent, Null: condition.NullMissing, Column: "project_id", Relation: &condition.Relation{Target: "project", Table: "project", Key: "no"}},
		{Type: "doc", Name: "folder", Kind: policy.KindParent, Column: "folder_id", Relation: &condition.Relation{Target: "folder", Table: "folder", Key: "id"}},
		{Type: "doc", Name: "leads", Kind: policy.KindStrings, Column: "id", Relation: members},
		{Type: "doc", Name: "members", Kind: policy.KindStrings, Column: "id", Relation: &condition.Relation{Table: "doc_member", Key: "doc_id", Value: "user_id"}},
		{Type: "doc", Name: "team", Kind: policy.KindStrings, Column: "team_id", Relation: &condition.Relation{Table: "team_member", Key: "team_id", Value: "user_id"}},
		{Type: "project", Name: "no", Kind: policy.KindInt, Column: "no"},
	}
	got, err := policyrls.Columns(attributes, map[string]string{"doc": "app.doc", "project": "core.project"})
	if err != nil {
		t.Fatal(err)
	}
	want := []rls.Column{
		{Table: "app.doc", Name: "id", Kind: rls.KindUUID, Required: true},
		{Table: "app.doc", Name: "project_id", Kind: rls.KindInt},
		{Table: "app.doc_member", Name: "doc_id", Kind: rls.KindUUID},
		{Table: "app.doc_member", Name: "role", Kind: rls.KindString},
		{Table: "app.doc_member", Name: "user_id", Kind: rls.KindString},
		{Table: "app.team_member", Name: "user_id", Kind: rls.KindString},
		{Table: "core.project", Name: "id", Kind: rls.KindString, Required: true},
		{Table: "core.project", Name: "no", Kind: rls.KindInt, Required: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// The words of attributes.csv are the same in both packages.
func TestEveryKindOfAttributesIsOneOfTheAudit(t *testing.T) {
	for kind, want := range map[policy.AttributeKind]rls.Kind{
		policy.KindString: rls.KindString, policy.KindInt: rls.KindInt, policy.KindFloat: rls.KindFloat, policy.KindBool: rls.KindBool, policy.KindStrings: rls.KindStrings,
		policy.KindTime: rls.KindTime, policy.KindUUID: rls.KindUUID,
	} {
		if rls.Kind(kind.String()) != want {
			t.Errorf("%v is not %v", kind, want)
		}
	}
}
