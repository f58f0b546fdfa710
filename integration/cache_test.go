//go:build unix

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/faultproxy"
	"github.com/reevehq/reeve/integration/history"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/sessiontest"
	"github.com/reevehq/reeve/tenant"
)

// bounds of the guarantee: normally, and for an instance that is cut off.
const (
	announced = 50 * time.Millisecond
	leased    = cachestore.DefaultLease
)

// startCache starts a cache on a store and waits until it hears.
func startCache(tb testing.TB, store *redisstore.Store) *cachestore.Store {
	tb.Helper()
	cache, err := cachestore.New(cachestore.Config{Store: store, Feed: redisstore.NewFeed(store)})
	if err != nil {
		tb.Fatal(err)
	}
	if err := cache.Start(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = cache.Close() })
	testwait.Until(tb, "the cache hears", func() bool { return cache.Stats().Fresh })
	return cache
}

// TestCacheConformance proves the contract of session.Store for a cache on Redis.
func TestCacheConformance(t *testing.T) {
	t.Parallel()
	url := redisserver.Shared(t)
	keepsTheContract(t, func(t *testing.T) *redisstore.Store { return open(t, url, storeOptions()) })
}

// keepsTheContract runs the suite. The cases that wait for TouchInterval, which the cache's
// own tests prove on a clock of theirs, are part of the long proofs.
func keepsTheContract(t *testing.T, open func(t *testing.T) *redisstore.Store) {
	cases := slices.DeleteFunc(sessiontest.Cases(), func(c sessiontest.Case) bool { return c.Slow && !testneed.Soak() })
	conforms(t, cases, func(t *testing.T) sessiontest.Harness {
		return sessiontest.Harness{Store: startCache(t, open(t))}
	})
}

// TestCacheConformanceOnCluster proves it where each master announces its own changes.
func TestCacheConformanceOnCluster(t *testing.T) {
	t.Parallel()
	client := clusterClient(t, redisserver.StartCluster(t))
	keepsTheContract(t, func(t *testing.T) *redisstore.Store { return storeOn(t, client, storeOptions()) })
}

// instances are three instances of a service on one Redis. The last one reaches it through a
// proxy.
type instances struct {
	*fixture
	names  []string
	stores []*redisstore.Store
	caches []*cachestore.Store
	proxy  *faultproxy.Proxy
	log    *history.Log
	stalls *stalls
}

func newInstances(t *testing.T) *instances {
	t.Helper()
	f := &instances{fixture: newFixture(t, 0), names: []string{"a", "b", "c"}, log: history.New(), stalls: watchStalls(t)}
	f.proxy = faultproxy.Start(t, f.server.Addr())
	for _, addr := range []string{f.server.Addr(), f.server.Addr(), f.proxy.Addr()} {
		store := open(t, "redis://"+addr, f.opts)
		f.stores = append(f.stores, store)
		f.caches = append(f.caches, startCache(t, store))
	}
	return f
}

// load loads a session by an instance and notes it.
func (f *instances) load(i int, ref session.Ref) (session.Session, error) {
	var s session.Session
	err := f.note(history.Act, i, &session.Session{ID: ref.ID, Tenant: ref.Tenant, User: ref.User}, 0, func() (err error) {
		s, err = f.caches[i].Load(context.Background(), ref)
		return err
	}, func(c *history.Call) { c.Saw = int(s.Version) })
	return s, err
}

// note notes a call for the session of s, and the version that it makes.
func (f *instances) note(kind history.Kind, i int, s *session.Session, version uint64, do func() error, also ...func(c *history.Call)) (err error) {
	c := history.Call{Kind: kind, By: f.names[i], Session: s.ID.Fingerprint(), Tenant: s.Tenant.String(), User: s.User.String(), Made: int(version)}
	f.log.Call(c, func(c *history.Call) {
		err = do()
		c.Answer, _ = answerOf(err)
		for _, add := range also {
			add(c)
		}
	})
	return err
}

var everyone = []int{0, 1, 2}

// TestRevocationLag measures how long after a revocation another instance still allows.
func TestRevocationLag(t *testing.T) {
	f := newInstances(t)
	rounds := scale(150, 20_000)
	var lags []time.Duration
	for n := range rounds {
		s := f.create()
		for i := range f.caches {
			for range 2 {
				f.eventually("it is loaded", func() error { _, err := f.caches[i].Load(t.Context(), s.Ref()); return err })
			}
		}
		f.eventually("it is revoked", func() error { return f.caches[n%3].Revoke(context.Background(), s.Ref()) })
		returned := time.Now()
		for i := range f.caches {
			lag := time.Duration(0)
			for {
				invoke := time.Now()
				_, err := f.caches[i].Load(t.Context(), s.Ref())
				if errors.Is(err, session.ErrNotFound) {
					break
				}
				switch {
				case err == nil:
					lag = invoke.Sub(returned)
				case !isOutage(err): // which lets nobody in either
					t.Fatalf("Load: %v", err)
				}
				<-time.After(20 * time.Microsecond)
			}
			lags = append(lags, lag)
		}
	}
	slices.Sort(lags)
	p50, p99, worst := percentile(lags, 50), percentile(lags, 99), percentile(lags, 100)
	slack := f.stalls.slack()
	t.Logf("%d revocations seen by three instances: p50 %v, p99 %v, max %v (slack %v)", rounds, p50, p99, worst, slack)
	if p99 > 5*time.Millisecond+slack || worst > announced+slack {
		t.Errorf("p99 %v, max %v; want at most 5ms and 50ms, with a slack of %v", p99, worst, slack)
	}
}

// TestChangesReachLiveSessions is about what does not end a session: its roles and its
// tenant. The instance that made the change knows when the call returns.
func TestChangesReachLiveSessions(t *testing.T) {
	t.Parallel()
	f := newInstances(t)
	s := f.create()
	see := func(what string, local int, done func(s session.Session, err error) bool) {
		t.Helper()
		var got session.Session
		var err error
		testwait.Until(t, "the instance that did it answers", func() bool {
			got, err = f.caches[local].Load(t.Context(), s.Ref())
			return !isOutage(err)
		})
		if !done(got, err) {
			t.Errorf("%s: the instance that did it loads %v, %v", what, got.Roles.Names(), err)
		}
		for i := range f.caches {
			began := time.Now()
			testwait.Until(t, what, func() bool { got, err := f.caches[i].Load(t.Context(), s.Ref()); return done(got, err) })
			if took := time.Since(began); took > announced+f.stalls.slack() {
				t.Errorf("%s: instance %d took %v", what, i, took)
			}
		}
	}
	for n := range 30 {
		local := n % len(f.caches)
		role := fmt.Sprintf("role-%d", n)
		f.eventually("the role is changed", func() error {
			current, err := f.caches[local].Load(t.Context(), s.Ref())
			if err != nil || current.Roles.Has(role) { // by an attempt that had no answer
				return err
			}
			current.Roles = session.MustRoles(role)
			_, err = f.caches[local].Update(t.Context(), current)
			return err
		})
		see("a role", local, func(s session.Session, err error) bool { return err == nil && s.Roles.Has(role) && s.Roles.Len() == 1 })
		f.eventually("the tenant is suspended", func() error { return f.caches[local].SetTenantStatus(t.Context(), acme, tenant.Suspended) })
		see("a suspended tenant", local, func(_ session.Session, err error) bool { return errors.Is(err, tenant.ErrSuspended) })
		f.eventually("the tenant is active", func() error { return f.caches[local].SetTenantStatus(t.Context(), acme, tenant.Active) })
		see("an active tenant", local, func(_ session.Session, err error) bool { return err == nil })
	}
}

// On a cluster every master announces what it changes, and a cache hears each of them.
func TestRevocationReachesEveryInstanceOfACluster(t *testing.T) {
	t.Parallel()
	addrs, opts := redisserver.StartCluster(t), storeOptions()
	var caches []*cachestore.Store
	for range 3 {
		caches = append(caches, startCache(t, storeOn(t, clusterClient(t, addrs), opts)))
	}
	if err := caches[0].SetTenantStatus(t.Context(), acme, tenant.Active); err != nil {
		t.Fatal(err)
	}
	stalls := watchStalls(t)
	var worst time.Duration
	for n := range 40 { // users are spread over the masters
		s := draft()
		s.User = session.MustParseUserID(fmt.Sprintf("user-%d", n))
		s, err := caches[0].Create(t.Context(), s, session.CreateOptions{Lifetime: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range caches {
			hits := c.Stats().Hits
			testwait.Until(t, "the session is served from memory", func() bool {
				_, err := c.Load(t.Context(), s.Ref())
				return err == nil && c.Stats().Hits > hits
			})
		}
		if err := caches[n%3].Revoke(t.Context(), s.Ref()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for _, c := range caches {
			testwait.Until(t, "the session is refused", func() bool { _, err := c.Load(t.Context(), s.Ref()); return errors.Is(err, session.ErrNotFound) })
		}
		worst = max(worst, time.Since(began))
	}
	t.Logf("every instance refused within %v (slack %v)", worst, stalls.slack())
	if worst > announced+stalls.slack() {
		t.Errorf("the last instance refused after %v", worst)
	}
}
