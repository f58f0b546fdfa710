package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/middleware"
)

const hashTime = 200 * time.Millisecond

// hasher counts what it is asked to do.
type hasher struct{ running, most, total atomic.Int64 }

func (h *hasher) hash(right bool) func() bool {
	return func() bool {
		h.total.Add(1)
		n := h.running.Add(1)
		for most := h.most.Load(); n > most && !h.most.CompareAndSwap(most, n); most = h.most.Load() {
		}
		time.Sleep(hashTime)
		h.running.Add(-1)
		return right
	}
}

func newSignInLimit(t testing.TB, cfg middleware.SignInConfig) *middleware.SignInLimit {
	t.Helper()
	l, err := middleware.NewSignInLimit(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// TestGuessersTakeNoMoreThanTheirHashesAndShutNobodyOut: forty connections guess passwords of
// many accounts as fast as they are answered. Never more than the allowed hashes run, so the
// processor is left to who is signed in, and every user who signs in from elsewhere does so
// within the hash that runs and their own.
func TestGuessersTakeNoMoreThanTheirHashesAndShutNobodyOut(t *testing.T) {
	for _, hashes := range []int{1, 3} {
		t.Run(fmt.Sprint(hashes, " hashes"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, h := newSignInLimit(t, middleware.SignInConfig{Hashes: hashes}), &hasher{}
				ctx, stop := context.WithCancel(t.Context())
				began := time.Now()
				var answers, overloaded atomic.Int64
				var guessers sync.WaitGroup
				for i := range 40 {
					guessers.Go(func() {
						for n := 0; ctx.Err() == nil; n++ {
							ok, err := l.Check(ctx, addr("192.0.2.66"), fmt.Sprint("account ", i, n), h.hash(false))
							if ok {
								t.Error("a wrong password is right")
							}
							if errors.Is(err, middleware.ErrOverloaded) {
								overloaded.Add(1)
							}
							answers.Add(1)
						}
					})
				}
				time.Sleep(5 * time.Second)
				for i := range 20 {
					start := time.Now()
					ok, err := l.Check(ctx, netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), fmt.Sprint("user ", i), h.hash(true))
					if took := time.Since(start); !ok || err != nil || took > 2*hashTime {
						t.Errorf("user %d: %v, %v after %v", i, ok, err, took)
					}
					time.Sleep(time.Second)
				}
				stop()
				guessers.Wait()
				if most := h.most.Load(); most != int64(hashes) {
					t.Errorf("%d hashes at once", most)
				}
				if h.running.Load() != 0 {
					t.Error("a hash still runs")
				}
				t.Logf("%d answers, %d of them 503, %d hashes", answers.Load(), overloaded.Load(), h.total.Load())
				if overloaded.Load() == 0 {
					t.Error("nobody was refused")
				}
				// A refusal each millisecond is the most that goes out, after the first few.
				if n, took := overloaded.Load(), time.Since(began); n > took.Milliseconds()+64 {
					t.Errorf("%d refusals in %v", n, took)
				}
			})
		})
	}
}

// TestGuessesAtOneAccountAreSlowed: of one client exponentially, and of all together to one a
// second; and what exists makes no difference, since nobody asks whether it does.
func TestGuessesAtOneAccountAreSlowed(t *testing.T) {
	for name, tt := range map[string]struct {
		clients int
		most    int64 // hashes in ten minutes
		least   int64
	}{
		"one client":  {1, 5 + 5 + 600/30, 20},
		"100 clients": {100, 20 + 600, 500},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, h := newSignInLimit(t, middleware.SignInConfig{Hashes: 4}), &hasher{}
				ctx, stop := context.WithTimeout(t.Context(), 10*time.Minute)
				defer stop()
				var guessers sync.WaitGroup
				for i := range tt.clients {
					guessers.Go(func() {
						for ctx.Err() == nil {
							if _, err := l.Check(ctx, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), "acme/alice", h.hash(false)); err != nil {
								time.Sleep(time.Second / 2)
							}
						}
					})
				}
				guessers.Wait()
				if n := h.total.Load(); n > tt.most || n < tt.least {
					t.Errorf("%d guesses in ten minutes, want %d to %d", n, tt.least, tt.most)
				}
			})
		})
	}
}

// TestOneGuesserDoesNotLockTheUserOut, nor other users out behind the same address.
func TestOneGuesserDoesNotLockTheUserOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, h := newSignInLimit(t, middleware.SignInConfig{Hashes: 1}), &hasher{}
		guesser, home := addr("2001:db8:1::1"), addr("2001:db8:2::1")
		guess := func(client netip.Addr) error {
			_, err := l.Check(t.Context(), client, "acme/alice", h.hash(false))
			return err
		}
		for range 5 {
			if err := guess(guesser); err != nil {
				t.Fatal(err)
			}
		}
		before := h.total.Load()
		if err := guess(guesser); !errors.Is(err, middleware.ErrOverloaded) {
			t.Errorf("the sixth: %v", err)
		}
		if err := guess(addr("2001:db8:1::ffff")); !errors.Is(err, middleware.ErrOverloaded) {
			t.Errorf("from the same /64: %v", err)
		}
		if h.total.Load() != before {
			t.Error("it was hashed")
		}
		if ok, err := l.Check(t.Context(), home, "acme/alice", h.hash(true)); !ok || err != nil {
			t.Errorf("alice at home: %v, %v", ok, err)
		}
		if ok, err := l.Check(t.Context(), guesser, "acme/bob", h.hash(true)); !ok || err != nil {
			t.Errorf("bob behind the same address: %v, %v", ok, err)
		}
		time.Sleep(20 * time.Minute)
		if err := guess(guesser); err != nil {
			t.Errorf("after twenty minutes: %v", err)
		}
	})
}

// TestARightPasswordEndsTheWrongOnesBeforeIt: a user who mistypes is slowed, not locked out.
func TestARightPasswordEndsTheWrongOnesBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, h := newSignInLimit(t, middleware.SignInConfig{Hashes: 1}), &hasher{}
		for range 50 {
			for range 4 {
				if _, err := l.Check(t.Context(), addr("192.0.2.1"), "acme/alice", h.hash(false)); err != nil {
					t.Fatal(err)
				}
			}
			if ok, err := l.Check(t.Context(), addr("192.0.2.1"), "acme/alice", h.hash(true)); !ok || err != nil {
				t.Fatalf("got %v, %v", ok, err)
			}
		}
	})
}

// TestAttemptsAtOnceAreCountedBeforeTheyAreKnownToBeWrong: a hundred connections with one guess
// each are no way around.
func TestAttemptsAtOnceAreCountedBeforeTheyAreKnownToBeWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, h := newSignInLimit(t, middleware.SignInConfig{Hashes: 64, Queue: 1000}), &hasher{}
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() { _, _ = l.Check(t.Context(), addr("192.0.2.1"), "acme/alice", h.hash(false)) })
		}
		all.Wait()
		if n := h.total.Load(); n != 5 {
			t.Errorf("%d were hashed", n)
		}
	})
}

// TestASignInWaitsNoLongerThanItMay, and leaves nothing behind: not when its request ends, nor
// when a hash panics.
func TestASignInWaitsNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, h := newSignInLimit(t, middleware.SignInConfig{Hashes: 1, Wait: 500 * time.Millisecond, Queue: 16}), &hasher{}
		var busy sync.WaitGroup
		busy.Go(func() {
			_, _ = l.Check(t.Context(), addr("192.0.2.1"), "a", func() bool { time.Sleep(time.Minute); return true })
		})
		synctest.Wait()
		waits := func(ctx context.Context, want error, least, most time.Duration) {
			t.Helper()
			start := time.Now()
			_, err := l.Check(ctx, addr("192.0.2.2"), "b", h.hash(true))
			if took := time.Since(start); !errors.Is(err, want) || took < least || took > most {
				t.Errorf("got %v after %v", err, took)
			}
		}
		waits(t.Context(), middleware.ErrOverloaded, 500*time.Millisecond, 700*time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		waits(ctx, middleware.ErrUnavailable, 100*time.Millisecond, 100*time.Millisecond)
		waits(ctx, middleware.ErrUnavailable, 0, 0)
		cancel()
		if h.total.Load() != 0 {
			t.Error("something was hashed")
		}
		var queued sync.WaitGroup
		var refused atomic.Int64
		for range 3 { // an eighth of 16 wait
			queued.Go(func() {
				if _, err := l.Check(t.Context(), addr("192.0.2.3"), "c", h.hash(true)); errors.Is(err, middleware.ErrOverloaded) {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		time.Sleep(400 * time.Millisecond)
		if n := refused.Load(); n != 1 {
			t.Errorf("%d of one client were refused at once", n)
		}
		queued.Wait()
		busy.Wait()
		func() {
			defer func() { _ = recover() }()
			_, _ = l.Check(t.Context(), addr("192.0.2.4"), "d", func() bool { panic("x") })
		}()
		if ok, err := l.Check(t.Context(), netip.Addr{}, "d", h.hash(true)); !ok || err != nil {
			t.Errorf("after a panic: %v, %v", ok, err)
		}
	})
}

// TestARefusedSignInIsAnOutageToTheClient, the same for every account, and never a 401.
func TestARefusedSignInIsAnOutageToTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, h := newSignInLimit(t, middleware.SignInConfig{}), &hasher{}
		var err error
		for range 6 {
			_, err = l.Check(t.Context(), addr("192.0.2.1"), "nobody", h.hash(false))
		}
		if p, ok := middleware.FromError(err); !ok || p.Status != 503 || p.RetryAfter == 0 {
			t.Errorf("got %+v for %v", p, err)
		}
		if _, err := l.Check(t.Context(), addr("192.0.2.1"), "x", nil); !errors.Is(err, middleware.ErrMisused) {
			t.Errorf("without a hash: %v", err)
		}
	})
}

func TestASignInLimitThatCannotBeMeantIsRefused(t *testing.T) {
	_, err := middleware.NewSignInLimit(middleware.SignInConfig{Hashes: -1, Wait: time.Hour, Queue: -1})
	for _, field := range []string{"Hashes: ", "Wait: ", "Queue: "} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named by %v", field, err)
		}
	}
}
