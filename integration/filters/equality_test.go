//go:build unix

package filters_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/testneed"
)

// tally counts what was compared.
type tally struct {
	filters, none, all, refused, decisions, agreed, unwalled int
}

func (n *tally) add(m tally) {
	n.filters += m.filters
	n.none += m.none
	n.all += m.all
	n.refused += m.refused
	n.decisions += m.decisions
	n.agreed += m.agreed
	n.unwalled += m.unwalled
}

// A list in Postgres by a filter and by generated row-level security, a list in SQLite, a filter in Go,
// the decision about each row and that of stock Casbin, where it has one, are the same.
func TestADatabaseSelectsWhatIsAllowed(t *testing.T) {
	var tallies [2]tally // of parts, each on databases of its own
	work := &seeds{wanted: int64(testneed.Scale(250, 80))}
	t.Run("parts", func(t *testing.T) {
		for part := range tallies {
			t.Run(fmt.Sprint(part), func(t *testing.T) {
				t.Parallel()
				tallies[part] = compareFilters(t, work, part == 0)
			})
		}
	})
	var n tally
	for _, one := range tallies {
		n.add(one)
	}
	t.Logf("%d filters of %d decisions, %d of nothing, %d of everything; %d policies are refused; Casbin answers %d; row-level security refuses %d", n.filters, n.decisions, n.none, n.all, n.refused, n.agreed, n.unwalled)
	if t.Failed() {
		return
	}
	if n.agreed < n.decisions/6 || n.unwalled > n.filters/10 {
		t.Errorf("of %d decisions Casbin answers %d, of %d filters row-level security refuses %d", n.decisions, n.agreed, n.filters, n.unwalled)
	}
	if n.none+n.all > n.filters/2 { // a test of filters that tell nothing apart tests nothing
		t.Errorf("of %d filters %d are of nothing and %d of everything", n.filters, n.none, n.all)
	}
}

// seeds are those of random policies, for several who compare until there are enough filters.
type seeds struct {
	wanted        int64
	next, filters atomic.Int64
}

// take returns the next seed, unless there are enough.
func (s *seeds) take() (seed uint64, ok bool) {
	return uint64(s.next.Add(1) - 1), s.filters.Load() < s.wanted
}

// compareFilters compares the answers to two filters of each random policy that it takes. PostgreSQL
// compiles the expressions of long queries, or none.
func compareFilters(t *testing.T, work *seeds, compiles bool) (n tally) {
	docs := rows(rand.New(rand.NewPCG(1, 2)), 48)
	dbs, walled, oracle := databases(t, docs), newWalled(t, docs), newStock(t, docs)
	if !compiles {
		dbs[0].db.SetMaxOpenConns(1)
		dbs[0].exec(t, "SET jit = off")
	}
	objects := make([]policy.Object, len(docs))
	for i, d := range docs {
		objects[i] = d.object()
	}
	for {
		seed, ok := work.take()
		if !ok {
			return n
		}
		g := gen{rand.New(rand.NewPCG(seed, 3))}
		text := g.policy()
		e, err := load(t, text, attributes)
		if err != nil {
			var one *policy.Error
			if !errors.As(err, &one) || one.Code != policy.CodeRuleFilter && one.Code != policy.CodeRowDuplicate {
				t.Fatalf("%v\n%s", err, text)
			}
			n.refused++
			continue
		}
		everybody := testneed.Soak() || seed%2 == 0 // Casbin and a script for each policy take most of the time
		if everybody {
			oracle.load(t, text)
		}
		for range 2 {
			r := g.request()
			p, err := e.Filter(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			n.filters++
			work.filters.Add(1)
			asked := oracle.ask(r)
			want := []string{}
			for i, o := range objects {
				about := r
				about.Object = o
				d, err := e.Decide(t.Context(), about)
				if err != nil && o.Tenant == acme {
					t.Fatalf("%v\n%s", err, text)
				}
				n.decisions++
				if d.Allowed() {
					want = append(want, docs[i].id)
				}
				if everybody && o.Tenant == acme && !limited(docs[i], text) {
					if got, err := asked.allows(docs[i]); err == nil {
						if n.agreed++; got != d.Allowed() {
							t.Fatalf("seed %d: doc %s: Casbin says %t, Decide %t\n%s", seed, o.ID, got, d.Allowed(), text)
						}
					}
				}
				if match := p.Match(o); match != d.Allowed() {
					t.Fatalf("seed %d: doc %s: Match is %t, Decide %t\n%s", seed, o.ID, match, d.Allowed(), text)
				}
			}
			slices.Sort(want)
			if len(want) == 0 {
				n.none++
			}
			if len(want) >= len(docs)-2 {
				n.all++
			}
			if everybody && walled.same(t, e, r, want, text) {
				n.unwalled++
			}
			for _, db := range dbs {
				if db.dialect == policy.SQLite && strings.Contains(text, "has(r.obj, 'score')") {
					continue // it stores NaN as NULL, which is another row
				}
				got, err := db.ids(t, p)
				if err != nil {
					t.Fatalf("seed %d, %s: %v\n%s", seed, db.name, err, text)
				}
				if !slices.Equal(got, want) {
					where, args, _ := p.SQL(db.dialect, "d")
					t.Fatalf("seed %d, %s:\n got %q\nwant %q\n%s\n%v\n%s", seed, db.name, got, want, where, args, strings.TrimSpace(text))
				}
				if flagged, err := db.flagged(t, p); err != nil || !slices.Equal(flagged, want) {
					t.Fatalf("seed %d, %s: as a column:\n got %q, %v\nwant %q\n%s", seed, db.name, flagged, err, want, strings.TrimSpace(text))
				}
			}
		}
	}
}
