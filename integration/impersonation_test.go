//go:build unix

package integration_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// TestARevokedActorActsNowhere plays revocations of an actor on one instance against the
// beginning, the end and the use of impersonations on another, which has a cache. The actor and
// the user acted as are in two slots: no script sees both. Once both calls have returned, nobody
// acts any more, on the instance that revoked at once and on the other within the lease.
func TestARevokedActorActsNowhere(t *testing.T) {
	server := redisserver.Start(t)
	opts := storeOptions()
	managers := make([]*session.Manager, 2)
	for i := range managers {
		store := open(t, server.URL(), opts)
		var from session.Store = store
		if i == 1 {
			cache, err := cachestore.New(cachestore.Config{Store: store, Feed: redisstore.NewFeed(store)})
			if err != nil {
				t.Fatal(err)
			}
			if err := cache.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = cache.Close() })
			from = cache
		}
		var err error
		if managers[i], err = session.NewManager(from, session.Config{Key: session.NewSecretKey([]byte(strings.Repeat("k-", 16)))}); err != nil {
			t.Fatal(err)
		}
	}
	near, far := managers[0], managers[1]
	ctx := t.Context()
	if err := near.SetTenantStatus(ctx, acme, tenant.Active); err != nil {
		t.Fatal(err)
	}
	bob := session.MustParseUserID("bob")
	as := session.Impersonation{User: bob, Reason: "ticket 7", MaxAge: time.Hour}
	grants := func(own session.Session) (session.Roles, session.Attributes, error) {
		return own.Roles, own.Attributes, nil
	}
	revokes := map[string]func(own session.Session) error{
		"RevokeUser":   func(session.Session) error { return near.RevokeUser(ctx, acme, alice) },
		"RevokeTenant": func(session.Session) error { return near.RevokeTenant(ctx, acme) },
		"RevokeAll":    func(session.Session) error { return near.RevokeAll(ctx) },
	}
	for round := range 40 {
		for name, revoke := range revokes {
			own, _, err := far.Create(ctx, session.SignIn{Tenant: acme, User: alice})
			if err != nil {
				t.Fatal(err)
			}
			acted, err := far.Impersonate(ctx, own.Ref(), as)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := far.Load(ctx, acted.Ref()); err != nil {
				t.Fatal(err)
			}
			second, _, err := far.Create(ctx, session.SignIn{Tenant: acme, User: alice})
			if err != nil {
				t.Fatal(err)
			}
			var both sync.WaitGroup
			var made, back session.Session
			both.Go(func() { made, _ = far.Impersonate(ctx, second.Ref(), as) })
			both.Go(func() {
				if round%2 == 0 {
					back, _, _ = far.StopImpersonating(ctx, acted.Ref(), grants)
				}
			})
			both.Go(func() { err = revoke(own) })
			both.Wait()
			if err != nil {
				t.Fatal(err)
			}
			returned := time.Now()
			for _, s := range []session.Session{acted, made, back} {
				if s.ID.IsZero() {
					continue
				}
				if _, err := near.Load(ctx, s.Ref()); !errors.Is(err, session.ErrNotFound) {
					t.Fatalf("after %s, on the instance that revoked: %v", name, err)
				}
				for {
					askedAt := time.Now()
					_, err := far.Load(ctx, s.Ref())
					if errors.Is(err, session.ErrNotFound) {
						break
					}
					if askedAt.Sub(returned) > cachestore.DefaultLease {
						t.Fatalf("%v after %s, on the other instance: %v", askedAt.Sub(returned), name, err)
					}
				}
			}
			if list, err := near.List(ctx, acme, bob); err != nil || len(list) != 0 {
				t.Fatalf("after %s %d sessions are listed, %v", name, len(list), err)
			}
		}
	}
}
