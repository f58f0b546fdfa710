package middleware_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/middleware"
)

const app = "https://app.test"

var cors = &middleware.CORS{
	Origins: []string{app, "http://localhost:3000"},
	Methods: []string{"PUT", "DELETE"},
	Headers: []string{"Authorization", "Content-Type"},
	MaxAge:  10 * time.Minute,
}

func preflight(origin, method string, headers ...string) *http.Request {
	r := httptest.NewRequest("OPTIONS", "/x", nil)
	r.Header.Set("Origin", origin)
	r.Header.Set("Access-Control-Request-Method", method)
	for _, h := range headers {
		r.Header.Add("Access-Control-Request-Headers", h)
	}
	return r
}

func allowHeaders(h http.Header) (found []string) {
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			found = append(found, name)
		}
	}
	return found
}

func TestAPreflightIsAllowedOnlyWhatIsListed(t *testing.T) {
	for name, tt := range map[string]struct {
		r  *http.Request
		ok bool
	}{
		"a listed origin and method":      {preflight(app, "PUT", "authorization,content-type"), true},
		"a second origin with a port":     {preflight("http://localhost:3000", "DELETE"), true},
		"a method that is always allowed": {preflight(app, "POST", " Authorization , "), true},
		"headers in two lines":            {preflight(app, "GET", "authorization", "content-type"), true},
		"a method that is not listed":     {preflight(app, "PATCH"), false},
		"a method in lower case":          {preflight(app, "put"), false},
		"a header that is not listed":     {preflight(app, "PUT", "authorization, x-tenant"), false},
		"another in the second line":      {preflight(app, "PUT", "authorization", "x-tenant"), false},
		"the wildcard as a header":        {preflight(app, "PUT", "*"), false},
		"another origin":                  {preflight("https://evil.test", "PUT"), false},
		"another scheme":                  {preflight("http://app.test", "PUT"), false},
		"another port":                    {preflight("https://app.test:8443", "PUT"), false},
		"the scheme's own port":           {preflight("https://app.test:443", "PUT"), false},
		"a slash at the end":              {preflight(app+"/", "PUT"), false},
		"upper case":                      {preflight("https://APP.test", "PUT"), false},
		"a suffix":                        {preflight("https://app.test.evil.test", "PUT"), false},
		"a prefix":                        {preflight("https://evilapp.test", "PUT"), false},
		"user info":                       {preflight("https://app.test@evil.test", "PUT"), false},
		"a subdomain":                     {preflight("https://x.app.test", "PUT"), false},
		"the null origin":                 {preflight("null", "PUT"), false},
		"the wildcard as an origin":       {preflight("*", "PUT"), false},
		"two origins in one":              {preflight(app+" https://evil.test", "PUT"), false},
	} {
		h := http.Header{}
		if !middleware.IsPreflight(tt.r) {
			t.Errorf("%s: it is no preflight", name)
		}
		cors.SetPreflightHeaders(h, tt.r)
		if got := h.Get("Access-Control-Allow-Origin"); (got != "") != tt.ok || tt.ok && got != tt.r.Header.Get("Origin") {
			t.Errorf("%s: allowed origin %q", name, got)
		}
		if !tt.ok && len(allowHeaders(h)) > 0 {
			t.Errorf("%s: refused with %v", name, h)
		}
		if tt.ok && (h.Get("Access-Control-Allow-Methods") != "PUT, DELETE" || h.Get("Access-Control-Max-Age") != "600" ||
			h.Get("Access-Control-Allow-Headers") != "Authorization, Content-Type" || h.Get("Access-Control-Allow-Credentials") != "") {
			t.Errorf("%s: %v", name, h)
		}
		if !strings.HasPrefix(h.Get("Vary"), "Origin") {
			t.Errorf("%s: Vary is %q", name, h.Values("Vary"))
		}
	}
}

func TestWithoutCORSNothingIsAllowed(t *testing.T) {
	for _, c := range []*middleware.CORS{nil, {}, {Credentials: true}, {Origins: []string{"null", "*"}}} {
		for _, origin := range []string{app, "null"} {
			h := http.Header{}
			c.SetPreflightHeaders(h, preflight(origin, "GET"))
			c.SetHeaders(h, preflight(origin, "GET"))
			if len(allowHeaders(h)) > 0 {
				t.Errorf("%+v allows %s: %v", c, origin, h)
			}
		}
	}
}

func TestWhatOnlyResemblesAPreflightIsNone(t *testing.T) {
	for name, change := range map[string]func(r *http.Request){
		"another method":         func(r *http.Request) { r.Method = "GET" },
		"the method in lower":    func(r *http.Request) { r.Method = "options" },
		"no origin":              func(r *http.Request) { r.Header.Del("Origin") },
		"an empty origin":        func(r *http.Request) { r.Header.Set("Origin", "") },
		"two origins":            func(r *http.Request) { r.Header.Add("Origin", app) },
		"no method asked for":    func(r *http.Request) { r.Header.Del("Access-Control-Request-Method") },
		"two methods asked for":  func(r *http.Request) { r.Header.Add("Access-Control-Request-Method", "GET") },
		"a body":                 func(r *http.Request) { r.ContentLength = 1 },
		"a body of unknown size": func(r *http.Request) { r.ContentLength = -1 },
	} {
		r := preflight(app, "PUT")
		change(r)
		if middleware.IsPreflight(r) {
			t.Errorf("with %s it is one", name)
		}
	}
}

func TestAnAllowedOriginMayReadTheAnswer(t *testing.T) {
	with := *cors
	with.Credentials, with.Expose = true, []string{"X-Total"}
	for _, origin := range []string{app, "https://evil.test", "null", ""} {
		h := http.Header{"Vary": {"Accept-Encoding"}}
		r := httptest.NewRequest("GET", "/x", nil)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		with.SetHeaders(h, r)
		want := "map[Vary:[Accept-Encoding Origin]]"
		if origin == app {
			want = "map[Access-Control-Allow-Credentials:[true] Access-Control-Allow-Origin:[https://app.test] Access-Control-Expose-Headers:[WWW-Authenticate, Retry-After, DPoP-Nonce, X-Total] Vary:[Accept-Encoding Origin]]"
		}
		if got := fmt.Sprint(h); got != want {
			t.Errorf("%q: %s", origin, got)
		}
	}
	h := http.Header{}
	r := httptest.NewRequest("GET", "/x", nil)
	r.Header["Origin"] = []string{app, app}
	if with.SetHeaders(h, r); len(allowHeaders(h)) > 0 {
		t.Errorf("two origins: %v", h)
	}
}

func TestACORSThatIsTooWideIsRefused(t *testing.T) {
	if err := cors.Validate(); err != nil {
		t.Error(err)
	}
	if err := (*middleware.CORS)(nil).Validate(); err != nil {
		t.Error(err)
	}
	for _, origin := range []string{
		"*", "null", "", "https://*", "https://*.test", "https://app.test/", "https://app.test/x", "https://APP.test", "HTTPS://app.test",
		"https://app.test:443", "http://app.test:80", "https://app.test:", "https://a@app.test", "https://app.test?x", "https://app.test#x",
		"app.test", "//app.test", "https://", "https://:3000", "ftp://app.test", "file://", "https://app.test ", "https://app.test,https://b.test", "https://bücher.test",
	} {
		c := middleware.CORS{Origins: []string{app, origin}}
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "Origins[1]: ") {
			t.Errorf("%q: got %v", origin, err)
		}
	}
	c := middleware.CORS{Methods: []string{"put", "*", ""}, Headers: []string{"*", "a b", ""}, Expose: []string{"*"}, MaxAge: 25 * time.Hour}
	err := c.Validate()
	for _, field := range []string{"middleware: invalid config: Origins: ", "Methods[0]: ", "Methods[1]: ", "Methods[2]: ", "Headers[0]: ", "Headers[1]: ", "Headers[2]: ", "Expose[0]: ", "MaxAge: "} {
		if err == nil || !strings.Contains("\n"+err.Error(), "\n"+field) {
			t.Errorf("%s is not named in %v", field, err)
		}
	}
}
