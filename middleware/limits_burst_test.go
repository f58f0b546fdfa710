package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// trips is a store two milliseconds away, whose loads go together: those that come while a
// trip is under way are in the next one. Each load is two, as after a deploy each use is to be
// recorded. It keeps the order in which tenants were served.
type trips struct {
	mu      sync.Mutex
	running int
	next    []chan struct{}
	count   int
	served  []tenant.ID
}

func (s *trips) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	s.trip()
	s.trip()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.served = append(s.served, ref.Tenant)
	return session.Session{ID: ref.ID, Tenant: ref.Tenant, User: ref.User}, ctx.Err()
}

func (s *trips) trip() {
	back := make(chan struct{})
	s.mu.Lock()
	s.next = append(s.next, back)
	if s.running < 4 {
		s.running++
		go s.run()
	}
	s.mu.Unlock()
	<-back
}

func (s *trips) run() {
	for {
		s.mu.Lock()
		n := min(len(s.next), 100)
		batch := s.next[:n]
		s.next = s.next[n:]
		if n == 0 {
			s.running--
			s.mu.Unlock()
			return
		}
		s.count++
		s.mu.Unlock()
		time.Sleep(2 * time.Millisecond)
		for _, back := range batch {
			close(back)
		}
	}
}

// TestAThousandUsersAtOnceAreAllServedInTime is the morning after a deploy, with the limits
// that are set by default on two processors: 1,000 users of one tenant at once, and behind them
// five of another, which was served before.
func TestAThousandUsersAtOnceAreAllServedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &trips{}
		limited := middleware.LimitLoader(store, 256, 8)
		_, _ = limited.Load(t.Context(), victim)
		before := store.count
		var latest [2]atomic.Int64
		var users sync.WaitGroup
		began := time.Now()
		come := func(ref session.Ref, latest *atomic.Int64, n int) {
			for range n {
				users.Go(func() {
					ctx, cancel := context.WithTimeout(context.Background(), middleware.DefaultTimeout)
					defer cancel()
					if _, err := limited.Load(ctx, ref); err != nil {
						t.Errorf("a user is refused: %v", err)
					}
					latest.Store(int64(time.Since(began)))
				})
			}
		}
		come(flooder, &latest[0], 1000)
		synctest.Wait()
		come(victim, &latest[1], 5)
		users.Wait()
		all, five := time.Duration(latest[0].Load()), time.Duration(latest[1].Load())
		t.Logf("the thousand take %v in %d trips, the five %v", all, store.count-before, five)
		if all > 120*time.Millisecond {
			t.Errorf("the thousand take %v", all)
		}
		if five > 12*time.Millisecond {
			t.Errorf("the five take %v behind the thousand, a load takes 4 ms", five)
		}
		last := len(store.served) - 1
		for store.served[last] != victim.Tenant {
			last--
		}
		if last > 300 {
			t.Errorf("%d loads were served before the last of the five", last)
		}
	})
}

// TestAFloodHasSoonUsedUpItsBurst floods beside another tenant: once the burst is spent, the
// flood holds its share of the slots and no more.
func TestAFloodHasSoonUsedUpItsBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &slowLoader{takes: always(2 * time.Millisecond)}
		limited := middleware.LimitLoader(slow, 128, 8)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		wait := flood(ctx, limited, flooder, 500)
		others := flood(ctx, limited, victim, 1)
		time.Sleep(time.Second)
		slow.mu.Lock()
		before := slow.loads[flooder.Tenant]
		slow.mu.Unlock()
		time.Sleep(900 * time.Millisecond)
		slow.mu.Lock()
		rate := float64(slow.loads[flooder.Tenant]-before) / 0.9
		slow.mu.Unlock()
		if rate < 3900 || rate > 4400 {
			t.Errorf("after a second the flood has %.0f loads a second; eight places are 4,000, and 250 come back", rate)
		}
		wait()
		others()
		if n := slow.loads[victim.Tenant]; n < 990 {
			t.Errorf("the other tenant had %d loads, 1,000 is all that it asked for", n)
		}
	})
}

// TestABurstComesBackWithTime lets a tenant come with 1,000 users at once right after a flood of
// its own, and after a rest.
func TestABurstComesBackWithTime(t *testing.T) {
	for _, tt := range []struct {
		rest        time.Duration
		least, most int64
	}{{0, 8, 20}, {10 * time.Second, 100, 128}} {
		synctest.Test(t, func(t *testing.T) {
			slow := &slowLoader{takes: always(2 * time.Millisecond)}
			limited := middleware.LimitLoader(slow, 128, 8)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			flood(ctx, limited, flooder, 500)()
			time.Sleep(tt.rest)
			_, _ = limited.Load(t.Context(), victim)
			slow.top.Store(0)
			var users sync.WaitGroup
			for range 1000 {
				users.Go(func() { _, _ = limited.Load(context.Background(), flooder) })
			}
			users.Wait()
			if top := slow.top.Load(); top < tt.least || top > tt.most {
				t.Errorf("%v after a flood %d loads run at once", tt.rest, top)
			}
		})
	}
}

// TestAVerifiedCallerIsRefusedWithoutAPace fills the queue: who finds it full is known, and is
// told so at once, however many are; strangers are told at a pace.
func TestAVerifiedCallerIsRefusedWithoutAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := middleware.LimitLoader(&slowLoader{takes: always(time.Second)}, 1, 1)
		verifier := middleware.LimitVerifier(&clerk{}, 1)
		wait, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		for range 9000 {
			go func() { _, _ = limited.Load(wait, flooder) }()
			go func() { _, _ = verifier.Verify(wait, "slow") }()
		}
		synctest.Wait()
		start := time.Now()
		for range 1000 {
			if _, err := limited.Load(wait, flooder); !errors.Is(err, middleware.ErrOverloaded) {
				t.Fatalf("beyond the queue: %v", err)
			}
		}
		if held := time.Since(start); held != 0 {
			t.Errorf("1,000 refusals of known callers are held for %v", held)
		}
		for range 300 {
			if _, err := verifier.Verify(wait, "new"); !errors.Is(err, middleware.ErrOverloaded) {
				t.Fatalf("beyond the queue: %v", err)
			}
		}
		if held := time.Since(start); held < 100*time.Millisecond {
			t.Errorf("300 refusals of strangers are held for %v", held)
		}
		// Another tenant has its part of the queue, and is served in its time.
		time.Sleep(time.Second)
		if _, err := limited.Load(context.Background(), victim); err != nil {
			t.Errorf("after the flood another tenant is answered %v", err)
		}
		time.Sleep(2 * time.Second)
	})
}

// TestAFullQueueHasAPartForEachTenant fills the queue with one tenant's loads, and lets another
// come.
func TestAFullQueueHasAPartForEachTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited := middleware.LimitLoader(&slowLoader{takes: always(50 * time.Millisecond)}, 1, 1)
		for range 9000 {
			go func() { _, _ = limited.Load(context.Background(), flooder) }()
		}
		synctest.Wait()
		start := time.Now()
		if _, err := limited.Load(context.Background(), victim); err != nil || time.Since(start) > 100*time.Millisecond {
			t.Errorf("behind a full queue another tenant is answered %v after %v", err, time.Since(start))
		}
		time.Sleep(time.Second)
	})
}

// TestWhoHasNoTimeLeftTakesNoPlace asks for a fifth more than there is. A queue that serves
// who is about to give up serves nobody.
func TestWhoHasNoTimeLeftTakesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const takes = 20 * time.Millisecond
		limited := middleware.LimitLoader(loaderFunc(func(ctx context.Context, ref session.Ref) (session.Session, error) {
			select {
			case <-time.After(takes):
				return session.Session{}, nil
			case <-ctx.Done():
				return session.Session{}, middleware.ErrUnavailable
			}
		}), 8, 8)
		var served, wasted atomic.Int64
		var clients sync.WaitGroup
		for range 2400 { // in five seconds, in which there are 2,000 turns
			clients.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), middleware.DefaultTimeout)
				defer cancel()
				switch _, err := limited.Load(ctx, flooder); {
				case err == nil:
					served.Add(1)
				case !errors.Is(err, middleware.ErrOverloaded):
					wasted.Add(1)
				}
			})
			time.Sleep(5 * time.Second / 2400)
		}
		clients.Wait()
		if n := served.Load(); n < 1800 {
			t.Errorf("of 2,000 turns %d served somebody, and %d had no time left", n, wasted.Load())
		}
	})
}

// recorder verifies slowly, and keeps the order.
type recorder struct {
	mu    sync.Mutex
	order []string
}

func (r *recorder) Verify(_ context.Context, raw string) (*token.Verified, error) {
	time.Sleep(time.Millisecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.order = append(r.order, raw)
	return nil, token.ErrInvalid
}

// matched is the answer of a router that has an address of its own for each request.
type matched struct{ extract func(r *http.Request) string }

func (matched) Param(string) (string, bool)                      { return "", false }
func (matched) Canonical(r *http.Request) (*http.Request, error) { return r, nil }
func (m matched) ClientIP(r *http.Request) netip.Addr {
	if m.extract == nil {
		return middleware.ConnectionIP(r)
	}
	return netip.MustParseAddr(m.extract(r))
}

// TestVerificationsAreSharedByClient floods with forged tokens from one address, and asks from
// another, through the connection or through a proxy whose word is taken.
func TestVerificationsAreSharedByClient(t *testing.T) {
	byHeader := func(r *http.Request) string { return r.Header.Get("X-Client") }
	for name, tt := range map[string]struct {
		extract func(r *http.Request) string
		of      func(r *http.Request, client string)
		shared  bool
	}{
		"connection":           {nil, func(r *http.Request, client string) { r.RemoteAddr = client + ":4711" }, true},
		"trusted proxy":        {byHeader, func(r *http.Request, client string) { r.Header.Set("X-Client", client) }, true},
		"header that is a lie": {nil, func(r *http.Request, client string) { r.Header.Set("X-Forwarded-For", client) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				slow := &recorder{}
				a := authenticator(t, middleware.AuthenticatorConfig{Tokens: slow, Sessions: instant{}, MaxVerifications: 2})
				ask := func(client, raw string) {
					r := httptest.NewRequest("GET", "/", nil)
					r.Header.Set("Authorization", "Bearer "+raw)
					tt.of(r, client)
					_, _ = a.Identify(httptest.NewRecorder(), r, matched{tt.extract})
				}
				for i := range 200 {
					go ask("192.0.2.1", fmt.Sprint("forged.", i))
				}
				synctest.Wait()
				go ask("198.51.100.7", "new.caller")
				time.Sleep(time.Second)
				slow.mu.Lock()
				defer slow.mu.Unlock()
				position := slices.Index(slow.order, "new.caller")
				if tt.shared && (position < 0 || position > 8) || !tt.shared && position >= 0 && position < 100 {
					t.Errorf("the other client is number %d", position)
				}
			})
		})
	}
}
