package authztest

import (
	"net/http"
	"strings"
)

// Headers and methods that claim to say who asks, from where, or for what.
var headerRows = []row{
	{97, "headers that proxies set", 0, func(a *attack) {
		public := a.options.Public
		if public == "" {
			public = "/public"
		}
		a.spoof(map[string]string{
			"X-Original-Url": public, "X-Rewrite-Url": public, "X-Original-Uri": public, "X-Forwarded-Uri": public, "X-Forwarded-Path": public, "X-Forwarded-Prefix": public,
			"X-Forwarded-Host": "localhost", "X-Forwarded-Proto": "https", "X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1",
			"Forwarded": "for=127.0.0.1;host=localhost;proto=https", "X_Forwarded_For": "127.0.0.1", "X_Forwarded_Uri": public, "X-Forwarded-Method": "GET", "X-Original-Method": "OPTIONS",
		})
	}},
	{98, "headers that name a caller", 0, func(a *attack) {
		tenant := a.claim(a.options.TenantClaim)
		a.spoof(map[string]string{
			"X-User-Id": "root", "X-User": "root", "X-Roles": "admin", "X-Role": "admin", "X-Forwarded-User": "root", "X-Auth-Request-User": "root",
			"X-Forwarded-Email": "root@localhost", "X-Remote-User": "root", "Remote-User": "root", "X-Tenant-Id": "another", "X-Session-Id": a.claim(a.options.SessionClaim),
			"X-Forwarded-Access-Token": a.token, "X-Authorization": "Bearer " + a.token, "Proxy-Authorization": "Bearer " + a.token, "X-Id-Token": a.token,
		})
		if name := a.options.TenantHeader; name != "" {
			a.expect(signIn, "a tenant alone", request{}.with(name, tenant), request{}.with("Connection", name).with(name, tenant))
			// Connection asks proxies to drop a header. The service is none: the headers that arrive
			// count.
			a.expect(forbidden, "another tenant, hop by hop", bearer(a.token).with(name, "another").with("Connection", name))
		}
	}},
	{99, "another method in a header, the query or a form", 0, func(a *attack) {
		override := func(r request, method string) []request {
			target := r.target
			if target == "" {
				target = a.service.Path
			}
			form := r.with("Content-Type", "application/x-www-form-urlencoded")
			form.body = "_method=" + method
			inQuery := r
			inQuery.target = target + "?_method=" + method
			return []request{r.with("X-Http-Method-Override", method), r.with("X-Http-Method", method), r.with("X-Method-Override", method), form, inQuery}
		}
		for _, method := range []string{"GET", "DELETE", "OPTIONS", "HEAD"} {
			a.expect(signIn, method, override(request{}, method)...)
			a.expect(signIn, "POST as "+method, override(request{method: "POST"}, method)...)
		}
		if a.options.Forbidden != "" {
			a.expect(forbidden, "the forbidden route", override(a.forbidden(a.token), a.service.Method)...)
		}
	}},
	{100, "methods that no route has", 0, func(a *attack) {
		for _, method := range []string{"HEAD", "TRACE", "CONNECT", "PROPFIND", "get", "Get", "GET\t", "GET ", "X", "PRI"} {
			a.expect(signIn, method, request{method: method})
			got := a.send(bearer(a.token).to(method, ""))
			if got != nil && method != "HEAD" && (got.status < 400 || got.status > 499) {
				a.Errorf("%q with a good token is answered %d", method, got.status)
			}
		}
	}},
	{101, "a preflight, and what only resembles one", 0, func(a *attack) {
		preflight := request{method: "OPTIONS"}.with("Origin", "https://evil.test").with("Access-Control-Request-Method", "GET")
		got := a.send(preflight)
		if got == nil || got.status != http.StatusNoContent || got.body.Len() != 0 {
			a.Error("a preflight is not answered 204 without a body")
		} else if h := got.header; h.Get("Access-Control-Allow-Origin") != "" || h.Get("Allow") != "" || !strings.Contains(h.Get("Vary"), "Origin") {
			a.Errorf("the preflight of an origin that nobody listed is answered %v", h)
		}
		if null := a.send(preflight.with("Origin", "null")); null == nil || null.header.Get("Access-Control-Allow-Origin") != "" {
			a.Error("the null origin is allowed")
		}
		body := preflight
		body.body = "x"
		a.expect(signIn, "OPTIONS", request{method: "OPTIONS"}, request{method: "OPTIONS"}.with("Origin", "https://evil.test"),
			request{method: "OPTIONS"}.with("Access-Control-Request-Method", "GET"), request{method: "OPTIONS", body: "x"}, body,
			preflight.with("Origin", "https://evil.test", "https://app.test"))
		a.expect(signIn, "the headers on another method", preflight.to(a.service.Method, ""))
	}},
	{102, "a WebSocket handshake without a credential", 0, func(a *attack) {
		upgrade := request{method: "GET"}.with("Connection", "Upgrade").with("Upgrade", "websocket").with("Sec-Websocket-Version", "13").with("Sec-Websocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")
		a.expect(signIn, "a handshake", upgrade, upgrade.with("Sec-Websocket-Protocol", "bearer, "+a.token))
		a.tokens(badToken, "a bad token", "junk")
		if a.options.Cookie != "" {
			cookie := upgrade.with("Cookie", a.options.Cookie+"="+a.token)
			a.expect(crossOrigin, "another site's page", cookie.with("Origin", "https://evil.test"), cookie.with("Origin", "null"), cookie)
		}
	}},
	{103, "a cookie with a request of another site", aCookie, func(a *attack) {
		post := request{method: "POST"}.with("Cookie", a.options.Cookie+"="+a.token).with("Content-Type", "application/x-www-form-urlencoded")
		a.expect(crossOrigin, "another site", post, post.with("Origin", "https://evil.test"), post.with("Origin", "null"), post.with("Origin", "http://evil@service.test"), post.with("Origin", "http://service.test"),
			post.with("Origin", "https://service.test.evil.test"), post.with("Origin", "https://service.test:444"), post.with("Origin", ""), post.with("Origin", "https://service.test/"),
			post.with("Origin", "https://service.test", "https://evil.test"), post.with("Sec-Fetch-Site", "cross-site"), post.with("Sec-Fetch-Site", "same-site"), post.with("Sec-Fetch-Site", "x"),
			post.with("Sec-Fetch-Site", "cross-site").with("Origin", "https://service.test"), post.with("Sec-Fetch-Site", "same-origin").with("Origin", "https://evil.test"))
		for _, method := range []string{"PUT", "PATCH", "DELETE", "TRACE", "X"} {
			a.expect(crossOrigin, method, post.with("Origin", "https://evil.test").to(method, ""))
		}
	}},
	{104, "a token that is bound to a key, from a bearer", aKey, func(a *attack) {
		for _, cnf := range []string{`{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}`, `{"x5t#S256":"bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}`, "{}", "null", `"x"`} {
			a.tokens(badToken, "cnf "+cnf, a.claimed("cnf", cnf))
		}
	}},
}

// spoof expects that headers change nothing: not for nobody, not for a good token, and not
// for what its caller may not do.
func (a *attack) spoof(headers map[string]string) {
	a.Helper()
	anonymous, signedIn, refused := request{}, bearer(a.token), a.forbidden(a.token)
	for name, value := range headers {
		// Set as it is: a name with underscores is another name, and must stay one.
		anonymous, signedIn, refused = anonymous.with(name, value), signedIn.with(name, value), refused.with(name, value)
		a.expect(signIn, name, request{}.with(name, value))
	}
	a.expect(signIn, "all of them", anonymous)
	a.expect(served, "all of them with a good token", signedIn)
	if a.options.Forbidden != "" {
		a.expect(forbidden, "all of them on the forbidden route", refused)
	}
}
