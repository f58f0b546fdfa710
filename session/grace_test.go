package session_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/tenant"
)

// graced moves a session of alice, by a step-up or by a switch of tenant, on a manager whose
// config has a grace of 10 s, and returns the old and the new one.
func graced(t *testing.T, m *session.Manager, how string) (old, moved session.Session, token session.RefreshToken) {
	t.Helper()
	old, token = signIn(t, m)
	var err error
	if how == "StepUp" {
		moved, _, err = m.StepUp(t.Context(), old.Ref(), otp)
	} else {
		moved, _, err = m.SwitchTenant(t.Context(), old.Ref(), globex, admin, session.Attributes{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return old, moved, token
}

var movers = []string{"StepUp", "SwitchTenant"}

// The provider's word on the sign-in is as little of a step-up in the grace as what we know of it.
func TestTheOldIdOfAProvidersUserIsNoStrongSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, memstore.New(), session.Config{RotateGrace: session.MaxRotateGrace, Tenants: session.ActiveTenants(shop)})
		old, err := m.Adopt(t.Context(), stranger(time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		moved, _, err := m.StepUp(t.Context(), old.Ref(), otp)
		if err != nil {
			t.Fatal(err)
		}
		s, err := m.Load(t.Context(), old.Ref())
		if c := s.Provider.Claims(); err != nil || s.MovedTo.Ref() != moved.Ref() || c.ACR != "" || !s.AuthTime.IsZero() || len(s.AMR.Names()) > 0 {
			t.Errorf("the old id is of a sign-in by %q, %v, at %v: %v", c.ACR, s.AMR.Names(), s.AuthTime, err)
		}
		if c := s.Provider.Claims(); c.Issuer != old.Provider.Claims().Issuer || !c.NamesRoles {
			t.Errorf("its provider is %+v", c)
		}
		if moved.Provider.Claims().ACR != "mfa" {
			t.Errorf("the new one is of a sign-in by %q", moved.Provider.Claims().ACR)
		}
	})
}

func TestTheOldIdLoadsForTheGraceAndCanDoNothingElse(t *testing.T) {
	for _, how := range movers {
		synctest.Test(t, func(t *testing.T) {
			ctx := t.Context()
			m := newManager(t, newStore(t), session.Config{RotateGrace: session.MaxRotateGrace})
			old, moved, token := graced(t, m, how)
			for range 3 {
				s, err := m.Load(ctx, old.Ref())
				if err != nil {
					t.Fatalf("%s: Load in the grace: %v", how, err)
				}
				if s.Tenant != acme || !s.Roles.Has("viewer") || s.Roles.Has("admin") || s.MovedTo.Ref() != moved.Ref() {
					t.Errorf("%s: tenant %v, roles %v, moved to %v", how, s.Tenant, s.Roles.Names(), s.MovedTo)
				}
				if !s.AuthTime.IsZero() || len(s.AMR.Names()) > 0 {
					t.Errorf("%s: the old id counts as a sign-in at %v by %v", how, s.AuthTime, s.AMR.Names())
				}
				time.Sleep(3 * time.Second)
			}
			for what, do := range map[string]func() error{
				"Refresh": func() error { _, _, err := m.Refresh(ctx, token.Reveal()); return err },
				"Rotate":  func() error { _, _, err := m.Rotate(ctx, old.Ref(), nil); return err },
				"StepUp":  func() error { _, _, err := m.StepUp(ctx, old.Ref(), otp); return err },
				"Update": func() error {
					_, err := m.Update(ctx, old.Ref(), func(s *session.Session) error { s.Roles = admin; return nil })
					return err
				},
				"SwitchTenant": func() error {
					_, _, err := m.SwitchTenant(ctx, old.Ref(), globex, admin, session.Attributes{})
					return err
				},
				"Impersonate": func() error {
					_, err := m.Impersonate(ctx, old.Ref(), asBob())
					return err
				},
				"RevokeOthers": func() error { return m.RevokeOthers(ctx, old.Ref()) },
			} {
				if err := do(); !errors.Is(err, session.ErrNotFound) {
					t.Errorf("%s, then %s of the old id: %v", how, what, err)
				}
			}
			if _, err := m.Load(ctx, moved.Ref()); err != nil {
				t.Errorf("%s: the new session: %v", how, err)
			}
			time.Sleep(time.Second)
			_, err := m.Load(ctx, old.Ref())
			wantErr(t, how+": Load after the grace", err, session.ErrNotFound)
			if _, err := m.Load(ctx, moved.Ref()); err != nil {
				t.Errorf("%s: the new session after the grace: %v", how, err)
			}
		})
	}
}

// Every caller who ends the session ends it under both ids, at once.
func TestTheOldIdEndsWithTheNewOne(t *testing.T) {
	for _, how := range movers {
		for name, end := range map[string]func(m *session.Manager, old, moved session.Session) error{
			"Revoke of the new": func(m *session.Manager, _, moved session.Session) error { return m.Revoke(t.Context(), moved.Ref()) },
			"Revoke of the old": func(m *session.Manager, old, _ session.Session) error { return m.Revoke(t.Context(), old.Ref()) },
			"End of the new": func(m *session.Manager, _, moved session.Session) error {
				_, err := m.End(t.Context(), moved.Ref())
				return err
			},
			"RevokeUser of the new": func(m *session.Manager, _, moved session.Session) error {
				return m.RevokeUser(t.Context(), moved.Tenant, alice)
			},
			"RevokeTenant of theirs": func(m *session.Manager, _, moved session.Session) error {
				return m.RevokeTenant(t.Context(), moved.Tenant)
			},
			"RevokeDevice of the new": func(m *session.Manager, _, moved session.Session) error {
				return m.RevokeDevice(t.Context(), moved.Ref(), moved.ID.Fingerprint())
			},
		} {
			m := newManager(t, newStore(t), session.Config{RotateGrace: session.MaxRotateGrace})
			old, moved, _ := graced(t, m, how)
			if err := end(m, old, moved); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, s := range []session.Session{old, moved} {
				_, err := m.Load(t.Context(), s.Ref())
				wantErr(t, how+", then "+name, err, session.ErrNotFound)
			}
		}
	}
}

// When it cannot be told whether the new session lives, nothing is told of the old one.
func TestTheOldIdIsAnOutageWhileTheNewOneCannotBeAskedFor(t *testing.T) {
	store := &spy{Store: newStore(t)}
	m := newManager(t, &peekless{store}, session.Config{RotateGrace: time.Second})
	old, _, _ := graced(t, m, "SwitchTenant")
	_, err := m.Load(t.Context(), old.Ref())
	wantErr(t, "Load", err, session.ErrUnavailable)
	if errors.Is(err, session.ErrNotFound) {
		t.Errorf("%v signs the caller out", err)
	}
}

// peekless is a store that cannot be asked for one session.
type peekless struct{ session.Store }

func (p *peekless) Peek(context.Context, tenant.ID, session.UserID, []session.ID) ([]session.Session, error) {
	return nil, session.ErrUnavailable
}

func TestThereIsNoGraceByDefaultAndAtASignIn(t *testing.T) {
	plain := newManager(t, newStore(t), session.Config{})
	for _, how := range movers {
		old, _, _ := graced(t, plain, how)
		_, err := plain.Load(t.Context(), old.Ref())
		wantErr(t, how+" without a grace", err, session.ErrNotFound)
	}
	m := newManager(t, newStore(t), session.Config{RotateGrace: time.Second})
	old, _ := signIn(t, m)
	if _, _, err := m.Rotate(t.Context(), old.Ref(), nil); err != nil {
		t.Fatal(err)
	}
	_, err := m.Load(t.Context(), old.Ref())
	wantErr(t, "Rotate, as a sign-in does", err, session.ErrNotFound)
	for _, grace := range []time.Duration{-1, session.MaxRotateGrace + 1} {
		_, err := session.NewManager(newStore(t), session.Config{Key: key('k'), RotateGrace: grace})
		wantErr(t, "a grace of "+grace.String(), err, session.ErrInvalid)
	}
}

// movesBetween moves a session when it was loaded, before anything else is done.
type movesBetween struct {
	session.Store
	move func()
}

func (s *movesBetween) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	loaded, err := s.Store.Load(ctx, ref)
	if move := s.move; move != nil {
		s.move = nil
		move()
	}
	return loaded, err
}

// A logout ends whatever the session has become since the request was let in, also what it becomes
// while it is ended.
func TestALogoutEndsTheSessionThatHasMovedSinceTheRequestBegan(t *testing.T) {
	for _, how := range movers {
		for when, between := range map[string]bool{"before the logout": false, "during the logout": true} {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				store := &movesBetween{Store: newStore(t)}
				config := session.Config{RotateGrace: session.MaxRotateGrace}
				m, elsewhere := newManager(t, store, config), newManager(t, store.Store, config)
				old, _ := signIn(t, m)
				var moved session.Session
				move := func() {
					var err error
					if how == "StepUp" {
						moved, _, err = elsewhere.StepUp(ctx, old.Ref(), otp)
					} else {
						moved, _, err = elsewhere.SwitchTenant(ctx, old.Ref(), globex, admin, session.Attributes{})
					}
					if err != nil {
						t.Errorf("%s %s: %v", how, when, err)
					}
				}
				if between {
					store.move = move
				} else {
					move()
				}
				if err := m.Revoke(&reqctx.Node{Context: ctx, Session: &holder{old}}, old.Ref()); err != nil {
					t.Errorf("%s %s: Revoke: %v", how, when, err)
				}
				if moved.ID.IsZero() {
					t.Fatalf("%s %s: nothing has moved: this test proves nothing", how, when)
				}
				for which, ref := range map[string]session.Ref{"the old id": old.Ref(), "the new session": moved.Ref()} {
					_, err := m.Load(ctx, ref)
					wantErr(t, how+" "+when+": "+which, err, session.ErrNotFound)
				}
			})
		}
	}
}
