package redisstore

import (
	"testing"

	"github.com/reevehq/reeve/tenant"
)

// Redis hangs, and every load that waits for a trip gives up before a trip is back. The tenant's
// next load goes at once: behind a line that nobody stands in it would wait for ever.
func TestWhoeverGaveUpKeepsNobodyWaiting(t *testing.T) {
	acme, globex := tenant.MustParse("acme"), tenant.MustParse("globex")
	l := &loads{most: maxTrips, routes: map[string]*route{}}
	to := l.route("")
	for range tenantTrips {
		to.depart(to.line(acme))
	}
	var waiting []*rider
	for range 3 {
		if to.mayGo(acme) {
			t.Fatal("a tenant has more trips than it may")
		}
		waiting = append(waiting, to.queue(t.Context(), acme, nil))
	}
	for _, i := range []int{1, 0, 2} {
		if state := l.leave(to, waiting[i]); state != queued {
			t.Fatalf("a rider that waits is %d", state)
		}
	}
	if to.waiting != 0 || to.turns.Len() != 0 {
		t.Errorf("%d wait, %d lines have a turn", to.waiting, to.turns.Len())
	}
	for range tenantTrips {
		l.back(to, to.line(acme))
	}
	if !to.mayGo(acme) || !to.mayGo(globex) || to.trips != 0 {
		t.Errorf("with %d trips under way a load of acme may go: %t", to.trips, to.mayGo(acme))
	}
}

// Of several that wait, one gives up: the others go in their order.
func TestWhoeverGaveUpTakesNobodysPlace(t *testing.T) {
	acme := tenant.MustParse("acme")
	l := &loads{most: maxTrips, routes: map[string]*route{}}
	to := l.route("")
	for range tenantTrips {
		to.depart(to.line(acme))
	}
	first, second, third := to.queue(t.Context(), acme, nil), to.queue(t.Context(), acme, nil), to.queue(t.Context(), acme, nil)
	l.leave(to, first)
	to.land([]*line{to.line(acme)})
	if riders := to.next(tripLoads); len(riders) != 2 || riders[0] != second || riders[1] != third || to.waiting != 0 {
		t.Errorf("%d riders, %d wait", len(riders), to.waiting)
	}
}
