package middleware_test

import (
	"bufio"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/middleware"
)

// parse reads a request as a server reads it from the wire, so that RequestURI, Path and
// RawPath are as net/http reads the bytes.
func parse(t testing.TB, target string) (*http.Request, bool) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: api.test\r\n\r\n")))
	return r, err == nil
}

func TestPathsWithOneReadingAreAccepted(t *testing.T) {
	for _, target := range []string{
		"/", "/invoices", "/invoices/", "/invoices/42", "/invoices/42?next=//evil/../x;y",
		"/a.b/..c/d..", "/...", "/~user", "/a:b@c", "/v1/x,y;"[:7], "/a'b(c)*!$&+=",
		"/caf%C3%A9", "/caf%c3%a9", "/a%20b", "/a%3Fb", "/a%23b", "/%7B%7D", "/a%22b",
		"http://api.test/invoices", "/.well-known/jwks.json",
	} {
		r, ok := parse(t, target)
		if !ok {
			t.Fatalf("%q: net/http refuses it", target)
		}
		if err := middleware.CheckTarget(r); err != nil {
			t.Errorf("%q: %v", target, err)
		}
	}
}

func TestAmbiguousPathsAreRefused(t *testing.T) {
	for what, targets := range map[string][]string{
		"doubled slashes":       {"//admin/x", "/admin//x", "/admin/x//", "//"},
		"encoded slashes":       {"/admin%2Fx", "/admin%2fx", "/admin%5Cx", "/admin%5cx"},
		"double encoding":       {"/admin%252Fx", "/%25%32%66", "/a%25b"},
		"needless escapes":      {"/%61dmin/x", "/%41", "/%7Euser", "/a%2Db", "/a%5Fb", "/%30"},
		"dot segments":          {"/pub/../admin/x", "/./x", "/x/.", "/x/..", "/..", "/."},
		"encoded dot segments":  {"/pub/%2e%2e/x", "/%2E/x", "/pub/.%2e/x", "/pub/%2e./x"},
		"path parameters":       {"/admin;a=b/x", "/..;/x", "/admin%3Bx", "/;"},
		"backslashes":           {`/admin\x`, `/\admin`},
		"control bytes":         {"/a%00", "/a%0d%0a", "/a%1f", "/a%7f", "/a%09"},
		"invalid UTF-8":         {"/%ff", "/%c3%28", "/%ed%a0%80", "/%c0%af"},
		"raw bytes over 7 bits": {"/caf\xc3\xa9", "/\xff"},
		"not pchar":             {"/a|b", "/a\"b", "/a<b", "/{x}", "/a^b", "/a`b", "/a[b]"},
		"no path":               {"*", "http://api.test?x=/", "http://api.test", "http:///x/../y"},
		"user information":      {"http://api.test@evil.test/x", "http://u:p@api.test/x", "http://@api.test/x"},
		"absolute form":         {"http://api.test/a/../b", "http://api.test//admin", "http://api.test/%61"},
	} {
		for _, target := range targets {
			r, ok := parse(t, target)
			if !ok {
				continue // net/http refuses it already
			}
			if err := middleware.CheckTarget(r); !errors.Is(err, middleware.ErrAmbiguousRequest) {
				t.Errorf("%s: %q: got %v, want ErrAmbiguousRequest", what, target, err)
			}
		}
	}
}

// The log says the cause that the answer does, more than one reading, with the character and
// what a client sends instead.
func TestAnAmbiguousPathIsLoggedWithItsCause(t *testing.T) {
	const several = ", which servers read in different ways: "
	for target, want := range map[string]string{
		"/users/auth0|5f7c": `"|" stands unescaped in the path` + several + "a client sends %7C",
		"/a[b]":             `"[" stands unescaped in the path` + several + "a client sends %5B",
		"/a^b":              `"^" stands unescaped in the path` + several + "a client sends %5E",
		"/{x}":              `"{" stands unescaped in the path` + several + "a client sends %7B",
		"/caf\xc3\xa9":      "the byte 0xc3 (not UTF-8) stands unescaped in the path" + several + "a client sends %C3",
		"/admin;a=b":        `';' in the path` + several + "no path may hold it",
		"/admin%2Fx":        `an escaped '/'` + several + "no segment may hold it",
		"/%61dmin":          "a needless escape: a client sends 'a' as it is",
		"/a%00":             "an escaped control byte",
	} {
		r, ok := parse(t, target)
		if !ok {
			t.Errorf("%q: net/http refuses it", target)
			continue
		}
		if err := middleware.CheckTarget(r); err == nil || err.Error() != middleware.ErrAmbiguousRequest.Error()+": "+want {
			t.Errorf("%q\ngot  %v\nwant %s", target, err, want)
		}
	}
	for _, target := range []string{"/users/auth0%7C5f7c", "/a%5Bb%5D", "/a%5Eb", "/%7Bx%7D", "/caf%C3%A9", "/admin"} {
		r, _ := parse(t, target)
		if err := middleware.CheckTarget(r); err != nil {
			t.Errorf("what the log says does not help: %q: %v", target, err)
		}
	}
}

// A rewrite in front of the router must not hide what the client sent, nor add what it
// did not send.
func TestRewritingDoesNotHideAnAmbiguousPath(t *testing.T) {
	r, _ := parse(t, "/pub/../admin")
	r.URL.Path, r.URL.RawPath = "/admin", ""
	if err := middleware.CheckTarget(r); !errors.Is(err, middleware.ErrAmbiguousRequest) {
		t.Errorf("cleaned by a rewrite: got %v", err)
	}
	r, _ = parse(t, "/ok")
	r.URL.Path = "/a/../b"
	if err := middleware.CheckTarget(r); !errors.Is(err, middleware.ErrAmbiguousRequest) {
		t.Errorf("made by a rewrite: got %v", err)
	}
}

// FuzzCheckTarget shows that an accepted path is its own canonical form: cleaning and
// decoding it, as a proxy or a handler might, changes no segment, and the router finds
// the same route for all spellings.
func FuzzCheckTarget(f *testing.F) {
	for _, seed := range []string{"/a/b", "/a%2Fb", "/a/../b", "/%61", "/a%20b", "/a//b", "/caf%C3%A9", "http://x/a"} {
		f.Add(seed)
	}
	e := echo.New()
	reached := func(name string) echo.HandlerFunc { return func(c echo.Context) error { return c.String(200, name) } }
	e.GET("/admin/:id", reached("admin"))
	e.GET("/:any", reached("any"))
	e.GET("/*", reached("rest"))
	f.Fuzz(func(t *testing.T, target string) {
		r, ok := parse(t, target)
		if !ok || middleware.CheckTarget(r) != nil {
			return
		}
		escaped := r.URL.EscapedPath()
		decoded, err := url.PathUnescape(escaped)
		if err != nil {
			t.Fatalf("%q: accepted and does not decode: %v", target, err)
		}
		if strings.Count(decoded, "/") != strings.Count(escaped, "/") {
			t.Fatalf("%q: decoding makes slashes", target)
		}
		clean := path.Clean(decoded)
		if strings.TrimSuffix(decoded, "/") != strings.TrimSuffix(clean, "/") {
			t.Fatalf("%q: cleaning changes %q to %q", target, decoded, clean)
		}
		if strings.ContainsAny(decoded, "\\;\x00\r\n") {
			t.Fatalf("%q: decodes to %q", target, decoded)
		}
		// Route on the decoded path too: a different handler would be a bypass.
		again := httptest.NewRequest("GET", "/", nil)
		again.URL = &url.URL{Path: decoded}
		if a, b := serve(e, r), serve(e, again); a != b {
			t.Fatalf("%q reaches %q, decoded it reaches %q", target, a, b)
		}
	})
}

func serve(e *echo.Echo, r *http.Request) string {
	w := httptest.NewRecorder()
	e.ServeHTTP(w, r)
	return w.Body.String()
}
