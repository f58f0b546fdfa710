package casbinindex_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/persist"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"
	"github.com/casbin/casbin/v2/rbac"
	casbinutil "github.com/casbin/casbin/v2/util"

	"github.com/reevehq/reeve/authz/policy/casbinindex"
	"github.com/reevehq/reeve/internal/testneed"
)

// indexText is an index of a model and rules that stand in texts.
func indexText(modelText, rules string, options ...option) (*casbinindex.Index, error) {
	return casbinindex.LoadFS(fstest.MapFS{"model.conf": {Data: []byte(modelText)}, "policy.csv": {Data: []byte(rules)}}, "model.conf", "policy.csv", config(options...))
}

func mustIndexText(t testing.TB, modelText, rules string, options ...option) *casbinindex.Index {
	t.Helper()
	ix, err := indexText(modelText, rules, options...)
	if err != nil {
		t.Fatal(err)
	}
	return ix
}

// loaded is a stock enforcer that has its matching functions before it loads its rules.
func loaded(t testing.TB, modelText, rules string, match, domain rbac.MatchingFunc) *casbin.Enforcer {
	t.Helper()
	m, err := model.NewModelFromString(modelText)
	if err != nil {
		t.Fatal(err)
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		t.Fatal(err)
	}
	if match != nil {
		e.AddNamedMatchingFunc("g", "", match)
	}
	if domain != nil {
		e.AddNamedDomainMatchingFunc("g", "", domain)
	}
	var adapter persist.Adapter = stringadapter.NewAdapter(rules)
	e.SetAdapter(adapter)
	if err := e.LoadPolicy(); err != nil {
		t.Fatal(err)
	}
	return e
}

const resourceModel = `
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act, eft
[role_definition]
g = _, _
g2 = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act
`

const resourceRules = `
p, member, shelf, read, allow
g, alice, member
g2, /books/*, shelf
p, member, secret, read, deny
g2, /books/secret/:id, secret
`

// A text that is no pattern made Casbin's role manager panic half-way, and every later answer
// depended on what had been matched before.
func TestARequestsTextIsNeverMatchedAsAPattern(t *testing.T) {
	asked := []struct {
		object  string
		allowed bool
	}{
		{"/books/(", true}, {"/books/secret/1", false}, {"/books/secret/1", false}, {"/books/7", true}, {"/books/[", true},
		{"/books/secret/(", false}, {"/books/secret/[", false}, {"(", false}, {"/books/secret/:id", false}, {"/books/*", true}, {"shelf", true}, {"secret", false}, {"/books/7", true},
	}
	for name, make := range map[string]func(t *testing.T) *casbinindex.Index{
		"from files": func(t *testing.T) *casbinindex.Index {
			return mustIndexText(t, resourceModel, resourceRules, matching("g2", casbinutil.KeyMatch2))
		},
		"from the model of an enforcer": func(t *testing.T) *casbinindex.Index {
			e := loaded(t, resourceModel, resourceRules, nil, nil)
			e.AddNamedMatchingFunc("g2", "", casbinutil.KeyMatch2)
			return newIndex(t, e)
		},
		"with a function of the service": func(t *testing.T) *casbinindex.Index {
			return mustIndexText(t, resourceModel, resourceRules, matching("g2", func(name, pattern string) bool { return casbinutil.KeyMatch2(name, pattern) }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			for round := range 30 {
				ix := make(t)
				for i := range asked {
					a := asked[(i+round)%len(asked)]
					if ok, err := ix.Enforce("alice", a.object, "read"); ok != a.allowed || err != nil {
						t.Fatalf("round %d: %s: %t %v", round, a.object, ok, err)
					}
				}
			}
		})
	}
}

// A function of the service that panics makes that request an error, and no other.
func TestAPanicOfAMatchingFunctionIsNotKept(t *testing.T) {
	fussy := func(name, pattern string) bool {
		if strings.Contains(name, "!") {
			panic("no name of ours")
		}
		return casbinutil.KeyMatch2(name, pattern)
	}
	for domains, ix := range map[bool]*casbinindex.Index{
		false: mustIndexText(t, resourceModel, resourceRules, matching("g2", fussy)),
		true: mustIndexText(t, strings.NewReplacer("r = sub, obj", "r = sub, dom, obj", "g2 = _, _", "g2 = _, _, _", "g2(r.obj, p.obj)", "g2(r.obj, p.obj, r.dom)").Replace(resourceModel),
			strings.NewReplacer(", shelf\n", ", shelf, t*\n", ", secret\n", ", secret, t*\n").Replace(resourceRules),
			matching("g2", casbinutil.KeyMatch2), domainMatching("g2", func(name, pattern string) bool {
				return fussy(name, pattern) || casbinutil.KeyMatch(name, pattern)
			})),
	} {
		for range 20 {
			bad, good, secret := []any{"alice", "/books/!", "read"}, []any{"alice", "/books/7", "read"}, []any{"alice", "/books/secret/1", "read"}
			if domains {
				bad, good, secret = []any{"alice", "t!", "/books/7", "read"}, []any{"alice", "t1", "/books/7", "read"}, []any{"alice", "t1", "/books/secret/1", "read"}
			}
			if ok, err := ix.Enforce(bad...); ok || !errors.Is(err, casbinindex.ErrRequest) {
				t.Fatal(bad, ok, err)
			}
			if ok, err := ix.Enforce(good...); !ok || err != nil {
				t.Fatal(good, ok, err)
			}
			if ok, err := ix.Enforce(secret...); ok || err != nil {
				t.Fatal(secret, ok, err)
			}
		}
	}
}

func TestABadPatternOfAPolicyIsAnErrorOfLoading(t *testing.T) {
	domainModel := strings.Replace(exactModel, "r.dom == p.dom", "keyMatch2(r.dom, p.dom)", 1)
	panics := func(_, pattern string) bool {
		if pattern == "admin" {
			panic("not this one")
		}
		return false
	}
	for name, c := range map[string]struct {
		model, rules string
		option       option
		want         string
	}{
		"the name of a row":        {resourceModel, "g2, /x[, admin", matching("g2", casbinutil.KeyMatch2), `"/x["`},
		"the role of a row":        {resourceModel, "g2, x, (", matching("g2", casbinutil.RegexMatch), `"("`},
		"the value of a rule":      {resourceModel, "p, a, (, read, allow", matching("g2", casbinutil.KeyMatch3), `"("`},
		"the text of a matcher":    {strings.Replace(resourceModel, "g2(r.obj, p.obj)", "g2(r.obj, '(')", 1), "p, a, b, read, allow", matching("g2", casbinutil.KeyMatch4), `"("`},
		"the domain of a row":      {domainModel, "g, a, b, t[", domainMatching("g", casbinutil.KeyMatch2), `"t["`},
		"groups in keyMatch4":      {resourceModel, "g2, /(a)/{id}, admin", matching("g2", casbinutil.KeyMatch4), "groups of its own"},
		"a function that panics":   {resourceModel, "g2, x, admin", matching("g2", panics), "panics on the names of the policy"},
		"it panics on domains":     {domainModel, "g, a, b, t1\ng, a, b, admin", domainMatching("g", panics), "panics on the names of the policy"},
		"it panics on the rules":   {resourceModel, "p, a, admin, read, allow\ng2, x, y", matching("g2", panics), "cannot be loaded"},
		"domains that do not nest": {domainModel, "g, a, b, t1\ng, a, b, t.\ng, a, b, t[.]", domainMatching("g", casbinutil.RegexMatch), "depends on the order"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := indexText(c.model, c.rules, c.option); !errors.Is(err, casbinindex.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Error(err)
			}
		})
	}
}

// The second argument of g is matched as a pattern.
func TestAModelThatTakesPatternsFromRequestsIsRefused(t *testing.T) {
	match := matching("g2", casbinutil.KeyMatch)
	for _, clause := range []string{"g2(p.obj, r.obj)", "g2(p.obj, r.obj.Name)", "(g2(p.obj, r.obj) ? true : false)", "!g2(p.obj, r.sub)", "r.sub == 'root' || g2(r.sub, r.obj)", "g2(r.obj, p.obj + r.act)", "g2(r.obj, keyGet(r.obj, p.obj))"} {
		text := strings.Replace(resourceModel, "g2(r.obj, p.obj)", clause, 1)
		if _, err := indexText(text, resourceRules, match); !errors.Is(err, casbinindex.ErrInvalid) || !strings.Contains(err.Error(), "only a rule may bring") {
			t.Errorf("%s: %v", clause, err)
		}
		if _, err := indexText(text, resourceRules); err != nil {
			t.Errorf("%s, without a matching function: %v", clause, err)
		}
	}
	eval := strings.Replace(resourceModel, "g2(r.obj, p.obj)", "eval(p.obj)", 1)
	if _, err := indexText(eval, `p, member, "g2(p.act, r.obj)", read, allow`, match); !errors.Is(err, casbinindex.ErrInvalid) {
		t.Error("in a rule's own expression:", err)
	}
	// A list is handed over as so many values.
	ix := mustIndexText(t, resourceModel, resourceRules, match)
	if ok, err := ix.Enforce("alice", []any{"shelf", "*"}, "read"); ok || err == nil {
		t.Error(ok, err)
	}
}

// contained is a matching function of which a panic is no match: where Casbin matches a
// text of the request as a pattern, it has no say in what a fresh Casbin answers.
func contained(f rbac.MatchingFunc) rbac.MatchingFunc {
	return func(name, pattern string) (matches bool) {
		defer func() { _ = recover() }()
		return f(name, pattern)
	}
}

var matchingFuncs = []rbac.MatchingFunc{
	casbinutil.KeyMatch, casbinutil.KeyMatch2, casbinutil.KeyMatch3, casbinutil.KeyMatch4, casbinutil.KeyMatch5, casbinutil.RegexMatch,
	func(name, pattern string) bool { return strings.HasSuffix(name, strings.TrimPrefix(pattern, "*")) },
	strings.EqualFold,
}

// Random links between names and patterns, in domains that are patterns. Casbin is the
// oracle, and is asked again after what makes it panic.
func TestIndexFollowsLinksByPatternsAsCasbin(t *testing.T) {
	t.Parallel()
	names := []string{"alice", "bob", "/a", "/a/b", "/a/b/c", "/a/*", "/a/:id", "/a/{id}", "/*", "admin", "editor", "*", "a.*", "^/a", "ALICE", "/A", "/a/{id}/{id}", "ice"}
	requested := slices.Concat(names, []string{"/a/7", "/a/7/8", "/b", "(", "/a/(", "[", "malice", "", "/a/x?y=1", "*ice", "+", "/a/7/7"})
	domains := []string{"t1", "t2", "t*", "*", "T1", "/t/1", "/t/*", "/t/:x"}
	asked := slices.Concat(domains, []string{"t3", "/t/9", "(", "", "x"})
	n, allowed, refused, compared := testneed.Scale(300, 100), 0, 0, 0
	for seed := range n {
		random := rand.New(rand.NewPCG(uint64(seed), 9))
		one := func(list []string) string { return list[random.IntN(len(list))] }
		withDomains := random.IntN(2) == 0
		g, call := "g = _, _", "g(r.sub, p.sub)"
		if withDomains {
			g, call = "g = _, _, _", one([]string{"g(r.sub, p.sub, r.dom)", "g(r.sub, p.sub, r.dom)", "g(r.sub, p.sub)", "g(r.sub, p.sub, p.dom)"})
		}
		call = one([]string{call, call, call, "(" + call + " || r.act == p.act)", "(" + call + " ? true : false)", "!" + call, call + " && g(r.sub, '/a/*', r.dom)"})
		text := strings.NewReplacer("g = _, _, _", g, "g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj", call).Replace(exactModel)
		var rules strings.Builder
		for range 1 + random.IntN(8) {
			fmt.Fprintf(&rules, "p, %s, %s, d, read\n", one(names), one(domains))
		}
		for range random.IntN(10) {
			fmt.Fprintf(&rules, "g, %s, %s", one(names), one(names))
			if withDomains {
				fmt.Fprintf(&rules, ", %s", one(domains))
			}
			rules.WriteString("\n")
		}
		var match, domain rbac.MatchingFunc
		var options []option
		if random.IntN(4) > 0 {
			match = matchingFuncs[random.IntN(len(matchingFuncs))]
			options = append(options, matching("g", match))
			match = contained(match)
		}
		if withDomains && random.IntN(3) > 0 {
			domain = matchingFuncs[random.IntN(len(matchingFuncs))]
			options = append(options, domainMatching("g", domain))
			domain = contained(domain)
		}
		ix, err := indexText(text, rules.String(), options...)
		if err != nil {
			if !errors.Is(err, casbinindex.ErrInvalid) || !strings.Contains(err.Error(), "is no pattern of") && !strings.Contains(err.Error(), "depends on the order") {
				t.Fatalf("seed %d: %v\n%s%s", seed, err, text, rules.String())
			}
			refused++
			continue
		}
		for range 4 {
			e := loaded(t, text, rules.String(), match, domain)
			for range 20 {
				r := []any{one(requested), one(asked), "d", one([]string{"read", "read", "write"})}
				want, wantRule, wantErr := e.EnforceEx(r...)
				got, gotRule, gotErr := ix.EnforceEx(r...)
				if wantErr != nil || gotErr != nil || got != want || !slices.Equal(gotRule, wantRule) {
					t.Fatalf("seed %d: %q: Casbin: %t %q %v; we: %t %q %v\n%s%s%s", seed, r, want, wantRule, wantErr, got, gotRule, gotErr, text, rules.String(), ix.Plan())
				}
				compared++
				if got {
					allowed++
				}
			}
		}
	}
	t.Logf("%d decisions, %d allowed, %d of %d policies refused", compared, allowed, refused, n)
	if allowed < compared/10 || allowed > compared*9/10 || refused > n/2 {
		t.Error("the generator does not reach what this is about")
	}
}

// 100 patterns took 20 ms a decision, and each name that was asked for stayed.
func TestFollowingLinksByPatternsCostsWhatLookUpsCost(t *testing.T) {
	var rules strings.Builder
	for i := range 300 {
		fmt.Fprintf(&rules, "p, member, shelf%d, read, allow\ng2, /books%d/:id/*, shelf%d\n", i, i, i)
	}
	rules.WriteString("g, alice, member\n")
	ix := mustIndexText(t, resourceModel, rules.String(), matching("g2", casbinutil.KeyMatch2))
	if p := ix.Plan(); !p.IsIndexed() || p.Evaluated > 3 {
		t.Error(p)
	}
	requests := make([][]any, 3000)
	for i := range requests {
		requests[i] = []any{"alice", fmt.Sprintf("/books%d/%d/x", i%300, i), "read"}
	}
	i := 0
	ask := func() {
		if ok, err := ix.Enforce(requests[i%len(requests)]...); !ok || err != nil {
			t.Fatal(ok, err)
		}
		i++
	}
	if n := testing.AllocsPerRun(1000, ask); n > 0 && !testneed.Race {
		t.Errorf("%v allocations", n)
	}
	before := liveHeap()
	for range 20_000 {
		ask()
	}
	if after := liveHeap(); after > before+1<<20 {
		t.Errorf("%d bytes kept", after-before)
	}
	if n := casbinindex.Candidates(ix, "alice", "/books7/1/x", "read"); n != 1 {
		t.Errorf("%d candidates", n)
	}
	runtime.KeepAlive(ix)
}
