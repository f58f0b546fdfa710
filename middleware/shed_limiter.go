package middleware

import (
	"container/heap"
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/reevehq/reeve/tenant"
)

// limiter hands out a fixed number of places, fairly among tenants. It starts no
// goroutine. It keeps one small record for each tenant that holds or awaits a place, and
// for at most keptShares or as many others as these, whichever is more.
//
// A place that comes back goes to who waits and holds the fewest. That alone would let
// every other tenant wait for the flood's next place, and where all calls take equally long
// they come back together. So while more than one tenant is served, an eighth of the
// places, at least one, is kept for tenants that hold fewer than that, and none holds more
// than its own limit: what all places are used for takes all of the processor.
type limiter struct {
	mu      sync.Mutex
	free    int
	reserve int // kept for tenants that hold fewer
	each    int // what one tenant holds at most
	shares  map[tenant.ID]*share
	sweepAt int     // number of shares at which the idle ones are dropped
	waiting waiting // the shares with somebody waiting
	turn    uint64  // counts the places handed out

	last  *share // who got the last place
	other uint64 // the last turn of any other, 0 for none
}

// share is what one tenant holds and awaits.
type share struct {
	held    int
	waiters list.List // of chan struct{}, closed when its place is handed over
	turn    uint64    // the last turn of this tenant
	index   int       // in limiter.waiting

	refusals pace
}

const (
	keptShares = 1024

	// servedTurns is for how many turns after its last a tenant counts as one that is
	// served: a second or so in a flood, when it matters.
	servedTurns = 10_000
)

func newLimiter(n, each int) *limiter {
	n = max(n, 1)
	return &limiter{free: n, reserve: max(n/8, 1), each: min(max(each, 1), n), shares: map[tenant.ID]*share{}, sweepAt: keptShares}
}

// acquire returns a place for t, which the caller releases. The error is [ErrOverloaded],
// told at the pace of t, or an outage when ctx ends first.
func (l *limiter) acquire(ctx context.Context, t tenant.ID) (*share, error) {
	l.mu.Lock()
	s := l.share(t)
	// Nobody who waits is overtaken who has a better claim: release would have served him.
	if l.may(s) {
		l.take(s)
		l.mu.Unlock()
		return s, nil
	}
	handed := make(chan struct{})
	entry := s.waiters.PushBack(handed)
	if s.waiters.Len() == 1 {
		heap.Push(&l.waiting, s)
	}
	l.mu.Unlock()
	err := l.wait(ctx, s, entry, handed)
	if err == nil {
		return s, nil
	}
	l.hold(ctx, s)
	return nil, err
}

// may reports whether s may have one more place.
func (l *limiter) may(s *share) bool {
	switch {
	case l.free == 0:
		return false
	case s.held < l.each && (l.free > l.reserve || s.held < l.reserve):
		return true
	}
	return l.last == s && (l.other == 0 || l.turn-l.other > servedTurns)
}

func (l *limiter) take(s *share) {
	l.free--
	l.turn++
	s.held, s.turn = s.held+1, l.turn
	if l.last != s {
		l.last, l.other = s, l.turn-1
	}
}

// release takes a place back from s, and gives what is free to those who wait. Who holds
// the fewest is first; when he may not have one, nobody may.
func (l *limiter) release(s *share) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.free++
	s.held--
	if s.waiters.Len() > 0 {
		heap.Fix(&l.waiting, s.index)
	}
	for len(l.waiting) > 0 && l.may(l.waiting[0]) {
		next := l.waiting[0]
		handed := next.waiters.Remove(next.waiters.Front()).(chan struct{})
		l.take(next)
		if next.waiters.Len() == 0 {
			heap.Remove(&l.waiting, next.index)
		} else {
			heap.Fix(&l.waiting, next.index)
		}
		close(handed)
	}
}

func (l *limiter) wait(ctx context.Context, s *share, entry *list.Element, handed chan struct{}) error {
	timer := time.NewTimer(queueTime)
	defer timer.Stop()
	select {
	case <-handed:
		return nil
	case <-timer.C:
		if l.giveUp(s, entry, handed) {
			return ErrOverloaded
		}
		return nil
	case <-ctx.Done():
		if !l.giveUp(s, entry, handed) {
			l.release(s)
		}
		return fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
}

// giveUp leaves the queue. It returns false when the place was handed over just before.
func (l *limiter) giveUp(s *share, entry *list.Element, handed chan struct{}) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-handed:
		return false
	default:
	}
	s.waiters.Remove(entry)
	if s.waiters.Len() == 0 {
		heap.Remove(&l.waiting, s.index)
	}
	return true
}

// share returns the share of t. Dropping idle ones only when their number has doubled
// makes each new tenant pay a constant part of it.
func (l *limiter) share(t tenant.ID) *share {
	if s, ok := l.shares[t]; ok {
		return s
	}
	if len(l.shares) >= l.sweepAt {
		for t, s := range l.shares {
			if s.held == 0 && s.waiters.Len() == 0 {
				delete(l.shares, t)
			}
		}
		l.sweepAt = max(keptShares, 2*len(l.shares))
	}
	s := &share{}
	l.shares[t] = s
	return s
}

// waiting is a heap: first the share that holds the fewest places, and among equals the
// one whose last turn is longest ago.
type waiting []*share

func (w waiting) Len() int { return len(w) }

func (w waiting) Less(i, j int) bool {
	if w[i].held != w[j].held {
		return w[i].held < w[j].held
	}
	return w[i].turn < w[j].turn
}

func (w waiting) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].index, w[j].index = i, j
}

func (w *waiting) Push(x any) {
	s := x.(*share)
	s.index = len(*w)
	*w = append(*w, s)
}

func (w *waiting) Pop() any {
	old := *w
	s := old[len(old)-1]
	old[len(old)-1] = nil
	*w = old[:len(old)-1]
	return s
}
