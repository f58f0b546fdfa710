package middleware

import (
	"container/heap"
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/reevehq/reeve/tenant"
)

// limiter hands out a fixed number of places, fairly among parties: tenants, or clients where
// nobody knows the tenant yet. It starts no goroutine. It keeps one small record for each party
// that holds or awaits a place, and for at most keptShares or as many others as these,
// whichever is more.
//
// A place that comes back goes to the waiting party that holds the fewest. That alone would let
// every other party wait for the flood's next place, and where all calls take equally long
// they come back together. So while more than one party is served, an eighth of the
// places, at least one, is kept for parties that hold fewer than that, and none holds more
// than its own limit for long: what all places are used for takes all of the processor.
//
// For a while a party may hold more than its limit: after a deploy all users of a tenant come
// at once, each once. What it takes beyond its limit is counted, and given back with time; a
// flood has used it up within the second.
type limiter struct {
	mu      sync.Mutex
	free    int
	reserve int // kept for parties that hold fewer
	each    int // what one party holds at most, once it has used up its burst
	burst   int // what one party takes beyond that in a row
	shares  map[party]*share
	sweepAt int     // number of shares at which the idle ones are dropped
	waiting waiting // the shares with somebody waiting
	queued  int     // how many wait in all
	turn    uint64  // counts the places handed out

	last  *share // who got the last place
	other uint64 // the last turn of any other, 0 for none
}

// party is one of those among whom places are shared. The zero party is everybody whose tenant
// and address are not known.
type party struct {
	tenant tenant.ID
	client netip.Prefix
}

const (
	keptShares = 1024

	// servedTurns is for how many turns after its last a party counts as one that is
	// served: a second or so in a flood, when it matters.
	servedTurns = 10_000

	// maxWaiting is how many wait at most while one party does, and twice that when several
	// do. Each has its part: what others await takes no place in the queue from a party
	// that awaits little.
	maxWaiting = 8192
)

func newLimiter(n, each int) *limiter {
	n = max(n, 1)
	return &limiter{free: n, reserve: max(n/8, 1), each: min(max(each, 1), n), shares: map[party]*share{}, sweepAt: keptShares}
}

// acquire returns a place for t, which the caller releases. It waits for one until the deadline
// of ctx, and [DefaultTimeout] where there is none. The error is [ErrOverloaded] when there was
// no place in that time or the queue is full, and another outage when the caller went away or
// came with next to no time. It is not paced.
func (l *limiter) acquire(ctx context.Context, t tenant.ID) (*share, error) {
	return l.acquireFor(ctx, party{tenant: t})
}

func (l *limiter) acquireFor(ctx context.Context, p party) (*share, error) {
	l.mu.Lock()
	s := l.share(p)
	l.limit(s)
	// Nobody who waits is overtaken who has a better claim: release would have served them.
	if s.waiters.Len() == 0 && l.may(s) {
		l.take(s)
		l.mu.Unlock()
		return s, nil
	}
	if l.full(s) {
		l.mu.Unlock()
		return nil, errQueueFull
	}
	w := newWaiter(ctx)
	l.enqueue(s, w)
	l.serve()
	l.mu.Unlock()
	if err := l.wait(ctx, s, w); err != nil {
		return nil, err
	}
	return s, nil
}

// may reports whether s may have one more place.
func (l *limiter) may(s *share) bool {
	switch {
	case l.free == 0:
		return false
	case !s.limited && (l.free > l.reserve || s.held < l.reserve):
		return true
	}
	return l.last == s && (l.other == 0 || l.turn-l.other > servedTurns)
}

func (l *limiter) take(s *share) {
	l.free--
	l.turn++
	if s.held >= l.each && l.burst > 0 {
		s.spend(l.burst)
	}
	s.held, s.turn = s.held+1, l.turn
	l.limit(s)
	if l.last != s {
		l.last, l.other = s, l.turn-1
	}
}

// limit finds out whether s has reached its limit. Only those that hold as much are asked for
// the time.
func (l *limiter) limit(s *share) {
	s.limited = s.held >= l.each && (l.burst == 0 || s.owes(time.Now()) >= l.burst)
}

// release takes a place back from s, and gives what is free to those who wait.
func (l *limiter) release(s *share) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free++
	s.held--
	l.limit(s)
	if s.waiters.Len() > 0 {
		heap.Fix(&l.waiting, s.index)
	}
	l.serve()
}

// share returns the share of p. Dropping idle ones only when their number has doubled
// makes each new party pay a constant part of it.
func (l *limiter) share(p party) *share {
	if s, ok := l.shares[p]; ok {
		return s
	}
	if len(l.shares) >= l.sweepAt {
		for p, s := range l.shares {
			if s.held == 0 && s.waiters.Len() == 0 {
				delete(l.shares, p)
			}
		}
		l.sweepAt = max(keptShares, 2*len(l.shares))
	}
	s := &share{}
	l.shares[p] = s
	return s
}
