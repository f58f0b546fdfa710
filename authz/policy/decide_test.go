package policy_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
)

// The session's sets are what requests are made of.
var (
	_ policy.Roles           = session.Roles{}
	_ policy.AttributeSource = session.Attributes{}
)

func TestTheZeroDecisionDenies(t *testing.T) {
	var d policy.Decision
	if d.Allowed() || d.Effect != policy.Deny || policy.Effect(7).String() != "deny" {
		t.Error("it does not")
	}
}

func TestReasonsNameTheRulesThatDecided(t *testing.T) {
	fsys := with(
		"# a comment",
		"  p, role:viewer, *, doc, read, r.obj.public, allow",
		"p, role:viewer, *, doc, read, true, allow",
		"p, role:viewer, *, doc:1, read, r.obj.status == 'locked', deny",
		"p, role:authenticated, *, *, *, r.sub.level < 1, deny",
	)
	fsys["tenants/acme.csv"] = &mapFile{Data: []byte("p, user:bob, acme, doc:*, read, true, allow\n")}
	e := mustLoad(t, fsys)
	second := policy.Reason{File: "policy.csv", Line: 2, Rule: "p, role:viewer, *, doc, read, r.obj.public, allow", Effect: policy.Allow}
	third := policy.Reason{File: "policy.csv", Line: 3, Rule: "p, role:viewer, *, doc, read, true, allow", Effect: policy.Allow}
	locked := policy.Reason{File: "policy.csv", Line: 4, Rule: "p, role:viewer, *, doc:1, read, r.obj.status == 'locked', deny", Effect: policy.Deny}
	low := policy.Reason{File: "policy.csv", Line: 5, Rule: "p, role:authenticated, *, *, *, r.sub.level < 1, deny", Effect: policy.Deny}
	bob := policy.Reason{File: "tenants/acme.csv", Line: 1, Rule: "p, user:bob, acme, doc:*, read, true, allow", Effect: policy.Allow}

	for name, c := range map[string]struct {
		public, status, level any
		roles                 []string
		want                  []policy.Reason
	}{
		"an allow names the first rule that matches": {true, "open", 1, []string{"viewer"}, []policy.Reason{second}},
		"a rule whose condition fails is not named":  {false, "open", 1, []string{"viewer"}, []policy.Reason{third}},
		"a denial names the deny rule":               {true, "locked", 1, []string{"viewer"}, []policy.Reason{locked}},
		"a denial names every deny rule":             {true, "locked", 0, []string{"viewer"}, []policy.Reason{locked, low}},
		"a deny of unknown condition denies":         {true, nil, 1, []string{"viewer"}, []policy.Reason{locked}},
		"a tenant's rule is named by its file":       {true, "open", 1, nil, []policy.Reason{bob}},
	} {
		t.Run(name, func(t *testing.T) {
			r := asks("bob", "read", policy.Object{Type: "doc", ID: "1", Attributes: policy.Values{"public": c.public, "status": c.status}}, c.roles...)
			r.Subject.Attributes = policy.Values{"level": c.level}
			d := decide(t, e, r)
			if diff := cmp.Diff(c.want, d.Reasons); diff != "" {
				t.Error(diff)
			}
			if d.Effect != c.want[0].Effect || d.Revision != e.Revision() || d.Revision == "" {
				t.Errorf("%+v", d)
			}
		})
	}
	r := asks("eve", "read", doc("1"))
	r.Subject.Attributes = policy.Values{"level": 1}
	if d := decide(t, e, r); d.Allowed() || len(d.Reasons) != 0 {
		t.Errorf("where no rule matches: %+v", d)
	}
}

func TestWhatAnObjectInARuleCovers(t *testing.T) {
	for object, covered := range map[string]map[policy.Object]bool{
		"doc":      {{Type: "doc"}: true, doc("1"): true, doc("1:2"): true, {Type: "docs"}: false, {Type: "note", ID: "doc"}: false, {Type: "note", ID: "doc:1"}: false},
		"doc:1":    {{Type: "doc"}: false, doc("1"): true, doc("10"): false, doc("1:2"): false, {Type: "doc-1"}: false},
		"doc:*":    {{Type: "doc"}: false, doc("1"): true, doc("1/2"): true, {Type: "note", ID: "1"}: false},
		"doc:a/*":  {doc("a/"): true, doc("a/b/c"): true, doc("a"): false, doc("ab"): false, doc("x/a/b"): false},
		"doc:a:*":  {doc("a:"): true, doc("a:b"): true, doc("a"): false, doc("b:a:c"): false},
		"doc:ü":    {doc("ü"): true, doc("u"): false},
		"*":        {{Type: "doc"}: true, doc("1"): true, {Type: "note"}: true},
		"doc:read": {doc("read"): true},
	} {
		fsys := with("p, role:anyone, *, " + object + ", read, true, allow")
		fsys["attributes.csv"].Data = append(fsys["attributes.csv"].Data, "docs, id, string, no,\ndoc-1, id, string, no,\n"...)
		e, casbin := mustLoad(t, fsys), newOracle(t, fsys)
		for o, want := range covered {
			r := asks("", "read", o)
			stock, err := casbin.allows(t, r)
			if err != nil {
				t.Fatal(err)
			}
			if got := allows(t, e, r); got != want || stock != want {
				t.Errorf("%s on %+v: %t, Casbin %t", object, o, got, stock)
			}
		}
	}
}

func TestARuleForOneTenantHoldsInNoOther(t *testing.T) {
	e := mustLoad(t, with("p, role:viewer, acme, doc, read, true, allow", "g, user:bob, role:viewer, globex", "g, role:admin, role:viewer, globex"))
	for name, want := range map[string]bool{"acme": true, "globex": false} {
		r := within(asks("bob", "read", doc("1"), "viewer"), name)
		if allows(t, e, r) != want {
			t.Errorf("in %s", name)
		}
	}
	// Roles of globex count for nothing in acme.
	if allows(t, e, asks("bob", "read", doc("1"))) || allows(t, e, asks("x", "read", doc("1"), "admin")) {
		t.Error("a role of globex works in acme")
	}
}

func TestAnObjectOfTheRequestsOwnTenantIsDecided(t *testing.T) {
	e := mustLoad(t, with(fine))
	r := asks("bob", "read", policy.Object{Type: "doc", ID: "1", Tenant: acme}, "viewer")
	if !allows(t, e, r) {
		t.Error("denied")
	}
}

func TestNumbersAreComparedExactlyOrNotAtAll(t *testing.T) {
	e := mustLoad(t, with("p, role:anyone, *, doc, read, r.obj.size == r.obj.score, allow", "p, role:anyone, *, doc, write, r.obj.size != r.obj.score, allow"))
	const limit = int64(1 << 53)
	for _, c := range []struct {
		size, score any
		equal, not  bool
	}{
		{5, 5.0, true, false}, {int8(5), float32(5), true, false}, {uint64(5), uint8(5), true, false}, {int16(-5), int32(-5), true, false},
		{uint(5), uint16(6), false, true}, {uint32(7), int64(7), true, false},
		{limit, limit, true, false}, {-limit, -limit, true, false},
		{limit + 1, limit, false, false}, {-limit - 1, -limit, false, false}, {uint64(1 << 63), 1, false, false}, {^uint64(0), -1, false, false},
		{5.0, 5.0, false, false}, {"5", 5.0, false, false}, {5, "5", false, false}, {true, 1, false, false},
	} {
		r := asks("", "read", policy.Object{Type: "doc", ID: "1", Attributes: policy.Values{"size": c.size, "score": c.score}})
		w := r
		w.Action = "write"
		if permits(t, e, r) != c.equal || permits(t, e, w) != c.not {
			t.Errorf("%T %v and %T %v", c.size, c.size, c.score, c.score)
		}
	}
}

func TestTheObjectsIDIsItsOwnWhateverItsAttributesSay(t *testing.T) {
	e := mustLoad(t, with("p, role:authenticated, *, doc, read, r.obj.id == r.sub.id, allow"))
	r := asks("bob", "read", policy.Object{Type: "doc", ID: "eve", Attributes: policy.Values{"id": "bob"}})
	if allows(t, e, r) {
		t.Error("an attribute replaced the object's id")
	}
	r.Object.ID = "bob"
	r.Subject.Attributes = policy.Values{"id": "eve"}
	if !allows(t, e, r) {
		t.Error("an attribute replaced the caller's id")
	}
}

func TestADecisionWhoseContextIsOverIsAnError(t *testing.T) {
	e := mustLoad(t, with(fine))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d, err := e.Decide(ctx, asks("bob", "read", doc("1"), "viewer"))
	if !errors.Is(err, context.Canceled) || d.Allowed() {
		t.Errorf("%v %v", d, err)
	}
}

func TestCoversAsksForARuleThatNamesTheRoute(t *testing.T) {
	e := mustLoad(t, with(
		"p, role:a, *, /x/:id, GET, true, allow", "p, role:a, *, /y, *, true, allow", "p, role:a, acme, /z/*, POST, true, deny",
		"p, role:admin, *, *, *, true, allow", "p, role:a, *, doc, read, true, allow",
	))
	for _, c := range []struct {
		method, route string
		want          bool
	}{
		{"GET", "/x/:id", true}, {"POST", "/x/:id", false}, {"GET", "/x/:name", false}, {"GET", "/x", false},
		{"DELETE", "/y", true}, {"POST", "/z/a/b", true}, {"POST", "/z", false}, {"GET", "/forgotten", false}, {"read", "doc", false},
	} {
		if got := e.Covers(c.method, c.route); got != c.want {
			t.Errorf("%s %s: %t", c.method, c.route, got)
		}
	}
	want := []policy.Rule{
		{Subject: "role:a", Tenant: "*", Object: "/x/:id", Action: "GET", Condition: "true", Effect: policy.Allow, File: "policy.csv", Line: 1},
		{Subject: "role:a", Tenant: "*", Object: "/y", Action: "*", Condition: "true", Effect: policy.Allow, File: "policy.csv", Line: 2},
		{Subject: "role:a", Tenant: "acme", Object: "/z/*", Action: "POST", Condition: "true", Effect: policy.Deny, File: "policy.csv", Line: 3},
	}
	if diff := cmp.Diff(want, e.RouteRules()); diff != "" {
		t.Error(diff)
	}
	if got := len(e.Rules()); got != 5 {
		t.Errorf("%d rules", got)
	}
}

func TestTheRevisionIsThatOfTheContent(t *testing.T) {
	a, b := mustLoad(t, policies.Files()), mustLoad(t, policies.Files())
	if a.Revision() != b.Revision() || len(a.Revision()) != 32 {
		t.Errorf("%q %q", a.Revision(), b.Revision())
	}
	seen := map[string]bool{}
	one := map[string]string{"policy.csv": fine}
	for name, files := range map[string]map[string]string{
		"one":                {"policy.csv": fine},
		"a comment":          {"policy.csv": fine + "#"},
		"empty attributes":   {"policy.csv": fine, "attributes.csv": ""},
		"a tenant":           {"policy.csv": fine, "tenants/acme.csv": "g, user:a, role:b, acme"},
		"another's":          {"policy.csv": fine, "tenants/globex.csv": "g, user:a, role:b, globex"},
		"the model's spaces": {"policy.csv": fine, "model.conf": string(folder(one)["model.conf"].Data) + "\n"},
	} {
		rev := mustLoad(t, folder(files)).Revision()
		if seen[rev] {
			t.Errorf("%s has another's revision", name)
		}
		seen[rev] = true
	}
}

func TestDecidingDoesNotAllocate(t *testing.T) {
	e := mustLoad(t, policies.Files())
	roles, err := session.NewRoles("editor")
	if err != nil {
		t.Fatal(err)
	}
	gate := asks("alice", "PUT", policy.Route("/invoices/:id"))
	gate.Subject.Roles = roles
	object := asks("alice", "update", policy.Object{Type: "invoice", ID: "1", Tenant: acme, Attributes: policy.Values{"owner": "alice", "status": "draft"}}, "editor")
	denied := asks("alice", "delete", policy.Object{Type: "invoice", ID: "1"}, "editor")
	for name, r := range map[string]policy.Request{"a route": gate, "an object": object, "a denial": denied} {
		if n := testing.AllocsPerRun(200, func() {
			if _, err := e.Decide(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
