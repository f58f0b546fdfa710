package cachestore_test

import (
	"context"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// endings end or demote alice, whose own session is own, in acme. Those that the test's feed
// does not announce are left out.
var endings = map[string]func(ctx context.Context, m *session.Manager, own session.Session) error{
	"RevokeUser": func(ctx context.Context, m *session.Manager, _ session.Session) error {
		return m.RevokeUser(ctx, acme, alice)
	},
	"RevokeTenant": func(ctx context.Context, m *session.Manager, _ session.Session) error {
		return m.RevokeTenant(ctx, acme)
	},
	"RevokeAll": func(ctx context.Context, m *session.Manager, _ session.Session) error { return m.RevokeAll(ctx) },
	"Revoke": func(ctx context.Context, m *session.Manager, own session.Session) error {
		return m.Revoke(ctx, own.Ref())
	},
	"suspending the tenant": func(ctx context.Context, m *session.Manager, _ session.Session) error {
		return m.SetTenantStatus(ctx, acme, tenant.Suspended)
	},
	"RevokeDevice from another device": func(ctx context.Context, m *session.Manager, own session.Session) error {
		s, _, err := m.Create(ctx, session.SignIn{Tenant: acme, User: alice})
		if err == nil {
			err = m.RevokeDevice(ctx, s.Ref(), own.ID.Fingerprint())
		}
		return err
	},
	"fewer roles": func(ctx context.Context, m *session.Manager, own session.Session) error {
		_, err := m.Update(ctx, own.Ref(), func(s *session.Session) error { s.Roles = session.Roles{}; return nil })
		return err
	},
	"fewer roles in all that are listed": func(ctx context.Context, m *session.Manager, _ session.Session) error {
		list, err := m.List(ctx, acme, alice)
		for _, s := range list {
			if _, err := m.Update(ctx, s.Ref(), func(s *session.Session) error { s.Roles = session.Roles{}; return nil }); err != nil {
				return err
			}
		}
		return err
	},
	"another attribute": func(ctx context.Context, m *session.Manager, own session.Session) error {
		_, err := m.Update(ctx, own.Ref(), func(s *session.Session) error {
			var err error
			s.Attributes, err = session.NewAttributes(map[string]any{"clearance": 1})
			return err
		})
		return err
	},
}

// impersonate makes the user of ref act as bob.
func impersonate(t testing.TB, m *session.Manager, ref session.Ref) session.Session {
	t.Helper()
	s, err := m.Impersonate(t.Context(), ref, session.Impersonation{User: bob, Roles: session.MustRoles("viewer"), Reason: "ticket 7", MaxAge: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A change at the actor's own session reaches a cache as any other does, of its own topics.
func TestACacheEndsAnImpersonationWithItsActor(t *testing.T) {
	for name, end := range endings {
		w := &wire{}
		store := announcing{newStore(t), w}
		reads := &watched{Store: store}
		near := newManager(t, startCache(t, reads, w), session.Config{})
		far := newManager(t, store, session.Config{}) // another instance
		own, _ := signIn(t, far)
		acted := impersonate(t, far, own.Ref())
		for range 3 {
			if _, err := near.Load(t.Context(), acted.Ref()); err != nil {
				t.Fatal(err)
			}
		}
		if n := reads.asked(); n != 2 {
			t.Errorf("%d reads for the first of three loads, want 2", n)
		}
		if err := end(t.Context(), far, own); err != nil {
			t.Fatal(err)
		}
		if _, err := near.Load(t.Context(), acted.Ref()); err == nil {
			t.Errorf("after %s the cache serves the impersonation", name)
		}
	}
}
