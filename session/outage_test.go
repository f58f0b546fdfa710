package session_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// everyMethod runs each method of m and reports what it returned.
func everyMethod(t *testing.T, m *session.Manager, ref session.Ref, refresh string, check func(method string, err error, gotSomething bool)) {
	t.Helper()
	ctx := t.Context()
	s, token, err := m.Create(ctx, session.SignIn{Tenant: acme, User: alice})
	check("Create", err, !s.ID.IsZero() || !token.IsZero())
	s, err = m.Load(ctx, ref)
	check("Load", err, !s.ID.IsZero())
	s, err = m.Update(ctx, ref, func(*session.Session) error { return nil })
	check("Update", err, !s.ID.IsZero())
	s, token, err = m.Rotate(ctx, ref, nil)
	check("Rotate", err, !s.ID.IsZero() || !token.IsZero())
	s, token, err = m.Refresh(ctx, refresh)
	check("Refresh", err, !s.ID.IsZero() || !token.IsZero())
	for name, do := range edges {
		if name != "Rotate" {
			s, token, err = do(ctx, m, ref)
			check(name, err, !s.ID.IsZero() || !token.IsZero())
		}
	}
	devices, err := m.Devices(ctx, ref)
	check("Devices", err, len(devices) != 0)
	check("RevokeOthers", m.RevokeOthers(ctx, ref), false)
	check("RevokeDevice", m.RevokeDevice(ctx, ref, ref.ID.Fingerprint()), false)
	events, err := m.Events(ctx, acme, alice)
	check("Events", err, len(events) != 0)
	list, err := m.List(ctx, acme, alice)
	check("List", err, len(list) != 0)
	status, err := m.TenantStatus(ctx, acme)
	check("TenantStatus", err, status != tenant.Unknown)
	check("SetTenantStatus", m.SetTenantStatus(ctx, acme, tenant.Active), false)
	check("Revoke", m.Revoke(ctx, ref), false)
	check("RevokeUser", m.RevokeUser(ctx, acme, alice), false)
	check("RevokeTenant", m.RevokeTenant(ctx, acme), false)
	check("RevokeAll", m.RevokeAll(ctx), false)
}

// An outage says nothing about the caller: nobody is let in, and nobody is signed out.
// The store of this test hands out sessions together with its errors.
func TestAnOutageOfTheStoreIsAnOutageAndAllowsNothing(t *testing.T) {
	for name, failure := range map[string]error{
		"unavailable":               fmt.Errorf("%w: dial tcp: refused", session.ErrUnavailable),
		"an error of no sentinel":   errors.New("EOF"),
		"a deadline":                context.DeadlineExceeded,
		"a cancellation":            context.Canceled,
		"two errors, none of which": errors.Join(errors.New("a"), errors.New("b")),
	} {
		t.Run(name, func(t *testing.T) {
			store := &spy{Store: newStore(t)}
			m := newManager(t, store, session.Config{})
			s, token := signIn(t, m)
			store.fail = failure
			everyMethod(t, m, s.Ref(), token.Reveal(), func(method string, err error, got bool) {
				wantErr(t, method, err, session.ErrUnavailable)
				wantErr(t, method, err, failure)
				for _, wrong := range []error{session.ErrNotFound, session.ErrRefreshInvalid, session.ErrRefreshReused} {
					if errors.Is(err, wrong) {
						t.Errorf("%s: an outage was also called %v", method, wrong)
					}
				}
				if got {
					t.Errorf("%s returned something together with %v", method, err)
				}
			})
			store.fail = nil
			if _, err := m.Load(t.Context(), s.Ref()); err != nil {
				t.Errorf("Load after the outage: %v", err)
			}
			if _, _, err := m.Refresh(t.Context(), token.Reveal()); err != nil {
				t.Errorf("Refresh after the outage: %v", err)
			}
		})
	}
}

func TestEverySentinelOfTheStoreArrivesAsItIs(t *testing.T) {
	for _, sentinel := range []error{
		session.ErrNotFound, session.ErrExists, session.ErrInvalid, session.ErrInvalidID,
		session.ErrCorrupt, session.ErrUnavailable, tenant.ErrUnknown, tenant.ErrSuspended,
	} {
		t.Run(sentinel.Error(), func(t *testing.T) {
			store := &spy{Store: newStore(t)}
			m := newManager(t, store, session.Config{})
			s, token := signIn(t, m)
			store.fail = fmt.Errorf("asking the store: %w", sentinel)
			everyMethod(t, m, s.Ref(), token.Reveal(), func(method string, err error, got bool) {
				wantErr(t, method, err, sentinel)
				if sentinel != session.ErrUnavailable && errors.Is(err, session.ErrUnavailable) {
					t.Errorf("%s: %v was called an outage", method, err)
				}
				if got {
					t.Errorf("%s returned something together with %v", method, err)
				}
			})
		})
	}
}

// CVE-2023-28858: a connection out of step delivers the answer to somebody else's question. The
// caller must not become the user of another's record.
func TestARecordThatIsNotTheOneAskedForIsCorrupt(t *testing.T) {
	other := session.Session{ID: session.NewID(), Tenant: globex, User: bob, Roles: session.MustRoles("admin"), Version: 1}
	for name, swap := range map[string]func(session.Session) session.Session{
		"somebody else's":     func(session.Session) session.Session { return other },
		"none":                func(session.Session) session.Session { return session.Session{} },
		"another tenant's":    func(s session.Session) session.Session { s.Tenant = globex; return s },
		"another user's":      func(s session.Session) session.Session { s.User = bob; return s },
		"another of the user": func(s session.Session) session.Session { s.ID = session.NewID(); return s },
		"without an id":       func(s session.Session) session.Session { s.ID = session.ID{}; return s },
	} {
		t.Run(name, func(t *testing.T) {
			store := &spy{Store: newStore(t)}
			m := newManager(t, store, session.Config{})
			s, token := signIn(t, m)
			store.swap = swap
			everyMethod(t, m, s.Ref(), token.Reveal(), func(method string, err error, got bool) {
				switch method {
				case "Create", "Load", "Update", "Rotate", "Refresh":
				case "List":
					if name == "another of the user" {
						return // a list has no one session that was asked for
					}
				default:
					return
				}
				wantErr(t, method, err, session.ErrCorrupt)
				if errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrRefreshInvalid) {
					t.Errorf("%s: an alarm was also called a sign-out: %v", method, err)
				}
				if got {
					t.Errorf("%s returned something together with %v", method, err)
				}
			})
		})
	}
	t.Run("what Update and Rotate return is checked too", func(t *testing.T) {
		store := &spy{Store: newStore(t)}
		m := newManager(t, store, session.Config{})
		s, _ := signIn(t, m)
		store.before = func() { store.swap = func(session.Session) session.Session { return other } }
		_, err := m.Update(t.Context(), s.Ref(), func(*session.Session) error { return nil })
		wantErr(t, "Update", err, session.ErrCorrupt)
		store.swap = nil
		_, token, err := m.Rotate(t.Context(), s.Ref(), nil)
		wantErr(t, "Rotate", err, session.ErrCorrupt)
		if !token.IsZero() {
			t.Error("a token was returned together with the error")
		}
	})
	t.Run("a refresh of another step", func(t *testing.T) {
		store := &spy{Store: newStore(t)}
		m := newManager(t, store, session.Config{})
		_, token := signIn(t, m)
		store.step = func(out session.RefreshOutcome) session.RefreshOutcome { out.Salt[0] ^= 1; return out }
		_, _, err := m.Refresh(t.Context(), token.Reveal())
		wantErr(t, "Refresh", err, session.ErrCorrupt)
	})
}
