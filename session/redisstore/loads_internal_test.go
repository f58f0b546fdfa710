package redisstore

import (
	"math/rand/v2"
	"slices"
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
	var waiting []*pendingLoad
	for range 3 {
		if to.mayGo(acme) {
			t.Fatal("a tenant has more trips than it may")
		}
		waiting = append(waiting, to.queue(t.Context(), acme, nil))
	}
	for _, i := range []int{1, 0, 2} {
		if state := l.leave(to, waiting[i]); state != queued {
			t.Fatalf("a load that waits is %d", state)
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
	if group := to.next(tripLoads); len(group) != 2 || group[0] != second || group[1] != third || to.waiting != 0 {
		t.Errorf("%d loads, %d wait", len(group), to.waiting)
	}
}

// A caller who waits, waits for a trip that is under way, whatever comes, gives up and lands in
// whatever order. A tenant for whom nobody waits and nothing is under way has its next load go.
func TestNobodyWaitsWithoutATripUnderWay(t *testing.T) {
	tenants := []tenant.ID{tenant.MustParse("acme"), tenant.MustParse("globex"), tenant.MustParse("initech")}
	for seed := range uint64(2000) {
		random := rand.New(rand.NewPCG(seed, 1))
		l := &loads{most: 1 + random.IntN(6), routes: map[string]*route{}, closed: true} // each that waited goes alone
		to := l.route("")
		var departed []*line
		var waiting []*pendingLoad
		board := func() { // those who were told go
			waiting = slices.DeleteFunc(waiting, func(r *pendingLoad) bool {
				if r.state != solo {
					return false
				}
				departed = append(departed, r.line)
				return true
			})
		}
		land := func() {
			i := random.IntN(len(departed))
			ln := departed[i]
			departed = slices.Delete(departed, i, i+1)
			l.back(to, ln)
		}
		for step := range 60 {
			id := tenants[random.IntN(len(tenants))]
			switch op := random.IntN(4); {
			case op <= 1 && to.mayGo(id):
				ln := to.line(id)
				to.depart(ln)
				departed = append(departed, ln)
			case op <= 1:
				waiting = append(waiting, to.queue(t.Context(), id, nil))
			case op == 2 && len(waiting) > 0:
				i := random.IntN(len(waiting))
				l.leave(to, waiting[i])
				waiting = slices.Delete(waiting, i, i+1)
			case op == 3 && len(departed) > 0:
				land()
			}
			board()
			if to.waiting != len(waiting) || to.trips != len(departed) || len(waiting) > 0 && len(departed) == 0 {
				t.Fatalf("seed %d, step %d: %d of %d wait, %d of %d trips", seed, step, to.waiting, len(waiting), to.trips, len(departed))
			}
			for id, ln := range to.lines {
				if stands := slices.ContainsFunc(waiting, func(r *pendingLoad) bool { return r.line == ln }); stands != (ln.turn != nil) {
					t.Fatalf("seed %d, step %d: somebody waits for %v: %t, it has a turn: %t", seed, step, id, stands, ln.turn != nil)
				}
			}
		}
		for len(departed) > 0 {
			land()
			board()
		}
		for _, id := range tenants {
			if len(waiting) > 0 || !to.mayGo(id) {
				t.Fatalf("seed %d: %d wait for nothing, a load of %v may go: %t", seed, len(waiting), id, to.mayGo(id))
			}
		}
	}
}
