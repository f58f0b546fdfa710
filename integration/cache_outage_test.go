//go:build unix

package integration_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/integration/faultproxy"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// The bounds on the answers of an instance whose Redis is out: before and after its
// breaker has opened, and until it allows again once Redis answers.
const (
	outageLimit   = 300 * time.Millisecond
	openLimit     = 5 * time.Millisecond
	recoveryLimit = time.Second
)

// outage is a way in which Redis fails.
type outage struct {
	name       string
	begin, end func(f *fixture, p *faultproxy.Proxy)
}

func outages() []outage {
	do := func(args ...any) func(*fixture, *faultproxy.Proxy) {
		return func(f *fixture, _ *faultproxy.Proxy) { f.do(args...) }
	}
	password := func(f *fixture, p *faultproxy.Proxy) {
		f.do("config", "set", "requirepass", "secret")
		p.Cut()
	}
	return []outage{
		{"killed", func(f *fixture, _ *faultproxy.Proxy) { f.server.Kill() }, func(f *fixture, _ *faultproxy.Proxy) { f.server.Restart() }},
		{"frozen", func(f *fixture, _ *faultproxy.Proxy) { f.server.Freeze() }, func(f *fixture, _ *faultproxy.Proxy) { f.server.Thaw() }},
		{"behind a black hole", func(_ *fixture, p *faultproxy.Proxy) { p.Freeze() }, func(_ *fixture, p *faultproxy.Proxy) { p.Restore() }},
		{"refusing connections", func(_ *fixture, p *faultproxy.Proxy) { p.Refuse(); p.Cut() }, func(_ *fixture, p *faultproxy.Proxy) { p.Restore() }},
		{"slow", func(_ *fixture, p *faultproxy.Proxy) { p.Delay(400 * time.Millisecond) }, func(_ *fixture, p *faultproxy.Proxy) { p.Restore() }},
		{"loading", func(f *fixture, _ *faultproxy.Proxy) {
			pipe := f.raw.Pipeline()
			for n := range 5000 {
				pipe.Set(f.Context(), fmt.Sprintf("filler:%d", n), strings.Repeat("x", 100), 0)
			}
			if _, err := pipe.Exec(f.Context()); err != nil {
				f.Fatal(err)
			}
			f.do("bgrewriteaof") // a snapshot is loaded while clients are answered
			testwait.Until(f, "the snapshot is written", func() bool {
				info, err := f.raw.Info(f.Context(), "persistence").Result()
				return err == nil && strings.Contains(info, "aof_rewrite_in_progress:0") && strings.Contains(info, "aof_rewrite_scheduled:0")
			})
			f.server.Kill()
			f.server.RestartWith("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024")
		}, do("config", "set", "key-load-delay", "0")},
		{"a replica", do("replicaof", "127.0.0.1", "1"), do("replicaof", "no", "one")},
		{"refusing authentication", password, func(f *fixture, _ *faultproxy.Proxy) { f.do("config", "set", "requirepass", "") }},
	}
}

// TestOutages asserts what a caller waits for, whatever is wrong with Redis, and that
// nobody is allowed or signed out by it. Requests come from many at once.
func TestOutages(t *testing.T) {
	for _, o := range outages() {
		t.Run(o.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, 0)
			proxy := faultproxy.Start(t, f.server.Addr())
			store := open(t, "redis://"+proxy.Addr(), f.opts)
			cache := startCache(t, store)
			s := f.create()
			f.eventually("the session is loaded", func() error { _, err := cache.Load(context.Background(), s.Ref()); return err })

			o.begin(f, proxy)
			// Sessions in memory may be served until the lease ends; strangers never were.
			refs := []session.Ref{}
			for range 16 {
				refs = append(refs, draft().Ref())
			}
			stalls := watchStalls(t)
			before, after := f.ask(store, cache, refs, 1200*time.Millisecond)
			slack := stalls.slack()
			if len(before) == 0 || len(after) < 100 {
				t.Fatalf("%d and %d answers are too few to prove anything", len(before), len(after))
			}
			slices.Sort(before)
			slices.Sort(after)
			t.Logf("before the breaker opened: %d answers, p99 %v, max %v; after: %d, p99 %v, max %v (slack %v); %+v",
				len(before), percentile(before, 99), percentile(before, 100), len(after), percentile(after, 99), percentile(after, 100), slack, store.Stats())
			if worst := percentile(before, 100); worst > outageLimit+slack {
				t.Errorf("an answer took %v, the limit is %v and a slack of %v", worst, outageLimit, slack)
			}
			if p99 := percentile(after, 99); p99 > openLimit+slack {
				t.Errorf("with the breaker open an answer took %v, the limit is %v and a slack of %v", p99, openLimit, slack)
			}
			if _, err := cache.Load(context.Background(), s.Ref()); !isOutage(err) {
				t.Errorf("longer than the lease into the outage: Load: %v", err)
			}

			o.end(f, proxy)
			answers := func() bool { return f.raw.ConfigGet(context.Background(), "port").Err() == nil }
			testwait.Until(t, "Redis answers again", answers)
			if o.name == "loading" {
				testwait.Until(t, "Redis has loaded", func() bool { return f.raw.Get(context.Background(), "filler:0").Err() == nil })
			}
			began := time.Now()
			testwait.Until(t, "the session is loaded again", func() bool { _, err := cache.Load(context.Background(), s.Ref()); return err == nil })
			recovery := time.Since(began)
			testwait.Until(t, "the cache hears again", func() bool { return cache.Stats().Fresh })
			t.Logf("recovered %v after Redis answered, heard again after %v", recovery, time.Since(began))
			if recovery > recoveryLimit+stalls.slack() {
				t.Errorf("recovered after %v, the limit is %v", recovery, recoveryLimit)
			}
		})
	}
}

// ask asks for sessions from as many goroutines as there are references until the time is
// over and the breaker is open, and returns how long the answers took that began before
// and after the breaker opened. Each must be an outage.
func (f *fixture) ask(store *redisstore.Store, cache *cachestore.Store, refs []session.Ref, d time.Duration) (before, after []time.Duration) {
	f.Helper()
	var mu sync.Mutex
	var running sync.WaitGroup
	end := time.Now().Add(d)
	for _, ref := range refs {
		running.Go(func() {
			for time.Now().Before(end) || !store.Stats().BreakerOpen && time.Now().Before(end.Add(testwait.Limit)) {
				open := store.Stats().BreakerOpen
				began := time.Now()
				_, err := cache.Load(context.Background(), ref)
				took := time.Since(began)
				if !isOutage(err) {
					f.Errorf("Load: %v", err)
					return
				}
				mu.Lock()
				if open {
					after = append(after, took)
				} else {
					before = append(before, took)
				}
				mu.Unlock()
				<-time.After(10 * time.Millisecond)
			}
		})
	}
	running.Wait()
	return before, after
}

// A thousand requests that wait for twenty connections to a Redis that hangs all get their
// answer in time: the pool is no place to wait in.
func TestThePoolNeverBlocksPastTheDeadline(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	f.server.Freeze()
	defer f.server.Thaw()
	stalls := watchStalls(t)
	times := make([]time.Duration, 1000)
	var running sync.WaitGroup
	for i := range times {
		running.Go(func() {
			began := time.Now()
			if _, err := f.store.Load(context.Background(), draft().Ref()); !isOutage(err) {
				t.Errorf("Load: %v", err)
			}
			times[i] = time.Since(began)
		})
	}
	running.Wait()
	slices.Sort(times)
	t.Logf("1000 loads at once: p50 %v, p99 %v, max %v (slack %v)", percentile(times, 50), percentile(times, 99), percentile(times, 100), stalls.slack())
	if worst := percentile(times, 100); worst > outageLimit+stalls.slack() {
		t.Errorf("one took %v, the limit is %v and a slack of %v", worst, outageLimit, stalls.slack())
	}
}

// TestRequestsWhileRedisIsOut holds the clients' view of it: those without credentials go on
// as if nothing had happened and cost Redis nothing, and those with get a 503 in time.
func TestRequestsWhileRedisIsOut(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t)
	opts := storeOptions()
	opts.Timeout = 0
	store := open(t, server.URL(), opts)
	manager := must(session.NewManager(startCache(t, store), session.Config{Key: secretKey(3)}))(t)
	s := newServiceOn(t, manager, time.Hour, authz.StreamGuardConfig{}, func(cfg *authz.Config) {
		cfg.Policy = engineOf(t, "p, role:anyone, *, /me, GET, true, allow\n")
	})
	testwait.Until(t, "the tenant is set up", func() bool { return manager.SetTenantStatus(t.Context(), acme, tenant.Active) == nil })
	var signedIn session.Session
	testwait.Until(t, "somebody signs in", func() (done bool) {
		var err error
		signedIn, _, err = manager.Create(t.Context(), session.SignIn{Tenant: acme, User: alice})
		return err == nil
	})
	raw := s.sign(signedIn)
	get := func(bearer string) (*http.Response, time.Duration) {
		t.Helper()
		r := must(http.NewRequest(http.MethodGet, s.server.URL+"/me", nil))(t)
		if bearer != "" {
			r.Header.Set("Authorization", "Bearer "+bearer)
		}
		began := time.Now()
		res := must(http.DefaultClient.Do(r))(t)
		res.Body.Close()
		return res, time.Since(began)
	}
	look := server.Client()
	defer look.Close()
	gets := served(t, look, "get")
	for range 100 {
		if res, _ := get(""); res.StatusCode != http.StatusNoContent {
			t.Fatalf("an anonymous request: %d", res.StatusCode)
		}
	}
	if n := served(t, look, "get") - gets; n != 0 {
		t.Errorf("100 anonymous requests made Redis run %d reads", n)
	}
	if res, _ := get(raw); res.StatusCode != http.StatusNoContent {
		t.Fatalf("a request with a token: %d", res.StatusCode)
	}

	server.Freeze()
	stalls := watchStalls(t)
	<-time.After(leased + 200*time.Millisecond)
	for range 50 {
		res, took := get(raw)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || res.Header.Get("Set-Cookie") != "" {
			t.Errorf("with a token: %d, %v", res.StatusCode, res.Header)
		}
		if took > outageLimit+stalls.slack() {
			t.Errorf("with a token: the answer took %v", took)
		}
		res, took = get("")
		if res.StatusCode != http.StatusNoContent || took > 100*time.Millisecond+stalls.slack() {
			t.Errorf("without a token: %d after %v", res.StatusCode, took)
		}
	}
	server.Thaw()
	testwait.Until(t, "the session is served again", func() bool { res, _ := get(raw); return res.StatusCode == http.StatusNoContent })
}
