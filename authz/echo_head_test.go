package authz_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
)

// A HEAD is asked of a real server: the body is left out there.
func TestHeadRunsTheHandlerOfGetByItsRule(t *testing.T) {
	var events []authz.Event
	eng := engine(t, `
p, role:anyone, *, /open/:id,      GET, true, allow
p, role:anyone, *, route:/files/*, GET, true, allow
p, role:anyone, *, /own,           GET, true, allow
p, role:anyone, *, //api.test/open/:id, GET, true, allow
p, role:admin,  *, /closed,        GET, true, allow
p, role:admin,  *, /posted,        POST, true, allow
`)
	e := echo.New()
	e.Use(guard(t, eng, func(c *authz.Config) {
		c.Observer = func(_ context.Context, e authz.Event) { events = append(events, e) }
	}))
	ran := ""
	h := func(c echo.Context) error {
		ran = c.Request().Method + " " + c.Path() + " " + c.Param("id") + c.Param("*")
		c.Response().Header().Set("X-Ran", ran)
		return c.String(http.StatusOK, "the body of "+c.Request().URL.Path)
	}
	e.GET("/open/:id", h)
	e.GET("/files/*", h)
	e.GET("/closed", h)
	e.POST("/posted", h)
	e.GET("/own", h)
	e.HEAD("/own", func(c echo.Context) error { return c.NoContent(http.StatusAccepted) })
	e.GET("/grouped", h) // has no rule
	through := 0
	e.Host("api.test").GET("/open/:id", h, func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { through++; return next(c) }
	})
	authz.HEAD(e)
	authz.HEAD(e)
	heads := 0
	for _, r := range slices.Concat(e.Routes(), e.Routers()["api.test"].Routes()) {
		if r.Method == http.MethodHead {
			heads++
		}
	}
	if heads != 6 {
		t.Errorf("%d routes for HEAD", heads)
	}
	v := asVerifyError(t, authz.Verify(e, eng))
	if len(v.Unruled) != 1 || v.Unruled[0].Route != (authz.Route{Method: "GET", Path: "/grouped"}) || len(v.Unguarded)+len(v.Unrouted)+len(v.Exposed) != 0 {
		t.Errorf("%v", v)
	}
	server := httptest.NewServer(e)
	defer server.Close()
	for _, c := range []struct {
		host, path string
		status     int
		ran        string
	}{
		{"", "/open/7", 200, "HEAD /open/:id 7"},
		{"", "/open/a%3Ab", 200, "HEAD /open/:id a:b"},
		{"", "/files/a/b", 200, "HEAD /files/* a/b"},
		{"api.test", "/open/8", 200, "HEAD /open/:id 8"},
		{"", "/own", 202, ""},
		{"", "/closed", 401, ""},
		{"", "/grouped", 401, ""},
		{"", "/posted", 401, ""},
		{"api.test", "/own", 401, ""},
	} {
		ran, events = "", nil
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodHead, server.URL+c.path, nil)
		r.Host = c.host
		res, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != c.status || ran != c.ran || res.Header.Get("X-Ran") != c.ran || len(body) > 0 {
			t.Errorf("%s%s: %d, ran %q, %d bytes", c.host, c.path, res.StatusCode, ran, len(body))
		}
		if c.status == 200 && res.ContentLength <= 0 {
			t.Errorf("%s%s: the header does not tell the length", c.host, c.path)
		}
		if len(events) != 1 || events[0].Action != "GET" || (events[0].Err == nil) != (c.status < 300) || strings.HasPrefix(events[0].Object, "//") != (c.host != "" && c.path != "/own") {
			t.Errorf("%s%s: %+v", c.host, c.path, events)
		}
	}
	if through != 1 {
		t.Errorf("the middleware of the route ran %d times", through)
	}
}

// Every GET that a router can be given, whatever hides it from whom, answers HEAD as GET.
func TestHeadAndGetReachTheSameRoute(t *testing.T) {
	eng := engine(t, "p, role:anyone, *, /*, GET, true, allow")
	e := echo.New()
	e.Use(guard(t, eng, func(c *authz.Config) { c.Observer = nil }))
	for _, route := range []string{"/", "/*", "/:page", "/a/:x", "/a/*", "/a/b", "/:x/b", "/a/:x/c", `/v\:x`, "/:x/*"} {
		e.GET(route, func(c echo.Context) error {
			c.Response().Header().Set("X-Ran", route+strings.Join(c.ParamValues(), ","))
			return nil
		})
	}
	authz.HEAD(e)
	for _, path := range []string{"/", "/x", "/a/x", "/a/b", "/a/b/c", "/x/b", "/a/", "/v:x", "/x/y/z", "/a/x/c/d"} {
		get, head := httptest.NewRecorder(), httptest.NewRecorder()
		e.ServeHTTP(get, httptest.NewRequest("GET", path, nil))
		e.ServeHTTP(head, httptest.NewRequest("HEAD", path, nil))
		if want := get.Header().Get("X-Ran"); want == "" || head.Header().Get("X-Ran") != want || head.Code != get.Code {
			t.Errorf("%s: GET runs %q, HEAD %q", path, want, head.Header().Get("X-Ran"))
		}
	}
}
