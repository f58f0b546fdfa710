package authz_test

import (
	"bufio"
	"context"
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
p, role:anyone,  *, /pub/*,          *, true, allow
p, role:anyone,  *, /:page,          *, true, allow
p, role:nobody,  *, /admin/:id,      *, true, allow
p, role:anyone,  *, /pub/admin/keys, *, true, deny
`

// FuzzTheRouteThatIsDecidedOnIsTheOneThatRuns sends any request line through the whole
// middleware with a policy. Where a handler runs, its own route is the one that the policy
// allowed; and the route is the same for the path as a proxy might have cleaned and
// decoded it.
func FuzzTheRouteThatIsDecidedOnIsTheOneThatRuns(f *testing.F) {
	for _, target := range []string{
		"/pub/x", "/pub/../admin/1", "/admin/1", "/pub%2F..%2Fadmin/1", "/pub/admin/keys", "/pub/%61dmin/keys", "//admin/1", "/pub;/admin/1", "/pub/a%20b",
		"http://x/pub/x", "/pub/x?y=/admin/1", "/caf%C3%A9", "/PUB/admin/keys", "/pub/admin/keys/", `/pub\admin/keys`, "*", "/pub/.%2e/admin/1",
	} {
		f.Add("GET", target)
		f.Add("POST", target)
	}
	w := newRouted(f)
	f.Fuzz(func(t *testing.T, method, target string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target + " HTTP/1.1\r\nHost: api.test\r\n\r\n")))
		if err != nil {
			return
		}
		ran := w.route(r)
		if ran == "" {
			return
		}
		allowed := false
		for _, e := range w.events {
			allowed = allowed || e.Kind == authz.RouteDecision && e.Err == nil && e.Decision.Allowed() && e.Object == ran
		}
		if !allowed {
			t.Fatalf("%s %q runs the handler of %s, and the policy decided %v", method, target, ran, w.events)
		}
		if strings.HasPrefix(ran, "/admin/") || ran == "/pub/admin/keys" {
			t.Fatalf("%s %q reaches %s", method, target, ran)
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
		other.Method, other.RequestURI, other.URL = r.Method, "", &url.URL{Path: cleaned}
		if again := w.route(other); again != ran {
			t.Fatalf("%s %q runs %s, and as %q %q", method, target, ran, cleaned, again)
		}
	})
}

// routed is a service whose handlers say which route they serve.
type routed struct {
	echo   *echo.Echo
	events []authz.Event
	ran    string
}

func (w *routed) route(r *http.Request) string {
	w.ran, w.events = "", nil
	w.echo.ServeHTTP(httptest.NewRecorder(), r)
	return w.ran
}

func newRouted(f *testing.F) *routed {
	w := &routed{echo: echo.New()}
	w.echo.Use(guard(f, engine(f, fuzzRules), func(c *authz.Config) {
		c.Observer = func(_ context.Context, e authz.Event) { w.events = append(w.events, e) }
	}))
	for _, route := range []string{"/admin/:id", "/pub/admin/keys", "/pub/*", "/:page"} {
		w.echo.Any(route, func(echo.Context) error { w.ran = route; return nil })
	}
	return w
}
