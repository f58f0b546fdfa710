package redisstore

import (
	"container/list"
	"context"

	"github.com/reevehq/reeve/tenant"
)

// keptLines is how many lines of tenants without a load are kept.
const keptLines = 1024

// route is where loads go together: the trips under way, and those who wait for one. The lock
// of its loads guards it.
type route struct {
	most    int                 // trips at once
	trips   int                 // under way
	waiting int                 // pending loads that are queued
	lines   map[tenant.ID]*line // of tenants with a load, and some others
	turns   list.List           // of *line, those with pending loads; the first is next
	sweepAt int                 // number of lines at which the idle ones are dropped
}

// line has the loads of one tenant on a route.
type line struct {
	trips int // under way with a load of the tenant
	queue list.List
	turn  *list.Element // in turns, nil when nobody waits
}

// pendingLoad is a load that waits for a trip. Its state is guarded; the rest is of its caller, and
// while it shares a trip, of the trip.
type pendingLoad struct {
	ctx     context.Context
	calls   []*call
	line    *line
	element *list.Element // in the queue of the line
	state   loadState

	told    chan struct{} // closed when the load is to go alone, or answers and err are there
	answers []any
	err     error
}

type loadState int

const (
	queued  loadState = iota
	sharing           // of a trip with others
	solo              // it is to make a trip of its own, which has departed
	gone
)

func (r *pendingLoad) tell(state loadState) {
	r.state = state
	close(r.told)
}

func (l *loads) route(name string) *route {
	to := l.routes[name]
	if to == nil {
		to = &route{most: l.most, lines: map[tenant.ID]*line{}, sweepAt: keptLines}
		l.routes[name] = to
	}
	return to
}

// mayGo reports whether a load of t may go at once. A load that waits has a better claim only
// in the tenant's own line.
func (to *route) mayGo(t tenant.ID) bool {
	if to.trips >= to.most {
		return false
	}
	ln := to.lines[t]
	return ln == nil || ln.trips < tenantTrips && ln.turn == nil
}

// line returns the line of t. Dropping idle ones only when their number has doubled makes each
// new tenant pay a constant part of it.
func (to *route) line(t tenant.ID) *line {
	if ln, ok := to.lines[t]; ok {
		return ln
	}
	if len(to.lines) >= to.sweepAt {
		for t, ln := range to.lines {
			if ln.trips == 0 && ln.turn == nil {
				delete(to.lines, t)
			}
		}
		to.sweepAt = max(keptLines, 2*len(to.lines))
	}
	ln := &line{}
	to.lines[t] = ln
	return ln
}

func (to *route) queue(ctx context.Context, t tenant.ID, calls []*call) *pendingLoad {
	ln := to.line(t)
	r := &pendingLoad{ctx: ctx, calls: calls, line: ln, told: make(chan struct{})}
	r.element = ln.queue.PushBack(r)
	if ln.turn == nil {
		ln.turn = to.turns.PushBack(ln)
	}
	to.waiting++
	return r
}

// drop takes a load out of the queue. A line without pending loads has no turn: while it has one, the
// tenant's next loads queue behind it, and only a trip that lands would have them go.
func (to *route) drop(r *pendingLoad) {
	to.waiting--
	ln := r.line
	ln.queue.Remove(r.element)
	if ln.queue.Len() == 0 && ln.turn != nil {
		to.turns.Remove(ln.turn)
		ln.turn = nil
	}
}

// depart begins a trip with loads of these lines.
func (to *route) depart(lines ...*line) {
	to.trips++
	for _, ln := range lines {
		ln.trips++
	}
}

// land ends a trip with loads of these lines.
func (to *route) land(lines []*line) {
	to.trips--
	for _, ln := range lines {
		ln.trips--
	}
}

// next takes at most n pending loads out of the queue, the tenants in turn, each load in the order of
// arrival. Tenants that have all their trips under way wait.
func (to *route) next(n int) []*pendingLoad {
	var group []*pendingLoad
	var full []*line // keep their turn
	for len(group) < n && to.turns.Len() > 0 {
		ln := to.turns.Remove(to.turns.Front()).(*line)
		ln.turn = nil
		if ln.trips >= tenantTrips {
			full = append(full, ln)
			continue
		}
		r := ln.queue.Remove(ln.queue.Front()).(*pendingLoad)
		to.waiting--
		group = append(group, r)
		if ln.queue.Len() > 0 {
			ln.turn = to.turns.PushBack(ln)
		}
	}
	for i := len(full) - 1; i >= 0; i-- {
		full[i].turn = to.turns.PushFront(full[i])
	}
	return group
}

// linesOf returns the lines of pending loads, each once.
func linesOf(group []*pendingLoad) []*line {
	var lines []*line
	seen := map[*line]bool{}
	for _, r := range group {
		if !seen[r.line] {
			seen[r.line] = true
			lines = append(lines, r.line)
		}
	}
	return lines
}
