package attacks

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/reevehq/reeve/tenant"
)

// Cases returns the attacks that every stack is put to.
func Cases() []Case {
	return slices.Concat(reading(), writing(), transactions(), forging(), residues(), schema(), models(), modelWrites())
}

// Of returns the cases that a stack can be put to in a fixture.
func Of(w Fixture, s Stack) []Case {
	cases := Cases()
	if e, ok := s.(Extra); ok {
		cases = append(cases, e.Cases()...)
	}
	return slices.DeleteFunc(cases, func(c Case) bool {
		return c.Postgres && w.Dialect() != Postgres || c.Signed && !w.Signed() || c.Store && s.Store() == nil
	})
}

// Run puts a stack to every case. No answer may hold what is another tenant's, and no row of
// another may change.
func Run(t *testing.T, w Fixture, s Stack) {
	RunSome(t, w, s, func(Case) bool { return true })
}

// RunSome is Run for those cases that keep returns true for: what one wall claims by itself.
func RunSome(t *testing.T, w Fixture, s Stack, keep func(Case) bool) {
	t.Helper()
	ran, unsupported := 0, 0
	for _, c := range Of(w, s) {
		if !keep(c) {
			continue
		}
		ran++
		t.Run(c.Family+"/"+c.Name, func(t *testing.T) {
			harm, a := run(t, w, s, c)
			for _, h := range harm {
				t.Error(h)
			}
			if a.unsupported {
				unsupported++
				t.Skip("the stack has no words for it")
			}
		})
	}
	if ran == 0 {
		t.Fatal("no case was run")
	}
	t.Logf("%s: %d attacks, %d of them not in the words of the stack", s.Name(), ran, unsupported)
}

// Live puts stacks without walls to every case: each must do harm on one of them, but for those
// that say why they do none.
func Live(t *testing.T, w Fixture, stacks ...Stack) {
	t.Helper()
	live := 0
	for _, c := range Of(w, stacks[0]) {
		if c.Harmless != "" {
			continue
		}
		t.Run(c.Family+"/"+c.Name, func(t *testing.T) {
			for _, s := range stacks {
				if harm, _ := run(t, w, s, c); len(harm) > 0 {
					live++
					return
				}
			}
			t.Error("without a wall it does no harm: it proves nothing")
		})
	}
	t.Logf("%d attacks succeed without walls", live)
}

// run runs a case in a fixture that is as it was made, and returns the harm that it did.
func run(t *testing.T, w Fixture, s Stack, c Case) ([]string, *Attack) {
	t.Helper()
	if err := w.Reset(t.Context()); err != nil {
		t.Fatal(err)
	}
	before, err := w.Foreign(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(before) < 10 {
		t.Fatalf("%d rows of others: there is nothing to attack", len(before))
	}
	bind := func(id tenant.ID) context.Context {
		ctx, err := tenant.BindUnchecked(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return ctx
	}
	a := &Attack{Context: bind(Attacker), Stack: s, Store: s.Store(), bind: bind}
	c.Run(a)
	harm := a.found
	after, err := w.Foreign(t.Context())
	if err != nil {
		return append(harm, fmt.Sprintf("the tables are gone: %v", err)), a
	}
	for key := range maps.Keys(merge(before, after)) {
		if before[key] != after[key] {
			harm = append(harm, fmt.Sprintf("%s was %q and is %q", key, before[key], after[key]))
		}
	}
	slices.Sort(harm)
	return harm, a
}

func merge(a, b map[string]string) map[string]string {
	m := maps.Clone(a)
	maps.Copy(m, b)
	return m
}
