package middleware_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/reevehq/reeve/middleware"
)

func TestCheckOrigin(t *testing.T) {
	for name, tt := range map[string]struct {
		method, origin, site string
		ok                   bool
	}{
		"the site itself may post":                      {"POST", "https://api.test", "same-origin", true},
		"an old browser on the site may post":           {"POST", "https://api.test", "", true},
		"a user's own navigation may post":              {"POST", "", "none", true},
		"a browser vouches for a page without TLS":      {"POST", "http://api.test", "same-origin", true},
		"nobody vouches for a page without TLS":         {"POST", "http://api.test", "", false},
		"a navigation without TLS may not post":         {"POST", "http://api.test", "none", false},
		"another site may not post":                     {"POST", "https://evil.test", "cross-site", false},
		"another site of the family may not post":       {"POST", "https://x.api.test", "same-site", false},
		"another site may not post through old browser": {"POST", "https://evil.test", "", false},
		"a null origin may not post":                    {"POST", "null", "", false},
		"a host behind user info is not this host":      {"POST", "http://evil@api.test", "", false},
		"another port is not this host":                 {"POST", "https://api.test:444", "", false},
		"garbage in Sec-Fetch-Site is refused":          {"POST", "", "garbage", false},
		"same-origin does not excuse a foreign origin":  {"POST", "https://evil.test", "same-origin", false},
		"neither header is refused":                     {"POST", "", "", false},
		"neither header is refused for DELETE":          {"DELETE", "", "", false},
		"an unknown method is not safe":                 {"get", "", "", false},
		"TRACE is not safe":                             {"TRACE", "https://evil.test", "cross-site", false},
		"another site may link here":                    {"GET", "", "cross-site", true},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, "http://api.test/x", nil)
			if tt.origin != "" {
				r.Header.Set("Origin", tt.origin)
			}
			if tt.site != "" {
				r.Header.Set("Sec-Fetch-Site", tt.site)
			}
			err := middleware.CheckOrigin(r)
			if tt.ok && err != nil || !tt.ok && !errors.Is(err, middleware.ErrCrossOrigin) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A browser does not call a page without TLS the same as one with it; whoever does is none.
func TestAPageWithoutTLSIsNotThisServersBesideTLS(t *testing.T) {
	r := httptest.NewRequest("POST", "https://api.test/x", nil)
	r.Header.Set("Origin", "http://api.test")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if err := middleware.CheckOrigin(r); !errors.Is(err, middleware.ErrCrossOrigin) {
		t.Errorf("got %v", err)
	}
	r.Header.Set("Origin", "https://api.test")
	if err := middleware.CheckOrigin(r); err != nil {
		t.Errorf("with TLS: %v", err)
	}
}

// A page of another site can open a WebSocket and read it: no CORS asks whether it may.
func TestAWebSocketOfAnotherSiteIsNoSafeRequest(t *testing.T) {
	for name, tt := range map[string]struct {
		origin, site string
		ok           bool
	}{
		"the site itself":                  {"https://api.test", "same-origin", true},
		"an old browser on the site":       {"https://api.test", "", true},
		"another site":                     {"https://evil.test", "cross-site", false},
		"another site through old browser": {"https://evil.test", "", false},
		"another site of the family":       {"", "same-site", false},
		"another site without its origin":  {"", "cross-site", false},
		"a null origin":                    {"null", "", false},
		"neither header":                   {"", "", false},
	} {
		r := httptest.NewRequest("GET", "http://api.test/x", nil)
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		if tt.origin != "" {
			r.Header.Set("Origin", tt.origin)
		}
		if tt.site != "" {
			r.Header.Set("Sec-Fetch-Site", tt.site)
		}
		if err := middleware.CheckOrigin(r); (err == nil) != tt.ok {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// FuzzCheckOrigin shows that an accepted Origin is exactly this host's: whatever parses to
// the same host, or only resembles it, is refused.
func FuzzCheckOrigin(f *testing.F) {
	for _, seed := range []string{
		"https://api.test", "http://api.test", "http://evil@api.test", "https://api.test:443", "https://api.test/", "HTTPS://api.test", "null", "",
		"https://api.test.evil.test", "https://api.test#", "https://api.test\\@evil.test", "https://xn--api-.test", "https://api.test https://evil.test", "//api.test",
	} {
		f.Add(seed, "api.test", "", "POST")
		f.Add(seed, "api.test:8443", "same-origin", "GET")
	}
	f.Add("https://[api", "[api", "", "POST") // equal, and no URL
	f.Fuzz(func(t *testing.T, origin, host, site, method string) {
		r := httptest.NewRequest("POST", "/x", nil)
		r.Method, r.Host = method, host
		r.Header = http.Header{"Origin": {origin}, "Sec-Fetch-Site": {site}, "Upgrade": {"websocket"}}
		if middleware.CheckOrigin(r) != nil {
			return
		}
		if origin != "https://"+host && (origin != "http://"+host || site != "same-origin") {
			t.Fatalf("origin %q is accepted for host %q and site %q", origin, host, site)
		}
		if site != "" && site != "same-origin" && site != "none" {
			t.Fatalf("site %q is accepted", site)
		}
		if err := http.NewCrossOriginProtection().Check(r); err != nil {
			t.Fatalf("the standard library refuses origin %q for host %q: %v", origin, host, err)
		}
		for _, other := range []string{"", "null", "https://evil.test", origin + "/", origin + ".evil.test"} {
			r.Header["Origin"] = []string{other}
			if other != origin && middleware.CheckOrigin(r) == nil {
				t.Fatalf("and %q for %q", other, host)
			}
		}
	})
}
