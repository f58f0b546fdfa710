//go:build unix

package filters_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/testneed"
)

// A list in Postgres by a filter and by generated row-level security, a list in SQLite, a filter in Go,
// the decision about each row and that of stock Casbin, where it has one, are the same.
func TestADatabaseSelectsWhatIsAllowed(t *testing.T) {
	docs := rows(rand.New(rand.NewPCG(1, 2)), 48)
	dbs, walled := databases(t, docs), newWalled(t, docs)
	objects := make([]policy.Object, len(docs))
	for i, d := range docs {
		objects[i] = d.object()
	}
	wanted := testneed.Scale(250, 80)
	filters, none, all, refused, decisions, agreed, unwalled := 0, 0, 0, 0, 0, 0, 0
	for seed := uint64(0); filters < wanted; seed++ {
		g := gen{rand.New(rand.NewPCG(seed, 3))}
		text := g.policy()
		e, err := load(t, text, attributes)
		if err != nil {
			var one *policy.Error
			if !errors.As(err, &one) || one.Code != policy.CodeRuleFilter && one.Code != policy.CodeRowDuplicate {
				t.Fatalf("%v\n%s", err, text)
			}
			refused++
			continue
		}
		everybody := testneed.Soak() || seed%2 == 0 // each policy costs both a second start
		var oracle stock
		if everybody {
			oracle = newStock(t, text)
		}
		for range 2 {
			r := g.request()
			p, err := e.Filter(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			filters++
			want := []string{}
			for i, o := range objects {
				request := r
				request.Object = o
				d, err := e.Decide(t.Context(), request)
				if err != nil && o.Tenant == acme {
					t.Fatalf("%v\n%s", err, text)
				}
				decisions++
				if d.Allowed() {
					want = append(want, docs[i].id)
				}
				if everybody && o.Tenant == acme && !limited(docs[i], text) {
					if got, err := oracle.allows(r, docs[i]); err == nil {
						if agreed++; got != d.Allowed() {
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
				none++
			}
			if len(want) >= len(docs)-2 {
				all++
			}
			if everybody && walled.same(t, e, r, want, text) {
				unwalled++
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
	t.Logf("%d filters of %d decisions, %d of nothing, %d of everything; %d policies are refused; Casbin answers %d; row-level security refuses %d", filters, decisions, none, all, refused, agreed, unwalled)
	if agreed < decisions/6 || unwalled > filters/10 {
		t.Errorf("of %d decisions Casbin answers %d, of %d filters row-level security refuses %d", decisions, agreed, filters, unwalled)
	}
	if none+all > filters/2 { // a test of filters that tell nothing apart tests nothing
		t.Errorf("of %d filters %d are of nothing and %d of everything", filters, none, all)
	}
}
