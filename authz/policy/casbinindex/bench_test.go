package casbinindex_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	stringadapter "github.com/casbin/casbin/v2/persist/string-adapter"

	"github.com/reevehq/reeve/authz/policy/casbinindex"
)

const (
	routesModel = `
[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = sub, dom, obj, act
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = g(r.sub, p.sub, r.dom) && r.dom == p.dom && keyMatch2(r.obj, p.obj) && r.act == p.act
`
	conditionModel = `
[request_definition]
r = sub, dom, obj, act, doc
[policy_definition]
p = sub, dom, obj, act, cond, eft
[role_definition]
g = _, _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act && eval(p.cond)
`
)

// tenancy is a policy of about n rules: tenants of 100 rules, that is 10 roles that may each
// read and write 5 things, and 50 users with a role or two.
type tenancy struct {
	n         int
	path      func(thing int) string
	condition string
}

func exactRBAC(n int) tenancy {
	return tenancy{n: n, path: func(thing int) string { return fmt.Sprintf("thing%d", thing) }}
}

func (b tenancy) tenants() int { return max(b.n/100, 1) }

func (b tenancy) csv() string {
	var out strings.Builder
	for t := range b.tenants() {
		for role := range 10 {
			for thing := range 5 {
				for _, act := range []string{"read", "write"} {
					fmt.Fprintf(&out, "p, role%d, tenant%d, %s, %s%s\n", role, t, b.path(role*5+thing), act, b.condition)
				}
			}
		}
		for user := range 50 {
			fmt.Fprintf(&out, "g, user%d-%d, role%d, tenant%d\n", t, user, user%10, t)
		}
		fmt.Fprintf(&out, "g, role0, role1, tenant%d\n", t)
	}
	return out.String()
}

// asks returns requests at random, about half of them allowed.
func (b tenancy) asks(key func(thing int) string) [][]any {
	random := rand.New(rand.NewPCG(1, 1))
	out := make([][]any, 1<<14)
	for i := range out {
		t, user := random.IntN(b.tenants()), random.IntN(50)
		role := user % 10
		if random.IntN(2) == 0 {
			role = random.IntN(10)
		}
		out[i] = []any{fmt.Sprintf("user%d-%d", t, user), fmt.Sprintf("tenant%d", t), key(role*5 + random.IntN(5)), []string{"read", "write"}[random.IntN(2)]}
		if b.condition != "" {
			out[i] = append(out[i], map[string]any{"owner": out[i][0], "size": 3})
		}
	}
	return out
}

func indexOf(t testing.TB, model, rules string) *casbinindex.Index {
	t.Helper()
	modelPath, policyPath := filepath.Join(t.TempDir(), "model.conf"), filepath.Join(t.TempDir(), "policy.csv")
	for path, text := range map[string]string{modelPath: model, policyPath: rules} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ix, err := casbinindex.Load(modelPath, policyPath, casbinindex.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if !ix.Plan().IsIndexed() {
		t.Fatal(ix.Plan())
	}
	return ix
}

type indexCase struct {
	name, model string
	tenancy
	key func(thing int) string
}

func indexCases(n int) []indexCase {
	exact := exactRBAC(n)
	routes := tenancy{n: n, path: func(thing int) string { return fmt.Sprintf("/api/v1/things%d/:id/parts", thing) }}
	condition := exact
	condition.condition = `, r.doc.owner == r.sub && r.doc.size < 10, allow`
	return []indexCase{
		{"exact", exactModel, exact, exact.path},
		{"routes", routesModel, routes, func(thing int) string { return fmt.Sprintf("/api/v1/things%d/4711/parts", thing) }},
		{"condition", conditionModel, condition, exact.path},
	}
}

func BenchmarkIndexEnforce(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000, 1_000_000} {
		for _, c := range indexCases(n) {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				ix := indexOf(b, c.model, c.csv())
				requests := c.asks(c.key)
				runtime.GC()
				b.ReportAllocs()
				i, allowed := 0, 0
				for b.Loop() {
					ok, err := ix.Enforce(requests[i&(len(requests)-1)]...)
					if err != nil {
						b.Fatal(err)
					}
					if ok {
						allowed++
					}
					i++
				}
				if i > 1000 && (allowed < i/4 || allowed > i*3/4) {
					b.Fatalf("%d of %d allowed", allowed, i)
				}
			})
		}
	}
}

// BenchmarkCasbinEnforce asks Casbin the same, for the ratio.
func BenchmarkCasbinEnforce(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		for _, c := range indexCases(n) {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				m, err := model.NewModelFromString(c.model)
				if err != nil {
					b.Fatal(err)
				}
				e, err := casbin.NewEnforcer(m, stringadapter.NewAdapter(c.csv()))
				if err != nil {
					b.Fatal(err)
				}
				requests := c.asks(c.key)
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if _, err := e.Enforce(requests[i&(len(requests)-1)]...); err != nil {
						b.Fatal(err)
					}
					i++
				}
			})
		}
	}
}

func BenchmarkIndexCompile(b *testing.B) {
	for _, n := range []int{1_000, 100_000, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			modelPath, policyPath := filepath.Join(b.TempDir(), "model.conf"), filepath.Join(b.TempDir(), "policy.csv")
			for path, text := range map[string]string{modelPath: exactModel, policyPath: exactRBAC(n).csv()} {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					b.Fatal(err)
				}
			}
			var heap uint64
			for b.Loop() {
				before := liveHeap()
				ix, err := casbinindex.Load(modelPath, policyPath, casbinindex.Config{})
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				heap = liveHeap() - before
				runtime.KeepAlive(ix)
				b.StartTimer()
			}
			b.ReportMetric(float64(heap)/1e6, "MB")
			b.ReportMetric(float64(heap)/float64(n), "B/rule")
		})
	}
}

func liveHeap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestIndexDoesNotAllocate(t *testing.T) {
	for _, c := range indexCases(10_000) {
		ix := indexOf(t, c.model, c.csv())
		requests := c.asks(c.key)
		i := 0
		if n := testing.AllocsPerRun(2000, func() {
			if _, err := ix.Enforce(requests[i&(len(requests)-1)]...); err != nil {
				t.Fatal(err)
			}
			i++
		}); n > 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}
