package fairlimit

import (
	"container/list"
	"time"
)

// refillEvery is the time in which a burst gets back one slot.
const refillEvery = 4 * time.Millisecond

// Slot stands for the slots that one party holds and awaits. The lock of its limiter guards it.
type Slot struct {
	held    int
	waiters list.List // of *waiter
	turn    uint64    // the last turn of this party
	index   int       // in Limiter.waiting
	limited bool      // it holds its limit, and its burst is spent

	spent   int       // of its burst
	spentAt time.Time // up to when spent is counted

	gap      time.Duration // the mean time between two slots handed over while others wait
	handed   int           // the number of these that were measured
	handedAt time.Time     // the last one, zero when nobody waited after it
}

// charge charges a slot beyond the limit to the burst.
func (s *Slot) charge(burst int) {
	if now := time.Now(); s.charged(now) == 0 {
		s.spentAt = now
	}
	s.spent = min(s.spent+1, burst)
}

// charged returns how much of the burst is spent at now.
func (s *Slot) charged(now time.Time) int {
	if back := now.Sub(s.spentAt) / refillEvery; s.spent > 0 && back > 0 {
		s.spent = int(max(time.Duration(s.spent)-back, 0))
		s.spentAt = s.spentAt.Add(back * refillEvery)
	}
	return s.spent
}

const (
	// meanOf is the number of handovers that the mean is taken of; with fewer there is no
	// estimate. Loads that share a round trip come back together.
	meanOf = 64

	// A waiter is given up early only in the last quarter of its time, however slow the store
	// seems.
	earlyPart = 4
)

// measure learns how fast slots come back while others wait.
func (s *Slot) measure(now time.Time) {
	if !s.handedAt.IsZero() {
		gap := now.Sub(s.handedAt)
		if s.handed == 0 {
			s.gap = gap
		}
		s.gap += (gap - s.gap) / meanOf
		s.handed = min(s.handed+1, meanOf)
	}
	s.handedAt = now
}

// hopeless reports whether w has less time left than a call takes: it would only take a slot
// from a waiter that still has time. By Little's law a call takes as long as it takes for all
// held slots to come back.
func (s *Slot) hopeless(w *waiter, now time.Time) bool {
	if w.until.IsZero() || s.handed < meanOf {
		return false
	}
	takes := time.Duration(s.held+1) * s.gap
	return w.until.Sub(now) < min(takes, w.until.Sub(w.since)/earlyPart)
}

// waiting is a heap: first the parties below their limit, of these the one that holds the fewest
// slots, and among equals the one whose last turn is longest ago.
type waiting []*Slot

func (w waiting) Len() int { return len(w) }

func (w waiting) Less(i, j int) bool {
	if w[i].limited != w[j].limited {
		return w[j].limited
	}
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
	s := x.(*Slot)
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
