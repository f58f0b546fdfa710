package authz_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// between is a store in which something happens once, before one of the calls of a logout.
type between struct {
	session.Store
	mu   sync.Mutex
	left int // calls before it happens
	do   func()
}

func (b *between) step() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.left--; b.left == 0 && b.do != nil {
		do := b.do
		b.do = nil
		do()
	}
}

func (b *between) List(ctx context.Context, t tenant.ID, u session.UserID) ([]session.Session, error) {
	b.step()
	return b.Store.List(ctx, t, u)
}

func (b *between) Revoke(ctx context.Context, ref session.Ref) error {
	b.step()
	return b.Store.Revoke(ctx, ref)
}

func (b *between) End(ctx context.Context, ref session.Ref, version uint64) error {
	b.step()
	return b.Store.End(ctx, ref, version)
}

func (b *between) RevokeUser(ctx context.Context, t tenant.ID, u session.UserID) error {
	b.step()
	return b.Store.RevokeUser(ctx, t, u)
}

// A session moves while it is ended: whichever step of the logout the move comes before, 200
// means that nothing of the sign-in lives.
func TestASessionThatMovesDuringItsLogoutEndsAllTheSame(t *testing.T) {
	bob := session.MustParseUserID("bob")
	moves := map[string]func(*session.Manager, session.Ref) (session.Session, error){
		"Rotate": func(m *session.Manager, ref session.Ref) (session.Session, error) {
			s, _, err := m.Rotate(t.Context(), ref, nil)
			return s, err
		},
		"SwitchTenant": func(m *session.Manager, ref session.Ref) (session.Session, error) {
			to := globex
			if ref.Tenant == globex {
				to = acme
			}
			s, _, err := m.SwitchTenant(t.Context(), ref, to, session.Roles{}, session.Attributes{})
			return s, err
		},
		"Impersonate": func(m *session.Manager, ref session.Ref) (session.Session, error) {
			return m.Impersonate(t.Context(), ref, session.Impersonation{User: bob, Reason: "ticket 7", MaxAge: time.Minute})
		},
		"Update": func(m *session.Manager, ref session.Ref) (session.Session, error) {
			return m.Update(t.Context(), ref, nil)
		},
	}
	for name, move := range moves {
		for _, by := range []string{"Find", "its id", "its user"} {
			for _, in := range []tenant.ID{acme, globex} {
				for step := 1; step <= 8; step++ {
					store := &between{Store: memstore.New()}
					plain, err := session.NewManager(store.Store, session.Config{Key: session.NewSecretKey([]byte(strings.Repeat("k-", 16)))})
					if err != nil {
						t.Fatal(err)
					}
					for _, id := range []tenant.ID{acme, globex} {
						if err := plain.SetTenantStatus(t.Context(), id, tenant.Active); err != nil {
							t.Fatal(err)
						}
					}
					s, _, err := plain.Create(t.Context(), session.SignIn{Tenant: in, User: alice})
					if err != nil {
						t.Fatal(err)
					}
					manager, err := session.NewManager(store, session.Config{Key: session.NewSecretKey([]byte(strings.Repeat("k-", 16)))})
					if err != nil {
						t.Fatal(err)
					}
					w := newIDPFixtureOf(t, func(i *token.Issuer) { i.OwnSessions = by == "its id" }, func(c *authz.LogoutConfig) {
						c.Sessions = manager
						c.Tenants = func(context.Context, string) ([]tenant.ID, error) { return []tenant.ID{acme, globex, acme}, nil }
						if by == "Find" {
							c.Find = func(context.Context, *token.LogoutToken) ([]session.Ref, error) { return []session.Ref{s.Ref()}, nil }
						}
					})
					var moved session.Session
					store.left, store.do = step, func() {
						var err error
						if moved, err = move(plain, s.Ref()); err != nil && !errors.Is(err, session.ErrNotFound) {
							t.Error(err)
						}
					}
					claims := edits{"tenant": ""}
					if by != "its user" {
						claims["sid"] = sidOf(s)["sid"]
					}
					if rec := w.post(w.logoutToken(claims)); rec.Code != 200 {
						t.Errorf("%s before step %d, by %s: %d, %v", name, step, by, rec.Code, w.observed)
					}
					for _, ref := range []session.Ref{s.Ref(), moved.Ref()} {
						if ref.ID.IsZero() {
							continue
						}
						if _, err := plain.Load(t.Context(), ref); !errors.Is(err, session.ErrNotFound) {
							t.Errorf("%s from %s before step %d, by %s: 200, and a session of %v lives", name, in, step, by, ref.Tenant)
						}
					}
				}
			}
		}
	}
}

// A user who moves on and on is not said to be signed out.
func TestAUserWhoCannotBeCaughtIsAskedForAgain(t *testing.T) {
	w := newIDPFixture(t, func(c *authz.LogoutConfig) {
		c.Sessions = restless{c.Sessions}
		c.Tenants = func(context.Context, string) ([]tenant.ID, error) { return []tenant.ID{acme, globex}, nil }
	})
	if rec := w.post(w.logoutToken(edits{"tenant": ""})); rec.Code != 503 {
		t.Errorf("got %d", rec.Code)
	}
}

// restless has a live session whatever was ended.
type restless struct{ authz.Revoker }

func (restless) List(context.Context, tenant.ID, session.UserID) ([]session.Session, error) {
	return []session.Session{{ID: session.NewID()}}, nil
}

// A session that Find returns twice ends once: the second look is no sign that the session has moved.
func TestASessionThatIsFoundTwiceEndsNoOther(t *testing.T) {
	var stored []session.Ref
	w := newIDPFixture(t, func(c *authz.LogoutConfig) {
		c.Find = func(context.Context, *token.LogoutToken) ([]session.Ref, error) { return stored, nil }
	})
	_, s := w.login(acme, alice, "viewer")
	other, _ := w.login(acme, alice, "viewer")
	stored = []session.Ref{s.Ref(), s.Ref()}
	if rec := w.post(w.logoutToken(edits{"sid": `"op-1"`})); rec.Code != 200 || w.status(other) != 200 {
		t.Errorf("%d, and the user's other session is answered %d", rec.Code, w.status(other))
	}
}

// In a tenant that is suspended sessions end like anywhere, and are not back with it.
func TestALogoutEndsSessionsOfASuspendedTenant(t *testing.T) {
	for by, own := range map[string]bool{"Find": false, "its id": true} {
		var stored []session.Ref
		w := newIDPFixtureOf(t, func(i *token.Issuer) { i.OwnSessions = own }, func(c *authz.LogoutConfig) {
			if !own {
				c.Find = func(context.Context, *token.LogoutToken) ([]session.Ref, error) { return stored, nil }
			}
		})
		bearer, s := w.login(acme, alice, "viewer")
		other, _ := w.login(acme, alice, "viewer")
		stored = []session.Ref{s.Ref()}
		for _, status := range []tenant.Status{tenant.Suspended, tenant.Active} {
			if err := w.manager.SetTenantStatus(t.Context(), acme, status); err != nil {
				t.Fatal(err)
			}
			if status == tenant.Suspended {
				if rec := w.post(w.logoutToken(sidOf(s))); rec.Code != 200 {
					t.Errorf("by %s: %d", by, rec.Code)
				}
			}
		}
		if w.status(bearer) != 401 || w.status(other) != 200 {
			t.Errorf("by %s: the session is answered %d, another %d", by, w.status(bearer), w.status(other))
		}
	}
}
