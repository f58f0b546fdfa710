package authz_test

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
)

// Which host's route runs is Echo's to say, byte by byte, and the rule is that route's.
func TestTheRuleOfAHostIsForThatHostAlone(t *testing.T) {
	for name, rules := range map[string]string{
		"api":     "p, role:anyone, *, //api.test/me, GET, true, allow",
		"admin":   "p, role:anyone, *, //admin.test/*, GET, true, allow",
		"default": "p, role:anyone, *, /me, GET, true, allow",
	} {
		var events []authz.Event
		e := echo.New()
		e.Use(guard(t, engine(t, rules), func(c *authz.Config) {
			c.Observer = func(_ context.Context, e authz.Event) { events = append(events, e) }
		}))
		ran := ""
		served := func(by string) echo.HandlerFunc { return func(echo.Context) error { ran = by; return nil } }
		e.GET("/me", served("default"))
		e.Host("api.test").GET("/me", served("api"))
		e.Host("admin.test").Group("").GET("/me", served("admin"))
		for host, by := range map[string]string{
			"api.test": "api", "admin.test": "admin", "": "default", "API.test": "default", "api.test.": "default", "api.test:80": "default",
			"admin.test:443": "default", "x.test": "default", "api.test/": "default", "/": "default",
		} {
			ran, events = "", nil
			r := httptest.NewRequest("GET", "/me", nil)
			r.Host = host
			rec := httptest.NewRecorder()
			e.ServeHTTP(rec, r)
			want, object := "", "/me"
			if by == name {
				want = by
			}
			if by != "default" {
				object = "//" + host + "/me"
			}
			if ran != want || (rec.Code == 200) != (want != "") {
				t.Errorf("rules of %s: a request to %q runs %q: %d", name, host, ran, rec.Code)
			}
			if len(events) != 1 || events[0].Object != object || (events[0].Err == nil) != (want != "") {
				t.Errorf("rules of %s: a request to %q: %+v", name, host, events)
			}
		}
	}
}

// A router for no host would have the routes of every other host by their names: a rule for one
// would be a rule for the other.
func TestARouterForNoHostIsRefused(t *testing.T) {
	eng := engine(t, "p, role:anyone, *, /x, GET, true, allow\np, role:anyone, *, /*, POST, true, allow")
	e := echo.New()
	e.Use(guard(t, eng, func(c *authz.Config) { c.Observer = nil }))
	e.GET("/x", nothing)
	e.POST("/y", nothing)
	if err := authz.Verify(e, eng); err != nil {
		t.Fatal(err)
	}
	none := e.Host("")
	none.GET("/x", func(echo.Context) error { t.Error("it runs"); return nil })
	none.POST("/z", func(echo.Context) error { t.Error("it runs"); return nil })
	for _, target := range []string{"GET /x", "HEAD /x", "POST /z"} {
		method, path, _ := strings.Cut(target, " ")
		r := httptest.NewRequest(method, path, nil)
		r.Host = ""
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, r)
		if rec.Code != 401 {
			t.Errorf("%s without a Host: %d", target, rec.Code)
		}
	}
	v := asVerifyError(t, authz.Verify(e, eng))
	if len(v.Unruled) != 2 || len(v.Unguarded)+len(v.Unrouted)+len(v.Exposed) > 0 || !strings.Contains(v.Error(), `by e.Host("")`) {
		t.Error(v)
	}
	if err := authz.VerifyRoutes(e, eng); err == nil || !strings.Contains(err.Error(), `by e.Host("")`) {
		t.Errorf("VerifyRoutes: %v", err)
	}
}

// No server passes on a Host with a slash. Were there a router for one, its routes would have
// the names of another host's.
func TestAHostThatCouldBeAnotherHostsRouteIsRefused(t *testing.T) {
	eng := engine(t, "p, role:anyone, *, /*, GET, true, allow\np, role:anyone, *, //a/b/x, GET, true, allow")
	e := echo.New()
	e.Use(guard(t, eng, func(c *authz.Config) { c.Observer = nil }))
	e.Host("a/b").GET("/x", func(echo.Context) error { t.Error("it runs"); return nil })
	r := httptest.NewRequest("GET", "/x", nil)
	r.Host = "a/b"
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, r)
	if rec.Code != 401 {
		t.Error(rec.Code)
	}
	if v := asVerifyError(t, authz.Verify(e, eng)); len(v.Unruled) != 1 {
		t.Error(v)
	}
}
