package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/casbinindex"
)

// peers are who decides, and the largest policy for which that takes no minutes.
var peers = []struct {
	name string
	make func(*testing.B, population) decider
	most int
}{
	{"Decide", reeve, 1_000_000},
	{"Index", index, 1_000_000},
	{"casbin", stock, 100_000},
	{"cedar-go", cedarGo, cedarMost},
}

// answers are of the requests that are measured apart.
var answers = []string{"allowed", "denied"}

// BenchmarkDecisions measures everything about decisions, beside Casbin and cedar-go in the
// same run, and prints one table.
func BenchmarkDecisions(b *testing.B) {
	var t table
	t.row("what", "Decide", "Index", "casbin", "cedar-go", "allocations of Decide, Index")
	t.row("---", "---", "---", "---", "---", "---")
	for _, rules := range []int{1_000, 10_000, 100_000, 1_000_000} {
		w := population{rules, exact}
		name := fmt.Sprintf("exact, %s rules", thousands(rules))
		costs := w.ask(b, name)
		for _, answer := range answers {
			t.compare(name+", "+answer, costs[answer])
		}
	}
	t.grow(b)
	b.Run("memory", func(b *testing.B) {
		t.row("one load from 64 MB at random, of this machine now", short(farLoad(b)), "", "", "", "")
	})
	for _, kind := range []kind{routes, condition} {
		for _, rules := range []int{1_000, 100_000} {
			w := population{rules, kind}
			name := fmt.Sprintf("%s, %s rules", kind, thousands(rules))
			costs := w.ask(b, name)
			for _, answer := range answers {
				t.compare(name+", "+answer, costs[answer])
			}
		}
	}
	t.parallel(b)
	t.compile(b)
	t.print()
}

// ask measures each peer that can decide such a policy, for requests that are allowed and for
// some that are denied.
func (w population) ask(b *testing.B, name string) map[string][]cost {
	out := map[string][]cost{}
	queries := map[string][]query{"allowed": w.queries(true), "denied": w.queries(false)}
	for _, p := range peers {
		most := p.most
		if w.kind != exact {
			most = min(most, 1_000)
			if p.name == "cedar-go" {
				most = 0
			}
			if p.name == "Decide" || p.name == "Index" {
				most = p.most
			}
		}
		if w.rules > most {
			for answer := range queries {
				out[answer] = append(out[answer], cost{})
			}
			continue
		}
		var decide decider
		for _, answer := range answers {
			asked := queries[answer]
			c := cost{}
			b.Run(fmt.Sprintf("%s/%s/%s", name, answer, p.name), func(b *testing.B) {
				if decide == nil {
					decide = p.make(b, w)
				}
				for i := range 16 {
					if q := &asked[i]; decide(q) != q.allowed {
						b.Fatalf("%+v: the other answer", *q)
					}
				}
				runtime.GC()
				c = measure(b, func(i int) { decide(&asked[i%len(asked)]) })
			})
			out[answer] = append(out[answer], c)
		}
	}
	return out
}

// compare prints what the peers took: ours as times, theirs as multiples of Decide's.
func (t *table) compare(name string, c []cost) {
	t.row(name, short(c[0].ns), short(c[1].ns), times(c[2].ns, c[0].ns), times(c[3].ns, c[0].ns), fmt.Sprintf("%.0f, %.0f", c[0].allocs, c[1].allocs))
}

// parallel measures two goroutines against one, in turn: by the clock, and by the processor
// time of a decision, which shows what they cost each other also where other programs leave
// no two cores to the test.
func (t *table) parallel(b *testing.B) {
	w := population{100_000, exact}
	asked := append(w.queries(true), w.queries(false)...)[asked/2 : asked+asked/2]
	cells := []string{"two goroutines on 2 cores, 100,000 rules, by the clock and by processor time"}
	for _, p := range peers[:2] {
		b.Run("two goroutines/"+p.name, func(b *testing.B) {
			decide := p.make(b, w)
			runtime.GC()
			var clock, processor []float64
			for b.Loop() {
				one, oneOwn := together(b, decide, asked, 1)
				two, twoOwn := together(b, decide, asked, 2)
				clock, processor = append(clock, 2*one/two), append(processor, 2*(2*oneOwn)/twoOwn)
			}
			slices.Sort(clock)
			slices.Sort(processor)
			b.ReportMetric(clock[len(clock)/2], "×one")
			b.ReportMetric(processor[len(processor)/2], "×one-by-cpu")
			cells = append(cells, fmt.Sprintf("%.2f × and %.2f × one", clock[len(clock)/2], processor[len(processor)/2]))
		})
	}
	t.row(append(cells, "", "", "")...)
}

// together has some goroutines ask all questions each, and returns the time that it takes and
// the processor time.
func together(b *testing.B, decide decider, asked []query, n int) (clock, processor float64) {
	before, begin := cpu(b), time.Now()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			for i := range asked {
				if decide(&asked[i]) != asked[i].allowed {
					panic("the other answer")
				}
			}
		})
	}
	all.Wait()
	return float64(time.Since(begin)), float64(cpu(b) - before)
}

// compile measures loading from CSV, and what stays in memory.
func (t *table) compile(b *testing.B) {
	for _, rules := range []int{100_000, 1_000_000} {
		w := population{rules, exact}
		fsys := w.files(b)
		dir := b.TempDir()
		modelPath, policyPath := filepath.Join(dir, "model.conf"), filepath.Join(dir, "policy.csv")
		for path, text := range map[string]string{modelPath: w.model(), policyPath: w.csv()} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				b.Fatal(err)
			}
		}
		cells := []string{"compile " + thousands(rules) + " rules from CSV"}
		for _, p := range []struct {
			name string
			load func() (any, error)
		}{
			{"Decide", func() (any, error) { return policy.Load(fsys, policy.Options{}) }},
			{"Index", func() (any, error) { return casbinindex.Load(modelPath, policyPath, casbinindex.Config{}) }},
		} {
			b.Run(fmt.Sprintf("compile/%d/%s", rules, p.name), func(b *testing.B) {
				var took []float64
				held := 0.0
				for b.Loop() {
					b.StopTimer()
					before := heap()
					b.StartTimer()
					begin := time.Now()
					loaded, err := p.load()
					if err != nil {
						b.Fatal(err)
					}
					took = append(took, float64(time.Since(begin)))
					b.StopTimer()
					held = heap() - before
					runtime.KeepAlive(loaded)
					b.StartTimer()
				}
				b.ReportMetric(held/float64(rules), "B/rule")
				cells = append(cells, fmt.Sprintf("%s, %.0f B a rule", short(slices.Min(took)), held/float64(rules)))
			})
		}
		t.row(append(cells, "", "", "")...)
	}
}
