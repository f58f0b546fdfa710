package authz_test

import (
	"maps"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
)

// TestARequestThatSendsAHeaderTwiceReachesNoHandler, for each header that a check reads: the
// good value first or last, or twice the same.
func TestARequestThatSendsAHeaderTwiceReachesNoHandler(t *testing.T) {
	w := newFixture(t, withCookie, func(c *authz.Config) {
		c.CORS = &middleware.CORS{Origins: []string{"https://app.test"}, Credentials: true}
	})
	bearer, _ := w.login(acme, alice, "viewer")
	other, _ := w.login(globex, alice, "viewer")
	byBearer := headers{"Authorization": "Bearer " + bearer, "X-Tenant": "acme", "Host": "example.com"}
	byCookie := headers{"Cookie": cookie + "=" + bearer, "Origin": "https://example.com", "Sec-Fetch-Site": "same-origin"}
	byListed := headers{"Cookie": cookie + "=" + bearer, "Origin": "https://app.test", "Sec-Fetch-Site": "cross-site"}
	for _, row := range []struct {
		base      headers
		name, bad string
	}{
		{byBearer, "Authorization", "Bearer " + other},
		{byBearer, "X-Tenant", "globex"},
		{byBearer, "Host", "evil.test"},
		{byCookie, "Cookie", cookie + "=" + other},
		{byCookie, "Origin", "https://evil.test"},
		{byCookie, "Sec-Fetch-Site", "cross-site"},
		{byListed, "Origin", "https://evil.test"},
		{byListed, "Sec-Fetch-Site", "same-origin"},
	} {
		send := func(values ...string) int {
			r := httptest.NewRequest("POST", "http://example.com/me", nil)
			for name, value := range maps.All(row.base) {
				r.Header.Set(name, value)
			}
			r.Header[row.name] = values
			rec := httptest.NewRecorder()
			w.reached.Store(0)
			w.echo.ServeHTTP(rec, r)
			return rec.Code
		}
		good := row.base[row.name]
		if status := send(good); status != 200 || w.reached.Load() != 1 {
			t.Fatalf("%s once: %d", row.name, status)
		}
		for _, values := range [][]string{{good, row.bad}, {row.bad, good}, {good, good}} {
			if row.name == "Host" && values[0] == values[1] {
				continue // one host, named twice
			}
			if status := send(values...); !slices.Contains([]int{400, 403}, status) || w.reached.Load() != 0 {
				t.Errorf("%s of %q: %d, %d reached a handler", row.name, values, status, w.reached.Load())
			}
		}
	}
}

// TestLoginCSRFIsRefusedBeforeTheHandler: the route is public and the request has no cookie.
func TestLoginCSRFIsRefusedBeforeTheHandler(t *testing.T) {
	w := newFixture(t, withCookie)
	signedIn := false
	w.echo.POST("/public", func(c echo.Context) error {
		signedIn = true
		return c.NoContent(204)
	}, authz.SameOrigin("https://accounts.test"))
	for name, row := range map[string]struct {
		extra headers
		ok    bool
	}{
		"curl":                        {nil, true},
		"the site itself":             {headers{"Origin": "https://example.com", "Sec-Fetch-Site": "same-origin"}, true},
		"a listed page":               {headers{"Origin": "https://accounts.test", "Sec-Fetch-Site": "cross-site"}, true},
		"another site":                {headers{"Origin": "https://evil.test", "Sec-Fetch-Site": "cross-site"}, false},
		"another site, no origin":     {headers{"Sec-Fetch-Site": "cross-site"}, false},
		"a subdomain":                 {headers{"Origin": "https://x.example.com", "Sec-Fetch-Site": "same-site"}, false},
		"a frame without an origin":   {headers{"Origin": "null"}, false},
		"another site, stale session": {headers{"Origin": "https://evil.test", "Cookie": cookie + "=stale"}, false},
	} {
		signedIn = false
		rec := w.do("POST", "/public", "", row.extra)
		if signedIn != row.ok {
			t.Errorf("%s: got %d %s", name, rec.Code, rec.Body)
		}
		if !row.ok {
			w.want(rec, 403, "cross-origin")
		}
	}
	for _, origin := range []string{"", "*", "null", "accounts.test", "https://accounts.test/"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q is accepted", origin)
				}
			}()
			authz.SameOrigin(origin)
		}()
	}
}
