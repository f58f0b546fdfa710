package casbinsurvey_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"
	"github.com/google/go-cmp/cmp"

	"github.com/reevehq/reeve/authz/policy/casbinindex"
	"github.com/reevehq/reeve/authz/policy/casbinsurvey"
)

const (
	allow = "[policy_effect]\ne = some(where (p.eft == allow))\n"
	deny  = "[policy_effect]\ne = some(where (p.eft == allow)) && !some(where (p.eft == deny))\n"
	plain = "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n"
)

// models whose matchers compare texts as they are, with the forms of their rows. A capital letter
// is any of the names of that kind.
var models = []struct {
	name, text string
	rows       []string
}{
	{"acl", plain + allow + "[matchers]\nm = r.sub == p.sub && r.obj == p.obj && r.act == p.act\n", []string{"p, S, O, A"}},
	{"a superuser", plain + allow + "[matchers]\nm = r.sub == p.sub && r.obj == p.obj && r.act == p.act || r.sub == \"root\" && r.act != 'wipe'\n", []string{"p, S, O, A"}},
	{"rbac", plain + "[role_definition]\ng = _, _\n" + allow + "[matchers]\nm = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act\n", []string{"p, S, O, A", "g, S, S"}},
	{"domains and denials", "[request_definition]\nr = sub, dom, obj, act\n[policy_definition]\np = sub, dom, obj, act, eft\n[role_definition]\ng = _, _, _\n" + deny +
		"[matchers]\nm = g(r.sub, p.sub, r.dom) && r.dom == p.dom && (p.obj == '*' || r.obj == p.obj) && r.act == p.act\n", []string{"p, S, D, O, A, allow", "p, S, D, O, A, deny", "p, S, D, *, A, allow", "g, S, S, D"}},
	{"resources in groups", plain + "[role_definition]\ng = _, _\ng2 = _, _\n" + allow + "[matchers]\nm = g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act\n", []string{"p, S, O, A", "g, S, S", "g2, O, O"}},
	{"owners by name", plain + allow + "[matchers]\nm = r.sub == p.sub && r.obj == p.obj && r.act == p.act || r.sub == r.obj && r.act == p.act\n", []string{"p, S, O, A"}},
	{"rows of conditions", "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = rule, act\n" + allow + "[matchers]\nm = eval(p.rule) && r.act == p.act\n",
		[]string{"p, r.sub == 'S', A", "p, r.sub != 'S' && r.obj == 'O', A", "p, \"r.obj in ('O', 'O')\", A"}},
}

var names = map[byte][]string{'S': {"ann", "bob", "boss", "crew"}, 'O': {"doc", "memo", "shelf"}, 'A': {"read", "write"}, 'D': {"acme", "globex"}}

var wordPattern = regexp.MustCompile(`\w+`)

func load(t *testing.T, definitions string, rows []string) (model.Model, *casbin.Enforcer) {
	t.Helper()
	made := func() model.Model {
		m, err := model.NewModelFromString(definitions)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if err := persist.LoadPolicyLine(row, m); err != nil {
				t.Fatal(err)
			}
		}
		return m
	}
	e, err := casbin.NewEnforcer(made())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.BuildRoleLinks(); err != nil {
		t.Fatal(err)
	}
	return made(), e
}

func survey(t *testing.T, definitions string, rows []string) (*casbinsurvey.Policy, *casbin.Enforcer) {
	t.Helper()
	m, e := load(t, definitions, rows)
	p, err := casbinsurvey.New(m, e)
	if err != nil {
		t.Fatal(err)
	}
	return p, e
}

func randomRows(rnd *rand.Rand, forms []string) (rows []string) {
	for range 1 + rnd.IntN(6) {
		form := forms[rnd.IntN(len(forms))]
		row := ""
		for i := range len(form) {
			if of := names[form[i]]; of != nil {
				row += of[rnd.IntN(len(of))]
			} else {
				row += form[i : i+1]
			}
		}
		if f := strings.Split(row, ", "); f[0][0] == 'g' && f[1] == f[2] {
			continue // no role of itself
		}
		if !slices.Contains(rows, row) {
			rows = append(rows, row)
		}
	}
	return rows
}

// holds reports whether a change has a text in one of its fields.
func holds(x casbinsurvey.Texts, text string, strange bool) bool {
	return x.All || slices.Contains(x.Names, text) || strange && x.Others
}

// Of models that compare texts as they are, each request whose decision changes is in exactly one
// change of its direction, and no other request is in any: those of names, and of two texts that
// nothing names.
func TestADiffIsEveryRequestThatChanges(t *testing.T) {
	rnd := rand.New(rand.NewPCG(15, 4))
	for _, m := range models {
		t.Run(m.name, func(t *testing.T) {
			changed := 0
			for range 10 {
				was, is := randomRows(rnd, m.rows), randomRows(rnd, m.rows)
				before, old := survey(t, m.text, was)
				after, now := survey(t, m.text, is)
				named := map[string]bool{"root": strings.Contains(m.text, "root"), "wipe": strings.Contains(m.text, "wipe")}
				for _, word := range wordPattern.FindAllString(strings.Join(append(was, is...), " "), -1) {
					named[word] = true
				}
				report, err := casbinsurvey.Diff(before, after)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range report.Changes {
					if d := directionOf(t, old, now, c.Witness); d != c.Direction {
						t.Fatalf("the witness %q is %v, not %v", c.Witness, d, c.Direction)
					}
				}
				for range 150 {
					values := make([]string, len(before.Fields()))
					for i, field := range before.Fields() {
						texts := append(names[strings.ToUpper(field[:1])[0]], "root", "wipe", "other", "another", "stranger")
						values[i] = texts[rnd.IntN(len(texts))]
					}
					if m.name == "owners by name" && slices.ContainsFunc(values[:2], func(v string) bool { return !named[v] && v != "other" && v != "another" }) {
						continue // there other and another stand for themselves
					}
					d, in := directionOf(t, old, now, values), 0
					for _, c := range report.Changes {
						all := true
						for i, x := range c.Values {
							all = all && holds(x, values[i], !named[values[i]])
						}
						if all {
							if in++; c.Direction != d {
								t.Errorf("%q is %v, and in a change that is %v", values, d, c.Direction)
							}
						}
					}
					if d != 0 {
						changed++
					}
					if (d != 0) != (in == 1) || in > 1 {
						t.Fatalf("%q is %v and in %d changes", values, d, in)
					}
				}
			}
			if changed < 3 {
				t.Errorf("%d requests changed: too few to tell", changed)
			}
		})
	}
}

func directionOf(t *testing.T, old, now *casbin.Enforcer, request []string) casbinsurvey.Direction {
	t.Helper()
	values := make([]any, len(request))
	for i, v := range request {
		values[i] = v
	}
	a, err := old.Enforce(values...)
	if err != nil {
		t.Fatal(err)
	}
	b, err := now.Enforce(values...)
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case a == b:
		return 0
	case b:
		return casbinsurvey.Wider
	}
	return casbinsurvey.Narrower
}

// A pattern that is new is asked about by a text that it matches, whatever function matches it,
// and it is said that others were not.
func TestAPatternIsAskedAboutByWhatItMatches(t *testing.T) {
	for function, row := range map[string]string{
		"keyMatch": "/data/*", "keyMatch2": "/data/:id/lines", "keyMatch3": "/data/{id}", "keyMatch4": "/data/{id}/x/{id}", "keyMatch5": "/data/{id}",
		"regexMatch": "^/data/([0-9]+|new)$", "globMatch": "/data/*/x", "ipMatch": "10.0.0.0/8",
	} {
		definitions := plain + allow + "[matchers]\nm = r.sub == p.sub && " + function + "(r.obj, p.obj) && r.act == p.act\n"
		before, _ := survey(t, definitions, []string{"p, ann, 10.0.0.1, read"})
		after, e := survey(t, definitions, []string{"p, ann, 10.0.0.1, read", "p, ann, " + row + ", read"})
		report, err := casbinsurvey.Diff(before, after)
		if err != nil {
			t.Fatal(err)
		}
		if !report.IsWider() || len(report.Notes) != 1 || !strings.Contains(report.Notes[0], "r.obj is compared by "+function) {
			t.Errorf("%s: %+v", function, report)
			continue
		}
		w := report.Changes[0].Witness
		if ok, err := e.Enforce(w[0], w[1], w[2]); err != nil || !ok {
			t.Errorf("%s: %q is not allowed: %v", function, w, err)
		}
	}
}

// An error is no decision: it allows nothing, and is told.
func TestAnErrorIsTold(t *testing.T) {
	definitions := plain + allow + "[matchers]\nm = r.sub == p.sub && regexMatch(r.obj, p.obj) && r.act == p.act\n"
	m, e := load(t, definitions, []string{"p, ann, doc, read"})
	before, err := casbinsurvey.New(m, e)
	if err != nil {
		t.Fatal(err)
	}
	after, err := casbinsurvey.New(m, failing{e})
	if err != nil {
		t.Fatal(err)
	}
	report, err := casbinsurvey.Diff(before, after)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, c := range report.Changes {
		all = append(all, fmt.Sprintf("%v: %v", c.Direction, c.Values))
	}
	want := []string{"narrower: [ann doc read]", "error: [any other doc read]"}
	slices.Sort(want)
	slices.Sort(all)
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
}

// failing fails for every request about reading a doc.
type failing struct{ casbinsurvey.Enforcer }

func (f failing) EnforceEx(values ...any) (bool, []string, error) {
	if values[1] == "doc" && values[2] == "read" {
		return true, nil, errors.New("no answer")
	}
	return f.Enforcer.EnforceEx(values...)
}

// A model that cannot be asked about by texts is refused and not left out.
func TestAModelThatTextsCannotAskIsRefused(t *testing.T) {
	for name, definitions := range map[string]string{
		"an attribute":         plain + allow + "[matchers]\nm = r.sub.Age > 18 && r.obj == p.obj && r.act == p.act\n",
		"an attribute in g":    plain + "[role_definition]\ng = _, _\n" + allow + "[matchers]\nm = g(r.sub.Name, p.sub) && r.obj == p.obj\n",
		"an attribute of rows": "[request_definition]\nr = sub, obj\n[policy_definition]\np = rule\n" + allow + "[matchers]\nm = eval(p.rule)\n",
	} {
		rows := []string{"p, ann, doc, read"}
		if name == "an attribute of rows" {
			rows = []string{"p, r.sub.Age > 18"}
		}
		m, e := load(t, definitions, rows)
		if _, err := casbinsurvey.New(m, e); !errors.Is(err, casbinsurvey.ErrModel) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m, e := load(t, models[0].text, nil)
	if _, err := casbinsurvey.New(m, nil); !errors.Is(err, casbinsurvey.ErrModel) {
		t.Errorf("no enforcer: %v", err)
	}
	a, err := casbinsurvey.New(m, e)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := survey(t, models[3].text, nil)
	if _, err := casbinsurvey.Diff(a, b); !errors.Is(err, casbinsurvey.ErrModel) {
		t.Errorf("other requests: %v", err)
	}
	var rows []string
	for i := range 200 {
		rows = append(rows, fmt.Sprintf("p, s%d, o%d, a%d", i, i, i))
	}
	large, _ := survey(t, models[0].text, rows)
	if _, err := casbinsurvey.Diff(large, a); !errors.Is(err, casbinsurvey.ErrModel) {
		t.Errorf("eight million requests: %v", err)
	}
}

// Each square is what the enforcer and the index say of it.
func TestAMatrixIsWhatIsDecided(t *testing.T) {
	rows := []string{"p, boss, acme, doc, write, allow", "p, crew, acme, *, read, allow", "p, crew, globex, doc, read, allow", "p, bob, acme, doc, write, deny", "g, boss, crew, acme", "g, ann, boss, acme"}
	for _, by := range []string{"casbin", "index"} {
		m, e := load(t, models[3].text, rows)
		var decides casbinsurvey.Enforcer = e
		if by == "index" {
			ix, err := casbinindex.New(m, casbinindex.Config{})
			if err != nil {
				t.Fatal(err)
			}
			decides = ix
		}
		p, err := casbinsurvey.New(m, decides)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.Matrix("")
		if err != nil {
			t.Fatal(err)
		}
		want := casbinsurvey.Matrix{Subjects: []string{"bob", "boss", "crew"}, Fields: []string{"dom", "obj", "act"},
			Lines: [][]string{{"acme", "*", "read"}, {"acme", "doc", "write"}, {"globex", "doc", "read"}},
			Access: [][]casbinsurvey.Answer{
				{casbinsurvey.Deny, casbinsurvey.Allow, casbinsurvey.Allow}, {casbinsurvey.Deny, casbinsurvey.Allow, casbinsurvey.Deny}, {casbinsurvey.Deny, casbinsurvey.Deny, casbinsurvey.Allow}}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", by, diff)
		}
		if got, err = p.Matrix("globex"); err != nil || len(got.Lines) != 3 || got.Access[0][2] != casbinsurvey.Deny || got.Access[1][2] != casbinsurvey.Allow {
			t.Errorf("%s in globex: %v, %v", by, got, err)
		}
	}
	p, _ := survey(t, models[0].text, []string{"p, ann, doc, read"})
	if _, err := p.Matrix("acme"); !errors.Is(err, casbinsurvey.ErrModel) {
		t.Errorf("a tenant of requests without one: %v", err)
	}
}

// Of a pattern with alternatives some may be allowed.
func TestASquareOfAPatternSaysWhetherAllOfItIsAllowed(t *testing.T) {
	p, _ := survey(t, plain+allow+"[matchers]\nm = r.sub == p.sub && r.obj == p.obj && regexMatch(r.act, p.act)\n",
		[]string{"p, ann, doc, (read)|(write)", "p, bob, doc, read"})
	got, err := p.Matrix("")
	want := [][]casbinsurvey.Answer{{casbinsurvey.Allow, casbinsurvey.Some}, {casbinsurvey.Allow, casbinsurvey.Allow}}
	if diff := cmp.Diff(want, got.Access); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}
