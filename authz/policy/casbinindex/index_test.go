package casbinindex_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	casbinutil "github.com/casbin/casbin/v2/util"

	"github.com/reevehq/reeve/authz/policy/casbinindex"
)

// enforcer is a stock enforcer with the rules added one by one.
func enforcer(t testing.TB, text string, rules ...string) *casbin.Enforcer {
	t.Helper()
	m, err := model.NewModelFromString(text)
	if err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range rules {
		values := strings.Split(rule, ", ")
		if values[0][0] == 'p' {
			_, err = e.AddNamedPolicy(values[0], values[1:])
		} else {
			_, err = e.AddNamedGroupingPolicy(values[0], values[1:])
		}
		if err != nil {
			t.Fatal(rule, err)
		}
	}
	return e
}

func newIndex(t testing.TB, e *casbin.Enforcer, options ...option) *casbinindex.Index {
	t.Helper()
	ix, err := casbinindex.New(e.GetModel(), config(options...))
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

// simple is a model with the matcher m, for requests and rules of sub, obj, act.
func simple(matcher string) string {
	return "[request_definition]\nr = sub, obj, act\nr2 = sub, obj\n[policy_definition]\np = sub, obj, act\np2 = sub, act\n[role_definition]\ng = _, _\n" +
		"[policy_effect]\ne = some(where (p.eft == allow))\ne2 = !some(where (p.eft == deny))\n[matchers]\nm = " + matcher + "\nm2 = g(r2.sub, p2.sub)\nm3 = g(r2.sub, p.sub)\n"
}

func TestTheZeroIndexDenies(t *testing.T) {
	for _, ix := range []*casbinindex.Index{nil, {}} {
		ok, rule, err := ix.EnforceEx("alice", "data", "read")
		if ok || len(rule) > 0 || !errors.Is(err, casbinindex.ErrNotLoaded) {
			t.Errorf("%t %q %v", ok, rule, err)
		}
		if p := ix.Plan(); p.Rules != 0 {
			t.Error(p)
		}
	}
}

func TestAnIndexDoesNotChange(t *testing.T) {
	e := enforcer(t, simple("g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act"), "p, admin, d, read", "g, alice, admin")
	ix := newIndex(t, e)
	_, rule, err := ix.EnforceEx("alice", "d", "read")
	if err != nil || !slices.Equal(rule, []string{"admin", "d", "read"}) {
		t.Fatal(rule, err)
	}
	rule[0] = "x"
	e.GetModel()["p"]["p"].Policy[0][0] = "mallory"
	if _, err := e.AddPolicy("mallory", "d", "read"); err != nil {
		t.Fatal(err)
	}
	if _, err := e.AddGroupingPolicy("mallory", "admin"); err != nil {
		t.Fatal(err)
	}
	if ok, rule, err := ix.EnforceEx("alice", "d", "read"); !ok || err != nil || rule[0] != "admin" {
		t.Error("the index saw an edit:", ok, rule, err)
	}
	if ok, err := ix.Enforce("mallory", "d", "read"); ok || err != nil {
		t.Error("the index saw an edit", err)
	}
}

type document struct{ Owner string }

func (*document) Nuke() bool { return true }

// D11: the text of a rule calls a method, or a function that stands in a map.
func TestD11IndexCallsNoMethod(t *testing.T) {
	called := false
	values := map[string]any{"Nuke": func() bool { called = true; return true }}
	for _, text := range []string{"r.sub.Nuke()", "r.sub.Nuke", "(r.sub.Nuke ? true : false)", "r.sub.Nuke() && r.act == p.act", "r.sub.Nuke == true"} {
		for _, sub := range []any{&document{}, values, document{}} {
			e := enforcer(t, simple(text), "p, a, d, read")
			ix := newIndex(t, e)
			if ok, err := ix.Enforce(sub, "d", "read"); ok || err == nil {
				t.Errorf("%s of %T: %t %v", text, sub, ok, err)
			}
		}
		e := enforcer(t, strings.Replace(simple("eval(p.sub)"), "m3", "m4", 1), "p, "+text+", d, read")
		if ok, err := newIndex(t, e).Enforce(values, "d", "read"); ok || err == nil {
			t.Errorf("eval(%s): %t %v", text, ok, err)
		}
	}
	if called {
		t.Error("a function of the service was called")
	}
	e := enforcer(t, simple("r.sub.Nuke()"), "p, a, d, read")
	if ok, err := e.Enforce(&document{}, "d", "read"); !ok || err != nil {
		t.Error("Casbin no longer calls methods: this test shows nothing", err)
	}
}

func TestIndexEvaluatesNoTextOfARequest(t *testing.T) {
	for _, text := range []string{"eval(r.sub)", "eval(r.sub) && r.act == p.act", "(eval(r.sub) ? true : false)"} {
		e := enforcer(t, simple(text), "p, a, d, read")
		if ok, err := newIndex(t, e).Enforce("true", "d", "read"); ok || err == nil {
			t.Errorf("%s: %t %v", text, ok, err)
		}
		if ok, err := e.Enforce("true", "d", "read"); !ok || err != nil {
			t.Errorf("%s: Casbin no longer does: %v", text, err)
		}
	}
}

// Casbin overflows its stack on such a rule, which ends the process.
func TestAnEvalOfItselfIsAnError(t *testing.T) {
	for _, text := range []string{"eval(p.sub)", "(eval(p.sub) ? true : false)"} {
		e := enforcer(t, simple("eval(p.sub)"), "p, "+text+", d, read")
		if ok, err := newIndex(t, e).Enforce("a", "d", "read"); ok || err == nil {
			t.Errorf("%s: %t %v", text, ok, err)
		}
	}
}

// D24: Casbin answers with the stack of the panic.
func TestD24IndexErrorsHoldNoStackAndNoValues(t *testing.T) {
	e := enforcer(t, simple("g(r.sub, p.sub) && regexMatch(r.act, p.act) && ipMatch(r.obj, p.obj)"), "p, admin, 10.0.0.0/8, read", "g, alice, admin")
	ix := newIndex(t, e)
	for _, r := range [][]any{{nil, "10.0.0.1", "read"}, {7, "10.0.0.1", "read"}, {"alice", "s3cret", "read"}, {"alice", nil, "read"}, {"alice", "10.0.0.1"}, {}, {"alice", "10.0.0.1", 7}} {
		ok, err := ix.Enforce(r...)
		if ok || !errors.Is(err, casbinindex.ErrRequest) || strings.Contains(err.Error(), "goroutine") || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v: %t %v", r, ok, err)
		}
	}
	if ok, err := ix.Enforce("alice", "10.0.0.1", "read"); !ok || err != nil {
		t.Error(ok, err)
	}
	for _, text := range []string{"r.sub * 2 > 1", "keyGet(r.obj, p.obj, r.sub) == 'x'", "keyMatch2(p.obj, r.sub)", "r.sub < 3"} {
		ix := newIndex(t, enforcer(t, simple(text), "p, admin, d, read"))
		if ok, err := ix.Enforce("s3cret[", "d", "read"); ok || !errors.Is(err, casbinindex.ErrRequest) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %t %v", text, ok, err)
		}
	}
	failing := func(...any) (any, error) { return nil, errPanic }
	ix = newIndex(t, enforcer(t, simple("mine(r.sub)"), "p, admin, d, read"), function("mine", failing))
	if ok, err := ix.Enforce("a", "d", "read"); ok || !errors.Is(err, errPanic) {
		t.Error("the service's own error is not there:", ok, err)
	}
}

// D12: a text that looks like JSON stays a text.
func TestD12IndexTakesNoJSON(t *testing.T) {
	e := enforcer(t, simple("r.sub.Age > 18 && r.act == p.act"), "p, a, d, read")
	if ok, err := newIndex(t, e).Enforce(`{"Age": 99}`, "d", "read"); ok || err == nil {
		t.Error(ok, err)
	}
}

// D10: Casbin keeps an answer for each subject and rule that it was ever asked about.
func TestD10IndexKeepsNothingOfARequest(t *testing.T) {
	for _, options := range [][]option{nil, {matching("g", casbinutil.KeyMatch)}} {
		e := enforcer(t, simple("g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act"), "p, admin, d, read", "p, editor, d, read", "g, alice, admin")
		ix := newIndex(t, e, options...)
		ask := func(from, to int) {
			for i := range to - from {
				if ok, err := ix.Enforce(fmt.Sprintf("mallory-%d", from+i), "d", "read"); ok || err != nil {
					t.Fatal(ok, err)
				}
			}
		}
		ask(0, 1000)
		before := liveHeap()
		ask(1000, 30_000)
		if after := liveHeap(); after > before+1<<20 {
			t.Errorf("%d bytes kept of 29,000 subjects", after-before)
		}
		runtime.KeepAlive(ix)
	}
}

func TestIndexRefusesAtOnceWhatCasbinRefusesAtEachRequest(t *testing.T) {
	for _, text := range []string{
		simple("nosuch(r.sub)"), simple("r.sub == "), simple("r.sub == p.sub &&"),
		strings.Replace(simple("r.sub == p.sub"), "e = some(where (p.eft == allow))", "e = some(where (p.eft == allow)) && true", 1),
	} {
		e := enforcer(t, text, "p, a, d, read")
		if _, err := e.Enforce("a", "d", "read"); err == nil {
			t.Errorf("Casbin does not refuse\n%s", text)
		}
		if _, err := casbinindex.New(e.GetModel(), casbinindex.Config{}); !errors.Is(err, casbinindex.ErrInvalid) {
			t.Errorf("%v\n%s", err, text)
		}
	}
}

func TestIndexDecidesByTheSectionsOfAContext(t *testing.T) {
	e := enforcer(t, simple("g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act"),
		"p, admin, d, read", "p2, admin, write", "p2, bob, write", "g, alice, admin")
	ix := newIndex(t, e)
	allowed, failed := 0, 0
	for _, ctx := range []casbin.EnforceContext{
		casbin.NewEnforceContext(""), casbin.NewEnforceContext("2"), {RType: "r2", PType: "p2", EType: "e", MType: "m2"},
		{RType: "r2", PType: "p", EType: "e", MType: "m3"}, {RType: "r", PType: "p", EType: "e2", MType: "m"}, {RType: "r2", PType: "p", EType: "e", MType: "m2"},
		{RType: "r", PType: "nope", EType: "e", MType: "m"}, {}, casbin.NewEnforceContext("3"), {RType: "r", PType: "p2", EType: "e", MType: "m"},
	} {
		for _, sub := range []string{"alice", "bob", "carol"} {
			for _, rest := range [][]any{{"d", "read"}, {"d"}, {"d", "write"}} {
				ok, bad := sameAsCasbin(t, e, ix, append([]any{ctx, sub}, rest...)...)
				if ok {
					allowed++
				}
				if bad {
					failed++
				}
			}
		}
	}
	if allowed < 5 || failed < 5 {
		t.Error(allowed, failed)
	}
}

func TestIndexCountsRulesOfAnotherWidthAsCasbin(t *testing.T) {
	e := enforcer(t, simple("r.sub == p.sub && r.obj == p.obj && r.act == p.act"), "p, a, d, read", "p, b, d", "p, c, d, read")
	ix := newIndex(t, e)
	for _, sub := range []string{"a", "b", "c"} { // a is decided before the bad rule is reached
		sameAsCasbin(t, e, ix, sub, "d", "read")
	}
}

func TestAnIndexIsSafeForConcurrentUse(t *testing.T) {
	e := enforcer(t, simple("g(r.sub, p.sub) && keyMatch2(r.obj, p.obj) && r.act == p.act"), "p, admin, /d/:id, read", "p2, admin, write", "g, alice, admin")
	plain, asked := newIndex(t, e), newIndex(t, e, matching("g", casbinutil.KeyMatch))
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			for i := range 300 {
				for _, ix := range []*casbinindex.Index{plain, asked} {
					if ok, err := ix.Enforce("alice", fmt.Sprintf("/d/%d", i), "read"); !ok || err != nil {
						t.Error(ok, err)
					}
					if ok, err := ix.Enforce(fmt.Sprintf("u%d-%d", n, i), "/d/1", "read"); ok || err != nil {
						t.Error(ok, err)
					}
					if ok, err := ix.Enforce(casbin.EnforceContext{RType: "r2", PType: "p2", EType: "e", MType: "m2"}, "alice", "x"); !ok || err != nil {
						t.Error(ok, err)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestThePlanSaysWhatIsScanned(t *testing.T) {
	e := enforcer(t, simple("g(r.sub, p.sub) && r.act == p.act && r.sub != r.obj"), "p, admin, d, read")
	p := newIndex(t, e).Plan()
	if !p.IsIndexed() || p.Rules != 1 || !slices.Equal(p.Keys, []string{"g(r.sub, p.sub)", "r.act == p.act"}) || !slices.Equal(p.Residuals, []string{"r.sub != r.obj"}) {
		t.Error(p)
	}
	e = enforcer(t, simple("r.obj + 'x' == p.obj && r.act == p.act"), "p, admin, d, read")
	if p := newIndex(t, e).Plan(); p.IsIndexed() || p.Scanned != 1 || len(p.Notes) == 0 || !strings.Contains(p.String(), `1 rules, 1 of them scanned`) {
		t.Error(p)
	}
}

// The cost of a decision does not grow with the rules: what is looked at for one is counted.
func TestCandidatesDoNotGrowWithTheRules(t *testing.T) {
	for _, n := range []int{1_000, 20_000} {
		for _, c := range indexCases(n) {
			ix := indexOf(t, c.model, c.csv())
			most := 0
			for _, r := range c.asks(c.key)[:2000] {
				most = max(most, casbinindex.Candidates(ix, r...))
			}
			if most > 2 {
				t.Errorf("%s, %d rules: %d candidates for one request", c.name, n, most)
			}
		}
	}
}

// Casbin follows 10 links and says no to an 11th, without a word.
func TestIndexFollowsAsManyLinksAsCasbin(t *testing.T) {
	rules := "p, r10, t1, d, read\np, r11, t1, d, write\n"
	for i := range 11 {
		rules += fmt.Sprintf("g, r%d, r%d, t1\n", i, i+1)
	}
	ix := indexOf(t, exactModel, rules)
	e := enforcer(t, exactModel, strings.Split(strings.TrimSpace(rules), "\n")...)
	for i := range 12 {
		for _, act := range []string{"read", "write"} {
			sameAsCasbin(t, e, ix, fmt.Sprintf("r%d", i), "t1", "d", act)
		}
	}
	if ok, err := ix.Enforce("r0", "t1", "d", "read"); !ok || err != nil {
		t.Error("10 links:", ok, err)
	}
	if ok, err := ix.Enforce("r0", "t1", "d", "write"); ok || err != nil {
		t.Error("11 links:", ok, err)
	}
}

// An enforcer adds keyMatch on domains by itself when the matcher holds these very words.
func TestIndexMatchesDomainsUnaskedWhereCasbinDoes(t *testing.T) {
	text := strings.Replace(exactModel, "r.dom == p.dom", "keyMatch(r.dom, p.dom)", 1)
	rules := "p, admin, *, d, read\ng, alice, admin, *\ng, admin, root, eu*\np, root, eu1, d, write"
	e, ix := enforcer(t, text, strings.Split(rules, "\n")...), indexOf(t, text, rules)
	allowed := 0
	for _, sub := range []string{"alice", "admin", "bob"} {
		for _, dom := range []string{"eu1", "eu2", "us", "*", "eu*", ""} {
			for _, act := range []string{"read", "write"} {
				if ok, _ := sameAsCasbin(t, e, ix, sub, dom, "d", act); ok {
					allowed++
				}
			}
		}
	}
	if ok, err := ix.Enforce("alice", "us", "d", "read"); !ok || err != nil || allowed < 8 {
		t.Error(ok, err, allowed)
	}
}

// An index asks the enforcer for what it cannot copy: conditions of roles, and matching functions
// that it cannot name.
func TestIndexAsksTheEnforcersRolesWhereItCannotCopyThem(t *testing.T) {
	open := true
	tests := map[string]struct {
		model string
		rules string
		set   func(e *casbin.Enforcer)
	}{
		"conditional roles": {strings.Replace(simple("g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act"), "g = _, _", "g = _, _, (_, _)", 1), "p, admin, d, read\ng, alice, admin, _, _", func(e *casbin.Enforcer) {
			e.AddNamedLinkConditionFunc("g", "alice", "admin", func(...string) (bool, error) { return open, nil })
		}},
		"matching function": {simple("g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act"), "p, admin, d, read", func(e *casbin.Enforcer) {
			e.AddNamedMatchingFunc("g", "", func(name, pattern string) bool { return open && name == "alice" && pattern == "admin" })
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			// Only loading builds links of conditional roles, in Casbin.
			dir := t.TempDir()
			modelPath, policyPath := filepath.Join(dir, "model.conf"), filepath.Join(dir, "policy.csv")
			for path, text := range map[string]string{modelPath: test.model, policyPath: test.rules} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			e, err := casbin.NewEnforcer(modelPath, policyPath)
			if err != nil {
				t.Fatal(err)
			}
			test.set(e)
			ix := newIndex(t, e)
			if len(ix.Plan().Notes) == 0 {
				t.Error("the plan says nothing of it")
			}
			for _, open = range []bool{true, false} {
				for _, sub := range []string{"alice", "bob", "admin"} {
					got, err := ix.Enforce(sub, "d", "read")
					if want := sub == "admin" || sub == "alice" && open; got != want || err != nil {
						t.Errorf("%s, open %t: %t %v", sub, open, got, err)
					}
				}
			}
			open = true
		})
	}
}
