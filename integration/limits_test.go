//go:build unix

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// distance is how far away Redis is in these tests: in the next data centre. On the
// loopback it is the processor that a flood exhausts, not the connections.
const distance = 2 * time.Millisecond

// connections is the pool of the store's client and the number of loads at once.
const connections = 8

var globex = tenant.MustParse("globex")

// far returns the address of a way to addr whose answers take distance.
func far(tb testing.TB, addr string) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var open sync.WaitGroup
	tb.Cleanup(func() { l.Close(); open.Wait() })
	open.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("tcp", addr)
			if err != nil {
				near.Close()
				continue
			}
			open.Go(func() {
				_, _ = io.Copy(there, near)
				there.Close()
			})
			open.Go(func() {
				defer near.Close()
				buf := make([]byte, 64<<10)
				for {
					n, err := there.Read(buf)
					if err != nil {
						return
					}
					time.Sleep(distance)
					if _, err := near.Write(buf[:n]); err != nil {
						return
					}
				}
			})
		}
	})
	return l.Addr().String()
}

// farManager is a manager on a store whose client has as many connections as there are
// loads at once, to a Redis that is far away.
func farManager(tb testing.TB, server *redisserver.Server) *session.Manager {
	tb.Helper()
	client := redis.NewClient(&redis.Options{
		Addr: far(tb, server.Addr()), PoolSize: connections, ContextTimeoutEnabled: true,
		DialTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second, PoolTimeout: time.Second,
		MaxRetries: 1, DisableIdentity: true, PipelinePoolSize: -1,
	})
	tb.Cleanup(func() { client.Close() })
	manager := must(session.NewManager(storeOn(tb, client, storeOptions()), session.Config{Key: secretKey(3)}))(tb)
	for _, id := range []tenant.ID{acme, globex} {
		if err := manager.SetTenantStatus(context.Background(), id, tenant.Active); err != nil {
			tb.Fatal(err)
		}
	}
	return manager
}

func signIn(tb testing.TB, manager *session.Manager, t tenant.ID) session.Session {
	tb.Helper()
	created, _, err := manager.Create(context.Background(), session.SignIn{Tenant: t, User: alice})
	if err != nil {
		tb.Fatal(err)
	}
	return created
}

// tally counts what came of many calls.
type tally struct{ served, refused, other atomic.Int64 }

// count files what a call answered. A call over the limit must be told from everything else.
func (t *tally) count(err error) {
	switch {
	case err == nil:
		t.served.Add(1)
	case errors.Is(err, middleware.ErrOverloaded):
		t.refused.Add(1)
	default:
		t.other.Add(1)
	}
}

// flood calls again and again from 64 clients until stop is called.
func flood(call func() error) (stop func() *tally) {
	var done atomic.Bool
	var wg sync.WaitGroup
	var t tally
	for range 64 {
		wg.Go(func() {
			for !done.Load() {
				t.count(call())
			}
		})
	}
	return func() *tally {
		done.Store(true)
		wg.Wait()
		return &t
	}
}

// timed makes n calls one after the other and returns their times, sorted.
func timed(n int, call func() error) ([]time.Duration, *tally) {
	var t tally
	times := make([]time.Duration, n)
	for i := range times {
		start := time.Now()
		t.count(call())
		times[i] = time.Since(start)
	}
	slices.Sort(times)
	return times, &t
}

func percentile(sorted []time.Duration, p int) time.Duration { return sorted[(len(sorted)-1)*p/100] }

// doorway notes when the loads of one tenant get through to the store.
type doorway struct {
	middleware.Loader
	of      tenant.ID
	entered time.Time // of the last load; one client makes them
}

func (d *doorway) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	if ref.Tenant == d.of {
		d.entered = time.Now()
	}
	return d.Loader.Load(ctx, ref)
}

// TestAFloodOfOneTenantLeavesTheLoadsOfAnotherAlone measures one tenant's loads in turns:
// alone, while another tenant floods, and the same without limits, where the store alone lets
// the tenants take turns.
func TestAFloodOfOneTenantLeavesTheLoadsOfAnotherAlone(t *testing.T) {
	rounds := 3
	if testneed.Soak() {
		rounds = 50
	}
	manager := farManager(t, redisserver.Start(t))
	mallory, carol := signIn(t, manager, acme), signIn(t, manager, globex)
	through := &doorway{Loader: manager, of: globex}
	limited := must(middleware.NewAuthenticator(middleware.AuthenticatorConfig{
		Tokens: new(token.Verifier), Sessions: through, MaxLoads: connections, MaxTenantLoads: connections,
	}))(t)
	load := func(l middleware.Loader, ref session.Ref) func() error {
		return func() error { _, err := l.Load(context.Background(), ref); return err }
	}
	var alone, shared, waits, queued []time.Duration
	var own, served, refused int64
	for range rounds {
		times, _ := timed(100, load(limited, carol.Ref()))
		alone = append(alone, times...)

		stop := flood(load(limited, mallory.Ref()))
		timed(10, load(limited, carol.Ref()))
		times, mine := timed(100, func() error {
			start := time.Now()
			err := load(limited, carol.Ref())()
			waits = append(waits, through.entered.Sub(start))
			return err
		})
		theirs := stop()
		shared, own = append(shared, times...), own+mine.served.Load()
		served, refused = served+theirs.served.Load(), refused+theirs.refused.Load()

		stop = flood(load(manager, mallory.Ref()))
		timed(2, load(manager, carol.Ref()))
		times, _ = timed(20, load(manager, carol.Ref()))
		stop()
		queued = append(queued, times...)
	}
	for name, times := range map[string][]time.Duration{
		"alone": alone, "in a flood": shared, "in a flood, waiting": waits, "in a flood, no limits": queued,
	} {
		slices.Sort(times)
		t.Logf("%-22s p50 %9v  p99 %9v", name, percentile(times, 50).Round(time.Microsecond), percentile(times, 99).Round(time.Microsecond))
	}
	t.Logf("in the flood p50 is %.2f and p99 %.2f times that alone, without limits %.2f and %.2f times; of the flood %d were served and %d shed",
		ratio(shared, alone, 50), ratio(shared, alone, 99), ratio(queued, alone, 50), ratio(queued, alone, 99), served, refused)
	if want := int64(len(shared)); own != want {
		t.Errorf("of %d loads of the tenant that does not flood %d were served", want, own)
	}
	if served == 0 {
		t.Error("of the flood nobody is served, who have 16 ms to wait")
	}
	// A limit answers for the time in its queue: a busy machine delays a load that has its place as
	// well, and the logged ratios tell how busy it is.
	p := 50
	if testneed.Soak() {
		p = 99
	}
	if wait, takes := percentile(waits, p), percentile(alone, 50); wait > takes/5 {
		t.Errorf("in the flood %d %% of the loads wait up to %v, more than a fifth of the %v that one takes alone", p, wait, takes)
	}
}

func ratio(a, b []time.Duration, p int) float64 {
	return float64(percentile(a, p)) / float64(percentile(b, p))
}

// hanging is a store that answers nothing to one tenant while it hangs.
type hanging struct {
	middleware.Loader
	of    tenant.ID
	hangs atomic.Bool
}

func (h *hanging) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	if ref.Tenant == h.of && h.hangs.Load() {
		<-ctx.Done()
		return session.Session{}, fmt.Errorf("%w: %w", session.ErrUnavailable, ctx.Err())
	}
	return h.Loader.Load(ctx, ref)
}

// TestAFloodOverHTTPIsAnswered503 sends the requests of both tenants through the whole
// middleware. The loads of one do not come back: it waits as long as its time lasts, and the
// other tenant does not.
func TestAFloodOverHTTPIsAnswered503(t *testing.T) {
	const budget = time.Second
	manager := farManager(t, redisserver.Start(t))
	store := &hanging{Loader: manager, of: acme}
	s := newServiceOn(t, manager, time.Hour, authz.StreamGuardConfig{}, func(c *authz.Config) {
		c.MaxLoads, c.Timeout, c.Sessions = connections, budget, store
	})
	mallory, carol := s.sign(signIn(t, manager, acme)), s.sign(signIn(t, manager, globex))
	transport := &http.Transport{MaxIdleConnsPerHost: 65}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	var early atomic.Int64
	get := func(bearer string) func() error {
		return func() error {
			r, err := http.NewRequest("GET", s.server.URL+"/me", nil)
			if err != nil {
				return err
			}
			r.Header.Set("Authorization", "Bearer "+bearer)
			start := time.Now()
			resp, err := client.Do(r)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			_, _ = io.Copy(io.Discard, resp.Body)
			switch {
			case resp.StatusCode == http.StatusNoContent:
				return nil
			case resp.StatusCode == http.StatusServiceUnavailable && resp.Header.Get("Content-Type") == "application/problem+json" &&
				resp.Header.Get("Retry-After") != "" && resp.Header.Get("Set-Cookie") == "":
				if time.Since(start) < budget {
					early.Add(1)
				}
				return middleware.ErrOverloaded
			}
			return fmt.Errorf("status %d, %v", resp.StatusCode, resp.Header)
		}
	}
	timed(10, get(carol)) // a tenant that was never served has nothing kept for it
	store.hangs.Store(true)
	stop := flood(get(mallory))
	_, own := timed(50, get(carol))
	store.hangs.Store(false)
	others := stop()
	t.Logf("the tenant that does not flood: %d served; the flood: %d served, %d shed", own.served.Load(), others.served.Load(), others.refused.Load())
	if own.served.Load() != 50 {
		t.Errorf("of 50 requests of the other tenant %d were shed and %d got another answer", own.refused.Load(), own.other.Load())
	}
	if others.refused.Load() == 0 || others.other.Load() > 0 {
		t.Errorf("of the flood %d were shed and %d got another answer than 204 or 503", others.refused.Load(), others.other.Load())
	}
	if early.Load() > 0 {
		t.Errorf("%d of the flood were refused before their time was spent", early.Load())
	}
	if _, after := timed(1, get(mallory)); after.served.Load() != 1 {
		t.Error("after the flood its tenant is still refused")
	}
}
