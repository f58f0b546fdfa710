package authz_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
)

const appOrigin = "https://app.test"

func withCORS(c *authz.Config) {
	c.CORS = &middleware.CORS{Origins: []string{appOrigin}, Methods: []string{"PUT"}, Headers: []string{"Authorization"}}
}

func asks(origin, method string) headers {
	return headers{"Origin": origin, "Access-Control-Request-Method": method}
}

func TestAPreflightIsAnsweredAndReachesNoHandler(t *testing.T) {
	for name, options := range map[string][]option{"with CORS": {withCORS}, "without": nil} {
		w := newFixture(t, options...)
		w.echo.OPTIONS("/public", func(echo.Context) error { w.reached.Add(1); return nil })
		for _, target := range []string{"/me", "/public", "/notes/1", "/unruled", "/nowhere"} {
			for _, origin := range []string{appOrigin, "https://evil.test", "null"} {
				rec := w.do("OPTIONS", target, "", asks(origin, "PUT"))
				allowed := name == "with CORS" && origin == appOrigin
				if got := rec.Header().Get("Access-Control-Allow-Origin"); rec.Code != 204 || rec.Body.Len() != 0 || (got != "") != allowed {
					t.Errorf("%s: %s from %s: %d %v", name, target, origin, rec.Code, rec.Header())
				}
				if !strings.Contains(rec.Header().Get("Vary"), "Origin") || rec.Header().Get("Allow") != "" {
					t.Errorf("%s: %s: %v", name, target, rec.Header())
				}
			}
		}
		if n := w.reached.Load() + w.store.calls.Load(); n != 0 {
			t.Errorf("%s: %d preflights went further", name, n)
		}
		w.want(w.do("OPTIONS", "//me", "", asks(appOrigin, "PUT")), 400, "ambiguous-request")
	}
}

func TestAPlainOPTIONSIsGuarded(t *testing.T) {
	w := newFixture(t, withCORS)
	w.echo.OPTIONS("/me", func(echo.Context) error { w.reached.Add(1); return nil })
	for _, h := range []headers{{}, {"Origin": appOrigin}, {"Access-Control-Request-Method": "PUT"}} {
		w.want(w.do("OPTIONS", "/me", "", h), 401, "authentication-required")
	}
	bearer, _ := w.login(acme, alice, "viewer")
	w.want(w.do("OPTIONS", "/me", bearer), 403, "forbidden")
}

func TestAnAllowedOriginMayReadRefusalsToo(t *testing.T) {
	w := newFixture(t, withCORS)
	bearer, _ := w.login(acme, alice, "viewer")
	for _, target := range []string{"/me", "/public", "/unruled", "/nowhere", "//me"} {
		for _, b := range []string{bearer, "junk", ""} {
			from := func(origin string) http.Header { return w.do("GET", target, b, headers{"Origin": origin}).Header() }
			if h := from(appOrigin); h.Get("Access-Control-Allow-Origin") != appOrigin || h.Get("Vary") != "Origin" {
				t.Errorf("%s: %v", target, h)
			}
			if h := from("https://evil.test"); h.Get("Access-Control-Allow-Origin") != "" || h.Get("Vary") != "Origin" {
				t.Errorf("%s: another origin: %v", target, h)
			}
		}
	}
}

func TestACookieOfAListedOriginIsTakenOnlyWithCredentials(t *testing.T) {
	for _, credentials := range []bool{false, true} {
		w := newFixture(t, withCookie, withCORS, func(c *authz.Config) { c.CORS.Credentials = credentials })
		bearer, _ := w.login(acme, alice, "viewer")
		post := func(origin string) int {
			return w.do("POST", "/me", "", headers{"Cookie": cookie + "=" + bearer, "Origin": origin, "Sec-Fetch-Site": "same-site"}).Code
		}
		want := 403
		if credentials {
			want = 200
		}
		if got := post(appOrigin); got != want {
			t.Errorf("credentials %v: got %d", credentials, got)
		}
		for _, origin := range []string{"https://evil.test", "null", appOrigin + "@example.com", "https://app.test.evil.test"} {
			if got := post(origin); got != 403 {
				t.Errorf("credentials %v: %s gets %d", credentials, origin, got)
			}
		}
	}
}

// An app in a web view, or an extension, is another origin like any other: listed with
// Credentials its cookie counts, and it may open a WebSocket; unlisted, or as a file that has
// no origin, it may not.
func TestAWebViewsCookieIsTakenWhenItsOriginIsListed(t *testing.T) {
	for _, origin := range []string{"tauri://localhost", "capacitor://localhost", "moz-extension://6f1c2a1e-8a57-4c0b-9f4e-0a3b7a4d5c21"} {
		w := newFixture(t, withCookie, func(c *authz.Config) {
			c.CORS = &middleware.CORS{Origins: []string{origin}, Credentials: true}
		})
		bearer, _ := w.login(acme, alice, "viewer")
		code := func(method, from string, more headers) int {
			h := headers{"Cookie": cookie + "=" + bearer, "Origin": from, "Sec-Fetch-Site": "cross-site"}
			for name, value := range more {
				h[name] = value
			}
			return w.do(method, "/me", "", h).Code
		}
		upgrade := headers{"Connection": "Upgrade", "Upgrade": "websocket"}
		if post, open := code("POST", origin, nil), code("GET", origin, upgrade); post != 200 || open != 200 {
			t.Errorf("%s: a post gets %d, a WebSocket %d", origin, post, open)
		}
		for _, from := range []string{"null", "file://", origin + "/", strings.ToUpper(origin), "tauri://evil", "https://localhost", ""} {
			if post, open := code("POST", from, nil), code("GET", from, upgrade); post != 403 || open != 403 {
				t.Errorf("%q where %s is listed: a post gets %d, a WebSocket %d", from, origin, post, open)
			}
		}
	}
}

func TestTheConfigOfCORSIsCopied(t *testing.T) {
	origins := []string{appOrigin}
	w := newFixture(t, func(c *authz.Config) { c.CORS = &middleware.CORS{Origins: origins} })
	origins[0] = "https://evil.test"
	if rec := w.do("OPTIONS", "/me", "", asks("https://evil.test", "GET")); rec.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error("a later change of the slice is allowed")
	}
}
