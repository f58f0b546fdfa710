package review_test

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/authz/policy/review"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/tenant"
)

// pool are the rows of random policies. They overlap in every way that rows can.
var pool = []string{
	"p, role:viewer, *, invoice, read, true, allow",
	"p, role:editor, *, invoice, *, true, allow",
	"p, role:editor, acme, invoice, update, r.obj.owner == r.sub.id, allow",
	"p, user:alice, *, invoice:7, read, true, allow",
	"p, user:alice, acme, invoice, update, r.obj.owner == 'alice', allow",
	"p, role:intern, *, invoice, read, true, deny",
	"p, user:bob, acme, invoice:7, *, true, deny",
	"p, role:viewer, globex, invoice, *, true, allow",
	"p, role:authenticated, *, /me, GET, true, allow",
	"g, user:alice, role:editor, acme",
	"g, user:bob, role:editor, *",
	"g, role:editor, role:viewer, *",
	"g, role:intern, role:viewer, globex",
}

// requests are all that the rows of the pool tell apart, and a few.
func requests() (list []policy.Request) {
	for _, user := range []string{"alice", "bob", "carol"} {
		for _, roles := range []policy.RoleNames{nil, {"viewer"}, {"editor"}, {"intern"}, {"viewer", "intern"}, {"editor", "intern"}} {
			for _, dom := range []string{"acme", "globex", "other"} {
				for _, id := range []string{"7", "8"} {
					for _, action := range []policy.Action{"read", "update", "delete"} {
						for _, owner := range []string{"alice", "carol"} {
							t := tenant.MustParse(dom)
							list = append(list, policy.Request{Tenant: t, Subject: policy.Subject{ID: user, Roles: roles}, Action: action,
								Object: policy.Object{Type: "invoice", ID: id, Tenant: t, Attributes: policy.Values{"owner": owner}}})
						}
					}
				}
			}
		}
	}
	return list
}

// Each request of an entry was allowed at every publication since the entry's time, whatever was
// published.
func TestEveryRequestOfAnEntryWasAllowedAtEachPublicationSince(t *testing.T) {
	all := requests()
	allowed := func(p *impact.Policy, r policy.Request) bool {
		d, err := p.Engine().Decide(context.Background(), r)
		return err == nil && d.Effect == policy.Allow
	}
	checked, later, exact := 0, 0, 0
	for seed := range uint64(testneed.Scale(12, 80)) {
		g := rand.New(rand.NewPCG(seed, 7))
		var history []review.Published
		rows := map[string]bool{pool[0]: true}
		for n := range 5 {
			for range 1 + g.IntN(3) {
				row := pool[1+g.IntN(len(pool)-1)]
				rows[row] = !rows[row]
			}
			var now []string
			for _, row := range pool {
				if rows[row] {
					now = append(now, row)
				}
			}
			history = append([]review.Published{published(t, 1+n, now...)}, history...)
		}
		r := of(t, "", history...)
		cells, err := history[0].Policy.WhoCan(impact.Question{})
		if err != nil || len(cells) != len(r.Entries) {
			t.Fatalf("%d cells, %d entries, %v", len(cells), len(r.Entries), err)
		}
		first := make([]int, len(cells)) // the oldest publication since which every request seen is allowed
		for i := range first {
			first[i] = len(history) - 1
		}
		for _, q := range all {
			if !allowed(history[0].Policy, q) {
				continue
			}
			in := -1
			for i, c := range cells {
				if c.Contains(q) && !c.May {
					in = i
				}
			}
			if in < 0 {
				t.Fatalf("seed %d: %+v is allowed and in no entry", seed, q)
			}
			for i, p := range history {
				if allowed(p.Policy, q) {
					continue
				}
				first[in] = min(first[in], i-1)
				checked++
				if !r.Entries[in].Since.At.After(p.At) {
					t.Fatalf("seed %d: %+v was denied on %v, and %+v", seed, q, p.At, r.Entries[in])
				}
			}
		}
		for i, e := range r.Entries {
			if e.Since.At.Equal(history[first[i]].At) {
				exact++
			} else {
				later++ // of a request that is none of ours, or that a condition keeps apart
			}
		}
	}
	t.Logf("%d denials looked at, %d entries with the very publication, %d with a later one", checked, exact, later)
	if checked < testneed.Scale(500, 1) || exact < 3*later {
		t.Errorf("%d denials, %d entries exact, %d later", checked, exact, later)
	}
}
