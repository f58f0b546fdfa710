package fleetmodel_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/integration/internal/fleetmodel"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/tenant"
)

// wire is a feed that all caches of a test hear at once.
type wire struct {
	mu        sync.Mutex
	listeners []session.Listener
}

func (w *wire) Topics(ref session.Ref) session.Topics {
	return session.Topics{Session: ref.ID.Fingerprint(), User: ref.User.String(), Tenant: ref.Tenant.String()}
}

func (w *wire) Listen(ctx context.Context, l session.Listener) {
	w.mu.Lock()
	w.listeners = append(w.listeners, l)
	w.mu.Unlock()
	ticks := time.NewTicker(250 * time.Millisecond)
	defer ticks.Stop()
	for {
		now := time.Now()
		l.Heartbeat(now, now)
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// changed announces a change of a session.
func (w *wire) changed(ref session.Ref) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.listeners {
		l.Changed(session.ScopeSession, w.Topics(ref).Session)
	}
}

// TestTheCacheReadsAsTheModelSays drives the caches of three instances, on a clock of the test's own, and
// compares how often they ask their store with the prediction. A cache that asks more or less often
// than the model says, or by another rule of time, fails here.
func TestTheCacheReadsAsTheModelSays(t *testing.T) {
	for _, sticky := range []bool{false, true} {
		t.Run(fmt.Sprintf("sticky %t", sticky), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { cachesRead(t, sticky) })
		})
	}
}

func cachesRead(t *testing.T, sticky bool) {
	const fill, runs = 45.0, 120.0
	f := fleetmodel.Fleet{
		Requests: 150, Instances: 3, Masters: 1, Sessions: 600, Users: 600, Active: 600, Skew: 0.8, Tenants: 1,
		SignIns: 1, CacheEntries: 10_000, Pool: 1, Sticky: sticky,
	}
	want, err := f.Predict(fleetmodel.Measured)
	if err != nil {
		t.Fatal(err)
	}
	acme := tenant.MustParse("acme")
	store := memstore.New()
	if err := store.SetTenantStatus(t.Context(), acme, tenant.Active); err != nil {
		t.Fatal(err)
	}
	feed := &wire{}
	caches := make([]*cachestore.Store, f.Instances)
	for i := range caches {
		if caches[i], err = cachestore.New(cachestore.Config{Store: store, Feed: feed, MaxEntries: f.CacheEntries}); err != nil {
			t.Fatal(err)
		}
		if err := caches[i].Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer caches[i].Close()
	}
	refs := make([]session.Ref, f.Active)
	for i := range refs {
		s := session.Session{ID: session.NewID(), Tenant: acme, User: session.MustParseUserID(fmt.Sprintf("user-%d", i)), IdleTimeout: time.Hour}
		s, err := store.Create(t.Context(), s, session.CreateOptions{Lifetime: 12 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		refs[i] = s.Ref()
	}
	synctest.Wait()
	r := rand.New(rand.NewPCG(1, 2))
	draw := fleetmodel.Draw(f)
	reads := func() (sum uint64) {
		for _, c := range caches {
			sum += c.Stats().Reads
		}
		return sum
	}
	var before uint64
	at, change, counting := 0.0, 0.0, false
	for at < fill+runs {
		pause := r.ExpFloat64() / f.Requests
		at += pause
		time.Sleep(time.Duration(pause * float64(time.Second)))
		if at >= fill && !counting {
			synctest.Wait()
			before, counting = reads(), true
		}
		if at >= change { // as a new session in the place of one: it was used now, and no copy is of it
			change += 1 / f.SignIns
			ref := refs[r.IntN(len(refs))]
			if err := store.Touch(t.Context(), ref); err != nil {
				t.Fatal(err)
			}
			feed.changed(ref)
		}
		id := draw(r)
		instance := r.IntN(len(caches))
		if sticky {
			instance = id % len(caches)
		}
		if _, err := caches[instance].Load(t.Context(), refs[id]); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Wait()
	got := float64(reads()-before) / runs
	t.Logf("the caches read %.2f times a second, the prediction is %.2f", got, want.Reads)
	within(t, "reads of the real cache", got, want.Reads, 0.05)
}
