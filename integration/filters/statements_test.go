//go:build unix

package filters_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
)

// An UPDATE and a DELETE with a predicate find the rows that a SELECT finds, behind arguments of their
// own.
func TestAPredicateBoundsWhatAStatementWrites(t *testing.T) {
	docs := rows(rand.New(rand.NewPCG(1, 2)), 48)
	dbs := databases(t, docs)
	for _, text := range []string{"r.obj.owner == r.sub.id", "r.sub.id in r.obj.members || r.obj.public", "r.obj.project.owner == r.sub.id", "!(r.sub.id in r.obj.tags)", "r.obj.owner == 'nobody'"} {
		e, err := load(t, "p, role:authenticated, *, doc, read, "+csvQuote(text)+", allow", attributes)
		if err != nil {
			t.Fatal(err)
		}
		p, err := e.Filter(t.Context(), policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "doc"}})
		if err != nil {
			t.Fatal(err)
		}
		want := []string{}
		for _, d := range docs {
			if p.Match(d.object()) {
				want = append(want, d.id)
			}
		}
		slices.Sort(want)
		for _, db := range dbs {
			where, args, err := p.SQLAfter(1, db.dialect, "d")
			if err != nil {
				t.Fatal(err)
			}
			first := map[policy.Dialect]string{policy.Postgres: "$1", policy.SQLite: "?"}[db.dialect]
			for _, statement := range []string{"UPDATE doc AS d SET status = " + first + " WHERE " + where + " RETURNING id", "DELETE FROM doc AS d WHERE id <> " + first + " AND " + where + " RETURNING id"} {
				tx, err := db.db.BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				got, err := firstColumn(t.Context(), tx, statement, append([]any{"changed"}, args...)...)
				if _ = tx.Rollback(); err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: %s: %q, %v; want %q", db.name, statement, got, err, want)
				}
			}
		}
	}
}

// Objects whose parents and members are objects of their own type, of themselves and in a circle, are
// selected as they are decided about.
func TestObjectsRelatedToTheirOwnTypeAreSelectedAsDecided(t *testing.T) {
	docs := []doc{
		{id: "1", tenant: "acme", status: "s", owner: "alice", reviewer: "1"}, // above itself
		{id: "2", tenant: "acme", status: "s", owner: "bob", reviewer: "1"},
		{id: "3", tenant: "acme", status: "s", owner: "bob", reviewer: "4"}, {id: "4", tenant: "acme", status: "s", owner: "x", reviewer: "3"},
		{id: "5", tenant: "globex", status: "s", owner: "alice"}, {id: "6", tenant: "acme", status: "s", owner: "x", reviewer: "5"}, // of another tenant
		{id: "7", tenant: "acme", status: "s", reviewer: "7"},
	}
	dbs := databases(t, docs)
	below := func(of doc) []string {
		list := []string{}
		for _, d := range docs {
			if d.tenant == of.tenant && d.reviewer == of.id && d.owner != nil {
				list = append(list, d.owner.(string))
			}
		}
		return list
	}
	for text, want := range map[string][]string{
		"r.obj.above.owner == 'alice'": {"1", "2"}, "r.obj.above.owner == r.obj.owner": {"1"}, "!(r.obj.above.owner == 'alice')": {"3", "4"}, "r.obj.above.owner == 'alice' || r.obj.public": {"1", "2"},
		"has(r.obj, 'above')": {"1", "2", "3", "4", "7"}, "!(has(r.obj, 'above'))": {"6"}, "'bob' in r.obj.below": {"1", "4"}, "'bob' in r.obj.below || r.obj.public": {"1", "4"}, "!('bob' in r.obj.below)": {"2", "3", "6", "7"},
		"'bob' in r.obj.above.below": {"1", "2", "3"}, "r.obj.owner in r.obj.above.below": {"1", "2", "3", "4"}, "size(r.obj.above.below) == 2": {"1", "2"}, "size(r.obj.below) == 0": {"2", "6", "7"},
	} {
		e, err := load(t, "p, role:authenticated, *, doc, read, "+csvQuote(text)+", allow", attributes+"doc, above, parent, yes, reviewer, doc, doc, id\ndoc, below, members, no, id, doc, reviewer, owner\n")
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		r := policy.Request{Tenant: acme, Subject: policy.Subject{ID: "alice"}, Action: "read", Object: policy.Object{Type: "doc"}}
		p, err := e.Filter(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			if d.tenant != "acme" {
				continue
			}
			r.Object = d.object()
			values := r.Object.Attributes.(policy.Values)
			values["below"] = below(d)
			for _, above := range docs {
				if above.tenant == d.tenant && above.id == d.reviewer {
					values["above"] = policy.Values{"owner": above.owner, "below": below(above)}
				}
			}
			if decided, err := e.Decide(t.Context(), r); err != nil || decided.Allowed() != slices.Contains(want, d.id) {
				t.Errorf("%s: doc %s is decided %t, %v", text, d.id, decided.Allowed(), err)
			}
		}
		for _, db := range dbs {
			if got, err := db.ids(t, p); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %s: %q, %v; want %q", db.name, text, got, err, want)
			}
		}
	}
}
