package authz_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
)

// TestWhatEndsUnderOneNameOfAProviderHasEndedUnderItsOther: a provider with two names, such as a
// domain of the customer's beside its own, signs with the same keys for the same users and sessions.
func TestWhatEndsUnderOneNameOfAProviderHasEndedUnderItsOther(t *testing.T) {
	const main, other = "https://login.test", "https://id.acme.test"
	for _, kind := range []kindOfProvider{named, timed} {
		for _, by := range []string{main, other} {
			for _, signedInBy := range []string{main, other} {
				for _, what := range []string{"a logout", "a revocation"} {
					t.Run(string(kind)+", signed in by "+signedInBy+", "+what+" by "+by, func(t *testing.T) {
						synctest.Test(t, func(t *testing.T) {
							p := newProvider(t, kind)
							second := p.issuer
							second.Name, second.SameAs = other, main
							verifier, err := token.NewVerifier(p.issuer, second)
							if err != nil {
								t.Fatal(err)
							}
							w := p.trusting(func(c *authz.Config) { c.Tokens, c.Policy = verifier, engine(t, rules+logoutRules) })
							w.echo.POST("/backchannel-logout", authz.BackchannelLogout(authz.LogoutConfig{Tokens: verifier, Sessions: w.manager, Replay: memstore.NewReplay(0)}))
							first := p.signIn("viewer")
							of := func(name string) string { return p.token(first, map[string]any{"iss": name}) }
							s := w.sessionOf(of(signedInBy))
							if again := w.sessionOf(of(by)); again.ID != s.ID {
								t.Error("the other name of the provider makes another session")
							}
							time.Sleep(10 * time.Second)
							if what == "a logout" {
								about := map[string]any{"iss": by, "sub": "bob", "sid": first.session}
								r := httptest.NewRequest("POST", "/backchannel-logout", strings.NewReader(url.Values{"logout_token": {p.logout(about)}}.Encode()))
								r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
								rec := httptest.NewRecorder()
								w.echo.ServeHTTP(rec, r)
								if rec.Code != 200 {
									t.Fatalf("the logout is answered %d", rec.Code)
								}
							} else if err := w.manager.Revoke(t.Context(), s.Ref()); err != nil {
								t.Fatal(err)
							}
							time.Sleep(10 * time.Second)
							for _, name := range []string{main, other} {
								if rec := w.do("GET", "/me", of(name)); rec.Code != 401 {
									t.Errorf("a token of the sign-in that ended, by %s: %d", name, rec.Code)
								}
								if rec := w.do("GET", "/me", p.token(p.signIn("viewer"), map[string]any{"iss": name})); rec.Code != 200 {
									t.Errorf("a new sign-in, by %s: %d", name, rec.Code)
								}
							}
						})
					})
				}
			}
		}
	}
}
