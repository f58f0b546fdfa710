package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

var (
	flooder = session.Ref{Tenant: tenant.MustParse("flooder"), User: session.MustParseUserID("a"), ID: session.NewID()}
	victim  = session.Ref{Tenant: tenant.MustParse("victim"), User: session.MustParseUserID("b"), ID: session.NewID()}
)

// slowLoader takes its time and counts who is inside.
type slowLoader struct {
	takes       func() time.Duration
	inside, top atomic.Int64
	mu          sync.Mutex
	loads       map[tenant.ID]int
}

func (l *slowLoader) Load(_ context.Context, ref session.Ref) (session.Session, error) {
	n := l.inside.Add(1)
	defer l.inside.Add(-1)
	for top := l.top.Load(); n > top && !l.top.CompareAndSwap(top, n); top = l.top.Load() {
	}
	l.mu.Lock()
	if l.loads == nil {
		l.loads = map[tenant.ID]int{}
	}
	l.loads[ref.Tenant]++
	l.mu.Unlock()
	time.Sleep(l.takes())
	return session.Session{ID: ref.ID, Tenant: ref.Tenant, User: ref.User}, nil
}

func always(d time.Duration) func() time.Duration { return func() time.Duration { return d } }

// flood runs clients that load again and again until ctx ends, each time with the budget of a
// request, and returns how many loads were refused once they all have.
func flood(ctx context.Context, l middleware.Loader, ref session.Ref, clients int) (wait func() (refused int64)) {
	var wg sync.WaitGroup
	var refused atomic.Int64
	for range clients {
		wg.Go(func() {
			for ctx.Err() == nil {
				budget, cancel := context.WithTimeout(ctx, middleware.DefaultTimeout)
				if _, err := l.Load(budget, ref); errors.Is(err, middleware.ErrOverloaded) {
					refused.Add(1)
				}
				cancel()
			}
		})
	}
	return func() int64 { wg.Wait(); return refused.Load() }
}

func TestALimitIsNeverExceededAndEveryPlaceComesBack(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(rt, "places")
		clients := rapid.IntRange(1, 40).Draw(rt, "clients")
		tenants := rapid.IntRange(1, 5).Draw(rt, "tenants")
		seed := rapid.Uint64().Draw(rt, "seed")
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			var mu sync.Mutex
			draw := func(limit int) time.Duration {
				mu.Lock()
				defer mu.Unlock()
				return time.Duration(random.IntN(limit)) * time.Millisecond
			}
			slow := &slowLoader{takes: func() time.Duration { return draw(8) }}
			limited := middleware.LimitLoader(slow, n, n)
			var wg sync.WaitGroup
			for i := range clients {
				ref := flooder
				ref.Tenant = tenant.MustParse(fmt.Sprintf("t%d", i%tenants))
				wg.Go(func() {
					for range 5 {
						ctx, cancel := context.WithTimeout(context.Background(), draw(15)+time.Microsecond)
						_, err := limited.Load(ctx, ref)
						cancel()
						if err != nil && !errors.Is(err, middleware.ErrUnavailable) {
							t.Errorf("a load failed with %v", err)
						}
						time.Sleep(draw(3))
					}
				})
			}
			wg.Wait()
			if top := slow.top.Load(); top > int64(n) {
				t.Errorf("%d loads at once, the limit is %d", top, n)
			}
			// Every slot is back: n loads of as many tenants start at once.
			slow.takes = always(time.Hour)
			for i := range n {
				ref := victim
				ref.Tenant = tenant.MustParse(fmt.Sprintf("last%d", i))
				go func() { _, _ = limited.Load(context.Background(), ref) }()
			}
			synctest.Wait()
			if inside := slow.inside.Load(); inside != int64(n) {
				t.Errorf("%d of %d places are left", inside, n)
			}
			time.Sleep(2 * time.Hour)
		})
	})
}

func TestATenantAloneUsesEveryPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowLoader{takes: always(time.Millisecond)}
		limited := middleware.LimitLoader(slow, 4, 4)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		wait := flood(ctx, limited, flooder, 16)
		for range 90 {
			time.Sleep(time.Millisecond + time.Microsecond)
			synctest.Wait()
			if inside := slow.inside.Load(); inside != 4 {
				t.Fatalf("%d of 4 places are used while others wait", inside)
			}
		}
		if refused := wait(); refused != 0 {
			t.Errorf("%d loads were shed that had only 4 ms to wait", refused)
		}
	})
}

func TestAFloodedTenantDelaysAnotherByOneLoadAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowLoader{takes: always(2 * time.Millisecond)}
		limited := middleware.LimitLoader(slow, 4, 4)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wait := flood(ctx, limited, flooder, 1000)
		random := rand.New(rand.NewPCG(7, 7))
		for range 50 {
			time.Sleep(time.Duration(random.IntN(9000)) * time.Microsecond)
			start := time.Now()
			if _, err := limited.Load(t.Context(), victim); err != nil {
				t.Fatalf("the other tenant was refused: %v", err)
			}
			if waited := time.Since(start) - 2*time.Millisecond; waited > 2*time.Millisecond {
				t.Fatalf("the other tenant waited %v, longer than a load takes", waited)
			}
		}
		if refused := wait(); refused == 0 {
			t.Error("1,000 clients on 4 places of 2 ms have more than 250 ms to wait, and none was shed")
		}
	})
}

func TestTenantsThatAllFloodGetEqualShares(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowLoader{takes: always(time.Millisecond)}
		limited := middleware.LimitLoader(slow, 4, 4)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		many := flood(ctx, limited, flooder, 90)
		few := flood(ctx, limited, victim, 10)
		many()
		few()
		a, b := slow.loads[flooder.Tenant], slow.loads[victim.Tenant]
		if a < 1450 || b < 1450 || a > 1550 || b > 1550 {
			t.Errorf("90 clients of one tenant got %d loads and 10 of another %d; half of 3000 each is right", a, b)
		}
	})
}

func TestTenantsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowLoader{takes: always(time.Millisecond)}
		limited := middleware.LimitLoader(slow, 1, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		var waits []func() int64
		for i := range 3 {
			ref := flooder
			ref.Tenant = tenant.MustParse(fmt.Sprintf("t%d", i))
			waits = append(waits, flood(ctx, limited, ref, 2))
		}
		for _, wait := range waits {
			wait()
		}
		for id, n := range slow.loads {
			if n < 95 || n > 105 {
				t.Errorf("%v got %d of 300 turns", id, n)
			}
		}
	})
}

// TestSharesAreOfPlacesNotOfCalls lets one tenant's loads take eight times as long.
func TestSharesAreOfPlacesNotOfCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quick := &slowLoader{takes: always(time.Millisecond)}
		slow := &slowLoader{takes: always(8 * time.Millisecond)}
		limited := middleware.LimitLoader(loaderFunc(func(ctx context.Context, ref session.Ref) (session.Session, error) {
			if ref.Tenant == flooder.Tenant {
				return slow.Load(ctx, ref)
			}
			return quick.Load(ctx, ref)
		}), 8, 8)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		a, b := flood(ctx, limited, flooder, 40), flood(ctx, limited, victim, 40)
		a()
		b()
		if n := quick.loads[victim.Tenant]; n < 2500 {
			t.Errorf("quick loads got %d turns beside slow ones; three places are 3000", n)
		}
	})
}

type loaderFunc func(context.Context, session.Ref) (session.Session, error)

func (f loaderFunc) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	return f(ctx, ref)
}

func TestALoadThatIsShedIsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := middleware.LimitLoader(&slowLoader{takes: always(time.Second)}, 1, 1)
		go func() { _, _ = limited.Load(t.Context(), flooder) }()
		synctest.Wait()
		start := time.Now()
		s, err := limited.Load(t.Context(), victim)
		if waited := time.Since(start); waited != middleware.DefaultTimeout {
			t.Errorf("shed after %v", waited)
		}
		if !errors.Is(err, middleware.ErrOverloaded) || !middleware.IsOutage(err) || !s.ID.IsZero() {
			t.Errorf("got %v, %v", s, err)
		}
		if p, _ := middleware.FromError(err); p.Status != 503 || p.RetryAfter == 0 || p.Challenge.Sent {
			t.Errorf("the answer is %+v", p)
		}
		gone, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Millisecond, cancel)
		late, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		for name, ctx := range map[string]context.Context{"a client that went away": gone, "one that came with no time left": late} {
			start = time.Now()
			if _, err = limited.Load(ctx, victim); !middleware.IsOutage(err) || errors.Is(err, middleware.ErrOverloaded) {
				t.Errorf("%s gets %v", name, err)
			}
			if waited := time.Since(start); waited > time.Millisecond {
				t.Errorf("%s waited %v", name, waited)
			}
		}
		time.Sleep(time.Second)
	})
}

// panickingVerifier panics when it is asked for "panic", blocks on "slow", and else refuses.
type panickingVerifier struct{ calls atomic.Int64 }

func (v *panickingVerifier) Verify(_ context.Context, raw string) (*token.Verified, error) {
	v.calls.Add(1)
	switch raw {
	case "panic":
		panic("a verifier with a defect")
	case "slow":
		time.Sleep(time.Second)
	}
	return nil, token.ErrInvalid
}

func TestVerificationsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := &panickingVerifier{}
		limited := middleware.LimitVerifier(v, 2)
		for range 5 {
			func() {
				defer func() { _ = recover() }()
				_, _ = limited.Verify(t.Context(), "panic")
			}()
		}
		if _, err := limited.Verify(t.Context(), "junk"); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("after panics: %v", err)
		}
		before := v.calls.Load()
		for range 50 {
			go func() { _, _ = limited.Verify(t.Context(), "slow") }()
		}
		synctest.Wait()
		if n := v.calls.Load() - before; n != 2 {
			t.Errorf("%d verifications at once", n)
		}
		if _, err := limited.Verify(t.Context(), "junk"); !errors.Is(err, middleware.ErrOverloaded) || errors.Is(err, token.ErrInvalid) {
			t.Errorf("a flooded verifier answers %v", err)
		}
		time.Sleep(2 * time.Second)
		if n := v.calls.Load() - before; n != 2 {
			t.Errorf("%d verifications ran although all but 2 were shed", n)
		}
	})
}

// instant answers at once.
type instant struct{}

func (instant) Load(context.Context, session.Ref) (session.Session, error) {
	return session.Session{}, nil
}

func (instant) Verify(context.Context, string) (*token.Verified, error) { return nil, nil }

func TestALimitCostsNoAllocation(t *testing.T) {
	loader, verifier := middleware.LimitLoader(instant{}, 4, 4), middleware.LimitVerifier(instant{}, 4)
	if n := testing.AllocsPerRun(200, func() {
		_, _ = loader.Load(context.Background(), victim)
		_, _ = verifier.Verify(context.Background(), "")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkLimit measures what a limit adds to a call when nobody waits.
func BenchmarkLimit(b *testing.B) {
	loader, verifier := middleware.LimitLoader(instant{}, 4, 4), middleware.LimitVerifier(instant{}, 4)
	ctx := context.Background()
	b.Run("load", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = loader.Load(ctx, victim)
		}
	})
	b.Run("verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _ = verifier.Verify(ctx, "")
		}
	})
}
