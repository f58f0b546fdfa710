package impact_test

import (
	"sync"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
)

// Cells are for use by several goroutines at once, which the race detector looks at.
func TestSeveralGoroutinesMayAskCells(t *testing.T) {
	g := newGen(7)
	before, after := of(t, "p, role:a, *, doc, read, true, allow", "g, user:alice, role:b, *"), of(t, "p, role:b, *, doc, read, r.sub.level < 2, allow", "g, user:bob, role:b, *", "g, role:b, role:a, acme")
	cells := diff(t, before, after)
	now, err := after.WhoCan(impact.Question{})
	if err != nil || len(cells) == 0 || len(now) == 0 {
		t.Fatal(cells, now, err)
	}
	var requests []policy.Request
	for range 50 {
		requests = append(requests, g.request(g.session()))
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for _, c := range append(cells[:len(cells):len(cells)], now...) {
				for _, r := range requests {
					c.Contains(r)
				}
				for _, o := range cells {
					c.Meets(o)
				}
			}
		})
	}
	wg.Wait()
}
