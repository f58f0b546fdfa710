package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/tenant"
)

// Decisions over relations, roles, texts, times and NULL are those of stock Casbin, which reads the
// same files and is given the functions of condition.Functions.
func TestDecisionsOverRelationsAreThoseOfCasbin(t *testing.T) {
	t.Parallel()
	wanted := testneed.Scale(10_000, 50)
	compared, allowed, failed := 0, 0, 0
	for seed := uint64(0); compared < wanted; seed++ {
		g := newGen(seed)
		var rows []string
		for range 1 + g.IntN(6) {
			rows = append(rows, fmt.Sprintf("p, %s, %s, %s, %s, %s, %s", pick(g, "role:"+g.role(), "role:anyone", "user:"+g.user()), g.tenant(), pick(g, "doc", "doc", "doc:1", "doc:x/*"),
				pick(g, "read", "*"), csvQuote(g.richCondition(2)), pick(g, "allow", "allow", "deny")))
		}
		fsys := folder(map[string]string{"policy.csv": strings.Join(unique(append(rows, g.grants(g.tenant)...)), "\n"), "attributes.csv": richAttributes})
		engine, err := policy.Load(fsys, policy.Options{})
		if err != nil {
			if strings.Contains(err.Error(), "both sides are constants") {
				continue
			}
			t.Fatal(err)
		}
		casbin, rules := newOracle(t, fsys), engine.Rules()
		for range testneed.Scale(6, 1) {
			session := g.richRequest()
			casbin.as(t, session, func() {
				for range 20 {
					r := g.richRequest()
					r.Tenant, r.Subject.ID, r.Subject.Roles, r.Action = session.Tenant, session.Subject.ID, session.Subject.Roles, "read"
					if r.Object.ID != "" && r.Tenant.IsZero() {
						r.Tenant = acme
					}
					if r.Object.Tenant = (tenant.ID{}); r.Object.ID != "" {
						r.Object.Tenant = r.Tenant
					}
					want, rule, err := casbin.enforce(r)
					if err != nil {
						failed++
						continue
					}
					got := decide(t, engine, r)
					if by := decisive(rules, got); got.Allowed() != want || !slices.Equal(by, rule) {
						t.Fatalf("seed %d: Casbin says %t by %q, we say %s by %q\n%+v\n%s", seed, want, rule, got.Effect, by, r, fsys["policy.csv"].Data)
					}
					compared++
					if want {
						allowed++
					}
				}
			})
		}
	}
	t.Logf("%d decisions, %d allowed, %d without an answer from Casbin", compared, allowed, failed)
	if allowed < wanted/10 || allowed > wanted*9/10 || failed > 2*wanted {
		t.Errorf("the generator does not exercise both answers: %d of %d allowed, %d failed", allowed, compared, failed)
	}
}

// r.sub.roles is every role of the caller in the tenant, near and far, of the session and of g
// rows, once; a session attribute of that name is not asked.
func TestTheRolesOfACallerAreAllThatTheyHave(t *testing.T) {
	e := mustLoad(t, with(
		"p, role:anyone, *, doc, read, r.obj.owner in r.sub.roles, allow",
		"p, role:anyone, *, doc, write, \"'chief' in r.sub.roles && !(has(r.obj, 'owner'))\", allow",
		"g, user:alice, role:editor, acme", "g, role:editor, role:viewer, *", "g, role:editor, role:chief, globex", "g, role:b, role:viewer, *",
	))
	r := asks("alice", "read", doc("1"), "b", "stranger", "b")
	if got, want := policy.RolesOf(t, e, r), []string{"b", "editor", "stranger", "viewer"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for role, want := range map[string]bool{"viewer": true, "stranger": true, "editor": true, "chief": false, "anyone": false, "authenticated": false, "user:alice": false, "role:viewer": false, "alice": false, "": false} {
		r.Object.Attributes, r.Subject.Attributes = policy.Values{"owner": role}, policy.Values{"roles": []string{role}}
		if got := allows(t, e, r); got != want {
			t.Errorf("%q: %v", role, got)
		}
	}
	anonymous := asks("", "read", doc("1"))
	anonymous.Object.Attributes = policy.Values{"owner": "viewer"}
	if got := policy.RolesOf(t, e, anonymous); len(got) != 0 || allows(t, e, anonymous) {
		t.Errorf("an anonymous caller has %q", got)
	}
}

// The list of a caller's roles is made once for a decision, of however many roles, and only where a
// rule that is for this caller, action and object asks for it.
func TestTheRolesOfACallerAreListedOnceWhereARuleAsks(t *testing.T) {
	testneed.Optimized(t)
	rows := []string{
		"p, role:anyone, *, doc, read, r.obj.owner in r.sub.roles, allow", "p, role:anyone, *, doc, read, 'banned' in r.sub.roles, deny",
		"p, role:anyone, *, doc, write, true, allow",
	}
	for i := range 40 {
		rows = append(rows, fmt.Sprintf("g, user:alice, role:r%d, acme", i))
	}
	e := mustLoad(t, with(rows...))
	for action, want := range map[policy.Action]float64{"write": 0, "read": 3} {
		r := asks("alice", action, doc("1"), "b")
		r.Object.Attributes = policy.Values{"owner": "r39"}
		if n := testing.AllocsPerRun(100, func() {
			if d, err := e.Decide(t.Context(), r); err != nil || !d.Allowed() {
				t.Fatal(d, err)
			}
		}); n > want {
			t.Errorf("%s: %v allocations, at most %v are needed", action, n, want)
		}
	}
}

// An id of kind int or uuid is written in one way: any other text is no id of the kind.
func TestAnIDOfAnotherKindIsWrittenInOneWay(t *testing.T) {
	e := mustLoad(t, folder(map[string]string{"attributes.csv": "doc, id, int, no, id\nnote, id, uuid, no, id", "policy.csv": strings.Join([]string{
		"p, role:anyone, *, doc, read, r.obj.id > 41, allow", "p, role:anyone, *, note, read, r.obj.id == '" + someUUID + "', allow",
		"p, role:anyone, *, doc, write, true, allow", "p, role:anyone, *, doc, write, r.obj.id == 7, deny",
	}, "\n")}))
	for _, c := range []struct {
		typ, id string
		want    bool
	}{
		{"doc", "42", true}, {"doc", "41", false}, {"doc", "042", false}, {"doc", "+42", false}, {"doc", "42.0", false}, {"doc", "9007199254740993", false}, {"doc", "x", false},
		{"note", someUUID, true}, {"note", otherUUID, false}, {"note", strings.ToUpper(someUUID), false}, {"note", "{" + someUUID + "}", false}, {"note", strings.ReplaceAll(someUUID, "-", ""), false},
	} {
		r := asks("alice", "read", policy.Object{Type: c.typ, ID: c.id, Tenant: acme})
		if got := allows(t, e, r); got != c.want {
			t.Errorf("%s %s: %v", c.typ, c.id, got)
		}
	}
	for id, want := range map[string]bool{"7": false, "8": true, "07": false, "x": false} {
		if got := allows(t, e, asks("alice", "write", policy.Object{Type: "doc", ID: id, Tenant: acme})); got != want {
			t.Errorf("write %s: %v", id, got)
		}
	}
}

// A missing parent has no attributes: nothing that is asked of it is true or false.
func TestAMissingParentIsUnknown(t *testing.T) {
	e := mustLoad(t, folder(map[string]string{"attributes.csv": richAttributes, "policy.csv": strings.Join([]string{
		"p, role:anyone, *, doc, read, r.sub.id in r.obj.project.members || !(r.sub.id in r.obj.project.members), allow",
		"p, role:anyone, *, doc, write, true, allow", "p, role:anyone, *, doc, write, !r.obj.project.open, deny",
	}, "\n")}))
	for name, c := range map[string]struct {
		project     any
		read, write bool
	}{
		"there":                 {policy.Values{"members": []string{}, "open": true}, true, true},
		"closed":                {policy.Values{"members": []string{"alice"}, "open": false}, true, false},
		"nil":                   {nil, false, false},
		"without its own":       {policy.Values{}, false, false},
		"a typed nil":           {(*typedNil)(nil), false, false},
		"a NULL in the project": {policy.Values{"members": nil, "open": nil}, false, false},
	} {
		o := doc("1")
		o.Attributes = policy.Values{"project": c.project}
		if read, write := allows(t, e, asks("alice", "read", o)), allows(t, e, asks("alice", "write", o)); read != c.read || write != c.write {
			t.Errorf("%s: read %v, write %v", name, read, write)
		}
	}
	o := doc("1")
	o.Attributes = policy.Values{"project": "p1"}
	if _, err := e.Decide(t.Context(), asks("alice", "read", o)); err == nil || !strings.Contains(err.Error(), "attribute project of doc is declared parent, the service gave string: give an AttributeSource, such as Values") {
		t.Error(err)
	}
}

// The order of operands changes neither a decision nor whether it is an error, also where a value
// is of another type than its attribute's kind.
func TestTheOrderOfOperandsChangesNoDecision(t *testing.T) {
	errs, policies := 0, testneed.Scale(150, 20)
	for seed := range uint64(policies) {
		g := newGen(seed)
		c, _, why := policy.CompileCondition(g.richCondition(2), "doc", richAttributes)
		if why != "" {
			continue
		}
		all := orders(c.Expr(), 24)
		if len(all) < 2 {
			continue
		}
		var engines []*policy.Engine
		for _, text := range []string{all[0], all[len(all)/2], all[len(all)-1]} {
			engines = append(engines, mustLoad(t, folder(map[string]string{"attributes.csv": richAttributes, "policy.csv": strings.Join([]string{
				"p, role:anyone, *, doc, read, " + csvQuote(text) + ", allow", "p, role:anyone, *, doc, write, true, allow", "p, role:anyone, *, doc, write, " + csvQuote(text) + ", deny",
			}, "\n")})))
		}
		for range 40 {
			r := g.richRequest()
			for _, a := range []policy.AttributeSource{r.Subject.Attributes, r.Object.Attributes} {
				spoil(g, a)
			}
			first, err := engines[0].Decide(t.Context(), r)
			if err != nil {
				errs++
			}
			for i, e := range engines[1:] {
				d, err2 := e.Decide(t.Context(), r)
				if d.Effect != first.Effect || (err == nil) != (err2 == nil) {
					t.Fatalf("seed %d: %s: %s %v, in the order %s: %s %v\n%+v", seed, all[0], first.Effect, err, all[[]int{len(all) / 2, len(all) - 1}[i]], d.Effect, err2, r)
				}
			}
		}
	}
	if errs < policies {
		t.Errorf("%d decisions are errors", errs)
	}
}

// has is unknown of a value that is there and cannot be compared: it is neither there as a value
// nor missing. NULL is not there.
func TestHasOfAValueThatCannotBeComparedIsUnknown(t *testing.T) {
	for _, c := range []struct {
		attribute string
		value     any
		want      string
	}{
		{"size", int64(1) << 60, "unknown"}, {"size", 1 << 60, "unknown"}, {"size", "5", "unknown"}, {"size", nil, "false"}, {"size", missing, "false"}, {"size", 5, "true"},
		{"note", nil, "false"}, {"note", missing, "false"}, {"note", "", "true"}, {"note", 5, "unknown"}, {"ref", "x", "unknown"}, {"ref", someUUID, "true"},
		{"ends", time.Time{}.AddDate(-5, 0, 0), "unknown"}, {"ends", time.Time{}, "true"}, {"project", policy.Values{}, "true"}, {"project", nil, "false"}, {"project", "x", "unknown"}, {"tags", []string{}, "true"},
	} {
		for text, want := range map[string]string{"has(r.obj, '" + c.attribute + "')": c.want, "!(has(r.obj, '" + c.attribute + "'))": map[string]string{"true": "false", "false": "true", "unknown": "unknown"}[c.want]} {
			e, at, why := policy.CompileCondition(text, "doc", richAttributes)
			if why != "" {
				t.Fatal(text, at, why)
			}
			values := policy.Values{}
			if c.value != missing {
				values[c.attribute] = c.value
			}
			if got := e.Eval(policy.Request{Object: policy.Object{Type: "doc", Attributes: values}}); got != want {
				t.Errorf("%s of %v: %s, want %s", text, c.value, got, want)
			}
		}
	}
	e := mustLoad(t, folder(map[string]string{"attributes.csv": richAttributes, "policy.csv": "p, role:anyone, *, doc, read, \"!(has(r.obj, 'size'))\", allow"}))
	o := doc("1")
	for value, wrong := range map[any]bool{"5": true, int64(1) << 60: false} {
		o.Attributes = policy.Values{"size": value}
		if d, err := e.Decide(t.Context(), asks("alice", "read", o)); d.Allowed() || (err != nil) != wrong {
			t.Errorf("%v: %v %v", value, d, err)
		}
	}
}
