package policy_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/tenant"
)

func explain(t testing.TB, e *policy.Engine, r policy.Request) policy.Explanation {
	t.Helper()
	x, err := e.Explain(t.Context(), r)
	if err != nil {
		t.Fatalf("explaining %+v: %v", r, err)
	}
	return x
}

var sameTenant = cmp.Comparer(func(a, b tenant.ID) bool { return a == b })

// spoiled is a request with some attributes missing or wrong.
func (g gen) spoiled() policy.Request {
	r := g.request()
	for _, a := range []policy.AttributeSource{r.Subject.Attributes, r.Object.Attributes, r.Env} {
		spoil(g, a)
	}
	return r
}

func TestAnExplanationIsOfTheDecisionAndHoldsAgainstTheFiles(t *testing.T) {
	allowed, denied, missed, unknown, refused, policies := 0, 0, 0, 0, 0, testneed.Scale(200, 10)
	for seed := range uint64(policies) {
		g := newGen(seed)
		rows := g.rows()
		if seed%4 == 0 { // without the attribute it denies, and says that it is unknown
			rows = append(rows, "p, role:authenticated, *, *, *, r.sub.dept == 'eu' && !r.sub.staff, deny")
		}
		e, again := mustLoad(t, with(rows...)), mustLoad(t, with(rows...))
		for range 30 {
			r := g.spoiled()
			// r.env.time, when it is missing, is the clock's and not this test's.
			r.Env.(policy.Values)["time"] = int64(5)
			if _, err := e.Decide(t.Context(), r); err != nil {
				if x, why := e.Explain(t.Context(), r); why == nil || why.Error() != err.Error() || x.Decision.Allowed() {
					t.Fatalf("seed %d: Decide says %v, and Explain %v", seed, err, why)
				}
				refused++
				continue
			}
			x := explain(t, e, r)
			if diff := cmp.Diff(decide(t, e, r), x.Decision); diff != "" {
				t.Fatalf("seed %d: Decide and Explain differ: %s", seed, diff)
			}
			if diff := cmp.Diff(x, explain(t, again, r), sameTenant); diff != "" {
				t.Fatalf("seed %d: two explanations: %s", seed, diff)
			}
			if len(x.Matches) != len(x.Decision.Reasons) || len(x.Matches) > 0 && len(x.NearMisses) > 0 || len(x.NearMisses) > policy.MaxNearMisses {
				t.Fatalf("seed %d: %+v", seed, x)
			}
			for i, m := range x.Matches {
				if m.Reason != x.Decision.Reasons[i] {
					t.Fatalf("seed %d: match %d is of another rule", seed, i)
				}
				checkPath(t, rows, m.Reason, m.Path, x)
				if m.Unknown.Text != "" {
					unknown++
				}
			}
			for _, m := range x.NearMisses {
				if m.Effect != policy.Allow || m.Clause() == "" || (m.Condition.Text != "") != slices.Contains(m.Failed, policy.ClauseCondition) {
					t.Fatalf("seed %d: %+v", seed, m)
				}
				if !slices.Contains(m.Failed, policy.ClauseSubject) {
					checkPath(t, rows, m.Reason, m.Path, x)
				}
			}
			switch {
			case x.Decision.Allowed():
				allowed++
			case len(x.Matches) > 0:
				denied++
			case len(x.NearMisses) > 0:
				missed++
			}
		}
	}
	t.Logf("%d allowed, %d denied, %d with near misses, %d matched unknown, %d of the wrong type", allowed, denied, missed, unknown, refused)
	if min(allowed, denied, missed, unknown, refused) < policies/4 {
		t.Error("the generator does not reach every kind of explanation")
	}
}

// checkPath holds a path against the rows it names.
func checkPath(t *testing.T, rows []string, rule policy.Reason, path []policy.RoleStep, x policy.Explanation) {
	t.Helper()
	if len(path) == 0 || path[0].Name != x.Caller || path[0].Via != policy.ViaCaller {
		t.Fatalf("the path does not begin at the caller: %+v", path)
	}
	last := path[len(path)-1].Name
	if !strings.HasPrefix(rule.Rule, "p, "+last+", ") || !slices.Contains(x.Names, last) {
		t.Fatalf("the path ends at %s: %s", last, rule.Rule)
	}
	for i, s := range path[1:] {
		switch s.Via {
		case policy.ViaGrant:
			if row := rows[s.Line-1]; !strings.HasPrefix(row, "g, "+path[i].Name+", "+s.Name+", ") {
				t.Fatalf("line %d does not grant %s to %s: %s", s.Line, s.Name, path[i].Name, row)
			}
		case policy.ViaSession, policy.ViaBuiltIn:
			if i != 0 {
				t.Fatalf("%+v", path)
			}
		default:
			t.Fatalf("%+v", path)
		}
	}
}

// A row that an explanation cites is why: without it the decision changes, or another row
// is cited in its place.
func TestRemovingACitedRowChangesOrRecitesTheDecision(t *testing.T) {
	changed, recited, rerouted := 0, 0, 0
	for seed := range uint64(300) {
		g := newGen(seed)
		rows := g.rows()
		e := mustLoad(t, with(rows...))
		for range 6 {
			r := g.request()
			x := explain(t, e, r)
			for _, line := range cited(x) {
				fewer := slices.Clone(rows)
				fewer[line-1] = "# gone"
				after, err := policy.Load(with(fewer...), policy.Options{})
				if err != nil {
					continue // it was the only rule
				}
				y := explain(t, after, r)
				if slices.Contains(cited(y), line) {
					t.Fatalf("seed %d: a row that is gone is cited", seed)
				}
				switch {
				case y.Decision.Effect != x.Decision.Effect:
					changed++
				case !cmp.Equal(x.Decision.Reasons, y.Decision.Reasons):
					recited++
				case !cmp.Equal(x.Matches, y.Matches):
					rerouted++
				default:
					t.Fatalf("seed %d: without line %d nothing changes:\n%s\n%s", seed, line, x, strings.Join(rows, "\n"))
				}
			}
		}
	}
	t.Logf("%d changed, %d recited, %d took another way", changed, recited, rerouted)
	if min(changed, recited) == 0 {
		t.Error("the generator does not reach every outcome")
	}
}

func TestAnExplanationTakesTheShortestWay(t *testing.T) {
	rows := []string{
		"p, role:viewer, *, doc, read, true, allow",
		"g, role:admin, role:editor, *", "g, role:editor, role:viewer, *", "g, user:bob, role:admin, acme", "g, user:bob, role:viewer, globex",
		"g, user:bob, role:editor, acme",
	}
	for _, c := range []struct {
		without int
		roles   []string
		want    []int // lines of the way
	}{
		{0, []string{"viewer", "admin"}, nil}, {0, nil, []int{6, 3}}, {6, nil, []int{4, 2, 3}}, {0, []string{"editor"}, []int{3}}, {4, []string{"admin"}, []int{6, 3}},
	} {
		fewer := slices.Clone(rows)
		if c.without > 0 {
			fewer[c.without-1] = "#"
		}
		x := explain(t, mustLoad(t, with(fewer...)), asks("bob", "read", doc("1"), c.roles...))
		if got := cited(x); !x.Decision.Allowed() || !slices.Equal(got, append([]int{1}, c.want...)) {
			t.Errorf("without line %d, roles %v: %v\n%s", c.without, c.roles, got, x)
		}
	}
}

// cited are the lines that an explanation names as reasons.
func cited(x policy.Explanation) []int {
	var lines []int
	for _, m := range x.Matches {
		lines = append(lines, m.Line)
		for _, s := range m.Path {
			if s.Via == policy.ViaGrant {
				lines = append(lines, s.Line)
			}
		}
	}
	return lines
}

// A near miss with one clause that failed matches once the request has what it wants.
func TestANearMissMatchesOnceItsOneClauseDoes(t *testing.T) {
	tried := map[policy.Clause]int{}
	for seed := range uint64(400) {
		g := newGen(seed)
		e := mustLoad(t, with(g.rows()...))
		for range 30 {
			r := g.request()
			for _, m := range explain(t, e, r).NearMisses {
				if len(m.Failed) != 1 {
					continue
				}
				fixed := r
				switch role, isRole := strings.CutPrefix(m.Wants, "role:"); {
				case m.Clause() == policy.ClauseSubject && isRole && r.Subject.ID != "" && role != "authenticated":
					fixed.Subject.Roles = policy.RoleNames{role}
				case m.Clause() == policy.ClauseAction:
					fixed.Action = policy.Action(m.Wants)
				case m.Clause() == policy.ClauseTenant && r.Subject.ID != "":
					fixed = within(fixed, m.Wants)
				default:
					continue
				}
				tried[m.Clause()]++
				x, err := e.Explain(t.Context(), fixed)
				denies := slices.ContainsFunc(x.Decision.Reasons, func(r policy.Reason) bool { return r.Effect == policy.Deny })
				if err != nil || !x.Decision.Allowed() && !denies && m.Clause() != policy.ClauseTenant {
					t.Fatalf("seed %d: %+v\n%s %v", seed, m, x, err)
				}
			}
		}
	}
	t.Log(tried)
	for _, c := range []policy.Clause{policy.ClauseSubject, policy.ClauseAction, policy.ClauseTenant} {
		if tried[c] == 0 {
			t.Errorf("no near miss by its %s", c)
		}
	}
}

func TestTheTreeOfAnExplanation(t *testing.T) {
	shop := mustLoad(t, folder(map[string]string{"attributes.csv": "invoice, owner, string, no,\ninvoice, status, string, no,", "policy.csv": `
p, role:anyone, *, /livez, GET, true, allow
p, role:authenticated, *, /me, GET, true, allow
p, role:viewer, *, invoice, read, true, allow
p, role:editor, *, invoice, update, r.obj.owner == r.sub.id && r.obj.status != 'paid', allow
p, role:admin, *, invoice, update, true, allow
g, role:admin, role:editor, *
g, role:editor, role:viewer, *
`}))
	invoice := func(owner, status string) policy.Object {
		return policy.Object{Type: "invoice", ID: "42", Attributes: policy.Values{"owner": owner, "status": status}}
	}
	nameless := policy.Object{Type: "invoice", ID: "42", Attributes: policy.Values{"owner": "alice"}}
	for name, c := range map[string]struct {
		r    policy.Request
		want string
	}{
		"an allow by way of two roles": {asks("alice", "read", invoice("bob", "paid"), "admin"), `
allow: user:alice, read invoice:42 in acme
└─ policy.csv:4: p, role:viewer, *, invoice, read, true, allow
   └─ user:alice → role:admin (session) → role:editor (policy.csv:7) → role:viewer (policy.csv:8)
`},
		"a condition that is false in one part": {asks("alice", "update", invoice("alice", "paid"), "editor"), `
deny: user:alice, update invoice:42 in acme
├─ no rule allows it, and the caller is user:alice, role:editor, role:viewer, role:authenticated, role:anyone
├─ nearly: policy.csv:5: p, role:editor, *, invoice, update, r.obj.owner == r.sub.id && r.obj.status != 'paid', allow
│  └─ condition: r.obj.status != 'paid' is false
├─ nearly: policy.csv:6: p, role:admin, *, invoice, update, true, allow
│  └─ subject: the rule is for role:admin
└─ nearly: policy.csv:4: p, role:viewer, *, invoice, read, true, allow
   └─ action: the rule is for read
`},
		"an attribute that is not there": {asks("alice", "update", nameless, "editor"), `
deny: user:alice, update invoice:42 in acme
├─ no rule allows it, and the caller is user:alice, role:editor, role:viewer, role:authenticated, role:anyone
├─ nearly: policy.csv:5: p, role:editor, *, invoice, update, r.obj.owner == r.sub.id && r.obj.status != 'paid', allow
│  └─ condition: r.obj.status != 'paid' is unknown without r.obj.status
├─ nearly: policy.csv:6: p, role:admin, *, invoice, update, true, allow
│  └─ subject: the rule is for role:admin
└─ nearly: policy.csv:4: p, role:viewer, *, invoice, read, true, allow
   └─ action: the rule is for read
`},
		"a part that is false says more than one that is unknown": {asks("alice", "update", policy.Object{Type: "invoice", Attributes: policy.Values{"status": "paid"}}, "editor"), `
deny: user:alice, update invoice in acme
├─ no rule allows it, and the caller is user:alice, role:editor, role:viewer, role:authenticated, role:anyone
├─ nearly: policy.csv:5: p, role:editor, *, invoice, update, r.obj.owner == r.sub.id && r.obj.status != 'paid', allow
│  └─ condition: r.obj.status != 'paid' is false
├─ nearly: policy.csv:6: p, role:admin, *, invoice, update, true, allow
│  └─ subject: the rule is for role:admin
└─ nearly: policy.csv:4: p, role:viewer, *, invoice, read, true, allow
   └─ action: the rule is for read
`},
		"an anonymous caller": {policy.Request{Action: "GET", Object: policy.Route("/me")}, `
deny: anonymous, GET /me
├─ no rule allows it, and the caller is anonymous, role:anyone
├─ nearly: policy.csv:3: p, role:authenticated, *, /me, GET, true, allow
│  └─ subject: the rule is for role:authenticated
└─ nearly: policy.csv:2: p, role:anyone, *, /livez, GET, true, allow
   └─ object: the rule is for /livez
`},
	} {
		t.Run(name, func(t *testing.T) {
			got := explain(t, shop, c.r).String()
			if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), got); diff != "" {
				t.Error(diff)
			}
		})
	}
	e := mustLoad(t, with("p, role:anyone, *, doc, read, true, allow", "p, role:anyone, *, doc, read, \"r.obj.size > 1 && (r.obj.public || r.obj.status in ('a', 'b'))\", deny"))
	r := asks("", "read", policy.Object{Type: "doc", Attributes: policy.Values{"size": 5, "public": false}})
	want := `deny: anonymous, read doc
└─ policy.csv:2: p, role:anyone, *, doc, read, "r.obj.size > 1 && (r.obj.public || r.obj.status in ('a', 'b'))", deny
   ├─ anonymous → role:anyone
   └─ r.obj.status in ('a', 'b') is unknown without r.obj.status, and a deny rule then matches
`
	if diff := cmp.Diff(want, explain(t, e, policy.Request{Action: r.Action, Object: r.Object}).String()); diff != "" {
		t.Error(diff)
	}
}

func TestAnExplanationHoldsNoAttributesValue(t *testing.T) {
	for seed := range uint64(100) {
		g := newGen(seed)
		e := mustLoad(t, with(g.rows()...))
		for range 20 {
			r := g.request()
			for _, a := range []policy.AttributeSource{r.Subject.Attributes, r.Object.Attributes, r.Env} {
				values, _ := a.(policy.Values)
				for name, v := range values {
					switch v.(type) {
					case string:
						values[name] = "hunter2"
					case []string:
						values[name] = []string{"hunter2"}
					case int64, int:
						values[name] = int64(31337)
					}
				}
			}
			x := explain(t, e, r)
			for _, text := range []string{x.String(), fmt.Sprintf("%+v", x), fmt.Sprintf("%#v", x)} {
				if strings.Contains(text, "hunter2") || strings.Contains(text, "31337") {
					t.Fatalf("seed %d: %s", seed, text)
				}
			}
		}
	}
}

func TestAnotherTenantsFileIsNeverExplained(t *testing.T) {
	fsys := with("p, role:editor, *, doc, read, true, allow", "p, role:editor, globex, doc, write, true, allow")
	without := mustLoad(t, fsys)
	fsys["tenants/globex.csv"] = &mapFile{Data: []byte("p, user:bob, globex, doc, write, true, allow\ng, user:bob, role:editor, globex\n")}
	e := mustLoad(t, fsys)
	r := asks("bob", "write", doc("1"), "editor")
	x, y := explain(t, e, r), explain(t, without, r)
	x.Decision.Revision, y.Decision.Revision = "", ""
	if diff := cmp.Diff(y, x, sameTenant); diff != "" {
		t.Errorf("acme's explanation tells of globex:\n%s", diff)
	}
	// A row of the shared file is for whoever edits that file.
	if len(x.NearMisses) != 2 || x.NearMisses[1].Clause() != policy.ClauseTenant || x.NearMisses[1].Wants != "globex" {
		t.Errorf("%+v", x.NearMisses)
	}
}

func TestAnExplanationShowsNoControlCharacters(t *testing.T) {
	e := mustLoad(t, with(fine))
	r := asks("bob", "GET", policy.Route("/x\x1b[2J\n"), "viewer", "a\x1b[2J")
	text := explain(t, e, r).String()
	if strings.ContainsRune(text, '\x1b') || strings.Count(text, "\n") != strings.Count(text, "─ ")+1 {
		t.Errorf("%q", text)
	}
}

func TestWhatCannotBeDecidedIsNotExplained(t *testing.T) {
	e := mustLoad(t, with(fine))
	for name, r := range malformed() {
		if x, err := e.Explain(t.Context(), r); !errors.Is(err, policy.ErrRequest) || x.Decision.Allowed() || x.Decision.Revision != e.Revision() {
			t.Errorf("%s: %v %v", name, x, err)
		}
	}
	var zero policy.Engine
	if x, err := zero.Explain(t.Context(), asks("bob", "read", doc("1"))); !errors.Is(err, policy.ErrNotLoaded) || x.Decision.Allowed() {
		t.Errorf("%v %v", x, err)
	}
}

func BenchmarkExplain(b *testing.B) {
	e := mustLoad(b, folder(map[string]string{"policy.csv": many(10_000)}))
	r := asks("alice", "read", policy.Object{Type: "t50", ID: "1"}, "stranger")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Explain(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}
