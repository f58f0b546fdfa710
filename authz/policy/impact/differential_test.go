package impact_test

import (
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/internal/testneed"
)

// pairs is how many random pairs of policies are compared.
func pairs() uint64 { return uint64(testneed.Scale(300, 34)) }

// cellsWith returns the cells that a request is in, those that may change apart.
func cellsWith(cells []impact.Cell, r policy.Request) (in, may []impact.Cell) {
	for _, c := range cells {
		switch {
		case !c.Contains(r):
		case c.May:
			may = append(may, c)
		default:
			in = append(in, c)
		}
	}
	return in, may
}

// checkCell holds the cells that a request is in against what happened to it.
func checkCell(t *testing.T, seed uint64, cells []impact.Cell, r policy.Request, was, is bool, rows ...[]string) {
	t.Helper()
	in, may := cellsWith(cells, r)
	want := impact.Narrower
	if is {
		want = impact.Wider
	}
	switch {
	case was == is && len(in) == 0:
	case was != is && len(in) == 1 && in[0].Direction == want: // and in cells that may change
	case was != is && len(in) == 0 && len(may) > 0:
	default:
		t.Fatalf("seed %d: %t to %t, in %d cells %v, may %v\n%+v\nbefore\n%s\nafter\n%s\nall cells\n%v", seed, was, is, len(in), in, may, r,
			strings.Join(rows[0], "\n"), strings.Join(rows[1], "\n"), cells)
	}
}

// Every request that Casbin decides differently is in exactly one cell, and every witness is
// decided differently by Casbin and by the engine. Of the conditions that Casbin knows no cell is left
// undecided.
func TestTheCellsAreTheRequestsThatCasbinDecidesDifferently(t *testing.T) {
	t.Parallel()
	requests, changed, witnesses, failed := 0, 0, 0, 0
	for seed := range pairs() {
		g := newGen(seed)
		if seed%3 == 2 {
			g.rich = casbinKinds
		}
		rows := g.rows()
		edited := g.edited(rows)
		before, after := g.of(t, rows), g.of(t, edited)
		cells := diff(t, before, after)
		old, new := newOracle(t, rows), newOracle(t, edited)
		ask := func(r policy.Request, n int, next func() policy.Request, check func(policy.Request, bool, bool)) {
			var list []policy.Request
			for range n {
				list = append(list, next())
			}
			var was []bool
			var bad []bool
			old.as(t, r, func() {
				for _, q := range list {
					ok, err := old.allows(q)
					was, bad = append(was, ok), append(bad, err != nil)
				}
			})
			new.as(t, r, func() {
				for i, q := range list {
					ok, err := new.allows(q)
					if err != nil || bad[i] {
						failed++
						continue
					}
					check(q, was[i], ok)
				}
			})
		}
		for range 4 {
			s := g.session()
			ask(s, 15, func() policy.Request { return g.request(s) }, func(r policy.Request, was, is bool) {
				checkCell(t, seed, cells, r, was, is, rows, edited)
				requests++
				if was != is {
					changed++
				}
			})
		}
		for _, c := range cells {
			if c.May {
				t.Errorf("seed %d: undecided: %s", seed, c)
				continue
			}
			r := c.Witness
			witnesses++
			wider := c.Direction == impact.Wider
			if allowed(before, r) == wider || allowed(after, r) != wider {
				t.Fatalf("seed %d: the witness of %s is no change: %+v", seed, c, r)
			}
			if in, _ := cellsWith(cells, r); len(in) != 1 || in[0].String() != c.String() {
				t.Fatalf("seed %d: the witness of %s is in %v: %+v", seed, c, in, r)
			}
			ask(r, 1, func() policy.Request { return r }, func(r policy.Request, was, is bool) {
				if was == wider || is != wider {
					t.Fatalf("seed %d: Casbin says %t and %t of the witness of %s: %+v\n%s\n---\n%s", seed, was, is, c, r, strings.Join(rows, "\n"), strings.Join(edited, "\n"))
				}
			})
		}
	}
	t.Logf("%d pairs, %d requests, %d changed, %d witnesses, %d without an answer from Casbin", pairs(), requests, changed, witnesses, failed)
	if changed < requests/100 || witnesses < int(pairs()) {
		t.Error("the generator does not exercise both answers")
	}
}

// The same over every caller, object and action by the engine, attributes missing here and there.
func TestEveryRequestThatChangesIsInExactlyOneCell(t *testing.T) {
	t.Parallel()
	requests, changed := 0, 0
	for seed := range pairs() {
		g := newGen(seed + 1<<32)
		g.rich = richness(seed % 3)
		rows := g.rows()
		edited := g.edited(rows)
		before, after := g.of(t, rows), g.of(t, edited)
		cells := diff(t, before, after)
		for range 250 {
			r := g.request(g.session())
			for _, a := range []policy.AttributeSource{r.Subject.Attributes, r.Object.Attributes, r.Env} {
				if values, ok := a.(policy.Values); ok && g.IntN(8) == 0 {
					delete(values, pick(g, "level", "dept", "owner", "status", "mfa", "ip", "size", "readers", "made", "boss"))
				}
			}
			was, is := allowed(before, r), allowed(after, r)
			checkCell(t, seed, cells, r, was, is, rows, edited)
			requests++
			if was != is {
				changed++
			}
		}
	}
	t.Logf("%d requests, %d changed", requests, changed)
	if changed < requests/100 {
		t.Error("the generator does not exercise both answers")
	}
}
