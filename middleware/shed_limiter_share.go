package middleware

import (
	"container/list"
	"time"
)

// burstEvery is how long it takes to give back one place that was taken beyond the limit.
const burstEvery = 4 * time.Millisecond

// share is what one party holds and awaits. The lock of its limiter guards it.
type share struct {
	held    int
	waiters list.List // of *waiter
	turn    uint64    // the last turn of this party
	index   int       // in limiter.waiting
	limited bool      // it holds its limit, and has used up its burst

	spent   int       // of its burst
	spentAt time.Time // up to when spent is counted

	gap      time.Duration // the mean time between two places handed over while others wait
	handed   int           // how many of these were measured
	handedAt time.Time     // the last one, zero when nobody waited after it
}

// spend counts a place beyond the limit.
func (s *share) spend(burst int) {
	if now := time.Now(); s.owes(now) == 0 {
		s.spentAt = now
	}
	s.spent = min(s.spent+1, burst)
}

// owes returns what is spent of the burst at now.
func (s *share) owes(now time.Time) int {
	if back := now.Sub(s.spentAt) / burstEvery; s.spent > 0 && back > 0 {
		s.spent = int(max(time.Duration(s.spent)-back, 0))
		s.spentAt = s.spentAt.Add(back * burstEvery)
	}
	return s.spent
}

const (
	// Of so many places handed over the mean is taken, and before as many nothing is known.
	// Loads that share a round trip come back together.
	meanOf = 64

	// A waiter is given up early in the last part of its time alone, however slow the store
	// seems.
	earlyPart = 4
)

// measure learns how fast places come back while others wait.
func (s *share) measure(now time.Time) {
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

// hopeless reports whether w has less time left than a call takes: it would only take a place
// from one who still has time. By Little's law a call takes as long as the places held come back
// in.
func (s *share) hopeless(w *waiter, now time.Time) bool {
	if w.until.IsZero() || s.handed < meanOf {
		return false
	}
	takes := time.Duration(s.held+1) * s.gap
	return w.until.Sub(now) < min(takes, w.until.Sub(w.since)/earlyPart)
}

// waiting is a heap: first the shares that have not reached their limit, of these the one that
// holds the fewest places, and among equals the one whose last turn is longest ago.
type waiting []*share

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
