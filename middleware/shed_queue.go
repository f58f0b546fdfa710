package middleware

import (
	"container/heap"
	"container/list"
	"context"
	"errors"
	"fmt"
	"time"
)

var (
	errQueueFull = fmt.Errorf("%w: too many requests wait", ErrOverloaded)
	errLate      = fmt.Errorf("%w: the request came with no time left: %w", ErrUnavailable, context.DeadlineExceeded)
)

// fairWait is how long a request must have waited before its end is put down to the queue. One
// that came with less time than that was late before it came.
const fairWait = 10 * time.Millisecond

// waiter is a request that waits for a place.
type waiter struct {
	since time.Time
	until time.Time     // its deadline, zero for none
	told  chan struct{} // closed when it has a place, or is given up early
	early bool
	entry *list.Element // in its share's waiters, nil when it has left
}

func newWaiter(ctx context.Context) *waiter {
	w := &waiter{since: time.Now(), told: make(chan struct{})}
	w.until, _ = ctx.Deadline()
	return w
}

// full reports whether nobody more of s may wait. A party that has less than its part of the
// queue still may.
func (l *limiter) full(s *share) bool {
	if l.queued < maxWaiting {
		return false
	}
	return s.waiters.Len() >= maxWaiting/max(len(l.waiting), 1)
}

// enqueue puts w at the end of the line of s.
func (l *limiter) enqueue(s *share, w *waiter) {
	w.entry = s.waiters.PushBack(w)
	l.queued++
	if s.waiters.Len() == 1 {
		heap.Push(&l.waiting, s)
		return
	}
	heap.Fix(&l.waiting, s.index)
}

// dequeue takes w out of the line of s.
func (l *limiter) dequeue(s *share, w *waiter) {
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

// serve gives what is free to those who wait. The first in the heap has the best claim; when it
// may not have a place, nobody may.
func (l *limiter) serve() {
	var now time.Time
	for len(l.waiting) > 0 && l.may(l.waiting[0]) {
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
func (l *limiter) wait(ctx context.Context, s *share, w *waiter) error {
	var timeout <-chan time.Time
	if w.until.IsZero() {
		timer := time.NewTimer(DefaultTimeout)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case <-w.told:
		if w.early {
			return w.spent()
		}
		return nil
	case <-timeout:
		if l.leave(s, w) {
			return ErrOverloaded
		}
		return nil
	case <-ctx.Done():
		if !l.leave(s, w) && !w.early {
			l.release(s)
		}
	}
	if cause := context.Cause(ctx); !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", ErrUnavailable, cause)
	}
	return w.spent()
}

// spent says what it means that the time of w is over.
func (w *waiter) spent() error {
	if time.Since(w.since) < fairWait {
		return errLate
	}
	return ErrOverloaded
}

// leave gives up waiting. It returns false when w was told just before.
func (l *limiter) leave(s *share, w *waiter) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.entry == nil {
		return false
	}
	l.dequeue(s, w)
	return true
}
