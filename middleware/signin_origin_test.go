package middleware_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/reevehq/reeve/middleware"
)

// TestASignInOfAnotherSiteIsRefused, without any cookie: it would sign the visitor in as
// whom that site chose.
func TestASignInOfAnotherSiteIsRefused(t *testing.T) {
	const listed = "https://accounts.api.test"
	for name, tt := range map[string]struct {
		origin, site string
		ok           bool
	}{
		"curl or a mobile application":              {"", "", true},
		"the site's own page":                       {"https://api.test", "same-origin", true},
		"the site's own page, in an old browser":    {"https://api.test", "", true},
		"the site's own page, without an origin":    {"", "same-origin", true},
		"the user's own navigation":                 {"", "none", true},
		"a page without TLS that a browser knows":   {"http://api.test", "same-origin", true},
		"a page without TLS":                        {"http://api.test", "", false},
		"a listed page":                             {listed, "same-site", true},
		"a listed page, in an old browser":          {listed, "", true},
		"a listed page of another site":             {"https://sso.test", "cross-site", true},
		"another site":                              {"https://evil.test", "cross-site", false},
		"another site, in an old browser":           {"https://evil.test", "", false},
		"another site without an origin":            {"", "cross-site", false},
		"a subdomain":                               {"https://blog.api.test", "same-site", false},
		"a subdomain without an origin":             {"", "same-site", false},
		"a sandboxed frame":                         {"null", "cross-site", false},
		"a sandboxed frame, in an old browser":      {"null", "", false},
		"a data URL that calls itself same-origin":  {"null", "same-origin", false},
		"another port":                              {"https://api.test:8443", "same-site", false},
		"a listed page with a slash":                {listed + "/", "same-site", false},
		"a listed page in upper case":               {"https://ACCOUNTS.api.test", "same-site", false},
		"a subdomain of a listed page":              {"https://x.accounts.api.test", "same-site", false},
		"a listed page without TLS":                 {"http://accounts.api.test", "same-site", false},
		"a value of Sec-Fetch-Site that nobody has": {"https://api.test", "same-origin, cross-site", false},
	} {
		for _, method := range []string{"POST", "GET", "HEAD", "PUT", "OPTIONS"} {
			r := httptest.NewRequest(method, "http://api.test/login", nil)
			if tt.origin != "" {
				r.Header.Set("Origin", tt.origin)
			}
			if tt.site != "" {
				r.Header.Set("Sec-Fetch-Site", tt.site)
			}
			err := middleware.CheckSignIn(r, listed, "https://sso.test", "null")
			if tt.ok && err != nil || !tt.ok && !errors.Is(err, middleware.ErrCrossOrigin) {
				t.Errorf("%s, %s: got %v", name, method, err)
			}
		}
	}
}

// TestAHeaderThatIsSentTwiceIsReadByNobody, whichever value is the good one: what stands in
// front of the service may have read the other.
func TestAHeaderThatIsSentTwiceIsReadByNobody(t *testing.T) {
	good := map[string]string{"Origin": "https://api.test", "Sec-Fetch-Site": "same-origin"}
	for name, value := range good {
		for _, values := range [][]string{{value, value}, {value, "cross-site"}, {"cross-site", value}, {value, ""}, {"", value}, {""}, {}} {
			r := httptest.NewRequest("POST", "http://api.test/x", nil)
			for other, v := range good {
				r.Header.Set(other, v)
			}
			if err := errors.Join(middleware.CheckOrigin(r), middleware.CheckSignIn(r)); err != nil {
				t.Fatal(err)
			}
			r.Header[name] = values
			if err := middleware.CheckOrigin(r); !errors.Is(err, middleware.ErrCrossOrigin) {
				t.Errorf("%s of %q: CheckOrigin says %v", name, values, err)
			}
			if err := middleware.CheckSignIn(r, "https://api.test"); !errors.Is(err, middleware.ErrCrossOrigin) {
				t.Errorf("%s of %q: CheckSignIn says %v", name, values, err)
			}
		}
	}
}

// TestTwoHostsAreNone: HTTP/2 lets a client send a Host beside the authority.
func TestTwoHostsAreNone(t *testing.T) {
	for _, row := range []struct {
		hosts []string
		ok    bool
	}{{nil, true}, {[]string{"acme.test"}, true}, {[]string{"globex.test"}, false}, {[]string{"acme.test", "globex.test"}, false}, {[]string{""}, false}} {
		r := httptest.NewRequest("GET", "https://acme.test/x", nil)
		if row.hosts != nil {
			r.Header = http.Header{"Host": row.hosts}
		}
		if err := middleware.CheckTarget(r); row.ok && err != nil || !row.ok && !errors.Is(err, middleware.ErrAmbiguousRequest) {
			t.Errorf("%q: got %v", row.hosts, err)
		}
	}
}
