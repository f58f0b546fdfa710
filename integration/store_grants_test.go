//go:build unix

package integration_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

var (
	adminRole = session.MustRoles("admin")
	guestRole = session.MustRoles("guest")
)

// demotions take the role of alice away.
var demotions = map[string]func(ctx context.Context, store session.Store) error{
	"UpdateUser": func(ctx context.Context, store session.Store) error {
		return store.UpdateUser(ctx, acme, alice, session.UserChange{Roles: &guestRole})
	},
	"Stale":           func(ctx context.Context, store session.Store) error { return store.Stale(ctx, acme, alice) },
	"Stale of tenant": func(ctx context.Context, store session.Store) error { return store.Stale(ctx, acme, session.UserID{}) },
	"RevokeUser":      func(ctx context.Context, store session.Store) error { return store.RevokeUser(ctx, acme, alice) },
}

// admin is a session with the role that is taken away.
func admin() session.Session {
	s := draft()
	s.Roles = adminRole
	return s
}

// noAdmin fails the test when the session of ref is live, is not stale and has the role.
func noAdmin(t *testing.T, what string, store session.Store, ref session.Ref) (live bool) {
	t.Helper()
	s, err := store.Load(t.Context(), ref)
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		t.Fatalf("%s: %v", what, err)
	}
	if err == nil && !s.Stale && s.Roles.Has("admin") {
		t.Errorf("%s: a session has a role that was taken away", what)
	}
	return err == nil
}

// A sign-in or an update has read the epochs of the user and is stopped before it writes; then the
// user is demoted, and the write goes on.
func TestADemotionBetweenReadingAndWritingWins(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	slow := hooked(t, f.server.Addr(), f.opts, &gates{})
	f.learn(slow)
	for name, demote := range demotions {
		for _, withTicket := range []bool{false, true} {
			g, s := newGate(), admin()
			c := session.CreateOptions{Lifetime: time.Hour}
			if withTicket {
				var err error
				if c.Ticket, err = f.store.Begin(t.Context(), acme, alice); err != nil {
					t.Fatal(err)
				}
			}
			go func() {
				_, g.err = slow.Create(context.WithValue(t.Context(), gateKey{}, g), s, c)
				close(g.done)
			}()
			<-g.arrived
			if err := demote(t.Context(), f.store); err != nil {
				t.Fatal(err)
			}
			close(g.open)
			<-g.done
			live := noAdmin(t, "a sign-in during "+name, f.store, s.Ref())
			switch {
			case withTicket && name != "Stale of tenant":
				if !errors.Is(g.err, session.ErrStale) || live {
					t.Errorf("a sign-in with a ticket during %s: %v, live %v", name, g.err, live)
				}
			case g.err != nil:
				t.Errorf("a sign-in during %s: %v", name, g.err)
			case live == (name == "RevokeUser"):
				t.Errorf("a sign-in during %s: live %v", name, live)
			}
		}

		s, err := f.store.Create(t.Context(), admin(), session.CreateOptions{Lifetime: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		g := newGate()
		go func() {
			_, g.err = slow.Update(context.WithValue(t.Context(), gateKey{}, g), s)
			close(g.done)
		}()
		<-g.arrived
		if err := demote(t.Context(), f.store); err != nil {
			t.Fatal(err)
		}
		close(g.open)
		<-g.done
		noAdmin(t, "an update during "+name, f.store, s.Ref())
		if name == "Stale of tenant" { // an epoch in another slot: the write is made, and stale
			continue
		}
		if !errors.Is(g.err, session.ErrConflict) && !errors.Is(g.err, session.ErrStale) && !errors.Is(g.err, session.ErrNotFound) {
			t.Errorf("an update during %s: %v", name, g.err)
		}
	}
}

// One call for a thousand sessions costs what it costs for one, and each of them is another at
// its next load, also out of the cache of another instance.
func TestAUserWithAThousandSessionsIsUpdatedInOneStep(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	there := open(t, f.server.URL(), f.opts)
	cache, err := cachestore.New(cachestore.Config{Store: there, Feed: redisstore.NewFeed(there)})
	if err != nil {
		t.Fatal(err)
	}
	if err := cache.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Close() })
	n := scale(200, session.MaxSessionLimit)
	refs := make([]session.Ref, n)
	for i := range refs {
		s, err := f.store.Create(t.Context(), admin(), session.CreateOptions{
			Lifetime: time.Hour, Limit: session.SessionLimit{Sessions: session.MaxSessionLimit, Policy: session.RejectNew},
		})
		if err != nil {
			t.Fatal(err)
		}
		refs[i] = s.Ref()
		if _, err := cache.Load(t.Context(), s.Ref()); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	if err := f.store.UpdateUser(t.Context(), acme, alice, session.UserChange{Roles: &guestRole}); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	for _, ref := range refs {
		s, err := f.store.Load(t.Context(), ref)
		if err != nil || !s.Roles.Has("guest") || s.Roles.Has("admin") {
			t.Fatalf("after the update: %v, %v", s.Roles.Names(), err)
		}
	}
	t.Logf("%d sessions were updated in %v", n, took)
	for _, ref := range refs {
		testwait.Until(t, "the cache of another instance has heard", func() bool {
			s, err := cache.Load(t.Context(), ref)
			return err == nil && s.Roles.Has("guest") && !s.Roles.Has("admin")
		})
	}
}

// A demotion that is partly lost in Redis ends sessions, and never leaves them the old roles.
func TestALostDemotionEndsSessionsAndLeavesNoOldRoles(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	for name, demote := range demotions {
		s, err := f.store.Create(t.Context(), admin(), session.CreateOptions{Lifetime: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		if err := demote(t.Context(), f.store); err != nil {
			t.Fatal(err)
		}
		keys, err := f.raw.Keys(t.Context(), f.opts.Prefix+":{u-*}:g").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if err := f.raw.Del(t.Context(), key).Err(); err != nil {
				t.Fatal(err)
			}
		}
		tenants, err := f.raw.Keys(t.Context(), f.opts.Prefix+":{t-*}").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range tenants {
			if err := f.raw.HDel(t.Context(), key, "ga", "gf").Err(); err != nil {
				t.Fatal(err)
			}
		}
		if noAdmin(t, "what is left of "+name, f.store, s.Ref()) {
			t.Errorf("after %s, which was lost, the session lives on", name)
		}
	}
}

// A change of a user that somebody writes into Redis, or moves from one user to another, is an
// alarm, and no role.
func TestAForgedChangeOfAUserIsNoRole(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	mallory := session.MustParseUserID("mallory")
	all := session.UserChange{Roles: &adminRole}
	grants := func(u session.UserID) string {
		before, err := f.raw.Keys(t.Context(), f.opts.Prefix+":{u-*}:g").Result()
		if err != nil {
			t.Fatal(err)
		}
		known := map[string]bool{}
		for _, key := range before {
			known[key] = true
		}
		s := draft()
		s.User = u
		if _, err := f.store.Create(t.Context(), s, session.CreateOptions{Lifetime: time.Hour}); err != nil {
			t.Fatal(err)
		}
		if err := f.store.UpdateUser(t.Context(), acme, u, all); err != nil {
			t.Fatal(err)
		}
		after, err := f.raw.Keys(t.Context(), f.opts.Prefix+":{u-*}:g").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range after {
			if !known[key] {
				return key
			}
		}
		t.Fatal("the update left no key")
		return ""
	}
	promoted, victim := grants(alice), grants(mallory)
	s := draft()
	s.User = mallory
	s, err := f.store.Create(t.Context(), s, session.CreateOptions{Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.store.UpdateUser(t.Context(), acme, mallory, session.UserChange{Roles: &guestRole}); err != nil {
		t.Fatal(err)
	}
	sealed := f.raw.HGet(t.Context(), promoted, "d").Val()
	for what, text := range map[string]string{"of another user": sealed, "of nobody": "roles=admin"} {
		if err := f.raw.HSet(t.Context(), victim, "d", text).Err(); err != nil || sealed == "" {
			t.Fatal(err)
		}
		got, err := f.store.Load(t.Context(), s.Ref())
		if !errors.Is(err, session.ErrCorrupt) || got.Roles.Len() > 0 {
			t.Errorf("a change %s: %v, %v; want %v", what, got.Roles.Names(), err, session.ErrCorrupt)
		}
	}
	if status, err := f.store.TenantStatus(t.Context(), acme); status != tenant.Active || err != nil {
		t.Errorf("the tenant: %v, %v", status, err)
	}
}
