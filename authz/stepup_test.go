package authz_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
)

// loginAt signs in at a time and by methods; a zero time makes the store take its own.
func (w *fixture) loginAt(at time.Time, methods ...string) string {
	w.t.Helper()
	amr, err := session.NewMethods(methods...)
	if err != nil {
		w.t.Fatal(err)
	}
	s, _, err := w.manager.Create(context.Background(), session.SignIn{Tenant: acme, User: alice, AuthTime: at, AMR: amr})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.sign(s)
}

func (w *fixture) route(method, path string, mw ...echo.MiddlewareFunc) {
	w.echo.Add(method, path, func(c echo.Context) error {
		w.reached.Add(1)
		return c.String(200, "ok\n")
	}, mw...)
}

const stepUp = "insufficient-user-authentication"

func TestRequireMaxAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t)
		w.route("GET", "/me", authz.RequireMaxAge(5*time.Minute))
		w.route("GET", "/public", authz.RequireMaxAge(5*time.Minute))
		now := time.Now()
		for name, tt := range map[string]struct {
			at time.Time
			ok bool
		}{
			"just now":                 {now, true},
			"as long ago as allowed":   {now.Add(-5 * time.Minute), true},
			"a moment longer ago":      {now.Add(-5*time.Minute - time.Millisecond), false},
			"a day ago":                {now.Add(-24 * time.Hour), false},
			"by a clock that is ahead": {now.Add(30 * time.Second), true},
			"in a far future":          {now.Add(2 * time.Minute), false},
			"in 1970":                  {time.Unix(0, 0), false},
		} {
			rec := w.do("GET", "/me", w.loginAt(tt.at))
			if tt.ok {
				if rec.Code != 200 {
					t.Errorf("%s: got %d %s", name, rec.Code, rec.Body)
				}
				w.reached.Store(0)
				continue
			}
			w.want(rec, 401, stepUp)
			if got := rec.Header().Get("WWW-Authenticate"); got != `Bearer realm="api", error="insufficient_user_authentication", max_age="300"` {
				t.Errorf("%s: challenge is %s", name, got)
			}
		}
		w.want(w.do("GET", "/public", ""), 401, "authentication-required")
	})
}

func TestAZeroAuthTimeIsNeverFresh(t *testing.T) {
	w := newFixture(t, func(c *authz.Config) {
		next := c.Sessions
		c.Sessions = loaderFunc(func(ctx context.Context, ref session.Ref) (session.Session, error) {
			s, err := next.Load(ctx, ref)
			s.AuthTime = time.Time{}
			return s, err
		})
	})
	w.route("GET", "/me", authz.RequireMaxAge(200*365*24*time.Hour))
	bearer, _ := w.login(acme, alice)
	w.want(w.do("GET", "/me", bearer), 401, stepUp)
}

type loaderFunc func(ctx context.Context, ref session.Ref) (session.Session, error)

func (f loaderFunc) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	return f(ctx, ref)
}

func TestRequireAMR(t *testing.T) {
	w := newFixture(t)
	w.route("GET", "/me", authz.RequireAMR("otp", "hwk"))
	w.route("POST", "/me", authz.RequireAMR("pwd"), authz.RequireAMR("otp", "hwk"))
	for _, tt := range []struct {
		methods   []string
		get, post bool
	}{
		{nil, false, false},
		{[]string{"pwd"}, false, false},
		{[]string{"otp"}, true, false},
		{[]string{"hwk", "pwd"}, true, true},
		{[]string{"OTP", "hw", "otp2"}, false, false},
	} {
		bearer := w.loginAt(time.Time{}, tt.methods...)
		for method, ok := range map[string]bool{"GET": tt.get, "POST": tt.post} {
			rec := w.do(method, "/me", bearer)
			if ok && rec.Code != 200 {
				t.Errorf("%s by %v: got %d %s", method, tt.methods, rec.Code, rec.Body)
			}
			if ok {
				w.reached.Store(0)
				continue
			}
			w.want(rec, 401, stepUp)
			if got := rec.Header().Get("WWW-Authenticate"); method == "GET" && got != `Bearer realm="api", error="insufficient_user_authentication", acr_values="otp hwk"` {
				t.Errorf("challenge is %s", got)
			}
		}
	}
}

func TestStepUpIsObservedAndNeedsTheMiddleware(t *testing.T) {
	w := newFixture(t)
	w.route("GET", "/me", authz.RequireAMR("otp"))
	bearer, _ := w.login(acme, alice)
	w.do("GET", "/me", bearer)
	last := w.events[len(w.events)-1]
	if last.Kind != authz.SignInDecision || last.Kind.String() != "sign-in" || last.Status != 401 || last.Outcome() != "deny" || last.Object != "/me" || last.User != alice {
		t.Errorf("got %+v", last)
	}
	open := echo.New()
	open.HideBanner = true
	open.GET("/me", func(c echo.Context) error { t.Error("the handler runs"); return nil }, authz.RequireMaxAge(time.Hour))
	rec := serveOn(open, "GET", "/me")
	if rec.Code != 500 {
		t.Errorf("without the middleware: %d", rec.Code)
	}
}

func TestAStepUpThatCannotBeMeantPanics(t *testing.T) {
	for name, f := range map[string]func(){
		"no time":          func() { authz.RequireMaxAge(0) },
		"a negative time":  func() { authz.RequireMaxAge(-time.Hour) },
		"half a second":    func() { authz.RequireMaxAge(500 * time.Millisecond) },
		"no method":        func() { authz.RequireAMR() },
		"an empty method":  func() { authz.RequireAMR("") },
		"a quoted method":  func() { authz.RequireAMR(`otp", x="`) },
		"a spaced methods": func() { authz.RequireAMR("otp hwk") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s does not", name)
				}
			}()
			f()
		}()
	}
}
