package authz_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// TestWhatWasEndedStaysEndedForThatSignIn is about each end and each kind of provider, through
// the whole middleware.
func TestWhatWasEndedStaysEndedForThatSignIn(t *testing.T) {
	ends := map[string]func(w *fixture, s session.Session) error{
		"the session": func(w *fixture, s session.Session) error { return w.manager.Revoke(t.Context(), s.Ref()) },
		"the user":    func(w *fixture, s session.Session) error { return w.manager.RevokeUser(t.Context(), s.Tenant, s.User) },
		"the tenant":  func(w *fixture, s session.Session) error { return w.manager.RevokeTenant(t.Context(), s.Tenant) },
		"everybody":   func(w *fixture, _ session.Session) error { return w.manager.RevokeAll(t.Context()) },
		"the person": func(w *fixture, s session.Session) error {
			return w.manager.RevokePerson(t.Context(), "https://login.test", s.User)
		},
	}
	for _, kind := range []kindOfProvider{named, timed, untimed} {
		for what, end := range ends {
			t.Run(string(kind)+", and "+what+" is revoked", func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newProvider(t, kind)
					w := p.trusting()
					first := p.signIn("viewer")
					old := p.token(first)
					status := func(what, raw string, want int) {
						t.Helper()
						if rec := w.do("GET", "/notes/1", raw); rec.Code != want {
							t.Errorf("%s: %d %s, want %d", what, rec.Code, rec.Body, want)
						}
					}
					status("the first request", old, 200)
					time.Sleep(10 * time.Second)
					s := w.sessionOf(p.token(first))
					if again := w.sessionOf(old); again.ID != s.ID {
						t.Error("a refresh at the provider makes another session")
					}
					time.Sleep(10 * time.Second)
					if err := end(w, s); err != nil {
						t.Fatal(err)
					}
					status("the token of before", old, 401)
					time.Sleep(10 * time.Second)
					refreshed := p.token(first)
					if kind != untimed {
						status("a token that the provider has refreshed", refreshed, 401)
					}
					second := p.signIn("viewer")
					status("a new sign-in", p.token(second), 200)
					status("the older token", old, 401)
					if kind != untimed {
						status("a refresh of the older sign-in beside the new one", p.token(first), 401)
					}
					time.Sleep(time.Minute)
					status("the new sign-in, refreshed", p.token(second), 200)
				})
			})
		}
	}
}

// TestAProviderThatSaysNeitherIsHeldOffByABlock keeps the promise of docs/providers.md about providers
// whose tokens name neither their session nor when the user signed in.
func TestAProviderThatSaysNeitherIsHeldOffByABlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, untimed)
		w := p.trusting()
		first := p.signIn("viewer")
		old := p.token(first)
		s := w.sessionOf(old)
		time.Sleep(10 * time.Second)
		if err := w.manager.RevokeUser(t.Context(), s.Tenant, s.User); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if rec := w.do("GET", "/me", old); rec.Code != 401 {
			t.Errorf("the token of before: %d", rec.Code)
		}
		if rec := w.do("GET", "/me", p.token(first)); rec.Code != 200 {
			t.Errorf("the provider's next token: %d", rec.Code)
		}
		if err := w.manager.Block(t.Context(), s.Tenant, s.User); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		w.reached.Store(0)
		for range 3 {
			w.want(w.do("GET", "/me", p.token(p.signIn("viewer"))), 401, "invalid-token")
			time.Sleep(time.Hour)
		}
		if err := w.manager.Unblock(t.Context(), s.Tenant, s.User); err != nil {
			t.Fatal(err)
		}
		if rec := w.do("GET", "/me", p.token(p.signIn("viewer"))); rec.Code != 200 {
			t.Errorf("after the block: %d", rec.Code)
		}
	})
}

// TestASignInTooCloseToAnEndIsAnOutage: its clocks cannot tell whether it came before the end.
func TestASignInTooCloseToAnEndIsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, timed)
		w := p.trusting(withCookie)
		old := p.token(p.signIn("viewer"))
		s := w.sessionOf(old)
		time.Sleep(10 * time.Second)
		if err := w.manager.Revoke(t.Context(), s.Ref()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		w.reached.Store(0)
		next := p.token(p.signIn("viewer"))
		rec := w.do("GET", "/me", next)
		w.want(rec, 503, "auth-unavailable")
		if rec.Header().Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		w.want(w.do("GET", "/me", "", headers{"Cookie": cookie + "=" + next}), 503, "auth-unavailable")
		w.want(w.do("GET", "/me", old), 401, "invalid-token")
		time.Sleep(10 * time.Second)
		w.want(w.do("GET", "/me", p.token(p.signIn("viewer"), map[string]any{"iat": time.Now().Add(20 * time.Second).Unix()})), 401, "invalid-token")
		if rec := w.do("GET", "/me", p.token(p.signIn("viewer"))); rec.Code != 200 {
			t.Errorf("later: %d", rec.Code)
		}
	})
}

// TestEveryRefusedStrangerGetsTheSameAnswer, and its cause is in the event.
func TestEveryRefusedStrangerGetsTheSameAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newProvider(t, named)
		w := p.trusting()
		gone := p.token(p.signIn("viewer"))
		w.revokeCaller(gone)
		blocked := p.token(p.signIn("viewer"), map[string]any{"sub": "carol"})
		if err := w.manager.Block(t.Context(), acme, session.MustParseUserID("carol")); err != nil {
			t.Fatal(err)
		}
		junk := w.do("GET", "/me", "junk").Body.String()
		for _, tt := range []struct {
			name, raw, user string
			cause           error
		}{
			{"ended", gone, "bob", session.ErrSignedOut},
			{"blocked", blocked, "carol", session.ErrBlocked},
			{"of another kind", p.token(p.signIn(), map[string]any{"kind": "id"}), "", token.ErrInvalid},
			{"for another client", p.token(p.signIn(), map[string]any{"aud": "other"}), "", token.ErrInvalid},
			{"ahead", p.token(p.signIn(), map[string]any{"iat": time.Now().Unix() + 20}), "", token.ErrInvalid},
		} {
			rec := w.do("GET", "/me", tt.raw)
			e := w.events[len(w.events)-1]
			if rec.Code != 401 || rec.Body.String() != junk {
				t.Errorf("%s: %d %s", tt.name, rec.Code, rec.Body)
			}
			if !errors.Is(e.Err, tt.cause) || e.User.String() != tt.user || e.Session != "" || e.Adopted {
				t.Errorf("%s: the event is %+v", tt.name, e)
			}
		}
	})
}

// TestAnOutageSignsNoStrangerOut, nor lets one in.
func TestAnOutageSignsNoStrangerOut(t *testing.T) {
	p := newProvider(t, named)
	w := p.trusting(withCookie)
	raw := p.token(p.signIn("viewer"))
	for name, err := range map[string]error{
		"the store is gone": errDown, "a record is damaged": session.ErrCorrupt, "an error that nobody knows": errors.New("odd"), "it was too late": context.DeadlineExceeded,
	} {
		w.store.fail.Store(&err)
		w.want(w.do("GET", "/me", raw), 503, "auth-unavailable")
		w.want(w.do("GET", "/me", "", headers{"Cookie": cookie + "=" + raw}), 503, "auth-unavailable")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	w.store.fail.Store(nil)
	_, other := w.login(globex, alice, "editor")
	w.store.swap.Store(&other)
	w.want(w.do("GET", "/me", raw), 503, "auth-unavailable")
	w.store.swap.Store(nil)
	w.caller = nil
	rec := w.do("GET", "/me", raw)
	e := w.events[len(w.events)-1]
	if rec.Code != 200 || rec.Body.String() != "acme/bob\n" || !e.Adopted || e.Session == "" || e.User != bob || e.Tenant != acme {
		t.Errorf("%d %s %+v", rec.Code, rec.Body, e)
	}
}

// TestTheTenantOfAStranger has to be one that is served, and the one that the request names.
func TestTheTenantOfAStranger(t *testing.T) {
	p := newProvider(t, named)
	w := p.trusting()
	org := func(name string) string { return p.token(p.signIn("viewer"), map[string]any{"org": name}) }
	w.want(w.do("GET", "/me", org("nobody")), 401, "invalid-token")
	w.want(w.do("GET", "/me", org("ACME")), 401, "invalid-token")
	w.want(w.do("GET", "/me", org("acme"), headers{"X-Tenant": "globex"}), 403, "forbidden")
	if err := w.manager.SetTenantStatus(t.Context(), acme, tenant.Suspended); err != nil {
		t.Fatal(err)
	}
	w.want(w.do("GET", "/me", org("acme")), 403, "forbidden")
}

// TestSessionsThatCannotAdoptAreAConfigError, and where the config cannot tell, an error of the
// service and no 401.
func TestSessionsThatCannotAdoptAreAConfigError(t *testing.T) {
	p := newProvider(t, named)
	w := p.trusting()
	verifier, err := token.NewVerifier(p.issuer)
	if err != nil {
		t.Fatal(err)
	}
	plain := loaderFunc(w.manager.Load)
	_, err = authz.NewGuard(authz.Config{Tokens: verifier, Sessions: plain, Policy: w.engine})
	if err == nil || !strings.Contains(err.Error(), "Sessions: an issuer of Tokens has Foreign, and authz_test.loaderFunc has no method Adopt") {
		t.Errorf("the error is %v", err)
	}
	for name, change := range map[string]func(c *authz.Config){
		"a decorated verifier": func(c *authz.Config) { c.Tokens, c.Sessions = verifierFunc(verifier.Verify), plain },
		"an issuer of later": func(c *authz.Config) {
			later, err := token.NewVerifierWithConfig(token.VerifierConfig{})
			if err != nil {
				t.Fatal(err)
			}
			c.Tokens, c.Sessions = later, plain
			if err := later.Add(p.issuer); err != nil {
				t.Fatal(err)
			}
			c.Tokens = struct{ middleware.Verifier }{later}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := p.trusting(withCookie, change)
			raw := p.token(p.signIn("viewer"))
			w.want(w.do("GET", "/me", raw), 500, "internal-error")
			w.want(w.do("GET", "/me", "", headers{"Cookie": cookie + "=" + raw}), 500, "internal-error")
		})
	}
}

// TestStepUpReadsWhatTheProviderSays of how and when the user signed in.
func TestStepUpReadsWhatTheProviderSays(t *testing.T) {
	for _, kind := range []kindOfProvider{named, timed, untimed} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProvider(t, kind)
				w := p.trusting()
				ok := func(c echo.Context) error { return c.NoContent(http.StatusOK) }
				w.echo.POST("/me", ok, authz.RequireMaxAge(5*time.Minute))
				w.echo.PUT("/notes/:id", ok, authz.RequireACR("phr", "urn:mfa"), authz.RequireAMR("otp"))
				now := p.signIn("editor")
				want := 200
				if kind == untimed {
					want = 401 // its tokens are of now, whenever the user signed in
				}
				if rec := w.do("POST", "/me", p.token(now)); rec.Code != want {
					t.Errorf("max age: %d, want %d", rec.Code, want)
				}
				time.Sleep(6 * time.Minute)
				rec := w.do("POST", "/me", p.token(now))
				if rec.Code != 401 || !strings.Contains(rec.Header().Get("WWW-Authenticate"), `max_age="300"`) {
					t.Errorf("a token of now, of an old sign-in: %d %v", rec.Code, rec.Header())
				}
				if rec := w.do("PUT", "/notes/1", p.token(now)); rec.Code != 200 {
					t.Errorf("acr and amr: %d %s", rec.Code, rec.Body)
				}
				time.Sleep(time.Second)
				rec = w.do("PUT", "/notes/1", p.token(now, map[string]any{"acr": "pwd"}))
				if rec.Code != 401 || !strings.Contains(rec.Header().Get("WWW-Authenticate"), `acr_values="phr urn:mfa"`) {
					t.Errorf("another acr: %d %v", rec.Code, rec.Header())
				}
			})
		})
	}
}

// TestATokenHasTheStepUpOfNoOtherSignIn: where tokens name no session, all sign-ins of a user have
// one. Somebody with the password alone holds a token from before the user's step-up, one of the same
// second, and the next one.
func TestATokenHasTheStepUpOfNoOtherSignIn(t *testing.T) {
	for _, kind := range []kindOfProvider{named, timed, untimed} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProvider(t, kind)
				w := p.trusting()
				ok := func(c echo.Context) error { return c.NoContent(http.StatusOK) }
				w.echo.POST("/me", ok, authz.RequireMaxAge(time.Minute))
				w.echo.PUT("/notes/:id", ok, authz.RequireACR("phr"))
				w.echo.GET("/me", ok, authz.RequireAMR("otp"))
				weak, none := map[string]any{"acr": "pwd", "amr": []string{"pwd"}}, map[string]any{"acr": nil, "amr": nil}
				want := func(what, raw string, codes [3]int) {
					t.Helper()
					for i, route := range [][2]string{{"PUT", "/notes/1"}, {"GET", "/me"}, {"POST", "/me"}} {
						if rec := w.do(route[0], route[1], raw); rec.Code != codes[i] {
							t.Errorf("%s: %s %s: %d, want %d", what, route[0], route[1], rec.Code, codes[i])
						}
					}
				}
				recent := map[bool]int{true: 401, false: 200}[kind == untimed]
				thief := p.signIn("editor")
				before, bare := p.token(thief, weak), p.token(thief, none)
				want("before the step-up", before, [3]int{401, 401, recent})
				time.Sleep(2 * time.Minute)
				user := p.signIn("editor")
				stepped, twin := p.token(user), p.token(thief, weak)
				want("the step-up", stepped, [3]int{200, 200, recent})
				want("a token from before", before, [3]int{401, 401, 401})
				want("a token from before that says nothing", bare, [3]int{401, 401, 401})
				want("one of the same second", twin, [3]int{401, 401, 401})
				time.Sleep(time.Second)
				want("the next one", p.token(thief, weak), [3]int{401, 401, 401})
				want("the next one that says nothing", p.token(thief, none), [3]int{401, 401, 401})
				want("the step-up, after them", stepped, [3]int{200, 200, recent})
			})
		})
	}
}

// TestAStepUpOfOurOwnCountsForAProvidersUser until a token tells of a later sign-in.
func TestAStepUpOfOurOwnCountsForAProvidersUser(t *testing.T) {
	for _, kind := range []kindOfProvider{named, timed, untimed} {
		t.Run(string(kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProvider(t, kind)
				w := p.trusting()
				ok := func(c echo.Context) error { return c.NoContent(http.StatusOK) }
				w.echo.POST("/me", ok, authz.RequireMaxAge(time.Minute))
				w.echo.PUT("/notes/:id", ok, authz.RequireAMR("hwk"))
				raw := p.token(p.signIn("editor"))
				s := w.sessionOf(raw)
				time.Sleep(2 * time.Minute)
				for _, route := range [][2]string{{"POST", "/me"}, {"PUT", "/notes/1"}} {
					if rec := w.do(route[0], route[1], raw); rec.Code != 401 {
						t.Errorf("before: %s: %d", route[1], rec.Code)
					}
				}
				if _, _, err := w.manager.StepUp(t.Context(), s.Ref(), authz.Must(session.NewMethods("hwk"))); err != nil {
					t.Fatal(err)
				}
				for _, route := range [][2]string{{"POST", "/me"}, {"PUT", "/notes/1"}} {
					if rec := w.do(route[0], route[1], raw); rec.Code != 200 {
						t.Errorf("after: %s: %d", route[1], rec.Code)
					}
				}
			})
		})
	}
}

// TestAProvidersLogoutEndsTheSignInWithoutFind, known here or not.
func TestAProvidersLogoutEndsTheSignInWithoutFind(t *testing.T) {
	for _, kind := range []kindOfProvider{named, timed, untimed} {
		for _, seen := range []bool{true, false} {
			name := string(kind) + ", before the first request"
			if seen {
				name = string(kind) + ", after the first request"
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p := newProvider(t, kind)
					w := p.trusting(func(c *authz.Config) { c.Policy = engine(t, rules+logoutRules) })
					verifier, err := token.NewVerifier(p.issuer)
					if err != nil {
						t.Fatal(err)
					}
					w.echo.POST("/backchannel-logout", authz.BackchannelLogout(authz.LogoutConfig{Tokens: verifier, Sessions: w.manager, Replay: memstore.NewReplay(0)}))
					post := func(raw string) int {
						r := httptest.NewRequest("POST", "/backchannel-logout", strings.NewReader(url.Values{"logout_token": {raw}}.Encode()))
						r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
						rec := httptest.NewRecorder()
						w.echo.ServeHTTP(rec, r)
						return rec.Code
					}
					first := p.signIn("viewer")
					old := p.token(first)
					if seen {
						w.sessionOf(old)
					}
					time.Sleep(10 * time.Second)
					if kind != named {
						if got := post(p.logout(map[string]any{"sid": first.session})); got != 400 {
							t.Errorf("a sid that no access token has: %d", got)
						}
					}
					about := map[string]any{"sub": "bob", "sid": first.session}
					if kind == named {
						delete(about, "sub")
					}
					if got := post(p.logout(about)); got != 200 {
						t.Fatalf("the logout is answered %d", got)
					}
					if rec := w.do("GET", "/me", old); rec.Code != 401 {
						t.Errorf("the token of before: %d", rec.Code)
					}
					time.Sleep(10 * time.Second)
					if rec := w.do("GET", "/me", p.token(first)); kind != untimed && rec.Code != 401 {
						t.Errorf("refreshed at the provider: %d", rec.Code)
					}
					if rec := w.do("GET", "/me", p.token(p.signIn("viewer"))); rec.Code != 200 {
						t.Errorf("a new sign-in: %d %s", rec.Code, rec.Body)
					}
				})
			})
		}
	}
}

// halfOut are sessions of which a provider's sign-ins cannot be ended for now.
type halfOut struct {
	*session.Manager
	err error
}

func (h *halfOut) EndSignIn(ctx context.Context, issuer, name string) error {
	if h.err != nil {
		return h.err
	}
	return h.Manager.EndSignIn(ctx, issuer, name)
}

func (h *halfOut) RevokePerson(ctx context.Context, issuer string, u session.UserID, tenants ...tenant.ID) error {
	if h.err != nil {
		return h.err
	}
	return h.Manager.RevokePerson(ctx, issuer, u, tenants...)
}

// TestAProvidersLogoutThatFailedIsAskedForAgain: nothing is answered 200 before it has ended.
func TestAProvidersLogoutThatFailedIsAskedForAgain(t *testing.T) {
	for _, kind := range []kindOfProvider{named, timed} {
		p := newProvider(t, kind)
		w := p.trusting(func(c *authz.Config) { c.Policy = engine(t, rules+logoutRules) })
		verifier, err := token.NewVerifier(p.issuer)
		if err != nil {
			t.Fatal(err)
		}
		sessions := &halfOut{w.manager, errors.New("odd")}
		w.echo.POST("/backchannel-logout", authz.BackchannelLogout(authz.LogoutConfig{Tokens: verifier, Sessions: sessions, Replay: memstore.NewReplay(0)}))
		first := p.signIn("viewer")
		raw, form := p.token(first), url.Values{"logout_token": {p.logout(map[string]any{"sub": "bob", "sid": first.session})}}.Encode()
		w.sessionOf(raw)
		for _, tt := range []struct {
			err                error
			answer, afterwards int
		}{{errors.New("odd"), 503, 200}, {session.ErrUnavailable, 503, 200}, {nil, 200, 401}, {nil, 400, 401}} {
			sessions.err = tt.err
			r := httptest.NewRequest("POST", "/backchannel-logout", strings.NewReader(form))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			rec := httptest.NewRecorder()
			w.echo.ServeHTTP(rec, r)
			if rec.Code != tt.answer {
				t.Errorf("%s, with %v: %d, want %d", kind, tt.err, rec.Code, tt.answer)
			}
			if rec := w.do("GET", "/me", raw); rec.Code != tt.afterwards {
				t.Errorf("%s, with %v: the token is answered %d, want %d", kind, tt.err, rec.Code, tt.afterwards)
			}
		}
	}
}

// TestATokenInTheHeaderOfAProxy is a credential that a browser sends by itself, and one of one.
func TestATokenInTheHeaderOfAProxy(t *testing.T) {
	p := newProvider(t, named)
	p.issuer.Header = "Cf-Access-Jwt-Assertion"
	w := p.trusting(withCookie)
	raw := p.token(p.signIn("viewer"))
	own := headers{"Cf-Access-Jwt-Assertion": raw}
	if rec := w.do("GET", "/me", "", own); rec.Code != 200 || rec.Body.String() != "acme/bob\n" {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	w.reached.Store(0)
	w.want(w.do("GET", "/me", raw), 401, "invalid-token")
	w.want(w.do("GET", "/me", raw, own), 400, "invalid-request")
	w.want(w.do("GET", "/me?access_token="+raw, "", own), 400, "invalid-request")
	w.want(w.do("GET", "/me", "", own, headers{"Cookie": cookie + "=" + raw}), 400, "invalid-request")
	w.want(w.do("GET", "/me", "", headers{"Cf-Access-Jwt-Assertion": raw + ", " + raw}), 400, "invalid-request")
	w.want(w.do("GET", "/public", "", headers{"Cf-Access-Jwt-Assertion": "junk"}), 401, "invalid-token")
	w.want(w.do("POST", "/me", "", own), 403, "cross-origin")
	w.want(w.do("POST", "/me", "", own, headers{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}), 403, "cross-origin")
	if rec := w.do("POST", "/me", "", own, headers{"Sec-Fetch-Site": "same-origin"}); rec.Code != http.StatusOK {
		t.Errorf("the site's own request: %d %s", rec.Code, rec.Body)
	}
}

// TestAnOpaqueTokenIsAStrangersToo, and an issuer that cannot be asked is an outage.
func TestAnOpaqueTokenIsAStrangersToo(t *testing.T) {
	p := newProvider(t, named)
	answer, down := `{"active": false}`, error(nil)
	opaque, err := token.NewIntrospector(token.IntrospectorConfig{
		Form: token.Form{Prefix: "tok_", MinLength: 34, MaxLength: 34}, Ask: func(context.Context, string) ([]byte, error) { return []byte(answer), down },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.issuer.Opaque = opaque
	w := p.trusting()
	w.want(w.do("GET", "/me", "tok_inactive0000000000000000000000"), 401, "invalid-token")
	down = errors.New("connection refused")
	w.want(w.do("GET", "/me", "tok_outage000000000000000000000000"), 503, "auth-unavailable")
	down = nil
	parts := strings.Split(p.token(p.signIn("viewer")), ".")
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	answer = strings.Replace(string(claims), "{", `{"active":true,`, 1)
	if rec := w.do("GET", "/me", "tok_active000000000000000000000000"); rec.Code != 200 || rec.Body.String() != "acme/bob\n" {
		t.Errorf("%d %s", rec.Code, rec.Body)
	}
}

// TestABoundStrangersTokenIsAdoptedOnlyWithItsProof: without one it names nobody, to the store
// and to the observer.
func TestABoundStrangersTokenIsAdoptedOnlyWithItsProof(t *testing.T) {
	p, h, other := newProvider(t, named), newHolder(t), newHolder(t)
	w := p.trusting(func(c *authz.Config) {
		proofs, err := token.NewDPoPVerifier(token.DPoPConfig{Origins: []string{publicOrigin}})
		if err != nil {
			t.Fatal(err)
		}
		c.DPoP = &middleware.DPoP{Proofs: proofs, Replay: memstore.NewReplay(0)}
	})
	raw := p.token(p.signIn("viewer"), map[string]any{"cnf": map[string]any{"jkt": h.thumbprint()}})
	proof := h.proof("GET", publicOrigin+"/me", raw)
	ask := func(scheme, proof string) *httptest.ResponseRecorder {
		return w.do("GET", "/me", "", headers{"Authorization": scheme + " " + raw, "DPoP": proof})
	}
	for name, rec := range map[string]*httptest.ResponseRecorder{
		"as a bearer":   w.do("GET", "/me", raw),
		"without proof": w.do("GET", "/me", "", headers{"Authorization": "DPoP " + raw}),
		"another key":   ask("DPoP", other.proof("GET", publicOrigin+"/me", raw)),
		"another path":  ask("DPoP", h.proof("GET", publicOrigin+"/you", raw)),
	} {
		if rec.Code != 401 {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
	if n := w.store.calls.Load(); n != 0 {
		t.Errorf("the store was asked %d times for a token that proves nothing", n)
	}
	for _, e := range w.events {
		if !e.User.IsZero() || e.Adopted {
			t.Errorf("a token without its proof names %v", e.User)
		}
	}
	if rec := ask("DPoP", proof); rec.Code != 200 || rec.Body.String() != "acme/bob\n" || w.caller.Thumbprint() != h.thumbprint() {
		t.Errorf("with its proof: %d %s", rec.Code, rec.Body)
	}
	if rec := ask("DPoP", proof); rec.Code != 401 {
		t.Errorf("the proof again: %d", rec.Code)
	}
}
