package fairlimit

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestTenantsThatHaveGoneAreForgotten(t *testing.T) {
	l := New[string](4, 4, 0)
	held, err := l.Acquire(context.Background(), "stays")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20_000 {
		slot, err := l.Acquire(context.Background(), fmt.Sprintf("t%d", i))
		if err != nil {
			t.Fatal(err)
		}
		l.Release(slot)
		if n := len(l.parties); n > maxIdleParties {
			t.Fatalf("%d tenants are kept", n)
		}
	}
	if l.parties["stays"] != held {
		t.Error("a tenant was forgotten that holds a slot")
	}
	l.Release(held)
	if l.free != 4 || len(l.waiting) != 0 {
		t.Errorf("%d places are free and %d tenants wait", l.free, len(l.waiting))
	}
}

// sound checks what holds between any two steps of a limiter of n slots.
func (l *Limiter[P]) sound(n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	held := 0
	queued := 0
	for t, s := range l.parties {
		held += s.held
		queued += s.waiters.Len()
		if s.waiters.Len() > 0 && (s.index >= len(l.waiting) || l.waiting[s.index] != s) {
			return fmt.Errorf("%v waits and is not in line", t)
		}
		if s.waiters.Len() > 0 && l.mayTake(s) && l.last != s {
			return fmt.Errorf("%v waits for a slot that it may have", t)
		}
	}
	if held+l.free != n || l.free < 0 {
		return fmt.Errorf("%d slots are held and %d free, of %d", held, l.free, n)
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
			l := New[string](n, each, 0)
			slots := make(chan *Slot, 200)
			for i, step := range steps {
				switch {
				case step < 7: // one of seven tenants asks
					go func() {
						if s, err := l.Acquire(context.Background(), fmt.Sprintf("t%d", step)); err == nil {
							slots <- s
						}
					}()
				case step < 11 && len(slots) > 0:
					l.Release(<-slots)
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

// TestAPlaceHandedToWhoHasGoneIsNotLost hands a slot over in the instant in which its
// waiter's request ends.
func TestAPlaceHandedToWhoHasGoneIsNotLost(t *testing.T) {
	l, ctx := New[string](1, 1, 0), context.Background()
	gone, cancel := context.WithCancel(ctx)
	cancel()
	for range 200 {
		held, err := l.Acquire(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		w := newWaiter(gone)
		l.enqueue(held, w)
		l.Release(held)
		if err := l.wait(gone, held, w); err == nil {
			l.Release(held)
		}
		if l.free != 1 {
			t.Fatal("the place is lost")
		}
	}
}

// TestTheReserveIsGivenUpWhenOneTenantIsLeft serves two tenants, then one of them alone.
func TestTheReserveIsGivenUpWhenOneTenantIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, ctx := New[string](32, 32, 0), context.Background() // 4 are reserved
		stays, goes := "stays", "goes"
		once := func(id string) {
			s, err := l.Acquire(ctx, id)
			if err != nil {
				t.Fatal(err)
			}
			l.Release(s)
		}
		once(goes)
		var s *Slot
		for range 28 {
			s, _ = l.Acquire(ctx, stays)
		}
		for range 4 {
			go func() { _, _ = l.Acquire(ctx, stays) }()
		}
		synctest.Wait()
		if s.held != 28 || s.waiters.Len() != 4 {
			t.Fatalf("beside another tenant one holds %d places and awaits %d", s.held, s.waiters.Len())
		}
		l.mu.Lock()
		l.turn += aloneAfter // as many loads later
		l.mu.Unlock()
		l.Release(s)
		synctest.Wait()
		if s.held != 31 || s.waiters.Len() != 0 {
			t.Errorf("a tenant left alone holds %d places and awaits %d", s.held, s.waiters.Len())
		}
	})
}

// TestATenantTakesItsShareOfThePlacesAndNoMore floods beside another tenant, and then alone.
func TestATenantTakesItsShareOfThePlacesAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, ctx := New[string](20, 8, 0), context.Background()
		floods, asks := "floods", "asks"
		for range 64 {
			go func() { _, _ = l.Acquire(ctx, floods) }()
		}
		synctest.Wait()
		s := l.parties[floods]
		if s.held != 20 {
			t.Fatalf("a tenant alone holds %d of 20 places", s.held)
		}
		// Another one comes, and has the next slot. Slots that the flood gives back stay free, until
		// it holds its share.
		go func() { _, _ = l.Acquire(ctx, asks) }()
		synctest.Wait()
		for range 30 {
			l.Release(s)
			if n := l.parties[asks].held; n != 1 {
				t.Fatalf("the other tenant holds %d places", n)
			}
		}
		if s.held != 8 || l.free != 11 {
			t.Errorf("the flood holds %d places, and %d are free", s.held, l.free)
		}
		time.Sleep(time.Second)
	})
}
