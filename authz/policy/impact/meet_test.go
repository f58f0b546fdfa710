package impact_test

import (
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/internal/testneed"
)

// Two cells with a request in common meet, whatever else is true of them: of a request that the
// policy allows now and denied before, the cell of those that it allows meets the cell of the change.
func TestCellsWithARequestInCommonMeet(t *testing.T) {
	t.Parallel()
	common, apart := 0, 0
	for seed := range uint64(testneed.Scale(200, 20)) {
		g := newGen(seed)
		rows := g.rows()
		before, after := of(t, rows...), of(t, g.edited(rows)...)
		changed := diff(t, before, after)
		now, err := after.WhoCan(impact.Question{})
		if err != nil {
			t.Fatal(err)
		}
		check := func(r policy.Request) {
			for _, c := range now {
				if !c.Contains(r) {
					continue
				}
				for _, o := range changed {
					if !o.Contains(r) {
						continue
					}
					common++
					if !c.Meets(o) {
						t.Fatalf("seed %d: %+v is in both\n%s\n%s", seed, r, c, o)
					}
				}
			}
		}
		for range 4 {
			s := g.session()
			for range 15 {
				check(g.request(s))
			}
		}
		for _, o := range changed {
			if !o.May {
				check(o.Witness)
			}
			for _, c := range now {
				if !c.Meets(o) {
					apart++
				}
			}
		}
	}
	if least := testneed.Scale(100, 1); common < least || apart < least {
		t.Errorf("%d requests in common, %d pairs of cells apart: the generator does not exercise both answers", common, apart)
	}
}

func TestGrantsAreTheRowsOfAllFiles(t *testing.T) {
	p := of(t, "p, role:a, *, invoice, read, true, allow", "g, user:bob, role:a, acme", "g, user:alice, role:a, *")
	got := p.Grants()
	want := []impact.Grant{{Who: "user:alice", Role: "role:a", Tenant: "*"}, {Who: "user:bob", Role: "role:a", Tenant: "acme"}}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("%v", got)
	}
}

func TestAGrantHasItsTimesAndCoversWhatEndsSooner(t *testing.T) {
	rules := "p, role:a, *, doc, read, true, allow"
	grant := func(times string) impact.Grant {
		list := timedPolicy(t, rules, "g, user:bob, role:a, acme"+times).Grants()
		if len(list) != 1 {
			t.Fatal(list)
		}
		return list[0]
	}
	ever, jan, feb := grant(""), grant(", _, 2026-01-01 00:00:00"), grant(", 2025-12-01 00:00:00, 2026-02-01 00:00:00")
	if !feb.Start.Equal(time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC)) || !feb.End.Equal(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)) || !jan.Start.IsZero() || !ever.End.IsZero() {
		t.Errorf("%+v %+v %+v", ever, jan, feb)
	}
	for _, c := range []struct {
		a, b impact.Grant
		want bool
	}{{ever, jan, true}, {ever, feb, true}, {jan, ever, false}, {jan, feb, false}, {feb, jan, false}, {feb, feb, true}, {jan, jan, true}, {ever, impact.Grant{Who: "user:eve", Role: "role:a", Tenant: "acme"}, false}} {
		if c.a.Covers(c.b) != c.want {
			t.Errorf("%+v covers %+v: want %t", c.a, c.b, c.want)
		}
	}
}
