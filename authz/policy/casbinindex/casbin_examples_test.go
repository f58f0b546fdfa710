package casbinindex_test

import (
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	fileadapter "github.com/casbin/casbin/v2/persist/file-adapter"
	casbinutil "github.com/casbin/casbin/v2/util"

	"github.com/reevehq/reeve/authz/policy/casbinindex"
	"github.com/reevehq/reeve/internal/testneed"
)

// casbinExamples is the folder of the module that is linked.
func casbinExamples(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/casbin/casbin/v2").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "examples")
}

// keyMatchCustom stands for a function that a service adds.
func keyMatchCustom(args ...any) (any, error) {
	a, b := args[0].(string), args[1].(string)
	return a == b || strings.HasPrefix(a, strings.TrimSuffix(b, "*")), nil
}

// sameAsCasbin asks both and fails when they differ. An error of Casbin has to be an error here,
// and to deny.
func sameAsCasbin(t testing.TB, e *casbin.Enforcer, ix *casbinindex.Index, rvals ...any) (allowed bool, failed bool) {
	t.Helper()
	want, wantRule, wantErr := e.EnforceEx(rvals...)
	got, gotRule, gotErr := ix.EnforceEx(rvals...)
	if (wantErr != nil) != (gotErr != nil) {
		t.Fatalf("%v: Casbin: %t %v; we: %t %v", rvals, want, wantErr, got, gotErr)
	}
	if wantErr != nil {
		if got || len(gotRule) > 0 {
			t.Fatalf("%v: an error that allows", rvals)
		}
		return false, true
	}
	if got != want || !slices.Equal(gotRule, wantRule) {
		t.Fatalf("%v: Casbin: %t by %q; we: %t by %q\n%s", rvals, want, wantRule, got, gotRule, ix.Plan())
	}
	if again, err := ix.Enforce(rvals...); again != got || err != nil {
		t.Fatalf("%v: Enforce says %t %v, EnforceEx %t", rvals, again, err, got)
	}
	return got, false
}

// Every policy of Casbin's own examples is decided with every model that can hold it, on
// the cross product of the names that stand in it.
func TestIndexDecidesCasbinsExamplesAsCasbin(t *testing.T) {
	dir := casbinExamples(t)
	models, err := filepath.Glob(filepath.Join(dir, "*.conf"))
	if err != nil || len(models) < 40 {
		t.Fatalf("%d models, %v", len(models), err)
	}
	policies, err := filepath.Glob(filepath.Join(dir, "*.csv"))
	if err != nil || len(policies) < 30 {
		t.Fatalf("%d policies, %v", len(policies), err)
	}
	pairs, indexed, compared, allowed, failed, own, ownIndexed, conditional := 0, 0, 0, 0, 0, 0, 0, 0
	for _, modelPath := range models {
		for _, policyPath := range append([]string{""}, policies...) {
			e, err := casbin.NewEnforcer(modelPath, policyPath)
			if err != nil {
				continue // a policy of another model
			}
			e.AddFunction("keyMatchCustom", keyMatchCustom)
			ix, err := casbinindex.New(e.GetModel(), config(function("keyMatchCustom", keyMatchCustom)))
			if err != nil {
				if ok, enforceErr := e.Enforce(requests(e, 1)[0]...); ok || enforceErr == nil {
					t.Errorf("%s %s: %v, and Casbin decides", filepath.Base(modelPath), filepath.Base(policyPath), err)
				}
				continue
			}
			pairs++
			mate := strings.TrimSuffix(filepath.Base(policyPath), "_policy.csv") == strings.TrimSuffix(filepath.Base(modelPath), "_model.conf")
			if mate {
				own++
			}
			if ix.Plan().IsIndexed() {
				indexed++
				if mate {
					ownIndexed++
				}
			} else if mate {
				t.Logf("%s: %s", filepath.Base(modelPath), ix.Plan())
			}
			fromFiles := ix
			if policyPath != "" {
				fromFiles, err = casbinindex.Load(modelPath, policyPath, config(function("keyMatchCustom", keyMatchCustom)))
				if err != nil && strings.Contains(err.Error(), "nothing checks the condition") {
					fromFiles, conditional = nil, conditional+1
				} else if err != nil {
					t.Errorf("%s %s: %v", filepath.Base(modelPath), filepath.Base(policyPath), err)
					continue
				}
			}
			limit := testneed.Scale(16, 50)
			if mate {
				limit = testneed.Scale(300, 50)
			}
			for _, r := range requests(e, limit) {
				ok, bad := sameAsCasbin(t, e, ix, r...)
				if mate && fromFiles != nil {
					sameAsCasbin(t, e, fromFiles, r...)
				}
				compared++
				if ok {
					allowed++
				}
				if bad {
					failed++
				}
			}
			if t.Failed() {
				t.Fatalf("%s with %s", modelPath, policyPath)
			}
		}
	}
	t.Logf("%d models with policies, %d of them without a scan; of the %d pairs as shipped, %d; %d requests, %d allowed, %d errors",
		pairs, indexed, own, ownIndexed, compared, allowed, failed)
	if compared < testneed.Scale(5_000, 1) || allowed < testneed.Scale(100, 1) || conditional < 3 {
		t.Error("the examples are not exercised")
	}
}

// requests returns at most limit requests of names that stand in the rules, and of others.
func requests(e *casbin.Enforcer, limit int) [][]any {
	m := e.GetModel()
	width := len(m["r"]["r"].Tokens)
	names, product := make([][]any, width), 1
	for i, token := range m["r"]["r"].Tokens {
		names[i] = namesFor(m, strings.TrimPrefix(token, "r_"))
		product *= len(names[i])
	}
	out := [][]any{make([]any, width), make([]any, width+1)}
	random := rand.New(rand.NewPCG(1, 2))
	for n := range min(product, limit) {
		if product > limit {
			n = random.IntN(product)
		}
		r := make([]any, width)
		for i := range r {
			r[i] = names[i][n%len(names[i])]
			n /= len(names[i])
		}
		if n := len(out) % 2; n == 0 {
			fromRule(random, m, r)
		}
		out = append(out, r)
	}
	return out
}

// fromRule fills a request with what a rule says, where both have a value of that name.
func fromRule(random *rand.Rand, m model.Model, r []any) {
	p := m["p"]["p"]
	if len(p.Policy) == 0 {
		return
	}
	rule := p.Policy[random.IntN(len(p.Policy))]
	for i, token := range m["r"]["r"].Tokens {
		at := slices.Index(p.Tokens, "p_"+strings.TrimPrefix(token, "r_"))
		if at < 0 || at >= len(rule) || random.IntN(6) == 0 {
			continue
		}
		r[i] = strings.NewReplacer("*", "x", ":id", "7", "{id}", "7", ":resource", "age", "(GET)|(POST)", "GET").Replace(rule[at])
		if g := m["g"]["g"]; i == 0 && g != nil && random.IntN(2) == 0 {
			for _, row := range g.Policy {
				if row[1] == rule[at] {
					r[i] = row[0]
				}
			}
		}
	}
}

func namesFor(m model.Model, field string) []any {
	seen := map[string]bool{"": true, "nobody": true}
	for _, key := range slices.Sorted(maps.Keys(m["p"])) {
		a := m["p"][key]
		for i, token := range a.Tokens {
			_, name, _ := strings.Cut(token, "_")
			if name != field && (field != "sub" || name != "role") {
				continue
			}
			for _, rule := range a.Policy {
				if i < len(rule) {
					seen[rule[i]] = true
				}
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(m["g"])) {
		for _, rule := range m["g"][key].Policy {
			for _, name := range rule {
				if len(seen) < 12 {
					seen[name] = true
				}
			}
		}
	}
	var names []string
	for name := range seen {
		names = append(names, name)
	}
	slices.Sort(names)
	var out []any
	for _, name := range names[:min(len(names), 9)] {
		out = append(out, name)
		switch {
		case strings.Contains(name, ":"):
			out = append(out, strings.NewReplacer(":", "x").Replace(name))
		case strings.Contains(name, "*"):
			out = append(out, strings.ReplaceAll(name, "*", "y/z"))
		case strings.Contains(name, "/24"):
			out = append(out, "192.168.2.7")
		}
	}
	switch field {
	case "sub", "obj":
		out = append(out, map[string]any{"Age": 30, "Name": "alice", "Owner": "alice", "price": 100, "category_id": 1}, map[string]any{"Owner": "bob"}, 7)
	}
	if strings.HasSuffix(field, "level") || strings.HasSuffix(field, "ity") {
		return append(out[:2], 1, 2, 3.5)
	}
	return out
}

// The functions that a service adds to an enforcer, or finds there.
func TestIndexUsesMatchingFunctionsAsCasbin(t *testing.T) {
	dir := casbinExamples(t)
	tests := []struct {
		name, model, policy string
		set                 func(*casbin.Enforcer)
		options             []option
	}{
		{"names of roles match as patterns", "rbac_with_pattern_model.conf", "rbac_with_pattern_policy.csv",
			func(e *casbin.Enforcer) { e.AddNamedMatchingFunc("g2", "", casbinutil.KeyMatch2) },
			[]option{matching("g2", casbinutil.KeyMatch2)}},
		{"domains match as patterns", "rbac_with_domain_pattern_model.conf", "rbac_with_domain_pattern_policy.csv",
			func(e *casbin.Enforcer) { e.AddNamedDomainMatchingFunc("g", "", casbinutil.KeyMatch2) },
			[]option{domainMatching("g", casbinutil.KeyMatch2)}},
		{"domains match by keyMatch", "rbac_with_domain_pattern_model.conf", "rbac_with_domain_pattern_policy.csv",
			func(e *casbin.Enforcer) { e.AddNamedDomainMatchingFunc("g", "", casbinutil.KeyMatch) },
			[]option{domainMatching("g", casbinutil.KeyMatch)}},
		{"names and domains match as patterns", "rbac_with_all_pattern_model.conf", "rbac_with_all_pattern_policy.csv",
			func(e *casbin.Enforcer) {
				e.AddNamedMatchingFunc("g", "", casbinutil.KeyMatch2)
				e.AddNamedDomainMatchingFunc("g", "", casbinutil.KeyMatch2)
			},
			[]option{matching("g", casbinutil.KeyMatch2), domainMatching("g", casbinutil.KeyMatch2)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			modelPath, policyPath := filepath.Join(dir, test.model), filepath.Join(dir, test.policy)
			e, err := casbin.NewEnforcer(modelPath, policyPath)
			if err != nil {
				t.Fatal(err)
			}
			test.set(e)
			given, err := casbinindex.Load(modelPath, policyPath, config(test.options...))
			if err != nil {
				t.Fatal(err)
			}
			found, err := casbinindex.New(e.GetModel(), casbinindex.Config{})
			if err != nil {
				t.Fatal(err)
			}
			allowed := 0
			for _, r := range requests(e, 700) {
				ok, _ := sameAsCasbin(t, e, given, r...)
				sameAsCasbin(t, e, found, r...)
				if ok {
					allowed++
				}
			}
			if allowed == 0 {
				t.Error("nothing is allowed")
			}
			t.Log(allowed, "allowed\n", given.Plan())
		})
	}
}

func TestIndexLoadsFilesAsCasbin(t *testing.T) {
	modelPath := filepath.Join(t.TempDir(), "model.conf")
	policyPath := filepath.Join(t.TempDir(), "policy.csv")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(modelPath, exactModel)
	for _, text := range []string{
		"p, alice, t1, d, read\np, alice, t1, d, read\n", "p,alice,t1 ,d,read", "# nothing\n\n  p, a, b, c, d # no comment",
		`p, "a, b", t1, d, read`, `p, "a"b", t1, d, read`, "p, a, b, c", "p, a, b, c, d, e", "g, a, b", "g, a, b, c, d", "x, a", ",a", "p2, a",
		"p, a\"b, t1, d, read", "p,\u00a0a, t1, d, read", "p, a, t1, d, read\r\np, b, t1, d, read\r\n", strings.Repeat("x", 70_000),
	} {
		write(policyPath, text)
		m, err := model.NewModelFromFile(modelPath)
		if err != nil {
			t.Fatal(err)
		}
		adapter := fileadapter.NewAdapter(policyPath)
		wantErr := func() (err error) {
			defer func() {
				if r := recover(); r != nil {
					err = errPanic
				}
			}()
			return adapter.LoadPolicy(m)
		}()
		rules, gotErr := casbinindex.LoadedRules(modelPath, policyPath)
		if (wantErr != nil) != (gotErr != nil) {
			t.Errorf("%.60q: Casbin: %v, we: %v", text, wantErr, gotErr)
		}
		if wantErr == nil && !slices.EqualFunc(rules, slices.Concat(m["p"]["p"].Policy, m["g"]["g"].Policy), slices.Equal) {
			t.Errorf("%q: Casbin: %q, we: %q", text, m["p"]["p"].Policy, rules)
		}
	}
	write(policyPath, "p, \"a,b\", t1, d, read\np, a, \"b,t1\", d, read\n")
	if _, err := casbinindex.Load(modelPath, policyPath, casbinindex.Config{}); err == nil {
		t.Error("two rows that join alike load, of which Casbin drops one")
	}
	if _, err := casbinindex.Load(modelPath, "", casbinindex.Config{}); err == nil {
		t.Error("no file at all loads")
	}
}

var errPanic = os.ErrInvalid
