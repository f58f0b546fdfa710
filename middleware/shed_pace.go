package middleware

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// A client that is refused at once asks again at once. With keep-alive that costs the
// service all that HTTP costs, again and again, and that is most of what any request
// costs: 64 connections with forged tokens took most of a processor.
// A connection that waits for its answer costs nothing, and asks for nothing else. So
// answers that refuse are spaced out.
const (
	// paceBurst answers go out at once, and then one each paceEvery.
	paceEvery = time.Millisecond
	paceBurst = 16

	// paceLimit is how long an answer is held at most, within [DefaultTimeout]. Whoever has
	// more connections than answers go out in that time is not slowed any further.
	paceLimit = 200 * time.Millisecond
)

// pace says when refusals go out. The zero pace has refused nobody.
type pace struct{ last time.Time }

// next takes the next turn and returns how long it is until then. When there is none
// within the limit it is any time in the latter half: clients that are all held equally
// long would come back together.
func (p *pace) next(now time.Time) time.Duration {
	if earliest := now.Add(-paceBurst * paceEvery); p.last.Before(earliest) {
		p.last = earliest
	}
	p.last = p.last.Add(paceEvery)
	if latest := now.Add(paceLimit); p.last.After(latest) {
		p.last = latest
		return paceLimit - rand.N(paceLimit/2)
	}
	return max(p.last.Sub(now), 0)
}

// pacer spaces out the refusals of callers that are not known. Callers that are known wait for
// their turn to be served, and for nothing when they are refused.
type pacer struct {
	mu       sync.Mutex
	refusals pace
}

// hold waits until somebody may be refused once more, but not past the deadline of ctx. The
// refusal is decided: no place is held or awaited meanwhile. It is too short a time to be
// cut short for a client that has gone, and waits without a timer that would cost more
// than the refusal.
func (p *pacer) hold(ctx context.Context) {
	now := time.Now()
	p.mu.Lock()
	left := p.refusals.next(now)
	p.mu.Unlock()
	if at, ok := ctx.Deadline(); ok {
		left = min(left, at.Sub(now))
	}
	if left > 0 {
		time.Sleep(left)
	}
}
