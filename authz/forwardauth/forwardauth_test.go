package forwardauth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/forwardauth"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
)

var proxies = []forwardauth.Proxy{forwardauth.Nginx, forwardauth.Traefik, forwardauth.Envoy}

func eachProxy(t *testing.T, test func(t *testing.T, w *fixture)) {
	for _, p := range proxies {
		t.Run(p.String(), func(t *testing.T) { test(t, newFixture(t, p)) })
	}
}

func TestAProxyIsAnsweredByTheDecisionAboutTheTemplate(t *testing.T) {
	eachProxy(t, func(t *testing.T, w *fixture) {
		viewer, ended := w.login("alice", "viewer"), w.login("bob", "viewer")
		if err := w.manager.RevokeUser(t.Context(), acme, session.MustParseUserID("bob")); err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct {
			name, method, target string
			header               http.Header
			status               int
			user, route          string
		}{
			{"a public route", "GET", "/public", nil, 200, "", "/public"},
			{"a viewer reads", "GET", "/notes/1?full=1", bearer(viewer), 200, "alice", "/notes/:id"},
			{"HEAD is decided as GET", "HEAD", "/notes/1", bearer(viewer), 200, "alice", "/notes/:id"},
			{"a file below a prefix", "GET", "/files/a/b", bearer(viewer), 200, "alice", "/files/*"},
			{"a folder", "GET", "/dir/", bearer(viewer), 200, "alice", "/dir/"},
			{"below a folder", "GET", "/dir/x", bearer(viewer), 403, "", ""},
			{"a host of its own", "GET", "/notes", with(bearer(viewer), "Host", "own.test"), 200, "alice", "//own.test/notes"},
			{"that route on another host", "GET", "/notes", bearer(viewer), 403, "", ""},
			{"a viewer may not write", "PUT", "/notes/1", bearer(viewer), 403, "", ""},
			{"a viewer is no admin", "GET", "/admin", bearer(viewer), 403, "", ""},
			{"nobody is signed in", "GET", "/notes/1", nil, 401, "", ""},
			{"an ended session", "GET", "/notes/1", bearer(ended), 401, "", ""},
			{"a token that is none", "GET", "/public", bearer("abc"), 401, "", ""},
			{"an unresolved path", "GET", "/nowhere", bearer(viewer), 403, "", ""},
			{"an unresolved path, signed out", "GET", "/nowhere", nil, 403, "", ""},
			{"an unresolved path, a bad token", "GET", "/nowhere", bearer("abc"), 403, "", ""},
			{"an unresolved method", "DELETE", "/notes/1", nil, 403, "", ""},
			{"a path with a slash too many", "GET", "/public/", nil, 403, "", ""},
			{"CONNECT", "CONNECT", "/public", nil, 403, "", ""},
			{"two credentials", "GET", "/notes/1", with(bearer(viewer), "Cookie", cookie+"="+viewer), 403, "", ""},
		} {
			t.Run(row.name, func(t *testing.T) {
				rec := w.ask(row.method, row.target, row.header)
				if rec.Code != row.status {
					t.Fatalf("%d, want %d", rec.Code, row.status)
				}
				if got := rec.Header().Get("X-Reeve-Route"); got != row.route {
					t.Errorf("the route is %q, want %q", got, row.route)
				}
				if got := rec.Header().Get("X-Reeve-User"); got != row.user {
					t.Errorf("the user is %q, want %q", got, row.user)
				}
				for _, name := range forwardauth.Headers() {
					if n := len(rec.Header()[name]); (n == 1) != (row.status == 200) {
						t.Errorf("%s is there %d times in an answer of %d", name, n, row.status)
					}
				}
				if challenged := len(rec.Header()["Www-Authenticate"]) > 0; challenged != (row.status == 401) {
					t.Errorf("a challenge: %t, in an answer of %d", challenged, row.status)
				}
			})
		}
		stats := w.server.Stats()
		if stats.Allowed != 6 || stats.Unauthenticated != 3 || stats.Forbidden != 11 || stats.Unavailable != 0 {
			t.Errorf("%+v", stats)
		}
	})
}

func TestATargetWithTwoReadingsIsForbidden(t *testing.T) {
	eachProxy(t, func(t *testing.T, w *fixture) {
		viewer := bearer(w.login("alice", "viewer", "admin"))
		for _, target := range []string{
			"//public", "/public//", "/./public", "/x/../public", "/public/..", "/%2e/public", "/x/%2e%2e/public", "/%2E%2E/public",
			"/files/a%2fb", "/files/a%2Fb", "/files/..%2fadmin", "/files/%5c..%5cadmin", `/files/\admin`, "/files/a;b", "/files/a%3Bb", "/public;x",
			"/%70ublic", "/public%00", "/public%", "/public%zz", "/files/%ff", "/files/a%252fb", "/files/a b", "/public#x", "/public\tx",
			"http://api.test/public", "http://evil.test/public", "//evil.test/public", "http:/public", "*", "public", "?x", "", "/files/ä",
		} {
			for _, header := range []http.Header{nil, viewer} {
				if rec := w.ask("GET", target, header); rec.Code != 403 {
					t.Errorf("%q is %d, want 403", target, rec.Code)
				}
			}
		}
		for _, method := range []string{"get", "G ET", "GET\t", "PRI"} {
			if rec := w.ask(method, "/public", nil); rec.Code != 403 {
				t.Errorf("the method %q is %d, want 403", method, rec.Code)
			}
		}
		if rec := w.ask("GET", "/files/a:b%20c?x=//../%2e", viewer); rec.Code != 200 {
			t.Errorf("a plain path with an odd query is %d", rec.Code)
		}
	})
}

func TestIdentityThatAClientSendsNeverCounts(t *testing.T) {
	eachProxy(t, func(t *testing.T, w *fixture) {
		forged := http.Header{}
		for _, name := range forwardauth.Headers() {
			forged[name] = []string{"mallory"}
		}
		rec := w.ask("GET", "/public", forged)
		if rec.Code != 200 {
			t.Fatal(rec.Code)
		}
		for _, name := range forwardauth.Headers()[:5] {
			if got := rec.Header()[name]; !slices.Equal(got, []string{""}) {
				t.Errorf("%s of an anonymous caller is %q, want one empty value, which removes the client's", name, got)
			}
		}
		if rec := w.ask("GET", "/notes/1", forged); rec.Code != 401 {
			t.Errorf("forged headers without a token: %d", rec.Code)
		}
		for _, name := range []string{"X_Reeve_User", "X-Reeve_User", "x_reeve-user"} {
			if rec := w.ask("GET", "/public", http.Header{name: {"mallory"}}); rec.Code != 403 {
				t.Errorf("%s, which CGI reads as X-Reeve-User, is %d", name, rec.Code)
			}
		}
		if rec := w.ask("GET", "/public", http.Header{"Connection": {"close, X-Reeve-User"}}); rec.Code != 403 {
			t.Errorf("a Connection header that removes X-Reeve-User on the way is %d", rec.Code)
		}
	})
}

func TestAnotherMethodOrPathBehindTheProxyIsForbidden(t *testing.T) {
	eachProxy(t, func(t *testing.T, w *fixture) {
		for _, row := range []struct {
			name, value string
			status      int
		}{
			{"X-Http-Method-Override", "DELETE", 403},
			{"X-Http-Method-Override", "GET", 200},
			{"X-Http-Method", "PUT", 403},
			{"X-Method-Override", "PUT", 403},
			{"X_Method_Override", "PUT", 403},
			{"X-Original-Url", "/admin", 403},
			{"X-Rewrite-Url", "/admin", 403},
			{"X-Rewrite-Url", "/public", 200},
		} {
			if rec := w.ask("GET", "/public", http.Header{row.name: {row.value}}); rec.Code != row.status {
				t.Errorf("%s: %s is %d, want %d", row.name, row.value, rec.Code, row.status)
			}
		}
		if rec := w.ask("GET", "/public", http.Header{"X-Http-Method": {"GET", "PUT"}}); rec.Code != 403 {
			t.Errorf("two overrides are %d", rec.Code)
		}
	})
}

func TestAQuestionThatIsIncompleteOrDoubledIsForbidden(t *testing.T) {
	for proxy, of := range names {
		w := newFixture(t, proxy)
		full := func() http.Header {
			return http.Header{of[0]: {"GET"}, of[1]: {"/public"}, of[2]: {"api.test"}}
		}
		ask := func(h http.Header) int {
			r := httptest.NewRequest("GET", "/public", nil)
			r.Header = h
			rec := httptest.NewRecorder()
			w.server.ServeHTTP(rec, r)
			return rec.Code
		}
		if got := ask(full()); got != 200 {
			t.Fatalf("%v: the full question is %d", proxy, got)
		}
		for _, name := range of {
			for _, values := range [][]string{nil, {}, {""}, {full()[name][0], full()[name][0]}, {"", full()[name][0]}} {
				h := full()
				h[name] = values
				if got := ask(h); got != 403 {
					t.Errorf("%v: %s: %q is %d, want 403", proxy, name, values, got)
				}
			}
		}
		for other, theirs := range names { // those of another proxy are a client's text
			if other != proxy {
				h := full()
				h[theirs[0]], h[theirs[1]], h[theirs[2]] = []string{"PUT"}, []string{"/admin"}, []string{"own.test"}
				if got := ask(h); got != 200 {
					t.Errorf("%v: headers of %v count: %d", proxy, other, got)
				}
				if got := ask(http.Header{theirs[0]: {"GET"}, theirs[1]: {"/public"}, theirs[2]: {"api.test"}}); got != 403 {
					t.Errorf("%v: headers of %v alone are %d", proxy, other, got)
				}
			}
		}
	}
}

func TestAnOutageIs503AndAPanicToo(t *testing.T) {
	eachProxy(t, func(t *testing.T, w *fixture) {
		viewer := bearer(w.login("alice", "viewer"))
		for name, fault := range map[string]func(bool){
			"the store fails":  w.store.fail.Store,
			"the store panics": w.store.panics.Store,
		} {
			fault(true)
			rec := w.ask("GET", "/notes/1", viewer)
			fault(false)
			if rec.Code != 503 || rec.Header().Get("Retry-After") == "" || rec.Header().Get("X-Reeve-User") != "" || len(rec.Header()["Set-Cookie"]) > 0 {
				t.Errorf("%s: %d %v", name, rec.Code, rec.Header())
			}
		}
		w.store.fail.Store(true)
		if rec := w.ask("GET", "/public", nil); rec.Code != 200 {
			t.Errorf("a public route in an outage is %d", rec.Code)
		}
	})
}

func TestAPreflightIsDecidedAsTheOptionsThatItIs(t *testing.T) {
	eachProxy(t, func(t *testing.T, w *fixture) {
		preflight := http.Header{"Origin": {"https://other.test"}, "Access-Control-Request-Method": {"PUT"}, "Access-Control-Request-Headers": {"x"}}
		for target, want := range map[string]int{"/notes/1": 200, "/admin": 403, "/nowhere": 403} {
			if rec := w.ask("OPTIONS", target, preflight); rec.Code != want {
				t.Errorf("a preflight for %s is %d, want %d", target, rec.Code, want)
			}
		}
	})
}

func TestACookieFromAnotherSiteIsForbidden(t *testing.T) {
	eachProxy(t, func(t *testing.T, w *fixture) {
		h := http.Header{"Cookie": {cookie + "=" + w.login("alice", "viewer", "editor")}, "Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.test"}}
		if rec := w.ask("PUT", "/notes/1", h); rec.Code != 403 {
			t.Errorf("a cross-site PUT is %d", rec.Code)
		}
		if rec := w.ask("GET", "/notes/1", with(h, "Upgrade", "websocket")); rec.Code != 403 {
			t.Errorf("a cross-site WebSocket is %d", rec.Code)
		}
		h.Set("Sec-Fetch-Site", "same-origin")
		h.Set("Origin", "https://api.test")
		if rec := w.ask("GET", "/notes/1", with(h, "Upgrade", "websocket")); rec.Code != 200 {
			t.Errorf("a WebSocket of the site is %d", rec.Code)
		}
	})
}

func TestValuesOfHeadersAreEscaped(t *testing.T) {
	w := newFixture(t, forwardauth.Envoy)
	const user = `ü,X-Reeve-Roles:admin%2C"`
	rec := w.ask("GET", "/notes/1", bearer(w.login(user, "viewer", "a.b")))
	got := rec.Header().Get("X-Reeve-User")
	if back, err := url.PathUnescape(got); err != nil || back != user || strings.ContainsAny(got, ",\"\r\n ") {
		t.Errorf("the user is %q", got)
	}
	if roles := rec.Header().Get("X-Reeve-Roles"); roles != "a.b,viewer" && roles != "viewer,a.b" {
		t.Errorf("the roles are %q", roles)
	}
}

func TestRoutesAndRulesAreCompared(t *testing.T) {
	w := newFixture(t, forwardauth.Nginx)
	if err := w.server.Verify(); err != nil {
		t.Error(err)
	}
	missing := newFixture(t, forwardauth.Nginx, func(cfg *forwardauth.Config) { cfg.Routes = append(slices.Clone(routes), "GET /forgotten") })
	if err := missing.server.Verify(); err == nil || !strings.Contains(err.Error(), "/forgotten") {
		t.Errorf("a route without a rule: %v", err)
	}
}

func TestAnInvalidConfigIsNamedByItsFields(t *testing.T) {
	w := newFixture(t, forwardauth.Nginx)
	for name, row := range map[string]struct {
		change func(*forwardauth.Config)
		want   string
	}{
		"no proxy":           {func(c *forwardauth.Config) { c.Proxy = 0 }, "Proxy: required"},
		"another proxy":      {func(c *forwardauth.Config) { c.Proxy = 9 }, "Proxy: required"},
		"no routes":          {func(c *forwardauth.Config) { c.Routes = nil }, "Routes: required"},
		"no method":          {func(c *forwardauth.Config) { c.Routes = []string{"/notes"} }, `Routes: "/notes"`},
		"an unnamed one":     {func(c *forwardauth.Config) { c.Routes = []string{"GET /a/:"} }, "Routes"},
		"a star inside":      {func(c *forwardauth.Config) { c.Routes = []string{"GET /a/*/b"} }, "Routes"},
		"an escape":          {func(c *forwardauth.Config) { c.Routes = []string{"GET /a%2fb"} }, "Routes"},
		"a brace":            {func(c *forwardauth.Config) { c.Routes = []string{"GET /a/{b}"} }, "Routes"},
		"two of a name":      {func(c *forwardauth.Config) { c.Routes = []string{"GET /a/:b/:b"} }, "Routes"},
		"a host alone":       {func(c *forwardauth.Config) { c.Routes = []string{"GET //own.test"} }, "Routes"},
		"a host in capitals": {func(c *forwardauth.Config) { c.Routes = []string{"GET //Own.test/a"} }, "Routes"},
		"a host and a port":  {func(c *forwardauth.Config) { c.Routes = []string{"GET //own.test:80/a"} }, "Routes"},
		"a route twice":      {func(c *forwardauth.Config) { c.Routes = []string{"GET /a", "GET /a"} }, "Routes"},
		"a method of none":   {func(c *forwardauth.Config) { c.Routes = []string{"get /a"} }, "Routes"},
		"no policy":          {func(c *forwardauth.Config) { c.Authz.Policy = nil }, "Policy: required"},
		"an error handler": {func(c *forwardauth.Config) {
			c.Authz.ErrorHandler = func(http.ResponseWriter, *http.Request, middleware.Problem, error) {}
		}, "Authz: Streams"},
	} {
		cfg := w.cfg
		row.change(&cfg)
		if _, err := forwardauth.New(cfg); err == nil || !strings.HasPrefix(err.Error(), "forwardauth: invalid config: ") || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s: %v, want %q", name, err, row.want)
		}
	}
	for _, p := range proxies {
		if got, err := forwardauth.ParseProxy(p.String()); err != nil || got != p {
			t.Errorf("%v is read as %v, %v", p, got, err)
		}
	}
	if _, err := forwardauth.ParseProxy("none"); err == nil {
		t.Error("none is a proxy")
	}
}

// TestATemplateIsTheObjectOfItsRoute: what the header names is what the rules name.
func TestATemplateIsTheObjectOfItsRoute(t *testing.T) {
	w := newFixture(t, forwardauth.Envoy)
	token := bearer(w.login("alice", "viewer", "editor", "admin"))
	for _, text := range routes {
		method, template, _ := strings.Cut(text, " ")
		target, host := strings.NewReplacer(":id", "1", "*", "a/b").Replace(template), "api.test"
		if rest, own := strings.CutPrefix(target, "//"); own {
			host, target, _ = strings.Cut(rest, "/")
			target = "/" + target
		}
		w.events = nil
		rec := w.ask(method, target, with(token, "Host", host))
		if rec.Header().Get("X-Reeve-Route") != template || len(w.events) != 1 || w.events[0].Object != template {
			t.Errorf("%s: %d, the header has %q, the event %+v", text, rec.Code, rec.Header().Get("X-Reeve-Route"), w.events)
		}
	}
}

// edge remembers every session, and lets one route be decided.
type edge struct{ w *fixture }

func (edge) Routes() []string                  { return []string{"GET /notes/:id"} }
func (edge) Permits(method, route string) bool { return method+" "+route == "GET /notes/:id" }

func (e edge) Decide(ctx context.Context, r policy.Request) (policy.Decision, error) {
	return e.w.cfg.Authz.Policy.Decide(ctx, r)
}

func (e edge) Load(ctx context.Context, ref session.Ref, load func(context.Context) (session.Session, error)) (session.Session, bool, error) {
	s, err := load(ctx)
	if err == nil {
		return s, false, nil
	}
	s, err = e.w.store.Store.Load(ctx, ref)
	return s, err == nil, err
}

func TestAProgramIsToldWhatWasDecidedInAnOutage(t *testing.T) {
	w := newFixture(t, forwardauth.Envoy, func(cfg *forwardauth.Config) { cfg.Authz.InsecureEdge = &edge{} })
	w.cfg.Authz.InsecureEdge.(*edge).w = w
	if err := w.server.Verify(); err == nil {
		t.Error("an edge that nobody names is verified")
	}
	if err := w.server.Verify(authz.InsecureEdgeRoutes("GET /notes/:id")); err != nil {
		t.Error(err)
	}
	viewer := bearer(w.login("alice", "viewer"))
	forged := with(viewer, forwardauth.EdgeHeader, "0")
	if rec := w.ask("GET", "/notes/1", forged); rec.Code != 200 || !slices.Equal(rec.Header()[forwardauth.EdgeHeader], []string{""}) {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
	w.store.fail.Store(true)
	if rec := w.ask("GET", "/notes/1", forged); rec.Code != 200 || !slices.Equal(rec.Header()[forwardauth.EdgeHeader], []string{"1"}) {
		t.Errorf("in an outage: %d %v", rec.Code, rec.Header())
	}
	for _, target := range []string{"/files/a", "/nowhere"} {
		if rec := w.ask("GET", target, viewer); rec.Code != 503 {
			t.Errorf("%s in an outage: %d", target, rec.Code)
		}
	}
}
