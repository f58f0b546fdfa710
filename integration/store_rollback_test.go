//go:build unix

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// setBack is a server that is set back to a snapshot, and what instances of a service have on
// it.
type setBack struct {
	*testing.T
	server *redisserver.Server
	opts   redisstore.Config
}

func newSetBack(t *testing.T) *setBack {
	return &setBack{t, redisserver.Start(t, redisserver.Snapshots()...), storeOptions()}
}

// instance is a process of the service, with a memory of its own and perhaps a cache.
func (b *setBack) instance(cached bool) session.Store {
	b.Helper()
	store := open(b, b.server.URL(), b.opts)
	if !cached {
		return store
	}
	cache, err := cachestore.New(cachestore.Config{Store: store, Feed: redisstore.NewFeed(store)})
	if err != nil {
		b.Fatal(err)
	}
	if err := cache.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cache.Close() })
	return cache
}

func (b *setBack) create(store session.Store, s session.Session) session.Session {
	b.Helper()
	eventually(b.T, "a session is created", func() (err error) {
		s, err = store.Create(b.Context(), s, session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first")})
		return err
	})
	return s
}

// crash kills the server and starts it from the snapshot.
func (b *setBack) crash() {
	b.Helper()
	b.server.Kill()
	b.server.Restart()
}

func editor(t *testing.T) session.Session {
	s := draft()
	var err error
	if s.Roles, err = session.NewRoles("editor"); err != nil {
		t.Fatal(err)
	}
	return s
}

// A change that an instance has acknowledged or seen counts after a restart from an older snapshot,
// on that instance at once, and soon on one that knows of nothing: a tenant stays suspended, and a
// session that was changed is as it was left or dead, never as it was before.
func TestNothingOlderCountsAfterARestartFromASnapshot(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	without := func(s session.Session) bool { return s.Roles.Len() == 0 }
	attribute := func(s session.Session) bool { _, bound := s.Attributes.Get("dpop_key"); return bound }
	never := func(session.Session) bool { return false }
	for _, c := range []struct {
		name   string
		change func(store session.Store, s, other session.Session) error
		ok     func(s session.Session) bool // a session that may be returned after it
		want   error                        // in the end
		seen   bool                         // another instance sees the change when it loads the session
		ended  bool                         // the session ends, with an event
	}{
		{"a suspended tenant", func(store session.Store, s, _ session.Session) error {
			return store.SetTenantStatus(ctx, s.Tenant, tenant.Suspended)
		}, never, tenant.ErrSuspended, true, false},
		{"a removed role", func(store session.Store, s, _ session.Session) error {
			s.Roles = session.Roles{}
			_, err := store.Update(ctx, s)
			return err
		}, without, session.ErrNotFound, true, true},
		{"a bound key", func(store session.Store, s, _ session.Session) (err error) {
			if s.Attributes, err = session.NewAttributes(map[string]any{"dpop_key": "thumbprint"}); err != nil {
				return err
			}
			_, err = store.Update(ctx, s)
			return err
		}, attribute, session.ErrNotFound, true, true},
		{"a session that was rotated", func(store session.Store, s, _ session.Session) error {
			next := s
			next.ID = session.NewID()
			_, err := store.Rotate(ctx, s.Ref(), next, digest("rotated"))
			return err
		}, never, session.ErrNotFound, false, true},
		{"a session that was ended", func(store session.Store, s, _ session.Session) error { return store.Revoke(ctx, s.Ref()) },
			never, session.ErrNotFound, false, true},
		{"a user whose roles were removed", func(store session.Store, s, _ session.Session) error {
			return store.UpdateUser(ctx, s.Tenant, s.User, session.UserChange{Roles: &session.Roles{}})
		}, without, session.ErrNotFound, true, false},
		{"a user who was made stale", func(store session.Store, s, _ session.Session) error {
			return store.Stale(ctx, s.Tenant, s.User)
		}, func(s session.Session) bool { return s.Stale }, session.ErrNotFound, true, false},
		{"a tenant that was made stale", func(store session.Store, s, _ session.Session) error {
			return store.Stale(ctx, s.Tenant, session.UserID{})
		}, func(s session.Session) bool { return s.Stale }, session.ErrNotFound, true, false},
		{"a session that was replaced, in its grace", func(store session.Store, s, _ session.Session) error {
			next := s
			next.ID = session.NewID()
			_, err := store.RotateWithGrace(ctx, s.Ref(), next, digest("rotated"), session.MaxRotateGrace)
			return err
		}, func(s session.Session) bool { return !s.MovedTo.IsZero() }, session.ErrNotFound, true, true},
		{"another session that was kept", func(store session.Store, _, other session.Session) error {
			return store.RevokeOthers(ctx, other.Ref())
		}, never, session.ErrNotFound, true, false},
	} {
		for _, cached := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, cached %v", c.name, cached), func(t *testing.T) {
				t.Parallel()
				b := newSetBack(t)
				acting, witness := b.instance(cached), b.instance(cached)
				eventually(t, "the tenant is set up", func() error { return acting.SetTenantStatus(ctx, acme, tenant.Active) })
				s, other := b.create(acting, editor(t)), b.create(acting, draft())
				for _, store := range []session.Store{acting, witness} {
					eventually(t, "it is loaded", func() error { _, err := store.Load(ctx, s.Ref()); return err })
				}
				b.server.Save()
				eventually(t, "the change", func() error { return c.change(acting, s, other) })
				// The other instance asks once: so it has seen the change too, if it can be seen.
				testwait.Until(t, "the other instance has heard", func() bool {
					got, err := witness.Load(ctx, s.Ref())
					return err == nil && c.ok(got) || err != nil && !errors.Is(err, session.ErrUnavailable)
				})
				b.crash()
				unaware := b.instance(false)
				knowing := []session.Store{acting}
				if c.seen {
					knowing = append(knowing, witness)
				}
				for _, store := range knowing {
					var last error
					for deadline := time.Now().Add(testwait.Limit); time.Now().Before(deadline); <-time.After(2 * time.Millisecond) {
						got, err := store.Load(ctx, s.Ref())
						if last = err; err == nil && !c.ok(got) {
							t.Fatalf("after the restart the older state counts: roles %v, attributes %d", got.Roles.Names(), got.Attributes.Len())
						}
						if errors.Is(err, c.want) {
							break
						}
					}
					if !errors.Is(last, c.want) {
						t.Errorf("after the restart: Load: %v, want %v", last, c.want)
					}
				}
				testwait.Until(t, "an instance that knows of nothing denies as well", func() bool {
					_, err := unaware.Load(ctx, s.Ref())
					return errors.Is(err, c.want)
				})
				if !c.ended {
					return
				}
				events, err := unaware.Events(ctx, acme, alice)
				if err != nil {
					t.Fatal(err)
				}
				if !slices.ContainsFunc(events, func(e session.Event) bool {
					return e.Kind == session.EventStoreBehind && e.Session == s.ID.Fingerprint()
				}) {
					t.Errorf("no event says that the session ended because the store was behind: %v", events)
				}
			})
		}
	}
}

// Nobody asks for the tenant or the session after the restart: an instance that knows puts
// back what it knows when it meets the server, and those who know of nothing deny as well.
func TestStatusesAndSessionsAreBackBeforeAnyoneAsksForThem(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newSetBack(t)
	globex := tenant.MustParse("globex")
	store := open(t, b.server.URL(), b.opts)
	for _, id := range []tenant.ID{acme, globex} {
		eventually(t, "a tenant is set up", func() error { return store.SetTenantStatus(ctx, id, tenant.Active) })
	}
	suspended := draft()
	suspended.Tenant = globex
	suspended = b.create(store, suspended)
	demoted, bystander := b.create(store, editor(t)), b.create(store, draft())
	b.server.Save()
	eventually(t, "the tenant is suspended", func() error { return store.SetTenantStatus(ctx, globex, tenant.Suspended) })
	eventually(t, "the role is removed", func() error {
		s := demoted
		s.Roles = session.Roles{}
		_, err := store.Update(ctx, s)
		return err
	})
	b.crash()
	listen, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() { defer close(done); redisstore.NewFeed(store).Listen(listen, nobody{}) }()
	defer func() { stop(); <-done }()
	testwait.Until(t, "who knows of nothing refuses the tenant", func() bool {
		status, err := b.instance(false).TenantStatus(ctx, globex)
		return err == nil && status == tenant.Suspended
	})
	unaware := b.instance(false)
	testwait.Until(t, "and the session with the removed role", func() bool {
		_, err := unaware.Load(ctx, demoted.Ref())
		return errors.Is(err, session.ErrNotFound)
	})
	if _, err := unaware.Load(ctx, suspended.Ref()); !errors.Is(err, tenant.ErrSuspended) {
		t.Errorf("Load in the suspended tenant: %v", err)
	}
	eventually(t, "what was not changed is as it was", func() error { _, err := unaware.Load(ctx, bystander.Ref()); return err })
}

// A client can prove how many steps were taken. One whose steps the store has lost is told of an
// outage and then signed out, and is no thief; the older token refreshes nothing, neither on
// the instance that took the step nor, once it has met the server, on others.
func TestARefreshStepThatWasTakenStaysTaken(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newSetBack(t)
	manager := func() *session.Manager {
		m, err := session.NewManager(b.instance(false), session.Config{Key: secretKey(3)})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	m, unaware := manager(), manager()
	eventually(t, "the tenant is set up", func() error { return m.SetTenantStatus(ctx, acme, tenant.Active) })
	s, first, err := m.Create(ctx, session.SignIn{Tenant: acme, User: alice})
	if err != nil {
		t.Fatal(err)
	}
	proved, old, err := m.Create(ctx, session.SignIn{Tenant: acme, User: alice})
	if err != nil {
		t.Fatal(err)
	}
	b.server.Save()
	step := func(token session.RefreshToken) session.RefreshToken {
		var next session.RefreshToken
		eventually(t, "a refresh", func() (err error) { _, next, err = m.Refresh(ctx, token.Reveal()); return err })
		return next
	}
	newest, newer := step(step(first)), step(step(old))
	b.crash()
	eventually(t, "the server answers", func() error { _, err := unaware.List(ctx, acme, alice); return err })

	for range 3 {
		for name, c := range map[string]struct {
			m     *session.Manager
			token session.RefreshToken
		}{
			"the older token where the step was taken":     {m, first},
			"the newest token where the step was taken":    {m, newest},
			"the newest token where nothing is known":      {unaware, newer},
			"another older token where the step was taken": {m, old},
		} {
			_, _, err := c.m.Refresh(ctx, c.token.Reveal())
			if !isOutage(err) {
				t.Errorf("%s: Refresh: %v, want an outage", name, err)
			}
		}
	}
	if _, _, err := unaware.Refresh(ctx, old.Reveal()); !isOutage(err) {
		t.Errorf("the older token, when the newer was proved before: Refresh: %v", err)
	}
	<-time.After(session.BehindLimit + time.Second)
	for ref, token := range map[session.Ref]session.RefreshToken{s.Ref(): newest, proved.Ref(): newer} {
		eventually(t, "the session has ended", func() error {
			_, _, err := unaware.Refresh(ctx, token.Reveal())
			if errors.Is(err, session.ErrRefreshReused) {
				t.Errorf("a store that is behind is taken for a theft: %v", err)
			}
			if errors.Is(err, session.ErrRefreshInvalid) {
				return nil
			}
			return fmt.Errorf("%w: Refresh: %v", session.ErrUnavailable, err)
		})
		if _, err := m.Load(ctx, ref); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("after the limit: Load: %v", err)
		}
	}
	events, err := m.Events(ctx, acme, alice)
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[session.EventKind]int{}
	for _, e := range events {
		kinds[e.Kind]++
	}
	if kinds[session.EventStoreBehind] != 2 || kinds[session.EventRefreshReused] != 0 {
		t.Errorf("events %v, want two of %s and no reuse", kinds, session.EventStoreBehind)
	}
}

// One account that signs in and out beyond its share is remembered by its last change: after the
// restart it is signed out everywhere, and nobody else is. The changes of others are remembered.
func TestAUserOverTheShareIsSignedOutEverywhereAndNobodyElseIs(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newSetBack(t)
	store, unaware := b.instance(false), b.instance(false)
	eventually(t, "the tenant is set up", func() error { return store.SetTenantStatus(ctx, acme, tenant.Active) })
	of := func(user string) session.Session {
		s := draft()
		s.User = session.MustParseUserID(user)
		return b.create(store, s)
	}
	bob, bobStays := of("bob"), of("bob")
	var mallory []session.Session
	for range 40 {
		mallory = append(mallory, of("mallory"))
	}
	stays := of("mallory")
	b.server.Save()
	eventually(t, "bob signs out", func() error { return store.Revoke(ctx, bob.Ref()) })
	for _, s := range mallory {
		eventually(t, "mallory signs out", func() error { return store.Revoke(ctx, s.Ref()) })
	}
	b.crash()
	for _, s := range append(slices.Clone(mallory), bob) {
		for deadline := time.Now().Add(testwait.Limit); ; <-time.After(2 * time.Millisecond) {
			_, err := store.Load(ctx, s.Ref())
			if errors.Is(err, session.ErrNotFound) {
				break
			}
			if err == nil || time.Now().After(deadline) {
				t.Fatalf("a session that was signed out: Load: %v", err)
			}
		}
	}
	if _, err := store.Load(ctx, stays.Ref()); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("what is over the share is remembered by an epoch: Load: %v", err)
	}
	for _, on := range []session.Store{store, unaware} {
		eventually(t, "bob's other session is as it was", func() error { _, err := on.Load(ctx, bobStays.Ref()); return err })
	}
	fresh := of("mallory")
	for _, on := range []session.Store{store, unaware} {
		eventually(t, "mallory signs in again", func() error { _, err := on.Load(ctx, fresh.Ref()); return err })
	}
}

// An instance that was told that nobody else is signed in lets nobody else in afterwards, though
// another instance, which is gone, had ended the session that a snapshot brings back.
func TestRevokingOthersCountsForThoseWhomASnapshotBringsBack(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newSetBack(t)
	asks, ends := b.instance(false), b.instance(false)
	eventually(t, "the tenant is set up", func() error { return asks.SetTenantStatus(ctx, acme, tenant.Active) })
	create := func() session.Session {
		s, err := asks.Create(ctx, draft(), session.CreateOptions{Lifetime: time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	keep, other := create(), create()
	b.server.Save()
	if err := ends.Revoke(ctx, other.Ref()); err != nil {
		t.Fatal(err)
	}
	if err := asks.RevokeOthers(ctx, keep.Ref()); err != nil {
		t.Fatal(err)
	}
	b.crash()
	var err error
	eventually(t, "the server answers", func() error {
		if _, err = asks.Load(ctx, other.Ref()); errors.Is(err, session.ErrUnavailable) {
			return err
		}
		return nil
	})
	if !errors.Is(err, session.ErrNotFound) {
		t.Errorf("a session that was ended, after a snapshot: %v, want %v", err, session.ErrNotFound)
	}
}
