package middleware

import (
	"context"
	"sync"
	"time"
)

// deadline is a context that ends at a time, like that of [context.WithDeadline], whose
// timer is made when somebody first waits for it. Most requests find their session in
// memory and nobody does: they are spared three of four allocations and a lock.
type deadline struct {
	context.Context // the request's
	at              time.Time

	mu     sync.Mutex
	timed  context.Context // nil until Done is called
	cancel context.CancelFunc
	ended  bool
}

func newDeadline(parent context.Context, timeout time.Duration) *deadline {
	at := time.Now().Add(timeout)
	if earlier, ok := parent.Deadline(); ok && earlier.Before(at) {
		at = earlier
	}
	return &deadline{Context: parent, at: at}
}

// Deadline implements [context.Context].
func (d *deadline) Deadline() (time.Time, bool) { return d.at, true }

// Untimed returns the context that this one ends with, but for the deadline. A context with an
// earlier deadline may be derived from that one in place of this: it ends at the same time, and the
// timer of this one is not needed. Package redisstore does.
func (d *deadline) Untimed() context.Context { return d.Context }

// Done implements [context.Context].
func (d *deadline) Done() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timed == nil {
		d.timed, d.cancel = context.WithDeadline(d.Context, d.at)
		if d.ended {
			d.cancel()
		}
	}
	return d.timed.Done()
}

// Err implements [context.Context].
func (d *deadline) Err() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.timed != nil:
		return d.timed.Err()
	case d.Context.Err() != nil:
		return d.Context.Err()
	case !time.Now().Before(d.at):
		return context.DeadlineExceeded
	case d.ended:
		return context.Canceled
	}
	return nil
}

// Value implements [context.Context]. Once there is a timer it answers for it, so that a
// context derived from this one is told of its end without a goroutine that waits.
func (d *deadline) Value(key any) any {
	d.mu.Lock()
	timed := d.timed
	d.mu.Unlock()
	if timed != nil {
		return timed.Value(key)
	}
	return d.Context.Value(key)
}

// end ends the context and frees its timer.
func (d *deadline) end() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	if d.cancel != nil {
		d.cancel()
	}
}
