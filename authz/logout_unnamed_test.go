package authz_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// TestALogoutEndsWhatNobodyKnowsTheSignInOf is about a provider whose access tokens name its
// sessions: what a user has beside those could be of the sign-in that ends, and 200 would be wrong
// while it lives.
func TestALogoutEndsWhatNobodyKnowsTheSignInOf(t *testing.T) {
	everywhere := func(_ context.Context, issuer string) ([]tenant.ID, error) {
		if issuer != "https://login.test" {
			return nil, errors.New("asked about another issuer")
		}
		return []tenant.ID{acme, globex}, nil
	}
	// made makes a session in the way that a row names.
	type made func(w *fixture, p *provider, of signIn) session.Session
	adopted := func(w *fixture, p *provider, of signIn) session.Session { return w.sessionOf(p.token(of)) }
	nameless := func(w *fixture, p *provider, of signIn) session.Session {
		return w.sessionOf(p.token(of, map[string]any{"sid": nil}))
	}
	created := func(w *fixture, _ *provider, _ signIn) session.Session {
		s, _, err := w.manager.Create(w.t.Context(), session.SignIn{Tenant: acme, User: bob})
		if err != nil {
			w.t.Fatal(err)
		}
		return s
	}
	switched := func(w *fixture, p *provider, of signIn) session.Session {
		s, _, err := w.manager.SwitchTenant(w.t.Context(), w.sessionOf(p.token(of)).Ref(), globex, session.Roles{}, session.Attributes{})
		if err != nil {
			w.t.Fatal(err)
		}
		return s
	}
	for name, row := range map[string]struct {
		first         made // of the sign-in that ends
		other         made // of another sign-in of the user, nil for none
		tenants, find bool // whether LogoutConfig has them; Find knows first
		ownTenant     bool // whether the issuer's entry has the tenant
		alone         bool // without a sub
		answer        int
		ends, spares  bool // what becomes of first, and of other
	}{
		"an access token without a sid":                         {first: nameless, tenants: true, answer: 200, ends: true},
		"an access token without a sid, in the issuer's tenant": {first: nameless, ownTenant: true, answer: 200, ends: true},
		"a token without a sid beside one of the sid":           {first: adopted, other: nameless, tenants: true, answer: 200, ends: true},
		"a token without a sid beside what Find knows":          {first: created, other: nameless, find: true, answer: 200, ends: true},
		"a session of Create, in the issuer's tenant":           {first: created, ownTenant: true, answer: 200, ends: true},
		"a session of Create, in tenants that are asked for":    {first: created, tenants: true, answer: 200, ends: true},
		"a session of Create, and no token with the sid":        {first: created, other: adopted, tenants: true, answer: 200, ends: true, spares: true},
		"a session of Create beside one of the sid":             {first: adopted, other: created, tenants: true, answer: 200, ends: true},
		"a session of Create beside one that Find knows":        {first: created, other: created, tenants: true, find: true, answer: 200, ends: true, spares: true},
		"one of the sid that has switched its tenant":           {first: switched, tenants: true, answer: 200, ends: true},
		"another sign-in that is known by its own sid":          {first: adopted, other: adopted, tenants: true, answer: 200, ends: true, spares: true},
		"another sign-in, where Find knows the one that ends":   {first: created, other: adopted, tenants: true, find: true, answer: 200, ends: true, spares: true},
		"the sid alone": {first: adopted, other: created, tenants: true, alone: true, answer: 200, ends: true, spares: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProvider(t, named)
				if row.ownTenant {
					p.issuer.Tenant = acme
				}
				w := p.trusting(func(c *authz.Config) { c.Policy = engine(t, rules+logoutRules) })
				verifier, err := token.NewVerifier(p.issuer)
				if err != nil {
					t.Fatal(err)
				}
				first, second := p.signIn("viewer"), p.signIn("viewer")
				ending := row.first(w, p, first)
				var other session.Session
				if row.other != nil {
					other = row.other(w, p, second)
				}
				cfg := authz.LogoutConfig{Tokens: verifier, Sessions: w.manager, Replay: memstore.NewReplay(0)}
				if row.tenants {
					cfg.Tenants = everywhere
				}
				if row.find {
					cfg.Find = func(_ context.Context, l *token.LogoutToken) ([]session.Ref, error) {
						if l.IssuerSessionID() != first.session {
							return nil, nil
						}
						return []session.Ref{ending.Ref()}, nil
					}
				}
				w.echo.POST("/backchannel-logout", authz.BackchannelLogout(cfg))
				time.Sleep(10 * time.Second)
				about := map[string]any{"sub": "bob", "sid": first.session}
				if row.alone {
					delete(about, "sub")
				}
				r := httptest.NewRequest("POST", "/backchannel-logout", strings.NewReader(url.Values{"logout_token": {p.logout(about)}}.Encode()))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				rec := httptest.NewRecorder()
				w.echo.ServeHTTP(rec, r)
				if rec.Code != row.answer {
					t.Fatalf("the logout is answered %d %s", rec.Code, rec.Body)
				}
				live := func(s session.Session) bool {
					_, err := w.manager.Load(t.Context(), s.Ref())
					if err != nil && !errors.Is(err, session.ErrNotFound) {
						t.Fatal(err)
					}
					return err == nil
				}
				if live(ending) == row.ends {
					t.Errorf("the session of the sign-in is live: %v", live(ending))
				}
				if row.other != nil && live(other) != row.spares {
					t.Errorf("the other session is live: %v", live(other))
				}
				time.Sleep(10 * time.Second)
				if rec := w.do("GET", "/me", p.token(p.signIn("viewer"))); rec.Code != 200 {
					t.Errorf("a new sign-in: %d %s", rec.Code, rec.Body)
				}
			})
		})
	}
}
