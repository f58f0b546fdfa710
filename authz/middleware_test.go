package authz_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

func TestAnonymousRequests(t *testing.T) {
	w := newFixture(t)
	if rec := w.do("GET", "/public", ""); rec.Code != 200 {
		t.Errorf("a public route answers %d", rec.Code)
	}
	w.reached.Store(0)
	for _, target := range []string{"/me", "/notes/1", "/unruled", "/nowhere", "/nowhere/else"} {
		rec := w.do("GET", target, "")
		w.want(rec, 401, "authentication-required")
		if got := rec.Header().Get("WWW-Authenticate"); got != `Bearer realm="api"` {
			t.Errorf("%s: challenge is %q", target, got)
		}
	}
	if n := w.store.calls.Load(); n != 0 {
		t.Errorf("anonymous requests asked the store %d times", n)
	}
}

func TestSignedInRequests(t *testing.T) {
	w := newFixture(t)
	bearer, _ := w.login(acme, alice, "viewer")
	if rec := w.do("GET", "/me", bearer); rec.Body.String() != "acme/alice\n" {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	if rec := w.do("GET", "/notes/1", bearer); rec.Code != 200 {
		t.Errorf("a viewer reads: %d %s", rec.Code, rec.Body)
	}
	w.reached.Store(0)
	w.want(w.do("PUT", "/notes/1", bearer), 403, "forbidden")
	w.want(w.do("GET", "/notes/13", bearer), 403, "forbidden") // the deny rule of acme
	w.want(w.do("GET", "/unruled", bearer), 403, "forbidden")
	if rec := w.do("GET", "/nowhere", bearer); rec.Code != 404 {
		t.Errorf("an unknown path answers %d", rec.Code)
	}
	if rec := w.do("DELETE", "/me", bearer); rec.Code != 405 || rec.Header().Get("Allow") == "" {
		t.Errorf("a method without a route answers %d, Allow %q", rec.Code, rec.Header().Get("Allow"))
	}
	w.want(w.do("OPTIONS", "/me", ""), 401, "authentication-required")
	w.want(w.do("OPTIONS", "/me", bearer), 403, "forbidden")
	if n := w.reached.Load(); n != 0 {
		t.Errorf("%d refused requests reached a handler", n)
	}
}

func TestEveryBadTokenGetsTheSameAnswer(t *testing.T) {
	w := newFixture(t)
	good, s := w.login(acme, alice, "viewer")
	gone, revoked := w.login(acme, alice, "viewer")
	if err := w.manager.Revoke(t.Context(), revoked.Ref()); err != nil {
		t.Fatal(err)
	}
	foreign := s
	foreign.Tenant = globex // signed by us, for a session that globex does not have
	unknown := s
	unknown.Tenant = tenant.MustParse("nobody")
	other := s
	other.User = session.MustParseUserID("bob")
	parts := strings.Split(good, ".")
	var first string
	for name, bearer := range map[string]string{
		"garbage":           "garbage",
		"one byte":          "x",
		"unsigned":          parts[0] + "." + parts[1] + ".",
		"alg none":          "eyJhbGciOiJub25lIn0." + parts[1] + ".",
		"bad signature":     parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])),
		"swapped payload":   parts[0] + "." + strings.Split(w.sign(other), ".")[1] + "." + parts[2],
		"revoked session":   gone,
		"foreign tenant":    w.sign(foreign),
		"unknown tenant":    w.sign(unknown),
		"another's session": w.sign(other),
		"too long":          strings.Repeat("a", 100_000),
		"foreign issuer":    newFixture(t).sign(s),
	} {
		for _, target := range []string{"/me", "/public", "/unruled", "/nowhere"} {
			rec := w.do("GET", target, bearer)
			w.want(rec, 401, "invalid-token")
			answer := fmt.Sprint(rec.Header(), rec.Body)
			if first == "" {
				first = answer
			}
			if answer != first {
				t.Errorf("%s on %s is told apart:\n%s\n%s", name, target, answer, first)
			}
		}
		if rec := w.do("GET", "/me", good); rec.Code != 200 {
			t.Fatalf("after %s a good token gets %d", name, rec.Code)
		}
		w.reached.Store(0)
	}
	if !strings.Contains(first, `Bearer realm=\"api\", error=\"invalid_token\"`) && !strings.Contains(first, `error="invalid_token"`) {
		t.Errorf("the challenge is missing in %s", first)
	}
}

func TestAmbiguousAndDoubledRequestsAreRefused(t *testing.T) {
	w := newFixture(t)
	bearer, _ := w.login(acme, alice, "viewer")
	w.want(w.do("GET", "/public/../me", bearer), 400, "ambiguous-request")
	w.want(w.do("GET", "//public", ""), 400, "ambiguous-request")
	w.want(w.do("GET", "/notes%2F1", bearer), 400, "ambiguous-request")
	w.want(w.do("GET", "/me?access_token=x", bearer), 400, "invalid-request")
	r := httptest.NewRequest("GET", "/me", nil)
	r.Header.Add("Authorization", "Bearer junk")
	r.Header.Add("Authorization", "Bearer "+bearer)
	rec := httptest.NewRecorder()
	w.echo.ServeHTTP(rec, r)
	w.want(rec, 400, "invalid-request")
	if got := rec.Header().Get("WWW-Authenticate"); got != `Bearer realm="api", error="invalid_request"` {
		t.Errorf("challenge is %q", got)
	}
}

func TestTheTenantIsConfirmedNeverGranted(t *testing.T) {
	w := newFixture(t)
	bearer, _ := w.login(acme, alice, "viewer")
	if rec := w.do("GET", "/me", bearer, headers{"X-Tenant": "acme"}); rec.Code != 200 {
		t.Errorf("the same tenant is refused: %d", rec.Code)
	}
	w.reached.Store(0)
	for _, claim := range []string{"globex", "ACME", "acme ", "*", "", "acme,globex", "nobody"} {
		w.want(w.do("GET", "/me", bearer, headers{"X-Tenant": claim}), 403, "forbidden")
	}
	w.want(w.do("GET", "/me", "", headers{"X-Tenant": "acme"}), 401, "authentication-required")
}

func TestASuspendedTenantIsRefusedUntilItIsActive(t *testing.T) {
	w := newFixture(t)
	bearer, _ := w.login(acme, alice, "viewer")
	other, _ := w.login(globex, alice, "viewer")
	if err := w.manager.SetTenantStatus(t.Context(), acme, tenant.Suspended); err != nil {
		t.Fatal(err)
	}
	w.want(w.do("GET", "/me", bearer), 403, "forbidden")
	if rec := w.do("GET", "/me", other); rec.Code != 200 {
		t.Errorf("the other tenant gets %d", rec.Code)
	}
	if err := w.manager.SetTenantStatus(t.Context(), acme, tenant.Active); err != nil {
		t.Fatal(err)
	}
	if rec := w.do("GET", "/me", bearer); rec.Code != 200 {
		t.Errorf("after resuming: %d", rec.Code)
	}
}

func TestRolesComeFromTheSessionAndChangeAtOnce(t *testing.T) {
	w := newFixture(t)
	bearer, s := w.login(acme, alice, "viewer")
	set := func(roles ...string) {
		t.Helper()
		_, err := w.manager.Update(t.Context(), s.Ref(), func(s *session.Session) error {
			s.Roles = session.MustRoles(roles...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	w.want(w.do("PUT", "/notes/1", bearer), 403, "forbidden")
	set("editor")
	if rec := w.do("PUT", "/notes/1", bearer); rec.Code != 200 {
		t.Errorf("after the grant: %d %s", rec.Code, rec.Body)
	}
	w.reached.Store(0)
	set()
	w.want(w.do("PUT", "/notes/1", bearer), 403, "forbidden")
	w.want(w.do("GET", "/notes/1", bearer), 403, "forbidden")
}

func TestRevocationIsEffectiveAtOnce(t *testing.T) {
	w := newFixture(t)
	for name, revoke := range map[string]func(ref session.Ref) error{
		"one":      func(ref session.Ref) error { return w.manager.Revoke(t.Context(), ref) },
		"user":     func(ref session.Ref) error { return w.manager.RevokeUser(t.Context(), ref.Tenant, ref.User) },
		"tenant":   func(ref session.Ref) error { return w.manager.RevokeTenant(t.Context(), ref.Tenant) },
		"everyone": func(session.Ref) error { return w.manager.RevokeAll(t.Context()) },
	} {
		bearer, s := w.login(acme, alice, "viewer")
		if rec := w.do("GET", "/me", bearer); rec.Code != 200 {
			t.Fatalf("%s: before: %d", name, rec.Code)
		}
		w.reached.Store(0)
		if err := revoke(s.Ref()); err != nil {
			t.Fatal(err)
		}
		w.want(w.do("GET", "/me", bearer), 401, "invalid-token")
	}
}

func TestHeadIsDecidedAsGet(t *testing.T) {
	w := newFixture(t)
	w.echo.HEAD("/notes/:id", func(c echo.Context) error { w.reached.Add(1); return c.NoContent(200) })
	w.want(w.do("HEAD", "/notes/1", ""), 401, "authentication-required")
	bearer, _ := w.login(acme, alice, "viewer")
	if rec := w.do("HEAD", "/notes/1", bearer); rec.Code != 200 {
		t.Errorf("got %d", rec.Code)
	}
}

func TestHeadersThatNameACallerOrAMethodHaveNoEffect(t *testing.T) {
	w := newFixture(t)
	bearer, _ := w.login(acme, alice, "viewer")
	spoofs := headers{
		"X-User-Id": "root", "X-Roles": "admin", "X-Forwarded-User": "root", "X-Original-Url": "/public",
		"X-Rewrite-Url": "/public", "X-Forwarded-Uri": "/public", "X-Http-Method-Override": "GET", "X-Forwarded-Prefix": "/public",
	}
	w.want(w.do("GET", "/me", "", spoofs), 401, "authentication-required")
	w.want(w.do("PUT", "/notes/1", bearer, spoofs), 403, "forbidden")
}

// fakes for failure injection: the stages return what they never should.
type fakeVerifier func() (*token.Verified, error)

func (f fakeVerifier) Verify(context.Context, string) (*token.Verified, error) { return f() }

type fakeLoader func(session.Ref) (session.Session, error)

func (f fakeLoader) Load(_ context.Context, ref session.Ref) (session.Session, error) { return f(ref) }

func TestAFailingStageNeverAllows(t *testing.T) {
	outsider := session.Session{ID: session.NewID(), Tenant: globex, User: session.MustParseUserID("mallory"), Roles: session.MustRoles("editor")}
	for name, tt := range map[string]struct {
		break_  option
		status  int
		problem string
	}{
		"the verifier is out":                {withVerifier(nil, token.ErrUnavailable), 503, "auth-unavailable"},
		"the verifier fails oddly":           {withVerifier(nil, errors.New("odd")), 503, "auth-unavailable"},
		"the verifier returns nothing":       {withVerifier(nil, nil), 503, "auth-unavailable"},
		"the verifier returns a zero token":  {withVerifier(new(token.Verified), nil), 401, "invalid-token"},
		"the verifier is cancelled":          {withVerifier(nil, context.Canceled), 503, "auth-unavailable"},
		"the store is out":                   {withLoader(session.Session{}, errDown), 503, "auth-unavailable"},
		"the store is out and finds nothing": {withLoader(session.Session{}, errors.Join(session.ErrNotFound, session.ErrUnavailable)), 503, "auth-unavailable"},
		"the record is corrupt":              {withLoader(session.Session{}, session.ErrCorrupt), 503, "auth-unavailable"},
		"the store fails oddly":              {withLoader(session.Session{}, errors.New("odd")), 503, "auth-unavailable"},
		"the store times out":                {withLoader(session.Session{}, context.DeadlineExceeded), 503, "auth-unavailable"},
		"the store returns a zero session":   {withLoader(session.Session{}, nil), 503, "auth-unavailable"},
		"the store returns another session":  {withLoader(outsider, nil), 503, "auth-unavailable"},
		"a session and an error":             {withLoader(outsider, session.ErrNotFound), 401, "invalid-token"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t, tt.break_)
			bearer, _ := w.login(acme, alice, "editor")
			for _, target := range []string{"/public", "/me", "/notes/1", "/unruled"} {
				rec := w.do("GET", target, bearer)
				w.want(rec, tt.status, tt.problem)
				if tt.status == 503 && rec.Header().Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
				if tt.status == 503 && rec.Header().Get("WWW-Authenticate") != "" {
					t.Error("an outage asks to sign in")
				}
				if strings.Contains(rec.Body.String(), "odd") || strings.Contains(rec.Body.String(), "hunter2") {
					t.Errorf("the cause is in the body: %s", rec.Body)
				}
			}
			if rec := w.do("GET", "/public", ""); rec.Code != 200 {
				t.Errorf("an anonymous caller of a public route gets %d", rec.Code)
			}
		})
	}
}

func withVerifier(v *token.Verified, err error) option {
	return func(c *authz.Config) { c.Tokens = fakeVerifier(func() (*token.Verified, error) { return v, err }) }
}

func withLoader(s session.Session, err error) option {
	return func(c *authz.Config) {
		c.Sessions = fakeLoader(func(session.Ref) (session.Session, error) { return s, err })
	}
}

func TestAnOutageEndsWithTheStoreBack(t *testing.T) {
	w := newFixture(t)
	bearer, _ := w.login(acme, alice, "viewer")
	err := error(errDown)
	w.store.fail.Store(&err)
	w.want(w.do("GET", "/me", bearer), 503, "auth-unavailable")
	w.store.fail.Store(nil)
	if rec := w.do("GET", "/me", bearer); rec.Code != 200 {
		t.Errorf("got %d", rec.Code)
	}
}

const cookie = "__Host-session"

func withCookie(c *authz.Config) { c.Cookie = cookie }

func TestCookies(t *testing.T) {
	w := newFixture(t, withCookie)
	bearer, s := w.login(acme, alice, "viewer")
	good := headers{"Cookie": cookie + "=" + bearer}
	if rec := w.do("GET", "/me", "", good); rec.Code != 200 {
		t.Errorf("a cookie carries a token: %d", rec.Code)
	}
	if rec := w.do("POST", "/me", "", good, headers{"Origin": "https://example.com", "Sec-Fetch-Site": "same-origin"}); rec.Code != 200 {
		t.Errorf("the site itself posts: %d %s", rec.Code, rec.Body)
	}
	w.reached.Store(0)
	w.want(w.do("POST", "/me", "", good, headers{"Origin": "https://evil.test"}), 403, "cross-origin")
	w.want(w.do("POST", "/me", "", good), 403, "cross-origin")
	w.want(w.do("GET", "/me", bearer, good), 400, "invalid-request")

	bad := headers{"Cookie": cookie + "=junk"}
	w.want(w.do("GET", "/me", "", bad), 401, "authentication-required")
	if rec := w.do("GET", "/public", "", bad); rec.Code != 200 {
		t.Errorf("a stale cookie shuts a public route: %d", rec.Code)
	}
	w.reached.Store(0)
	err := error(errDown)
	w.store.fail.Store(&err)
	w.want(w.do("GET", "/public", "", good), 503, "auth-unavailable")
	w.store.fail.Store(nil)

	if err := w.manager.SetTenantStatus(t.Context(), s.Tenant, tenant.Suspended); err != nil {
		t.Fatal(err)
	}
	w.want(w.do("GET", "/me", "", good), 403, "forbidden")
	if rec := w.do("GET", "/public", "", good); rec.Code != 200 {
		t.Errorf("a suspended tenant's cookie shuts a public route: %d", rec.Code)
	}
}

func TestEachDecisionIsObservedOnceWithoutSecrets(t *testing.T) {
	w := newFixture(t)
	bearer, s := w.login(acme, alice, "viewer")
	w.do("GET", "/notes/1", bearer)
	w.do("PUT", "/notes/1", bearer)
	w.do("GET", "/me", bearer+"x")
	var got []string
	for _, e := range w.events {
		got = append(got, fmt.Sprintf("%s %s %s %s %s %d", e.Kind, e.Outcome(), e.User, e.Action, e.Object, e.Status))
		if text := fmt.Sprintf("%+v %v", e, e.LogValue()); strings.Contains(text, bearer) || strings.Contains(text, s.ID.Reveal()) {
			t.Errorf("a secret in %s", text)
		}
	}
	want := []string{
		"route allow alice GET /notes/:id 0",
		"object allow alice read note:1 0",
		"route deny alice PUT /notes/:id 403",
		"route deny  GET /me 401",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTheErrorHandlerCannotAllow(t *testing.T) {
	w := newFixture(t, func(c *authz.Config) {
		c.ErrorHandler = func(http.ResponseWriter, *http.Request, middleware.Problem, error) {}
	})
	if rec := w.do("GET", "/me", ""); rec.Code != 401 {
		t.Errorf("an ErrorHandler that writes nothing answers %d", rec.Code)
	}
	if n := w.reached.Load(); n != 0 {
		t.Error("the handler ran")
	}
}
