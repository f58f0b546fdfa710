package fairlimit

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// A client that is refused at once asks again at once. With keep-alive that costs the service
// all that HTTP costs, again and again: 64 connections with forged tokens took most of a
// processor. A connection that waits for its answer costs nothing and asks for nothing else. So
// refusals are throttled.
const (
	// throttleBurst answers go out at once, and then one each throttleEvery.
	throttleEvery = time.Millisecond
	throttleBurst = 16

	// throttleLimit bounds the delay of an answer, within [DefaultWait]. A client with more
	// connections than answers go out in that time is not slowed any further.
	throttleLimit = 200 * time.Millisecond
)

// Throttle says when refusals go out. The zero Throttle has refused nobody. It is guarded by
// its user's lock.
type Throttle struct{ last time.Time }

// Next takes the next turn and returns how long it is until then. When there is none within
// the limit it is any time in the latter half of it: clients with equal delays would come back
// together.
func (t *Throttle) Next(now time.Time) time.Duration {
	if earliest := now.Add(-throttleBurst * throttleEvery); t.last.Before(earliest) {
		t.last = earliest
	}
	t.last = t.last.Add(throttleEvery)
	if latest := now.Add(throttleLimit); t.last.After(latest) {
		t.last = latest
		return throttleLimit - rand.N(throttleLimit/2)
	}
	return max(t.last.Sub(now), 0)
}

// Delayer delays refusals by a [Throttle]. It is safe for concurrent use, and the zero Delayer
// is ready.
type Delayer struct {
	mu       sync.Mutex
	refusals Throttle
}

// Delay waits until one more refusal may go out, but not past the deadline of ctx. The refusal
// is decided: no slot is held or awaited meanwhile. The delay is too short to be cut short for
// a client that has gone, and waits without a timer that would cost more than the refusal.
func (d *Delayer) Delay(ctx context.Context) {
	now := time.Now()
	d.mu.Lock()
	left := d.refusals.Next(now)
	d.mu.Unlock()
	if at, ok := ctx.Deadline(); ok {
		left = min(left, at.Sub(now))
	}
	if left > 0 {
		time.Sleep(left)
	}
}
