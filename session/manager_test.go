package session_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func TestSignInLoadAndSignOut(t *testing.T) {
	m := newManager(t, newStore(t), session.Config{})
	methods, err := session.NewMethods("pwd", "otp")
	if err != nil {
		t.Fatal(err)
	}
	attributes, err := session.NewAttributes(map[string]any{"department": "claims"})
	if err != nil {
		t.Fatal(err)
	}
	authTime := time.Now().Add(-time.Minute)
	s, token, err := m.Create(t.Context(), session.SignIn{
		Tenant: acme, User: alice, Roles: session.MustRoles("editor"), Attributes: attributes, AMR: methods, AuthTime: authTime,
	})
	if err != nil || token.IsZero() {
		t.Fatal(err, token)
	}
	got, err := m.Load(t.Context(), s.Ref())
	if err != nil {
		t.Fatal(err)
	}
	department, _ := got.Attributes.Get("department")
	if got.Ref() != s.Ref() || !got.Roles.Has("editor") || !got.AMR.Has("otp") || department != "claims" || !got.AuthTime.Equal(authTime) {
		t.Errorf("loaded %+v", got)
	}
	if got.IdleTimeout != session.DefaultIdleTimeout || got.ExpiresAt.Sub(got.CreatedAt) != session.DefaultLifetime {
		t.Errorf("idle timeout %v, lifetime %v", got.IdleTimeout, got.ExpiresAt.Sub(got.CreatedAt))
	}
	if listed, err := m.List(t.Context(), acme, alice); err != nil || len(listed) != 1 {
		t.Errorf("List: %d sessions, %v", len(listed), err)
	}
	if err := m.Revoke(t.Context(), s.Ref()); err != nil {
		t.Fatal(err)
	}
	_, err = m.Load(t.Context(), s.Ref())
	wantErr(t, "Load after Revoke", err, session.ErrNotFound)
	_, _, err = m.Refresh(t.Context(), token.Reveal())
	wantErr(t, "Refresh after Revoke", err, session.ErrRefreshInvalid)
	wantErr(t, "Refresh after Revoke", err, session.ErrNotFound)
}

func TestEverySignInGetsAnIDOfItsOwn(t *testing.T) {
	m := newManager(t, newStore(t), session.Config{})
	seen := map[string]bool{}
	for range 100 {
		s, token := signIn(t, m)
		if seen[s.ID.Reveal()] || seen[token.Reveal()] {
			t.Fatal("an id or a token was issued twice")
		}
		seen[s.ID.Reveal()], seen[token.Reveal()] = true, true
	}
}

func TestIncompleteSignInsAndReferencesAskNobody(t *testing.T) {
	store := &spy{Store: newStore(t)}
	m := newManager(t, store, session.Config{})
	ctx := t.Context()
	for _, n := range []session.SignIn{{}, {Tenant: acme}, {User: alice}} {
		_, token, err := m.Create(ctx, n)
		wantErr(t, "Create", err, session.ErrInvalidID)
		if !token.IsZero() {
			t.Error("a token was issued for nobody")
		}
	}
	for _, ref := range []session.Ref{{}, {Tenant: acme, User: alice}, {Tenant: acme, ID: session.NewID()}, {User: alice, ID: session.NewID()}} {
		_, err := m.Load(ctx, ref)
		wantErr(t, "Load", err, session.ErrInvalidID)
		_, err = m.Update(ctx, ref, func(*session.Session) error { return nil })
		wantErr(t, "Update", err, session.ErrInvalidID)
		_, _, err = m.Rotate(ctx, ref, nil)
		wantErr(t, "Rotate", err, session.ErrInvalidID)
		wantErr(t, "Revoke", m.Revoke(ctx, ref), session.ErrInvalidID)
	}
	if n := store.calls.Load(); n != 0 {
		t.Errorf("the store was asked %d times", n)
	}
}

// A token of one tenant names nothing in another, where the user has the same name.
func TestASessionIsNotFoundThroughAnotherTenantOrUser(t *testing.T) {
	m := newManager(t, newStore(t), session.Config{})
	s, _ := signIn(t, m)
	for _, ref := range []session.Ref{{Tenant: globex, User: alice, ID: s.ID}, {Tenant: acme, User: bob, ID: s.ID}} {
		_, err := m.Load(t.Context(), ref)
		wantErr(t, "Load", err, session.ErrNotFound)
		_, err = m.Update(t.Context(), ref, func(s *session.Session) error { return nil })
		wantErr(t, "Update", err, session.ErrNotFound)
		_, _, err = m.Rotate(t.Context(), ref, nil)
		wantErr(t, "Rotate", err, session.ErrNotFound)
		if err := m.Revoke(t.Context(), ref); err != nil {
			t.Error(err)
		}
	}
	if _, err := m.Load(t.Context(), s.Ref()); err != nil {
		t.Errorf("the session was reached by another's reference: %v", err)
	}
}

func TestAChangeOfRoleIsEffectiveOnTheNextLoad(t *testing.T) {
	m := newManager(t, newStore(t), session.Config{})
	s, _ := signIn(t, m)
	updated, err := m.Update(t.Context(), s.Ref(), func(s *session.Session) error {
		s.Roles = session.Roles{}
		s.IdleTimeout = time.Hour
		return nil
	})
	if err != nil || updated.Version != s.Version+1 {
		t.Fatal(err, updated.Version)
	}
	got, err := m.Load(t.Context(), s.Ref())
	if err != nil || got.Roles.Len() != 0 || got.IdleTimeout != time.Hour {
		t.Errorf("%v %v %v", got.Roles.Names(), got.IdleTimeout, err)
	}
}

func TestAnUpdateOrRotationCannotChangeWhoseSessionItIsNorItsEnd(t *testing.T) {
	store := newStore(t)
	m := newManager(t, store, session.Config{})
	s, _ := signIn(t, m)
	for name, change := range map[string]func(*session.Session){
		"id":                  func(s *session.Session) { s.ID = session.NewID() },
		"no id":               func(s *session.Session) { s.ID = session.ID{} },
		"tenant":              func(s *session.Session) { s.Tenant = globex },
		"user":                func(s *session.Session) { s.User = bob },
		"everything":          func(s *session.Session) { *s = session.Session{} },
		"version":             func(s *session.Session) { s.Version++ },
		"creation":            func(s *session.Session) { s.CreatedAt = s.CreatedAt.Add(1) },
		"expiry":              func(s *session.Session) { s.ExpiresAt = s.ExpiresAt.Add(time.Hour) },
		"last use":            func(s *session.Session) { s.LastSeenAt = s.LastSeenAt.Add(time.Hour) },
		"idle timeout, zero":  func(s *session.Session) { s.IdleTimeout = 0 },
		"idle timeout, short": func(s *session.Session) { s.IdleTimeout = 2*session.TouchInterval - 1 },
		"idle timeout, long":  func(s *session.Session) { s.IdleTimeout = session.DefaultLifetime + 1 },
	} {
		t.Run(name, func(t *testing.T) {
			apply := func(s *session.Session) error { s.Roles = session.MustRoles("admin"); change(s); return nil }
			got, err := m.Update(t.Context(), s.Ref(), apply)
			wantErr(t, "Update", err, session.ErrInvalid)
			rotated, token, err2 := m.Rotate(t.Context(), s.Ref(), apply)
			wantErr(t, "Rotate", err2, session.ErrInvalid)
			if !got.ID.IsZero() || !rotated.ID.IsZero() || !token.IsZero() {
				t.Error("something was returned together with the error")
			}
			if now, err := m.Load(t.Context(), s.Ref()); err != nil || now.Roles.Has("admin") || now.Version != s.Version {
				t.Errorf("the session changed: %+v, %v", now, err)
			}
		})
	}
}

func TestAnErrorOfTheChangeStoresNothing(t *testing.T) {
	m := newManager(t, newStore(t), session.Config{})
	s, _ := signIn(t, m)
	failed := errors.New("no such role")
	change := func(s *session.Session) error { s.Roles = session.MustRoles("admin"); return failed }
	if _, err := m.Update(t.Context(), s.Ref(), change); !errors.Is(err, failed) {
		t.Errorf("Update: %v", err)
	}
	if _, _, err := m.Rotate(t.Context(), s.Ref(), change); !errors.Is(err, failed) {
		t.Errorf("Rotate: %v", err)
	}
	if got, err := m.Load(t.Context(), s.Ref()); err != nil || got.Roles.Has("admin") || got.Version != 1 {
		t.Errorf("%+v, %v", got, err)
	}
}

// Fixation: whoever planted the old id, or holds a refresh token of it, has nothing.
func TestARotationLeavesTheOldIDAndItsRefreshTokenWorthless(t *testing.T) {
	m := newManager(t, newStore(t), session.Config{})
	s, planted := signIn(t, m)
	stepUp := time.Now()
	rotated, token, err := m.Rotate(t.Context(), s.Ref(), func(s *session.Session) error {
		s.Roles, s.AuthTime = session.MustRoles("admin"), stepUp
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if rotated.ID == s.ID || !rotated.Roles.Has("admin") || !rotated.ExpiresAt.Equal(s.ExpiresAt) || !rotated.AuthTime.Equal(stepUp) {
		t.Errorf("rotated to %+v", rotated)
	}
	_, err = m.Load(t.Context(), s.Ref())
	wantErr(t, "Load of the old id", err, session.ErrNotFound)
	_, _, err = m.Refresh(t.Context(), planted.Reveal())
	wantErr(t, "Refresh with the old token", err, session.ErrRefreshInvalid)
	if got, _, err := m.Refresh(t.Context(), token.Reveal()); err != nil || got.Ref() != rotated.Ref() {
		t.Errorf("Refresh with the new token: %v, %v", got.Ref(), err)
	}
}

// A conflict is tried again on what is stored now, and not for ever.
func TestAnOvertakenChangeIsMadeAgainAndInTheEndGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := newStore(t)
		store := &spy{Store: inner}
		m := newManager(t, store, session.Config{})
		s, _ := signIn(t, m)
		overtakers := 3
		attempts := 0
		store.before = func() {
			attempts++
			if overtakers == 0 {
				return
			}
			overtakers--
			now, err := inner.Load(t.Context(), s.Ref())
			if err != nil {
				t.Fatal(err)
			}
			now.Roles = session.MustRoles("other")
			if _, err := inner.Update(t.Context(), now); err != nil {
				t.Fatal(err)
			}
		}
		addRole := func(s *session.Session) error {
			var err error
			s.Roles, err = session.NewRoles(append(s.Roles.Names(), "mine")...)
			return err
		}
		got, err := m.Update(t.Context(), s.Ref(), addRole)
		if err != nil || strings.Join(got.Roles.Names(), " ") != "mine other" || attempts != 4 {
			t.Errorf("roles %v after %d attempts, %v", got.Roles.Names(), attempts, err)
		}

		overtakers, attempts = 1000, 0
		_, err = m.Update(t.Context(), s.Ref(), addRole)
		wantErr(t, "Update that is overtaken for ever", err, session.ErrConflict)
		if attempts > 20 {
			t.Errorf("%d attempts", attempts)
		}
		_, token, err := m.Rotate(t.Context(), s.Ref(), addRole)
		wantErr(t, "Rotate that is overtaken for ever", err, session.ErrConflict)
		if !token.IsZero() {
			t.Error("a token was returned together with the error")
		}

		ctx, cancel := context.WithCancel(t.Context())
		store.before = func() { cancel(); store.before = nil; overtake(t, inner, s.Ref()) }
		_, err = m.Update(ctx, s.Ref(), addRole)
		wantErr(t, "Update that is cancelled between attempts", err, session.ErrUnavailable)
	})
}

func overtake(t *testing.T, store session.Store, ref session.Ref) {
	t.Helper()
	now, err := store.Load(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Update(t.Context(), now); err != nil {
		t.Fatal(err)
	}
}

func TestConcurrentUpdatesAllLand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, newStore(t), session.Config{})
		s, _ := signIn(t, m)
		const writers, each = 8, 50
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				for range each {
					_, err := m.Update(t.Context(), s.Ref(), func(s *session.Session) error {
						n, _ := s.Attributes.Get("n")
						i, _ := n.(int64)
						var err error
						s.Attributes, err = session.NewAttributes(map[string]any{"n": i + 1})
						return err
					})
					if err != nil {
						t.Errorf("Update: %v", err)
					}
				}
			})
		}
		wg.Wait()
		got, err := m.Load(t.Context(), s.Ref())
		if n, _ := got.Attributes.Get("n"); err != nil || n != int64(writers*each) {
			t.Errorf("%v of %d updates survive, %v", n, writers*each, err)
		}
	})
}

func TestRevokingAUserOrTenantOrEveryone(t *testing.T) {
	m := newManager(t, newStore(t), session.Config{})
	for name, revoke := range map[string]func() error{
		"RevokeUser":   func() error { return m.RevokeUser(t.Context(), acme, alice) },
		"RevokeTenant": func() error { return m.RevokeTenant(t.Context(), acme) },
		"RevokeAll":    func() error { return m.RevokeAll(t.Context()) },
	} {
		s, token := signIn(t, m)
		if err := revoke(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, err := m.Load(t.Context(), s.Ref())
		wantErr(t, name+", then Load", err, session.ErrNotFound)
		_, _, err = m.Refresh(t.Context(), token.Reveal())
		wantErr(t, name+", then Refresh", err, session.ErrRefreshInvalid)
		_, err = m.Update(t.Context(), s.Ref(), func(*session.Session) error { return nil })
		wantErr(t, name+", then Update", err, session.ErrNotFound)
	}
}

func TestASuspendedTenantKeepsItsSessions(t *testing.T) {
	m := newManager(t, newStore(t), session.Config{})
	s, token := signIn(t, m)
	if err := m.SetTenantStatus(t.Context(), acme, tenant.Suspended); err != nil {
		t.Fatal(err)
	}
	_, err := m.Load(t.Context(), s.Ref())
	wantErr(t, "Load", err, tenant.ErrSuspended)
	_, _, err = m.Refresh(t.Context(), token.Reveal())
	wantErr(t, "Refresh", err, tenant.ErrSuspended)
	if errors.Is(err, session.ErrRefreshInvalid) {
		t.Error("a suspended tenant's token was called invalid")
	}
	_, _, err = m.Create(t.Context(), session.SignIn{Tenant: tenant.MustParse("nobody"), User: alice})
	wantErr(t, "Create in an unknown tenant", err, tenant.ErrUnknown)
	if status, err := m.TenantStatus(t.Context(), acme); status != tenant.Suspended || err != nil {
		t.Errorf("TenantStatus = %v, %v", status, err)
	}
	if err := m.SetTenantStatus(t.Context(), acme, tenant.Active); err != nil {
		t.Fatal(err)
	}
	if _, _, err = m.Refresh(t.Context(), token.Reveal()); err != nil {
		t.Errorf("Refresh when active again: %v", err)
	}
}
