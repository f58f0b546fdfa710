package middleware

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

func TestTenantsThatHaveGoneAreForgotten(t *testing.T) {
	l := newLimiter(4, 4)
	held, err := l.acquire(context.Background(), tenant.MustParse("stays"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20_000 {
		place, err := l.acquire(context.Background(), tenant.MustParse(fmt.Sprintf("t%d", i)))
		if err != nil {
			t.Fatal(err)
		}
		l.release(place)
		if n := len(l.shares); n > keptShares {
			t.Fatalf("%d tenants are kept", n)
		}
	}
	if l.shares[party{tenant: tenant.MustParse("stays")}] != held {
		t.Error("a tenant was forgotten that holds a place")
	}
	l.release(held)
	if l.free != 4 || len(l.waiting) != 0 {
		t.Errorf("%d places are free and %d tenants wait", l.free, len(l.waiting))
	}
}

// sound checks what holds between any two steps of a limiter of n places.
func (l *limiter) sound(n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := 0
	queued := 0
	for t, s := range l.shares {
		held += s.held
		queued += s.waiters.Len()
		if s.waiters.Len() > 0 && (s.index >= len(l.waiting) || l.waiting[s.index] != s) {
			return fmt.Errorf("%v waits and is not in line", t)
		}
		if s.waiters.Len() > 0 && l.may(s) && l.last != s {
			return fmt.Errorf("%v waits for a place that it may have", t)
		}
	}
	if held+l.free != n || l.free < 0 {
		return fmt.Errorf("%d places are held and %d free, of %d", held, l.free, n)
	}
	if queued != l.queued {
		return fmt.Errorf("%d wait, and %d are counted", queued, l.queued)
	}
	for i, s := range l.waiting {
		if s.waiters.Len() == 0 || i > 0 && l.waiting.Less(i, (i-1)/2) {
			return fmt.Errorf("the line is out of order at %d", i)
		}
	}
	return nil
}

func TestALimiterIsSoundAfterEveryStep(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 12).Draw(rt, "places")
		each := rapid.IntRange(1, n).Draw(rt, "of one tenant")
		steps := rapid.SliceOfN(rapid.IntRange(0, 11), 100, 200).Draw(rt, "steps")
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(n, each)
			places := make(chan *share, 200)
			for i, step := range steps {
				switch {
				case step < 7: // one of seven tenants asks
					go func() {
						if s, err := l.acquire(context.Background(), tenant.MustParse(fmt.Sprintf("t%d", step))); err == nil {
							places <- s
						}
					}()
				case step < 11 && len(places) > 0:
					l.release(<-places)
				default:
					time.Sleep(3 * time.Millisecond) // some give up
				}
				synctest.Wait()
				if err := l.sound(n); err != nil {
					t.Fatalf("after step %d of %v: %v", i, steps, err)
				}
			}
			time.Sleep(time.Second)
		})
	})
}

// TestAPlaceHandedToWhoHasGoneIsNotLost hands a place over in the instant in which its
// waiter's request ends.
func TestAPlaceHandedToWhoHasGoneIsNotLost(t *testing.T) {
	l, ctx := newLimiter(1, 1), context.Background()
	gone, cancel := context.WithCancel(ctx)
	cancel()
	for range 200 {
		held, err := l.acquire(ctx, tenant.ID{})
		if err != nil {
			t.Fatal(err)
		}
		w := newWaiter(gone)
		l.enqueue(held, w)
		l.release(held)
		if err := l.wait(gone, held, w); err == nil {
			l.release(held)
		}
		if l.free != 1 {
			t.Fatal("the place is lost")
		}
	}
}

// TestTheReserveIsGivenUpWhenOneTenantIsLeft serves two tenants, then one of them alone.
func TestTheReserveIsGivenUpWhenOneTenantIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, ctx := newLimiter(32, 32), context.Background() // 4 are reserved
		stays, goes := tenant.MustParse("stays"), tenant.MustParse("goes")
		once := func(id tenant.ID) {
			s, err := l.acquire(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			l.release(s)
		}
		once(goes)
		var s *share
		for range 28 {
			s, _ = l.acquire(ctx, stays)
		}
		for range 4 {
			go func() { _, _ = l.acquire(ctx, stays) }()
		}
		synctest.Wait()
		if s.held != 28 || s.waiters.Len() != 4 {
			t.Fatalf("beside another tenant one holds %d places and awaits %d", s.held, s.waiters.Len())
		}
		l.mu.Lock()
		l.turn += servedTurns // as many loads later
		l.mu.Unlock()
		l.release(s)
		synctest.Wait()
		if s.held != 31 || s.waiters.Len() != 0 {
			t.Errorf("a tenant left alone holds %d places and awaits %d", s.held, s.waiters.Len())
		}
	})
}

// TestATenantTakesItsShareOfThePlacesAndNoMore floods beside another tenant, and then alone.
func TestATenantTakesItsShareOfThePlacesAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, ctx := newLimiter(20, 8), context.Background()
		floods, asks := tenant.MustParse("floods"), tenant.MustParse("asks")
		for range 64 {
			go func() { _, _ = l.acquire(ctx, floods) }()
		}
		synctest.Wait()
		s := l.shares[party{tenant: floods}]
		if s.held != 20 {
			t.Fatalf("a tenant alone holds %d of 20 places", s.held)
		}
		// Another one comes, and has the next place. What the flood gives back stays free,
		// until it holds its share.
		go func() { _, _ = l.acquire(ctx, asks) }()
		synctest.Wait()
		for range 30 {
			l.release(s)
			if n := l.shares[party{tenant: asks}].held; n != 1 {
				t.Fatalf("the other tenant holds %d places", n)
			}
		}
		if s.held != 8 || l.free != 11 {
			t.Errorf("the flood holds %d places, and %d are free", s.held, l.free)
		}
		time.Sleep(time.Second)
	})
}

// forger refuses every token.
type forger struct{}

func (forger) Verify(context.Context, string) (*token.Verified, error) { return nil, token.ErrInvalid }

// TestAFloodOfForgedTokensLeavesNothingBehind sends 20,000 tokens, each of which would
// name a tenant of its own if anybody read it.
func TestAFloodOfForgedTokensLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := LimitVerifier(forger{}, 4).(*limitedVerifier)
		for i := range 20_000 {
			if _, err := l.Verify(context.Background(), fmt.Sprintf("tenant-%d", i)); !errors.Is(err, token.ErrInvalid) {
				t.Fatal(err)
			}
		}
		if n := len(l.limiter.shares); n != 1 || l.limiter.free != 4 || len(l.limiter.waiting) != 0 {
			t.Errorf("%d shares are kept, %d places are free, %d wait", n, l.limiter.free, len(l.limiter.waiting))
		}
	})
}

// TestProofsAreVerifiedWithinALimit verifies 50 proofs at once, in places of their own:
// that strangers hold all the others changes nothing.
func TestProofsAreVerifiedWithinALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := LimitVerifier(forger{}, 2).(*limitedVerifier)
		for range 2 {
			if _, err := limited.limiter.acquire(t.Context(), tenant.ID{}); err != nil {
				t.Fatal(err)
			}
		}
		a := &Authenticator{Tokens: limited}
		inside, shed := make(chan struct{}, 50), make(chan error, 50)
		for range 50 {
			go func() {
				_, err := a.limitedProof(context.Background(), func() (*token.DPoPProof, error) {
					inside <- struct{}{}
					time.Sleep(time.Minute)
					return nil, token.ErrInvalidProof
				})
				shed <- err
			}()
		}
		time.Sleep(time.Second)
		if len(inside) != 2 || len(shed) != 48 {
			t.Errorf("%d proofs at once, %d answered", len(inside), len(shed))
		}
		for range 48 {
			if err := <-shed; !errors.Is(err, ErrOverloaded) {
				t.Errorf("a proof without a place is answered %v", err)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if limited.proofs.free != 2 {
			t.Errorf("%d of 2 places came back", limited.proofs.free)
		}
	})
}
