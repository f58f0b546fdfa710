// Package fairlimit bounds how many calls run at once and shares the slots fairly among
// parties: tenants, or client addresses where no tenant is known yet. It also spaces out
// refusals, so that a client that is refused does not come back at once.
//
// A party is in one of these states. Between two steps the first row that fits holds:
//
//	state      holds                          waits   gets a free slot
//	idle       nothing                        no      yes, also from the reserve
//	small      fewer slots than the reserve   maybe   yes, also from the reserve
//	growing    at least the reserve           maybe   yes, but not from the reserve
//	bursting   at least its limit             maybe   yes, but not from the reserve; each slot is charged to its burst
//	limited    its limit, the burst is spent  maybe   no
//	alone      anything; no other party was   maybe   every slot
//	           served in the last 10,000
//
// TestEachStateOfAPartyGetsWhatTheTableSays has a row for each.
package fairlimit

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// Limiter hands out a fixed number of slots, fairly among parties. It starts no goroutine. It
// keeps one small record for each party that holds or awaits a slot, and for at most
// maxIdleParties or as many others as these, whichever is more.
//
// A released slot goes to the waiting party that holds the fewest. That alone would let every
// other party wait for the next slot of one that floods, and where all calls take equally long
// they come back together. So while more than one party is served, an eighth of the slots, at
// least one, is reserved for parties that hold fewer than that, and none exceeds its own limit
// for long: work in all slots takes all of the processor.
//
// For a while a party may exceed its limit: after a deploy all users of a tenant come at once,
// each once. Slots beyond the limit are charged to its burst, which refills with time; a flood
// spends it within a second.
type Limiter[P comparable] struct {
	mu      sync.Mutex
	free    int
	reserve int // for parties that hold fewer
	each    int // the limit of one party, once its burst is spent
	burst   int // how many slots one party takes beyond that in a row
	parties map[P]*Slot
	sweepAt int     // number of parties at which the idle ones are dropped
	waiting waiting // the parties with waiters
	queued  int     // waiters in all
	turn    uint64  // counts the slots handed out

	last  *Slot  // the party that got the last slot
	other uint64 // the last turn of any other, 0 for none
}

const (
	maxIdleParties = 1024

	// aloneAfter is the number of turns without another party after which a party counts as
	// alone: a second or so in a flood, when it matters.
	aloneAfter = 10_000

	// maxWaiting bounds the waiters while one party waits, and is doubled when several do.
	// Each party has its part of the queue, so one cannot fill it for the others.
	maxWaiting = 8192
)

// New returns a limiter of n slots, at least one. A party holds at most each of them, from 1
// to n, but for a burst: that many slots beyond its limit, which refill at 250 a second.
func New[P comparable](n, each, burst int) *Limiter[P] {
	n = max(n, 1)
	return &Limiter[P]{
		free: n, reserve: max(n/8, 1), each: min(max(each, 1), n), burst: burst,
		parties: map[P]*Slot{}, sweepAt: maxIdleParties,
	}
}

// Acquire returns a slot for p, which the caller passes to Release. It waits until the deadline
// of ctx, and [DefaultWait] where there is none. The error is [ErrTimeout] or [ErrQueueFull];
// [ErrLate] when ctx had next to no time left; or wraps the context's cause when it was
// canceled.
func (l *Limiter[P]) Acquire(ctx context.Context, p P) (*Slot, error) {
	l.mu.Lock()
	s := l.party(p)
	l.limit(s)
	// A new call overtakes no waiter with a better claim: Release would have served it.
	if s.waiters.Len() == 0 && l.mayTake(s) {
		l.take(s)
		l.mu.Unlock()
		return s, nil
	}
	if l.full(s) {
		l.mu.Unlock()
		return nil, ErrQueueFull
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

// Free returns the number of slots that nobody holds.
func (l *Limiter[P]) Free() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.free
}

// Parties returns the number of parties that are remembered.
func (l *Limiter[P]) Parties() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.parties)
}

// mayTake reports whether s may take one more slot: the last column of the table above.
func (l *Limiter[P]) mayTake(s *Slot) bool {
	switch {
	case l.free == 0:
		return false
	case !s.limited && (l.free > l.reserve || s.held < l.reserve):
		return true
	}
	return l.last == s && (l.other == 0 || l.turn-l.other > aloneAfter)
}

func (l *Limiter[P]) take(s *Slot) {
	l.free--
	l.turn++
	if s.held >= l.each && l.burst > 0 {
		s.charge(l.burst)
	}
	s.held, s.turn = s.held+1, l.turn
	l.limit(s)
	if l.last != s {
		l.last, l.other = s, l.turn-1
	}
}

// limit updates whether s has reached its limit. It reads the clock only for parties that hold
// as much.
func (l *Limiter[P]) limit(s *Slot) {
	s.limited = s.held >= l.each && (l.burst == 0 || s.charged(time.Now()) >= l.burst)
}

// Release takes a slot back and gives what is free to waiters.
func (l *Limiter[P]) Release(s *Slot) {
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

// party returns the record of p. Idle ones are dropped only when their number has doubled, so
// each new party pays a constant part of it.
func (l *Limiter[P]) party(p P) *Slot {
	if s, ok := l.parties[p]; ok {
		return s
	}
	if len(l.parties) >= l.sweepAt {
		for p, s := range l.parties {
			if s.held == 0 && s.waiters.Len() == 0 {
				delete(l.parties, p)
			}
		}
		l.sweepAt = max(maxIdleParties, 2*len(l.parties))
	}
	s := &Slot{}
	l.parties[p] = s
	return s
}
