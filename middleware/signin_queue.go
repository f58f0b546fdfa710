package middleware

import (
	"context"
	"errors"
	"slices"
	"time"
)

// signIn is one that waits for its turn.
type signIn struct {
	guesser
	turn chan error // told once: nil, or why not
}

// acquire waits for the turn of g. A nil error is to be followed by release.
func (l *SignInLimit) acquire(ctx context.Context, g guesser) error {
	if ctx.Err() != nil {
		return errSignInEnded
	}
	l.mu.Lock()
	if l.early(g, time.Now()) {
		l.mu.Unlock()
		return errSignInSlow
	}
	if l.free > 0 {
		l.start(g)
		l.mu.Unlock()
		return nil
	}
	theirs := 0
	for _, w := range l.waiting {
		if w.client == g.client {
			theirs++
		}
	}
	if len(l.waiting) >= l.queue || theirs >= max(1, l.queue/clientPart) {
		l.mu.Unlock()
		return errSignInBusy
	}
	waiter := &signIn{g, make(chan error, 1)}
	l.waiting = append(l.waiting, waiter)
	l.mu.Unlock()
	return l.await(ctx, waiter)
}

func (l *SignInLimit) await(ctx context.Context, w *signIn) error {
	timer := time.NewTimer(l.wait)
	defer timer.Stop()
	var cause error
	select {
	case err := <-w.turn:
		return err
	case <-timer.C:
		cause = errSignInBusy
	case <-ctx.Done():
		cause = errSignInEnded
	}
	l.mu.Lock()
	i := slices.Index(l.waiting, w)
	if i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
	}
	l.mu.Unlock()
	if i >= 0 {
		return cause
	}
	if err := <-w.turn; err != nil {
		return err
	}
	if ctx.Err() == nil {
		return nil // its turn came just in time
	}
	l.forget(w.guesser)
	return errSignInEnded
}

// start gives g a turn. It counts as a wrong password until it is known to be right, or
// attempts at the same time would all come before the first is counted. The lock is held.
func (l *SignInLimit) start(g guesser) {
	l.free--
	l.turn++
	l.running[g.client]++
	l.served.put(g.client, l.turn)
	l.count(g, time.Now())
}

// release takes the turn back, and gives it to the next.
func (l *SignInLimit) release(g guesser, right bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if right {
		l.pairs.drop(g)
		l.targets.drop(g.account)
		l.known.put(g, time.Now())
	}
	l.next(g)
}

// forget is release for a turn that nobody used.
func (l *SignInLimit) forget(g guesser) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.uncount(g)
	l.next(g)
}

// next takes the turn of g back and hands out free turns: to the client that has the fewest turns
// now, and among equals to the one whose last is longest ago. Attempts that have come too early
// by then are refused. The lock is held.
func (l *SignInLimit) next(g guesser) {
	l.free++
	if l.running[g.client]--; l.running[g.client] == 0 {
		delete(l.running, g.client)
	}
	for l.free > 0 && len(l.waiting) > 0 {
		i := l.first()
		w := l.waiting[i]
		l.waiting = slices.Delete(l.waiting, i, i+1)
		if l.early(w.guesser, time.Now()) {
			w.turn <- errSignInSlow
			continue
		}
		l.start(w.guesser)
		w.turn <- nil
	}
}

// first returns the index of the next waiter.
func (l *SignInLimit) first() int {
	best := 0
	for i, w := range l.waiting {
		a, b := l.running[w.client], l.running[l.waiting[best].client]
		if a < b || a == b && l.served.get(w.client) < l.served.get(l.waiting[best].client) {
			best = i
		}
	}
	return best
}

// delay throttles refusals: a client that is refused at once asks again at once. A client that
// has gone is not kept.
func (l *SignInLimit) delay(ctx context.Context, refusal error) {
	if !errors.Is(refusal, ErrOverloaded) {
		return
	}
	now := time.Now()
	l.mu.Lock()
	left := l.refused.Next(now)
	l.mu.Unlock()
	if at, ok := ctx.Deadline(); ok {
		left = min(left, at.Sub(now))
	}
	if left > 0 {
		time.Sleep(left)
	}
}
