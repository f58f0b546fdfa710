package policy

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/internal/lookup"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/tenant"
)

// Otherwise the wrong lines would be fetched, and only the clock would tell.
func TestThePlaceThatIsExpectedIsTheOneLookedUp(t *testing.T) {
	s := newNames()
	id := []uint32{s.addTenant("acme"), s.addWord("read"), s.addWord("doc"), s.addObject("7"), s.addName("user:alice")}
	m, _ := s.seal()
	tenantID, action, typ, rest := m.tenants[id[0]], m.words[id[1]], m.words[id[2]], m.objects[id[3]]
	n := &snapshot{names: s, closures: &lookup.Closures{}, own: ruleTable{groups: lookup.NewGroups(nil, nil)}, shared: ruleTable{groups: lookup.NewGroups(nil, nil)}}
	r := Request{Tenant: tenant.MustParse("acme"), Action: "read", Object: Object{Type: "doc", ID: "7"}, Subject: Subject{ID: "alice"}}
	var q query
	n.hash(&q, &r)
	expected := keyOf(q.tenant, q.action, q.typ, coversOne, q.rest)
	stands := keyOf(s.tenants.Term(tenantID), s.words.Term(action), s.words.Term(typ), coversOne, s.objects.Term(rest))
	n.resolve(&q, &r)
	asked := keyOf(q.tenant, q.action, q.typ, coversOne, q.rest)
	if asked != stands || expected.Hash != stands.Hash {
		t.Errorf("the rule stands at %x, the question expects it at %x and asks at %x", stands, expected, asked)
	}
	if got, want := s.user(s.users.LikelyNumber(q.user.Hash)), m.name(id[4]); got != want {
		t.Errorf("alice is expected at %d and is %d", got, want)
	}
	r.Action = "write"
	if n.hash(&q, &r); keyOf(q.tenant, q.action, q.typ, coversOne, q.rest).Hash == stands.Hash {
		t.Error("every question has one place")
	}
}

// Fetching is for speed alone. Were it to decide, a part that it leaves out would take the
// deny rules with it and leave the allow for everything.
func TestAQuestionForWhichNothingWasFetchedIsAnsweredAlike(t *testing.T) {
	const rows = `
p, role:anyone, *,    *,     *,    true, allow
p, user:alice,  acme, doc:7, read, true, deny
p, user:alice,  acme, /a/*,  GET,  true, deny
g, user:alice,  role:editor, acme
p, role:editor, acme, doc,   write, true, deny
`
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	e, err := Load(fstest.MapFS{"model.conf": {Data: model}, "policy.csv": {Data: []byte(rows)}, "attributes.csv": {Data: []byte("other, id, string, no,")}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := e.snapshot()
	denied := 0
	for _, tenantID := range []string{"acme", "globex"} {
		for _, user := range []string{"alice", "bob"} {
			for _, action := range []Action{"read", "write", "GET"} {
				for _, object := range []Object{{Type: "doc", ID: "7", Tenant: tenant.MustParse(tenantID)}, {Type: "doc"}, {Type: "other", ID: "/a/b", Tenant: tenant.MustParse(tenantID)}, Route("/a/b"), Route("/b")} {
					r := Request{Tenant: tenant.MustParse(tenantID), Subject: Subject{ID: user}, Action: action, Object: object}
					if err := r.validate(); err != nil {
						continue // a method on a type, a word on a route
					}
					var q query
					_, err := e.prepare(t.Context(), &r, &q)
					if err != nil {
						t.Fatal(err)
					}
					var bare query
					s.resolve(&bare, &r)
					var want, got Decision
					s.decide(&want, &r, &q)
					s.decide(&got, &r, &bare)
					if bare != q {
						t.Errorf("%+v: %+v, and without hints %+v", r, q, bare)
					}
					if want.Effect != got.Effect || !slices.Equal(want.Reasons, got.Reasons) {
						t.Errorf("%+v: %v, and not expected %v", r, want, got)
					}
					if !want.Allowed() {
						denied++
					}
				}
			}
		}
	}
	if denied != 4 {
		t.Errorf("%d are denied, of doc:7, /a/b and doc in acme 4 are right", denied)
	}
}

// The snapshot here is empty: a hint that looked at it for a request that is not valid would
// panic.
func TestARequestIsValidatedBeforeAnythingLooksAtThePolicy(t *testing.T) {
	e := &Engine{}
	e.current.Store(&snapshot{revision: "r"})
	for name, r := range map[string]Request{
		"nothing":                 {},
		"a user without a tenant": {Subject: Subject{ID: "alice"}, Action: "read", Object: Object{Type: "doc"}},
		"another tenant's object": {Tenant: tenant.MustParse("acme"), Action: "read", Object: Object{Type: "doc", ID: "1", Tenant: tenant.MustParse("globex")}},
		"an id without a tenant":  {Tenant: tenant.MustParse("acme"), Action: "read", Object: Object{Type: "doc", ID: "1"}},
		"a malformed route":       {Action: "GET", Object: Route("x")},
	} {
		if d, err := e.Decide(t.Context(), r); !errors.Is(err, ErrRequest) || d.Allowed() || d.Revision != "r" {
			t.Errorf("%s: %v %v", name, d, err)
		}
	}
}

// Each of these is denied by a rule of its own or not at all, so none may be decided.
func TestNoPartOfARequestIsLongerThanItsLimit(t *testing.T) {
	long := strings.Repeat("a", 2000)
	for name, r := range map[string]Request{
		"an action":          {Action: Action(long), Object: Object{Type: "doc"}},
		"a method":           {Action: Action(strings.ToUpper(long)), Object: Route("/a")},
		"a type":             {Action: "read", Object: Object{Type: long}},
		"an id":              {Action: "read", Object: Object{Type: "doc", ID: long}},
		"a route":            {Action: "GET", Object: Route("/" + long)},
		"a route with an id": {Action: "GET", Object: Object{Route: "/a", ID: long}},
		"a user":             {Tenant: tenant.MustParse("acme"), Subject: Subject{ID: long}, Action: "read", Object: Object{Type: "doc"}},
	} {
		if err := r.validate(); !errors.Is(err, ErrRequest) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
