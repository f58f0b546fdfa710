package authz_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
)

const fuzzRules = `
p, role:anyone,  *, /pub/*,              *,        true, allow
p, role:anyone,  *, /:page,              *,        true, allow
p, role:anyone,  *, route:/*,            GET,      true, allow
p, role:anyone,  *, route:/v\:x,         GET,      true, allow
p, role:anyone,  *, /dav/:f,             M-SEARCH, true, allow
p, role:anyone,  *, //api.test/pub/*,    *,        true, allow
p, role:anyone,  *, //www.test/admin/:id, *,       true, allow
p, role:nobody,  *, /admin/:id,          *,        true, allow
p, role:nobody,  *, //api.test/admin/:id, *,       true, allow
p, role:nobody,  *, /dav/:f,             GET,      true, allow
p, role:anyone,  *, /pub/admin/keys,     *,        true, deny
`

// fuzzClosed are the routes of newRouted that nobody may reach.
var fuzzClosed = []string{"/admin/:id", "/pub/admin/keys", "//api.test/admin/:id", "/closed/:a/:b"}

// FuzzTheRouteThatIsDecidedOnIsTheOneThatRuns sends any request line to any host through the
// whole middleware with a policy. Where a handler runs, its own route is the one that the
// policy allowed, by the method of the request; and the route and its parameters are the
// same for the path as a proxy might have cleaned and decoded it.
func FuzzTheRouteThatIsDecidedOnIsTheOneThatRuns(f *testing.F) {
	for _, target := range []string{
		"/pub/x", "/pub/../admin/1", "/admin/1", "/pub%2F..%2Fadmin/1", "/pub/admin/keys", "/pub/%61dmin/keys", "//admin/1", "/pub;/admin/1", "/pub/a%20b",
		"http://x/pub/x", "/pub/x?y=/admin/1", "/caf%C3%A9", "/PUB/admin/keys", "/pub/admin/keys/", `/pub\admin/keys`, "*", "/pub/.%2e/admin/1",
		"/pub/a%2Cb", "/pub/caf%C3%A9!", "/pub/caf%c3%a9%21/x", "/v:x", "/v%3Ax", "/v%3ax", "/%c3%a9/x", "/admin%2C/1", "/dav/a:b", "/dav/a%3Ab", "http://api.test/admin/1",
		"/closed/1/2", "/closed%20/1/2", "/closed/a%2Bb/c", "//api.test/admin/1", "/", "/x/y/z", "http://api.test:80/pub/x", "/pub/a+b", "/pub/a%2bb",
	} {
		for _, method := range []string{"GET", "POST", "HEAD", "M-SEARCH", "get", "purge", "X"} {
			f.Add(method, "api.test", target)
			f.Add(method, "www.test", target)
			f.Add(method, "API.test:80", target)
		}
	}
	w := newRouted(f)
	f.Fuzz(func(t *testing.T, method, host, target string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n")))
		if err != nil {
			return
		}
		ran, values := w.route(r)
		if ran == "" {
			return
		}
		action := r.Method
		if action == "HEAD" {
			action = "GET"
		}
		allowed := false
		for _, e := range w.events {
			allowed = allowed || e.Kind == authz.RouteDecision && e.Err == nil && e.Decision.Allowed() && e.Object == ran && string(e.Action) == action
		}
		if !allowed {
			t.Fatalf("%s %q of %q runs the handler of %s, and the policy decided %v", method, target, host, ran, w.events)
		}
		for _, closed := range fuzzClosed {
			if ran == closed {
				t.Fatalf("%s %q of %q reaches %s", method, target, host, ran)
			}
		}
		decoded, err := url.PathUnescape(r.URL.EscapedPath())
		if err != nil {
			t.Fatal(err)
		}
		cleaned := path.Clean(decoded)
		if strings.HasSuffix(decoded, "/") && cleaned != "/" {
			cleaned += "/"
		}
		other := httptest.NewRequest("GET", "/", nil)
		other.Method, other.Host, other.RequestURI, other.URL = r.Method, r.Host, "", &url.URL{Path: cleaned}
		if again, same := w.route(other); again != ran || same != values {
			t.Fatalf("%s %q of %q runs %s with %s, and as %q %q with %s", method, target, host, ran, values, cleaned, again, same)
		}
	})
}

// routed is a service whose handlers say which route they serve, and with what.
type routed struct {
	echo        *echo.Echo
	events      []authz.Event
	ran, values string
}

func (w *routed) route(r *http.Request) (ran, values string) {
	w.ran, w.values, w.events = "", "", nil
	w.echo.ServeHTTP(httptest.NewRecorder(), r)
	return w.ran, w.values
}

func newRouted(f *testing.F) *routed {
	w := &routed{echo: echo.New()}
	w.echo.Use(guard(f, engine(f, fuzzRules), func(c *authz.Config) {
		c.Observer = func(_ context.Context, e authz.Event) { w.events = append(w.events, e) }
	}))
	serves := func(route string) echo.HandlerFunc {
		return func(c echo.Context) error {
			w.ran, w.values = route, fmt.Sprintf("%q %q", c.ParamNames(), c.ParamValues())
			return nil
		}
	}
	methods := []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "M-SEARCH", "get", "purge", "X"}
	for _, route := range []string{"/admin/:id", "/pub/admin/keys", "/pub/*", "/:page", "/dav/:f", `/v\:x`, "/closed/:a/:b"} {
		w.echo.Match(methods, route, serves(route))
	}
	w.echo.GET("/*", serves("/*"))
	for host, routes := range map[string][]string{"api.test": {"/admin/:id", "/pub/*"}, "www.test": {"/admin/:id"}} {
		g := w.echo.Host(host)
		for _, route := range routes {
			g.Match(methods, route, serves("//"+host+route))
		}
	}
	authz.HEAD(w.echo)
	return w
}
