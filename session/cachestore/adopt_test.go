package cachestore_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/tenant"
)

// counted is a store whose adoptions and loads are counted.
type counted struct {
	announcing
	adopts, loads int
}

func (c *counted) Adopt(ctx context.Context, a session.Adoption) (session.Session, error) {
	c.adopts++
	s, err := c.announcing.Adopt(ctx, a)
	c.wire.announce(session.ScopeUser, c.wire.Topics(session.Ref{Tenant: a.Stranger.Tenant, User: a.Stranger.User}).User)
	return s, err
}

func (c *counted) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	c.loads++
	return c.announcing.Load(ctx, ref)
}

func (c *counted) Block(ctx context.Context, t tenant.ID, u session.UserID) error {
	defer c.wire.announce(session.ScopeUser, c.wire.Topics(session.Ref{Tenant: t, User: u}).User)
	return c.Store.Block(ctx, t, u)
}

func (c *counted) EndSignIn(ctx context.Context, issuer, name string) error {
	defer c.wire.announce(session.ScopeAll, "") // as a session's announcement of which this test knows no topic
	return c.Store.EndSignIn(ctx, issuer, name)
}

// asked returns how many commands there were since the last call.
func (c *counted) asked() int {
	n := c.adopts + c.loads
	c.adopts, c.loads = 0, 0
	return n
}

func newCounted(t *testing.T) (*counted, *cachestore.Store, *wire) {
	t.Helper()
	w := &wire{}
	store := &counted{announcing: announcing{newStore(t), w}}
	return store, startCache(t, store, w), w
}

// A stranger who was seen costs nothing while the lease holds, and whatever the store announces
// counts at the next request.
func TestAKnownStrangerCostsNoCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, cache, _ := newCounted(t)
		m := newManager(t, cache, session.Config{})
		ctx := t.Context()
		stranger := session.Stranger{
			Issuer: "https://id.example", Name: "sso", Tenant: acme, User: alice,
			Roles: []string{"admin", "editor"}, RolesNamed: true, IssuedAt: time.Now().Truncate(time.Second), AuthTime: time.Now().Add(-time.Hour),
		}
		adopt := func(what string, stranger session.Stranger, want error) session.Session {
			t.Helper()
			s, err := m.Adopt(ctx, stranger)
			wantErr(t, what, err, want)
			return s
		}
		s := adopt("first", stranger, nil)
		adopt("second", stranger, nil)
		store.asked()
		for range 100 {
			if again := adopt("known", stranger, nil); again.ID != s.ID {
				t.Fatal("another session")
			}
		}
		if n := store.asked(); n != 0 {
			t.Errorf("100 requests of a stranger who is known cost %d commands", n)
		}
		older := stranger
		older.IssuedAt, older.Roles = stranger.IssuedAt.Add(-time.Minute), []string{"owner"}
		if s := adopt("an older token", older, nil); s.Roles.Has("owner") || store.asked() != 0 {
			t.Errorf("an older token: roles %v", s.Roles.Names())
		}
		same := stranger
		same.Roles = []string{"editor"}
		if s := adopt("another of the same second", same, nil); s.Roles.Has("admin") || store.asked() == 0 {
			t.Errorf("another token of the same second: roles %v", s.Roles.Names())
		}
		if s := adopt("the first again", stranger, nil); s.Roles.Has("admin") {
			t.Errorf("the first token again: roles %v", s.Roles.Names())
		}
		newer := stranger
		newer.IssuedAt, newer.Roles = stranger.IssuedAt.Add(2*time.Second), nil
		if s := adopt("a newer token", newer, nil); s.Roles.Len() != 0 {
			t.Errorf("a newer token: roles %v", s.Roles.Names())
		}
		if s := adopt("the first after the newer", stranger, nil); s.Roles.Len() != 0 {
			t.Errorf("the first token after the newer: roles %v", s.Roles.Names())
		}
		ahead := newer
		ahead.IssuedAt = time.Now().Add(time.Minute)
		adopt("from ahead", ahead, session.ErrIssuedAhead)

		wantErr(t, "Revoke by another instance", store.Revoke(ctx, s.Ref()), nil)
		adopt("revoked elsewhere", stranger, session.ErrSignedOut)
		adopt("revoked elsewhere, newer", newer, session.ErrSignedOut)
	})
}

func TestEndsAndBlocksElsewhereCountForACachedStranger(t *testing.T) {
	for what, c := range map[string]struct {
		end  func(ctx context.Context, store *counted) error
		want error
	}{
		"RevokeUser": {func(ctx context.Context, store *counted) error { return store.RevokeUser(ctx, acme, alice) }, session.ErrSignedOut},
		"Block": {func(ctx context.Context, store *counted) error {
			return store.Block(ctx, acme, alice)
		}, session.ErrBlocked},
		"EndSignIn": {func(ctx context.Context, store *counted) error {
			return store.EndSignIn(ctx, "https://id.example", "sso")
		}, session.ErrSignedOut},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, cache, _ := newCounted(t)
				m := newManager(t, cache, session.Config{})
				stranger := session.Stranger{Issuer: "https://id.example", Name: "sso", Tenant: acme, User: alice, IssuedAt: time.Now()}
				for range 3 {
					if _, err := m.Adopt(t.Context(), stranger); err != nil {
						t.Fatal(err)
					}
				}
				wantErr(t, what, c.end(t.Context(), store), nil)
				_, err := m.Adopt(t.Context(), stranger)
				wantErr(t, "after it", err, c.want)
			})
		})
	}
}

// Without a lease the store is asked, each time.
func TestAStrangerIsAskedForWithoutALease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		store := &counted{announcing: announcing{newStore(t), w}}
		cache, err := cachestore.New(cachestore.Config{Store: store, Feed: w})
		if err != nil {
			t.Fatal(err)
		}
		m := newManager(t, cache, session.Config{})
		stranger := session.Stranger{Issuer: "https://id.example", Tenant: acme, User: alice, IssuedAt: time.Now()}
		for range 3 {
			if _, err := m.Adopt(t.Context(), stranger); err != nil {
				t.Fatal(err)
			}
			if store.asked() == 0 {
				t.Error("a cache that hears nothing answers for the store")
			}
		}
		wantErr(t, "Revoke", store.Store.RevokeUser(t.Context(), acme, alice), nil)
		if _, err := m.Adopt(t.Context(), stranger); !errors.Is(err, session.ErrSignedOut) {
			t.Errorf("revoked unheard: %v", err)
		}
		cache.Close()
	})
}
