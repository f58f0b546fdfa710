package policytest_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/policytest"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/tenant"
)

// declared is one attribute of each kind.
var declared = []policy.Attribute{
	{Type: "doc", Name: "owner", Kind: policy.KindString}, {Type: "doc", Name: "size", Kind: policy.KindInt}, {Type: "doc", Name: "score", Kind: policy.KindFloat},
	{Type: "doc", Name: "public", Kind: policy.KindBool}, {Type: "sub", Name: "regions", Kind: policy.KindStrings}, {Type: "env", Name: "hour", Kind: policy.KindInt},
}

func table(rows string) fstest.MapFS { return fstest.MapFS{"t.csv": {Data: []byte(rows)}} }

func TestARowIsARequest(t *testing.T) {
	cases, err := policytest.Load(table("# comment\n\n acme , user:bob , viewer editor, read, doc:1:2, owner=a=b; size=5;score=0.5;public=true;sub.regions=eu|us;env.hour=9;env.mfa=true;env.time=1970-01-02T00:00:00Z, allow, a note\n"), "t.csv", declared)
	if err != nil {
		t.Fatal(err)
	}
	want := []policytest.Case{{
		Request: policy.Request{
			Tenant:  tenant.MustParse("acme"),
			Subject: policy.Subject{ID: "bob", Roles: policy.RoleNames{"viewer", "editor"}, Attributes: policy.Values{"regions": []string{"eu", "us"}}},
			Action:  "read",
			Object:  policy.Object{Type: "doc", ID: "1:2", Tenant: tenant.MustParse("acme"), Attributes: policy.Values{"owner": "a=b", "size": int64(5), "score": 0.5, "public": true}},
			Env:     policy.Values{"hour": int64(9), "mfa": true, "time": int64(86400)},
		},
		Want: policy.Allow, Note: "a note", File: "t.csv", Line: 3,
	}}
	if diff := cmp.Diff(want, cases, cmp.Comparer(func(a, b tenant.ID) bool { return a == b }), cmpopts.IgnoreUnexported(policy.Request{})); diff != "" {
		t.Error(diff)
	}
}

func TestRowsThatCannotBeRead(t *testing.T) {
	for rows, want := range map[string]string{
		"":       "t.csv: no cases",
		"a, b\n": "t.csv:1: 2 values, 8 are needed: tenant, subject, roles, action, object, attributes, want, note, also where one is empty",
		"acme; user:bob; ; read; doc; ; allow; x":                      "t.csv:1: 1 values, 8 are needed: tenant, subject, roles, action, object, attributes, want, note: they are separated by commas",
		"acme, user:bob, , read, doc, , allow, x, and y":               "t.csv:1: 9 values, 8 are needed: tenant, subject, roles, action, object, attributes, want, note: a note or a list of attributes that holds a comma stands in double quotes",
		"acme, user:bob, , read, doc, , allow, x,,":                    "t.csv:1: 10 values, 8 are needed: tenant, subject, roles, action, object, attributes, want, note: remove the commas after the note",
		"acme, user:bob, role:viewer, read, doc, , allow, x":           "t.csv:1: \"role:viewer\" is no role that a session has: write viewer",
		"acme, user:bob, , read, doc, owner='bob', deny, x":            "t.csv:1: attribute owner of \"doc\": quotes would be part of the value: write bob",
		"acme, user:bob, , read, doc, owner=a;size=1;owner=b, deny, x": "t.csv:1: attribute owner of \"doc\" is there twice",
		"acme, user:bob, , read, doc, , alow, x":                       "t.csv:1: want is allow or deny, not \"alow\": did you mean allow?",
		"acme, role:bob, , read, doc, , allow, x":                      "t.csv:1: subject is user:<id> or anonymous, not \"role:bob\": roles stand in the next value",
		"acme, anonymus, , read, doc, , allow, x":                      "t.csv:1: subject is user:<id> or anonymous, not \"anonymus\": write user:anonymus",
		"acme, user:bob, , read, doc, ownre=x, allow, x":               "t.csv:1: attribute ownre of \"doc\": not declared in attributes.csv: did you mean owner?",
		"\nacme.eu, user:bob, , read, doc, , allow, x":                 "t.csv:2: tenant: invalid id: \".\" at byte 5: only letters, digits, - and _ are allowed",
		", anonymous, , read, doc:1, , allow, x":                       "t.csv:1: the object \"doc:1\" belongs to a tenant",
		"acme, bob, , read, doc, , allow, x":                           "t.csv:1: subject is user:<id> or anonymous",
		"acme, user:bob, , read, , , allow, x":                         "t.csv:1: object is",
		"acme, user:bob, , read, doc:, , allow, x":                     "t.csv:1: object is",
		"acme, user:bob, , read, doc, , Allow, x":                      "t.csv:1: want is allow or deny",
		"acme, user:bob, , read, doc, owner, allow, x":                 "t.csv:1: an attribute is name=value",
		"acme, user:bob, , read, doc, ownr=x, allow, x":                "t.csv:1: attribute ownr of \"doc\": not declared",
		"acme, user:bob, , read, doc, size=x, allow, x":                "t.csv:1: attribute size of \"doc\"",
		"acme, user:bob, , read, doc, obj.size=5, allow, x":            "t.csv:1: an attribute is of sub",
		"acme, user:bob, , read, doc, , allow, x\nacme, \"x\nx, y":     "t.csv:3:5: a double quote inside a value, or one that does not end",
	} {
		_, err := policytest.Load(table(rows), "t.csv", declared)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q:\ngot  %v\nwant %s", rows, err, want)
		}
	}
	if _, err := policytest.Load(table(""), "other.csv", declared); err == nil {
		t.Error("a missing table is fine")
	}
}

func TestEvaluateTellsWhichCasesFailAndWhichRulesAreIdle(t *testing.T) {
	engine, err := policy.Load(policies.Files(), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cases, err := policytest.Load(table(strings.Join([]string{
		"acme, user:bob, viewer, GET, /invoices, , allow, right",
		"acme, user:bob, viewer, GET, /invoices, , deny, allowed against the wish",
		"acme, user:bob, viewer, POST, /invoices, , allow, denied against the wish",
		"acme, user:bob, viewer, get, /invoices, , deny, malformed",
	}, "\n")), "t.csv", engine.Attributes())
	if err != nil {
		t.Fatal(err)
	}
	results, idle := policytest.Evaluate(t.Context(), engine, cases)
	for i, want := range []string{"", "want deny, got allow by policy.csv:", "want allow, but no rule matches", "policy: invalid request"} {
		err := results[i].Failure()
		if (want == "") != (err == nil) || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("case %d: %v, want %q", i, err, want)
		}
	}
	if err := results[3].Failure(); !errors.Is(err, policy.ErrRequest) {
		t.Errorf("the decision's error is lost: %v", err)
	}
	if all := len(engine.Rules()); len(idle) != all-1 {
		t.Errorf("%d of %d rules are idle", len(idle), all)
	}
	for _, r := range idle {
		if r.Object == "/invoices" && r.Action == "GET" {
			t.Error("the rule that decided is idle")
		}
	}
}

func TestATableThatGivesNoTimeIsDecidedAtAFixedOne(t *testing.T) {
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	policytest.Run(t, fstest.MapFS{
		"model.conf": {Data: model},
		"policy.csv": {Data: []byte("p, role:anyone, *, doc, read, r.env.hour == 12 && r.env.weekday == 6, allow\n")},
		"t_test.csv": {Data: []byte(", anonymous, , read, doc, , allow, noon of a Saturday\n" +
			", anonymous, , read, doc, env.time=2000-01-01T13:00:00Z, deny, an hour later\n")},
	}, "t_test.csv")
}
