package forwardauth_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/forwardauth"
)

// A proxy that passes an Upgrade on becomes a tunnel: what follows by HTTP/2 without TLS (h2c) are requests
// that nobody asks about, with whatever headers the client likes.
func TestAnUpgradeButToAWebSocketIsForbidden(t *testing.T) {
	eachProxy(t, func(t *testing.T, w *fixture) {
		for _, row := range []struct {
			header http.Header
			want   int
		}{
			{http.Header{"Upgrade": {"h2c"}, "Connection": {"Upgrade, HTTP2-Settings"}, "Http2-Settings": {"AAMAAABkAARAAAAAAAIAAAAA"}}, 403},
			{http.Header{"Upgrade": {"H2C"}}, 403},
			{http.Header{"Upgrade": {"websocket, h2c"}}, 403},
			{http.Header{"Upgrade": {"websocket", "h2c"}}, 403},
			{http.Header{"Upgrade": {"websocket", "websocket"}}, 403},
			{http.Header{"Upgrade": {"TLS/1.0"}}, 403},
			{http.Header{"Upgrade": {""}}, 403},
			{http.Header{"Upgrade": {" websocket"}}, 403},
			// A proxy that keeps Upgrade to itself shows this one.
			{http.Header{"Http2-Settings": {"AAMAAABkAARAAAAAAAIAAAAA"}}, 403},
			{http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}}, 200},
			{http.Header{"Upgrade": {"WebSocket"}}, 200},
		} {
			if rec := w.ask("GET", "/public", row.header); rec.Code != row.want {
				t.Errorf("%v is %d, want %d", row.header, rec.Code, row.want)
			}
		}
	})
}

// Traefik does not pass Upgrade on to who is asked. The headers of the opening handshake say it too.
func TestAWebSocketWhoseUpgradeTheProxyKeepsIsOne(t *testing.T) {
	eachProxy(t, func(t *testing.T, w *fixture) {
		h := http.Header{
			"Cookie": {cookie + "=" + w.login("alice", "viewer")}, "Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://evil.test"},
			"Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="}, "Sec-Websocket-Version": {"13"},
		}
		if rec := w.ask("GET", "/notes/1", h); rec.Code != 403 {
			t.Errorf("a WebSocket of another site is %d", rec.Code)
		}
		h.Set("Sec-Fetch-Site", "same-origin")
		h.Set("Origin", "https://api.test")
		if rec := w.ask("GET", "/notes/1", h); rec.Code != 200 {
			t.Errorf("a WebSocket of the site is %d", rec.Code)
		}
	})
}

// CGI of lighttpd and of old Apaches makes one underscore of each byte that is no letter and no digit.
func TestAHeaderThatSomeServerReadsAsAnotherIsForbidden(t *testing.T) {
	eachProxy(t, func(t *testing.T, w *fixture) {
		for _, name := range []string{
			"X.Reeve.User", "x.reeve-user", "X-Reeve.Actor", "X~Reeve~Roles", "X!Reeve!Tenant", "X+Reeve+Edge", "X_Reeve.User",
			"X.Http.Method.Override", "X.Original.Url", "X~Rewrite~Url",
		} {
			if rec := w.ask("GET", "/public", http.Header{name: {"mallory"}}); rec.Code != 403 {
				t.Errorf("%s is %d", name, rec.Code)
			}
		}
		for _, name := range []string{"X.Forwarded.For", "X-Reeve-Users", "Xx-Reeve-User", "X-Reeve--User"} {
			if rec := w.ask("GET", "/public", http.Header{name: {"mallory"}}); rec.Code != 200 {
				t.Errorf("%s, which is another header, is %d", name, rec.Code)
			}
		}
	})
}

// A trailer arrives after the decision, and some servers add it to the headers.
func TestAHeaderThatIsSaidToFollowIsForbidden(t *testing.T) {
	eachProxy(t, func(t *testing.T, w *fixture) {
		for _, h := range []http.Header{
			{"Trailer": {"X-Reeve-User"}}, {"Trailer": {"Expires, x-reeve-user"}}, {"Trailer": {"Expires", "X_Reeve_User"}},
			{"Connection": {"X_Reeve_User"}}, {"Connection": {"close", "\tx-reeve-actor "}},
		} {
			if rec := w.ask("GET", "/public", h); rec.Code != 403 {
				t.Errorf("%v is %d", h, rec.Code)
			}
		}
		if rec := w.ask("GET", "/public", http.Header{"Trailer": {"Expires"}, "Connection": {"keep-alive, Te"}}); rec.Code != 200 {
			t.Errorf("another trailer is %d", rec.Code)
		}
	})
	// A caller of Decide has the headers as they are.
	w := newFixture(t, forwardauth.Envoy)
	for _, name := range []string{"connection", "CONNECTION", "trailer"} {
		answer := w.server.Decide(t.Context(), forwardauth.Request{
			Method: "GET", Target: "/public", Host: "api.test", Header: http.Header{name: {"x-reeve-user"}}, RemoteAddr: "192.0.2.1:1",
		})
		if answer.Allowed() {
			t.Errorf("%s is let through", name)
		}
	}
}

// The host of a request has no case, and a dot at its end changes nothing to those who serve it: a route
// of its own must not become one of every host.
func TestAHostIsOneHoweverItIsWritten(t *testing.T) {
	for _, proxy := range proxies {
		// Everybody may read /notes, but for those of own.test.
		w := newFixture(t, proxy, func(cfg *forwardauth.Config) {
			cfg.Routes = append(slices.Clone(routes), "GET /notes")
			cfg.Authz.Policy = load(t, rules+"p, role:anyone, *, /notes, GET, true, allow\n")
		})
		if rec := w.ask("GET", "/notes", nil); rec.Code != 200 {
			t.Fatalf("notes of another host are %d", rec.Code)
		}
		for _, host := range []string{"own.test", "OWN.test", "own.TEST.", "own.test:443", "Own.test.:443"} {
			rec := w.ask("GET", "/notes", with(nil, "Host", host))
			if rec.Code != 401 {
				t.Errorf("%v: notes of %q are %d to nobody", proxy, host, rec.Code)
			}
			rec = w.ask("GET", "/notes", with(bearer(w.login("alice", "viewer")), "Host", host))
			if got := rec.Header().Get("X-Reeve-Route"); got != "//own.test/notes" {
				t.Errorf("%v: the route of %q is %q", proxy, host, got)
			}
		}
		for _, host := range []string{
			"own.test..", ".own.test", "own..test", "own.test:", "own.test:x", "own.test:80:80", "own.test,api.test", "own.test, api.test", "own.test api.test",
			"a@own.test", "own.test/notes", "own.test#", "own.test?", `own.test\`, "own%2etest", "own.test\x00", "öwn.test", "[own.test]", "[::1", "::1", "[::1]x", "*", "-",
		} {
			if host == "-" {
				host = ""
			}
			if rec := w.ask("GET", "/public", with(nil, "Host", host)); rec.Code != 403 {
				t.Errorf("%v: the host %q is %d", proxy, host, rec.Code)
			}
		}
		for _, host := range []string{"api.test", "api.test:8080", "my_service", "127.0.0.1:80", "[::1]", "[2001:db8::1]:443", "xn--wn-eka.test"} {
			if rec := w.ask("GET", "/public", with(nil, "Host", host)); rec.Code != 200 {
				t.Errorf("%v: the host %q is %d", proxy, host, rec.Code)
			}
		}
	}
}

// HTTP/2 lets a client send a Host beside the authority that it asks.
func TestASecondHostIsForbidden(t *testing.T) {
	w := newFixture(t, forwardauth.Envoy)
	for host, want := range map[string]bool{"api.test": true, "own.test": false, "": false} {
		answer := w.server.Decide(t.Context(), forwardauth.Request{
			Method: "GET", Target: "/public", Host: "api.test", Header: http.Header{"Host": {host}}, RemoteAddr: "192.0.2.1:1",
		})
		if answer.Allowed() != want {
			t.Errorf("%q beside api.test: allowed: %t", host, answer.Allowed())
		}
	}
}

// Express and Symfony take the method from the query where they are told so.
func TestAMethodInTheQueryIsForbidden(t *testing.T) {
	eachProxy(t, func(t *testing.T, w *fixture) {
		token := bearer(w.login("alice", "viewer"))
		for query, want := range map[string]int{
			"_method=DELETE": 403, "a=1&_method=PUT": 403, "a=1;_method=put": 403, "%5fmethod=DELETE": 403, "_method=": 403, "_method": 403, "_method=GET&_method=PUT": 403,
			"_method[]=PUT": 403, "_method=GET": 200, "method=DELETE": 200, "x_method=DELETE": 200, "q=_method=DELETE": 200, "a=%zz": 200, "%zz_method=PUT": 200,
		} {
			if rec := w.ask("GET", "/notes/1?"+query, token); rec.Code != want {
				t.Errorf("%s is %d, want %d", query, rec.Code, want)
			}
		}
	})
}

// A program is told one value of each header, whatever the client sends beside it.
func TestAllowedHeadersHaveOneValueEach(t *testing.T) {
	eachProxy(t, func(t *testing.T, w *fixture) {
		h := bearer(w.login("alice", "viewer"))
		for _, name := range forwardauth.Headers() {
			h[name], h[strings.ToLower(name)] = []string{"mallory", "mallory"}, []string{"mallory"}
		}
		rec := w.ask("GET", "/notes/1", h)
		if rec.Code != 200 {
			t.Fatal(rec.Code)
		}
		for _, name := range forwardauth.Headers() {
			if values := rec.Header()[name]; len(values) != 1 || strings.Contains(values[0], "mallory") {
				t.Errorf("%s is %q", name, values)
			}
		}
	})
}

// Express, ASP.NET and Rails serve /Admin and /admin/ as /admin. Where the table has a route for the rest, the
// decision must not be about that one.
func TestAPathThatAnotherServerReadsAsASpecialRouteIsForbidden(t *testing.T) {
	eachTable := func(t *testing.T, table []string, rows map[string]string) {
		t.Helper()
		for _, proxy := range proxies {
			w := newFixture(t, proxy, func(cfg *forwardauth.Config) {
				text := ""
				for _, route := range table {
					method, template, _ := strings.Cut(route, " ")
					text += "p, role:anyone, *, " + template + ", " + method + ", true, allow\n"
				}
				cfg.Routes, cfg.Authz.Policy = table, load(t, text)
			})
			for target, want := range rows {
				method, host := "GET", "api.test"
				if m, rest, found := strings.Cut(target, " "); found {
					method, target = m, rest
				}
				if rest, own := strings.CutPrefix(target, "//"); own {
					host, target, _ = strings.Cut(rest, "/")
					target = "/" + target
				}
				rec := w.ask(method, target, with(nil, "Host", host))
				if got := rec.Header().Get("X-Reeve-Route"); got != want || (rec.Code == 200) != (want != "") {
					t.Errorf("%v: %s %s is %d by the route %q, want %q", proxy, method, target, rec.Code, got, want)
				}
			}
		}
	}
	t.Run("a route for the rest", func(t *testing.T) {
		eachTable(t, []string{"GET /", "GET /admin", "GET /notes/:id", "PUT /notes/:id", "GET /dir/", "GET /Mixed", "GET //own.test/secret", "GET /*"}, map[string]string{
			"/": "/", "/admin": "/admin", "/notes/1": "/notes/:id", "/notes/A": "/notes/:id", "/dir/": "/dir/", "/Mixed": "/Mixed", "PUT /notes/1": "/notes/:id",
			"//own.test/secret": "//own.test/secret", "/secret": "/*", "/secret/": "/*", "/admin/x": "/*", "/notes": "/*", "/notes/": "/*", "/notes/1/2": "/*", "/x/": "/*", "/X": "/*",
			"/admin.": "", "/admin%20": "", "/admin.%20.": "", "/Notes./1": "", "/notes/1.": "/notes/:id", "/page.": "/*", "/.admin": "/*",
			"/admin/": "", "/ADMIN": "", "/Admin/": "", "/notes/1/": "", "/Notes/1": "", "/dir": "", "/DIR/": "", "/mixed": "", "/MIXED/": "", "HEAD /ADMIN": "", "HEAD /admin": "/admin",
			"//own.test/secret/": "", "//own.test/SECRET": "", "//own.test:81/Secret": "",
		})
	})
	t.Run("a route of a parameter", func(t *testing.T) {
		eachTable(t, []string{"GET /admin", "GET /:page", "GET /:page/edit"}, map[string]string{
			"/admin": "/admin", "/page": "/:page", "/page/edit": "/:page/edit", "/Admin": "", "/admin/": "", "/page/": "", "/Admin/edit": "/:page/edit",
		})
	})
	t.Run("both ways of writing are listed", func(t *testing.T) {
		eachTable(t, []string{"GET /dir", "GET /dir/", "GET /A/x", "GET /a/x", "GET /*"}, map[string]string{
			"/dir": "/dir", "/dir/": "/dir/", "/DIR": "", "/A/x": "/A/x", "/a/x": "/a/x", "/a/X": "", "/a/y": "/*",
		})
	})
	t.Run("a more general route changes nothing", func(t *testing.T) {
		eachTable(t, []string{"GET /dir/", "GET /:page", "GET /FILES/*", "GET /files/a"}, map[string]string{
			"/dir/": "/dir/", "/files/a": "/files/a", "/FILES/a": "", "/FILES/b": "/FILES/*", "/x": "/:page", "/dir": "",
		})
	})
}
