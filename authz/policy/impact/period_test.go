package impact_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/internal/testneed"
)

// timedPolicy is a policy of the model whose g rows may have times.
func timedPolicy(t testing.TB, rows ...string) *impact.Policy {
	t.Helper()
	fsys := files(rows, richAttributes)
	fsys[policy.ModelFile].Data = []byte(strings.Replace(modelText(), "g = _, _, _\n", "g = _, _, _, (_, _)\n", 1))
	return load(t, fsys)
}

// withTimes gives some g rows times, and leaves out those that would be in each other's way.
func (g gen) withTimes(rows []string) (out []string) {
	first := map[string]bool{}
	for _, r := range rows {
		values := strings.Split(r, ", ")
		if values[0] == "g" {
			if key := values[1] + values[2]; first[key] {
				continue
			} else {
				first[key] = true
			}
			if len(values) == 4 && g.IntN(3) > 0 {
				r += ", " + g.moment(0, 10) + ", " + g.moment(10, 30)
			}
		}
		out = append(out, r)
	}
	return out
}

func (g gen) moment(from, to int) string {
	if g.IntN(3) == 0 {
		return "_"
	}
	return fmt.Sprintf("2000-01-01 12:00:%02d", from+5*g.IntN((to-from)/5))
}

// Each request of each time that two policies decide differently is in exactly one cell.
func TestTheCellsAreTheRequestsThatChangeAtAnyTime(t *testing.T) {
	t.Parallel()
	changed, unsure, byTime := 0, 0, 0
	for seed := range uint64(testneed.Scale(160, 8)) {
		g := newGen(seed + 1000)
		g.rich = richness(seed % 2)
		rows := g.withTimes(g.rows())
		edited := g.withTimes(g.edited(rows))
		before, after := timedPolicy(t, rows...), timedPolicy(t, edited...)
		cells := diff(t, before, after)
		for range 40 {
			r := g.request(g.session())
			times := map[bool]bool{}
			for _, second := range []int{0, 3, 5, 6, 10, 11, 15, 20, 25, 27} {
				r.Env.(policy.Values)["time"] = time.Date(2000, 1, 1, 12, 0, second, 0, time.UTC).Unix()
				was, is := allowed(before, r), allowed(after, r)
				checkCell(t, seed, cells, r, was, is, rows, edited)
				if was != is {
					changed++
					if in, _ := cellsWith(cells, r); len(in) == 0 {
						unsure++
					}
				}
				times[was != is] = true
			}
			if len(times) == 2 {
				byTime++
			}
		}
		for _, c := range cells {
			if !c.May && allowed(before, c.Witness) == allowed(after, c.Witness) {
				t.Errorf("seed %d: the witness of %s changes nothing\n%+v", seed, c, c.Witness)
			}
		}
	}
	t.Logf("%d changed, %d of them in cells that may, %d requests change at one time and not at another", changed, unsure, byTime)
	if changed < testneed.Scale(160, 1) || byTime < testneed.Scale(5, 1) && !testneed.Race || unsure > changed/4 {
		t.Errorf("%d changed, %d by the time, %d unsure", changed, byTime, unsure)
	}
}

// r.sub.roles is of the rows of the time, and so is every condition that asks for it.
func TestARoleThatEndsIsAConditionThatAsksForRoles(t *testing.T) {
	rule := "p, role:authenticated, *, doc, write, 'admin' in r.sub.roles, allow"
	before := timedPolicy(t, rule, "g, user:bob, role:admin, acme, _, 2026-11-01 00:00:00")
	after := timedPolicy(t, rule, "g, user:bob, role:admin, acme, _, 2026-12-01 00:00:00")
	cells := diff(t, before, after)
	if len(cells) != 1 || cells[0].Direction != impact.Wider || cells[0].May || cells[0].Witness.Subject.ID != "bob" || cells[0].Tenants.String() != "acme" {
		t.Fatalf("%v", cells)
	}
	for at, want := range map[string]bool{"2026-10-31T00:00:00Z": false, "2026-11-01T00:00:00Z": true, "2026-11-30T23:59:59Z": true, "2026-12-01T00:00:00Z": false} {
		r := cells[0].Witness
		moment, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		r.Env = policy.Values{"time": moment.Unix()}
		if cells[0].Contains(r) != want || allowed(before, r) == allowed(after, r) == want {
			t.Errorf("%s: contained %t, want %t", at, cells[0].Contains(r), want)
		}
	}
	callers, err := after.WhoCan(impact.Question{Tenant: "acme"})
	if err != nil || len(callers) != 1 || callers[0].May || !allowed(after, callers[0].Witness) {
		t.Errorf("%v %v", callers, err)
	}
	what, err := after.WhatCan(policy.Subject{ID: "bob"}, impact.Question{Tenant: "acme"})
	if err != nil || len(what) != 1 || what[0].May || !allowed(after, what[0].Witness) || what[0].Witness.Subject.Roles != nil {
		t.Errorf("%v %v", what, err)
	}
}

func TestAChangedEndIsACellThatSaysWhen(t *testing.T) {
	rules := "p, role:admin, *, doc, write, true, allow"
	before := timedPolicy(t, rules, "g, user:bob, role:admin, acme, _, 2026-11-01 00:00:00")
	after := timedPolicy(t, rules, "g, user:bob, role:admin, acme, _, 2026-12-01 00:00:00")
	cells := diff(t, before, after)
	if len(cells) != 1 || cells[0].Direction != impact.Wider || cells[0].May || !strings.Contains(cells[0].When, "r.env.time < '2026-12-01T00:00:00Z'") || !strings.Contains(cells[0].When, "not (r.env.time < '2026-11-01T00:00:00Z')") {
		t.Errorf("%v", cells)
	}
	if gone := diff(t, after, timedPolicy(t, rules)); len(gone) != 1 || gone[0].Direction != impact.Narrower || gone[0].When != "r.env.time < '2026-12-01T00:00:00Z'" {
		t.Errorf("%v", gone)
	}
	if same := diff(t, after, after); len(same) != 0 {
		t.Errorf("%v", same)
	}
}

func TestWhoCanAndWhatCanSayUntilWhen(t *testing.T) {
	p := timedPolicy(t, "p, role:admin, *, doc, write, true, allow", "g, user:bob, role:senior, acme, 2026-11-01 00:00:00, _", "g, role:senior, role:admin, *, _, 2026-12-01 00:00:00")
	const when = "r.env.time > '2026-11-01T00:00:00Z' && r.env.time < '2026-12-01T00:00:00Z'"
	callers, err := p.WhoCan(impact.Question{Tenant: "acme", Action: "write", Object: "doc"})
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprint(callers)
	for _, want := range []string{"role:admin in acme: write doc", "user:bob, without role:admin, role:senior in acme: write doc when " + when, "role:senior, without role:admin, user:bob in acme: write doc when r.env.time < '2026-12-01T00:00:00Z'"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	what, err := p.WhatCan(policy.Subject{ID: "bob"}, impact.Question{Tenant: "acme"})
	if err != nil || len(what) != 1 || what[0].When != when || what[0].May {
		t.Errorf("%v %v", what, err)
	}
	m, err := p.Matrix("acme")
	if err != nil || !strings.Contains(fmt.Sprint(m.Access), "r.env.time < '2026-12-01T00:00:00Z'") {
		t.Errorf("%+v %v", m, err)
	}
}
