package fairlimit

import (
	"container/heap"
	"container/list"
	"context"
	"errors"
	"fmt"
	"time"
)

// Errors of [Limiter.Acquire].
var (
	// ErrTimeout means that no slot became free in time.
	ErrTimeout = errors.New("fairlimit: no slot in time")

	// ErrQueueFull means that too many calls wait already.
	ErrQueueFull = errors.New("fairlimit: too many calls wait")

	// ErrLate means that the call came with next to no time left.
	ErrLate = errors.New("fairlimit: the call came with no time left")
)

// DefaultWait is how long a call waits whose context has no deadline.
const DefaultWait = 250 * time.Millisecond

// minWait is how long a call must have waited before its timeout is put down to the queue. One
// that came with less time than that was late before it came.
const minWait = 10 * time.Millisecond

// waiter is a call that waits for a slot.
type waiter struct {
	since time.Time
	until time.Time     // its deadline, zero for none
	told  chan struct{} // closed when it has a slot, or is given up early
	early bool
	entry *list.Element // in its party's waiters, nil when it has left
}

func newWaiter(ctx context.Context) *waiter {
	w := &waiter{since: time.Now(), told: make(chan struct{})}
	w.until, _ = ctx.Deadline()
	return w
}

// full reports whether no more calls of s may wait. A party below its part of the queue still
// may.
func (l *Limiter[P]) full(s *Slot) bool {
	if l.queued < maxWaiting {
		return false
	}
	return s.waiters.Len() >= maxWaiting/max(len(l.waiting), 1)
}

// enqueue puts w at the end of the line of s.
func (l *Limiter[P]) enqueue(s *Slot, w *waiter) {
	w.entry = s.waiters.PushBack(w)
	l.queued++
	if s.waiters.Len() == 1 {
		heap.Push(&l.waiting, s)
		return
	}
	heap.Fix(&l.waiting, s.index)
}

// dequeue takes w out of the line of s.
func (l *Limiter[P]) dequeue(s *Slot, w *waiter) {
	s.waiters.Remove(w.entry)
	w.entry = nil
	l.queued--
	if s.waiters.Len() == 0 {
		s.handedAt = time.Time{}
		heap.Remove(&l.waiting, s.index)
		return
	}
	heap.Fix(&l.waiting, s.index)
}

// serve gives free slots to waiters. The first in the heap has the best claim; when it may not
// have a slot, no other may.
func (l *Limiter[P]) serve() {
	var now time.Time
	for len(l.waiting) > 0 && l.mayTake(l.waiting[0]) {
		if now.IsZero() {
			now = time.Now()
		}
		next := l.waiting[0]
		w := next.waiters.Front().Value.(*waiter)
		if next.hopeless(w, now) {
			w.early = true
		} else {
			next.measure(now)
			l.take(next)
		}
		l.dequeue(next, w)
		close(w.told)
	}
}

// wait waits until w is told, as long as its time lasts.
func (l *Limiter[P]) wait(ctx context.Context, s *Slot, w *waiter) error {
	var timeout <-chan time.Time
	if w.until.IsZero() {
		timer := time.NewTimer(DefaultWait)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-w.told:
		if w.early {
			return w.timeout()
		}
		return nil
	case <-timeout:
		if l.leave(s, w) {
			return ErrTimeout
		}
		return nil
	case <-ctx.Done():
		if !l.leave(s, w) && !w.early {
			l.Release(s)
		}
	}
	if cause := context.Cause(ctx); !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("fairlimit: %w", cause)
	}
	return w.timeout()
}

// timeout returns the error for a waiter whose time is over.
func (w *waiter) timeout() error {
	if time.Since(w.since) < minWait {
		return ErrLate
	}
	return ErrTimeout
}

// leave gives up waiting. It returns false when w was told just before.
func (l *Limiter[P]) leave(s *Slot, w *waiter) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.entry == nil {
		return false
	}
	l.dequeue(s, w)
	return true
}
