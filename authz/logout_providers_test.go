package authz_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// node-oidc-provider names its sessions by 43 characters of base64url, of which one in four
// has the form of a session id of ours. Each signs its user out all the same.
func TestAProvidersSidOfOurFormSignsItsUserOut(t *testing.T) {
	w := newIDPFixture(t)
	parsed := 0
	for n := range 64 {
		u := session.MustParseUserID(fmt.Sprint("user-", n))
		bearer, s := w.login(acme, u, "viewer")
		raw := make([]byte, 33)
		rand.Read(raw)
		sid := base64.RawURLEncoding.EncodeToString(raw)[:43]
		if n == 0 {
			sid = s.ID.Reveal() // it would be ours, of another issuer
		}
		if _, err := session.ParseID(sid); err == nil {
			parsed++
		}
		rec := w.post(w.logoutToken(edits{"sub": `"` + u.String() + `"`, "sid": `"` + sid + `"`}))
		if rec.Code != 200 || w.status(bearer) != 401 {
			t.Errorf("%s: %d, and the user's request gets %d", sid, rec.Code, w.status(bearer))
		}
	}
	if parsed < 4 {
		t.Errorf("only %d of the sids have our form: the test shows nothing", parsed)
	}
}

// An issuer of many tenants names none: what it signs out is signed out in all of them.
func TestAnIssuerOfManyTenantsSignsOutOfAllOfThem(t *testing.T) {
	many := edits{"tenant": ""}
	tenants := func(ids []tenant.ID, err error) func(*authz.LogoutConfig) {
		return func(c *authz.LogoutConfig) {
			c.Tenants = func(_ context.Context, issuer string) ([]tenant.ID, error) {
				if issuer != "https://idp.test" {
					return nil, errors.New("another issuer")
				}
				return ids, err
			}
		}
	}
	w := newIDPFixture(t, tenants([]tenant.ID{acme, globex, acme}, nil))
	here, _ := w.login(acme, alice, "viewer")
	there, _ := w.login(globex, alice, "viewer")
	bob, _ := w.login(globex, session.MustParseUserID("bob"), "viewer")
	if rec := w.post(w.logoutToken(many, edits{"sid": `"op-1"`})); rec.Code != 200 || w.status(here) != 401 || w.status(there) != 401 || w.status(bob) != 200 {
		t.Errorf("%d: %d in one, %d in the other; another user gets %d", rec.Code, w.status(here), w.status(there), w.status(bob))
	}
	here, _ = w.login(acme, alice, "viewer")
	there, _ = w.login(globex, alice, "viewer")
	if rec := w.post(w.logoutToken()); rec.Code != 200 || w.status(here) != 401 || w.status(there) != 200 {
		t.Errorf("a token that names a tenant: %d", rec.Code)
	}

	for name, tt := range map[string]struct {
		change func(*authz.LogoutConfig)
		code   int
	}{
		"nobody says which":    {func(*authz.LogoutConfig) {}, 400},
		"none":                 {tenants(nil, nil), 503},
		"a zero tenant":        {tenants([]tenant.ID{acme, {}}, nil), 503},
		"an outage":            {tenants(nil, errors.New("hunter2")), 503},
		"an outage, and some":  {tenants([]tenant.ID{acme, globex}, errors.New("hunter2")), 503},
		"an outage, disguised": {tenants(nil, token.ErrInvalid), 503},
	} {
		w := newIDPFixture(t, tt.change)
		bearer, _ := w.login(acme, alice, "viewer")
		rec := w.post(w.logoutToken(many))
		if rec.Code != tt.code || w.status(bearer) != 200 || w.stores.marked != 0 {
			t.Errorf("%s: %d, the session %d, marked %d", name, rec.Code, w.status(bearer), w.stores.marked)
		}
	}
}

// One of two tenants cannot be told: the other's sessions end, the provider is told to try
// again, and the same token is obeyed then.
func TestALogoutThatReachedOneOfTwoTenantsIsAskedForAgain(t *testing.T) {
	w := newIDPFixture(t, func(c *authz.LogoutConfig) {
		c.Tenants = func(context.Context, string) ([]tenant.ID, error) { return []tenant.ID{globex, acme}, nil }
	})
	here, _ := w.login(acme, alice, "viewer")
	there, _ := w.login(globex, alice, "viewer")
	raw := w.logoutToken(edits{"tenant": "", "sid": `"op-1"`})
	w.stores.downIn = globex
	for range 2 {
		if rec := w.post(raw); rec.Code != 503 || rec.Header().Get("Retry-After") == "" || w.status(here) != 401 || w.status(there) != 200 {
			t.Errorf("%d: %d where it could be told, %d where not", rec.Code, w.status(here), w.status(there))
		}
	}
	w.stores.downIn = tenant.ID{}
	if rec := w.post(raw); rec.Code != 200 || w.status(there) != 401 {
		t.Errorf("when it is back: %d", rec.Code)
	}
	w.refused(w.post(raw))
}

// A session that a service has noted at the sign-in has another id after a step-up, a rotation or an
// impersonation, and is in another place after a switch of the tenant. It ends all the same.
func TestASessionThatHasMovedSinceTheSignInEnds(t *testing.T) {
	for name, move := range map[string]func(*session.Manager, session.Ref) (session.Session, error){
		"Rotate": func(m *session.Manager, ref session.Ref) (session.Session, error) {
			s, _, err := m.Rotate(t.Context(), ref, nil)
			return s, err
		},
		"StepUp": func(m *session.Manager, ref session.Ref) (session.Session, error) {
			s, _, err := m.StepUp(t.Context(), ref, authz.Must(session.NewMethods("otp")))
			return s, err
		},
		"SwitchTenant": func(m *session.Manager, ref session.Ref) (session.Session, error) {
			s, _, err := m.SwitchTenant(t.Context(), ref, globex, session.Roles{}, session.Attributes{})
			return s, err
		},
	} {
		for by, own := range map[string]bool{"Find": false, "its id": true} {
			var stored []session.Ref
			w := newIDPFixtureOf(t, func(i *token.Issuer) { i.OwnSessions = own }, func(c *authz.LogoutConfig) {
				c.Tenants = func(context.Context, string) ([]tenant.ID, error) { return []tenant.ID{acme, globex}, nil }
				if !own {
					c.Find = func(context.Context, *token.LogoutToken) ([]session.Ref, error) { return stored, nil }
				}
			})
			_, s := w.login(acme, alice, "viewer")
			stored = []session.Ref{s.Ref()}
			moved, err := move(w.manager, s.Ref())
			if err != nil {
				t.Fatal(name, err)
			}
			bob, _ := w.login(acme, session.MustParseUserID("bob"), "viewer")
			if rec := w.post(w.logoutToken(sidOf(s), edits{"tenant": ""})); rec.Code != 200 {
				t.Errorf("%s, by %s: %d", name, by, rec.Code)
			}
			if _, err := w.manager.Load(t.Context(), moved.Ref()); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("%s, by %s: the session lives on: %v", name, by, err)
			}
			if w.status(bob) != 200 {
				t.Errorf("%s, by %s: another user is signed out", name, by)
			}
		}
	}
}

// Keycloak names a federated user "f:…:bob", which is no user id of ours: beside a sid that
// Find knows it does not matter, and otherwise nobody can be found by it.
func TestASubThatIsNoUserIDIsNotNeededBesideAKnownSid(t *testing.T) {
	var stored []session.Ref
	var asked []string
	w := newIDPFixture(t, func(c *authz.LogoutConfig) {
		c.Find = func(_ context.Context, l *token.LogoutToken) ([]session.Ref, error) {
			asked = append(asked, l.Subject())
			if l.IssuerSessionID() != "kc-1" {
				return nil, nil
			}
			return stored, nil
		}
	})
	bearer, s := w.login(acme, alice, "viewer")
	stored = []session.Ref{s.Ref()}
	sub := edits{"sub": `"CN=Bob Smith"`, "tenant": "", "events": `{"http://schemas.openid.net/event/backchannel-logout":{},"revoke_offline_access":true}`}
	w.refused(w.post(w.logoutToken(sub, edits{"sid": `"kc-2"`})))
	w.refused(w.post(w.logoutToken(sub)))
	if w.status(bearer) != 200 {
		t.Error("a token that names nobody ended something")
	}
	if rec := w.post(w.logoutToken(sub, edits{"sid": `"kc-1"`})); rec.Code != 200 || w.status(bearer) != 401 {
		t.Errorf("%d, and the session gets %d", rec.Code, w.status(bearer))
	}
	if fmt.Sprint(asked) != "[CN=Bob Smith CN=Bob Smith]" {
		t.Errorf("Find was asked about %q", asked)
	}
}

// The handler takes no other kind of token, of whatever typ its issuer may send, for a logout
// token: not one that signs in, not one that refreshes.
func TestNoOtherTokenIsALogoutTokenWhateverTypsAreAllowed(t *testing.T) {
	w := newIDPFixtureOf(t, func(i *token.Issuer) {
		i.Logout.Types, i.Logout.OptionalExpiry = []string{"logout+jwt", "JWT", ""}, true
		i.Types = []string{"at+jwt", "JWT"}
	})
	bearer, s := w.login(acme, alice, "viewer")
	_, refresh, err := w.manager.Create(t.Context(), session.SignIn{Tenant: acme, User: alice})
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []string{`"typ":"JWT"`, `"cat":"x"`, `"typ":"at+jwt"`, `"typ":"logout+jwt"`, `"typ":"dpop+jwt"`} {
		for name, change := range map[string]edits{
			"an access token": {"events": "", "client_id": `"c"`}, "an ID token": {"events": "", "nonce": `"n"`},
			"an ID token with events": {"nonce": `"n"`}, "other events": {"events": `{"x":{}}`}, "a proof": {"htm": `"POST"`, "htu": `"x"`},
		} {
			t.Log(name, typ)
			w.refused(w.post(w.sign(`{"alg":"EdDSA","kid":"idp-1",`+typ+`}`, w.logoutClaims(sidOf(s), change))))
		}
	}
	w.refused(w.post(bearer))
	w.refused(w.post(refresh.Reveal()))
	if w.status(bearer) != 200 || w.stores.marked != 0 {
		t.Error("something ended")
	}
	for _, typ := range []string{`"typ":"JWT"`, `"cat":"x"`, `"typ":"logout+jwt"`} {
		bearer, _ := w.login(acme, alice, "viewer")
		if rec := w.post(w.sign(`{"alg":"EdDSA","kid":"idp-1",`+typ+`}`, w.logoutClaims(edits{"exp": ""}))); rec.Code != 200 || w.status(bearer) != 401 {
			t.Errorf("a logout token with %s: %d", typ, rec.Code)
		}
	}
}
