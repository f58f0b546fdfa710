package middleware_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/reevehq/reeve/middleware"
)

const cookieName = "__Host-session"

func TestExtract(t *testing.T) {
	type headers [][2]string
	for name, tt := range map[string]struct {
		target  string
		headers headers
		want    string // what String says
		err     error
	}{
		"no header is anonymous":              {"/", nil, "no credential", nil},
		"an empty header is anonymous":        {"/", headers{{"Authorization", ""}}, "no credential", nil},
		"another scheme is anonymous":         {"/", headers{{"Authorization", "Basic dTpw"}}, "no credential", nil},
		"a bearer token is a credential":      {"/", headers{{"Authorization", "Bearer abc"}}, "bearer [redacted]", nil},
		"the scheme ignores case":             {"/", headers{{"Authorization", "bEARER abc"}}, "bearer [redacted]", nil},
		"a scheme alone is refused":           {"/", headers{{"Authorization", "Bearer"}}, "", middleware.ErrInvalidRequest},
		"a scheme and a space is refused":     {"/", headers{{"Authorization", "Bearer "}}, "", middleware.ErrInvalidRequest},
		"two spaces are refused":              {"/", headers{{"Authorization", "Bearer  abc"}}, "", middleware.ErrInvalidRequest},
		"two tokens are refused":              {"/", headers{{"Authorization", "Bearer abc def"}}, "", middleware.ErrInvalidRequest},
		"a folded list is refused":            {"/", headers{{"Authorization", "Bearer abc,Bearer"}}, "", middleware.ErrInvalidRequest},
		"two headers are refused":             {"/", headers{{"Authorization", "Bearer abc"}, {"Authorization", "Bearer abc"}}, "", middleware.ErrInvalidRequest},
		"a bad header and a good are refused": {"/", headers{{"Authorization", "junk"}, {"Authorization", "Bearer abc"}}, "", middleware.ErrInvalidRequest},
		"a token in the query is not read":    {"/?access_token=abc", nil, "no credential", nil},
		"one in each place is refused":        {"/?access_token=abc", headers{{"Authorization", "Bearer abc"}}, "", middleware.ErrInvalidRequest},
		"an escaped query name is seen":       {"/?%61ccess_token=abc", headers{{"Authorization", "Bearer abc"}}, "", middleware.ErrInvalidRequest},
		"a cookie is a credential":            {"/", headers{{"Cookie", cookieName + "=abc"}}, "cookie [redacted]", nil},
		"a cookie of another name is none":    {"/", headers{{"Cookie", "session=abc"}}, "no credential", nil},
		"two cookies of one name are refused": {"/", headers{{"Cookie", cookieName + "=abc; " + cookieName + "=abc"}}, "", middleware.ErrInvalidRequest},
		"two in two headers are refused":      {"/", headers{{"Cookie", cookieName + "=abc"}, {"Cookie", cookieName + "=abc"}}, "", middleware.ErrInvalidRequest},
		"cookies of 65 KiB are refused":       {"/", headers{{"Cookie", "a=" + strings.Repeat("a", 33<<10)}, {"Cookie", cookieName + "=" + strings.Repeat("a", 32<<10)}}, "", middleware.ErrInvalidRequest},
		"a token too long to read is kept":    {"/", headers{{"Authorization", "Bearer " + strings.Repeat(",", 9<<10)}}, "bearer [redacted]", nil},
		"a tab after the scheme is refused":   {"/", headers{{"Authorization", "Bearer\tabc"}}, "", middleware.ErrInvalidRequest},
		"a comma after it is refused":         {"/", headers{{"Authorization", "Bearer,abc"}}, "", middleware.ErrInvalidRequest},
		"another scheme with a tab is none":   {"/", headers{{"Authorization", "Basic\tdTpw"}}, "no credential", nil},
		"a query beyond net/url is read":      {"/?" + strings.Repeat("a&", 10_001) + "access_token=abc", headers{{"Authorization", "Bearer abc"}}, "", middleware.ErrInvalidRequest},
		"a query of semicolons is read":       {"/?a=b;access_token=abc", headers{{"Authorization", "Bearer abc"}}, "", middleware.ErrInvalidRequest},
		"an escape in every letter is seen":   {"/?%61%63%63%65%73%73%5F%74%6F%6B%65%6E", headers{{"Authorization", "Bearer abc"}}, "", middleware.ErrInvalidRequest},
		"a query of another name is nothing":  {"/?xaccess_token=abc&a=access_token", headers{{"Authorization", "Bearer abc"}}, "bearer [redacted]", nil},
		"a twin that net/http drops counts":   {"/", headers{{"Cookie", cookieName + "=a\"b; " + cookieName + "=abc"}}, "", middleware.ErrInvalidRequest},
		"one that net/http drops is one":      {"/", headers{{"Cookie", cookieName + "=a\\b"}, {"Authorization", "Bearer abc"}}, "", middleware.ErrInvalidRequest},
		"one among 3,001 is one":              {"/", headers{{"Cookie", strings.Repeat("a=b;", 3000) + cookieName + "=abc"}}, "cookie [redacted]", nil},
		"two among 3,002 are refused":         {"/", headers{{"Cookie", strings.Repeat("a=b;", 3000) + cookieName + "=abc;" + cookieName + "=abd"}}, "", middleware.ErrInvalidRequest},
		"an empty cookie is none":             {"/", headers{{"Cookie", cookieName + "="}}, "no credential", nil},
		"an empty cookie and one are refused": {"/", headers{{"Cookie", cookieName + "=; " + cookieName + "=abc"}}, "", middleware.ErrInvalidRequest},
		"a scheme that is not ours is none":   {"/", headers{{"Authorization", "DPoP abc"}}, "no credential", nil},
		"a cookie and that are refused":       {"/", headers{{"Cookie", cookieName + "=abc"}, {"Authorization", "DPoP abc"}}, "", middleware.ErrInvalidRequest},
		"a cookie and a password are one":     {"/", headers{{"Cookie", cookieName + "=abc"}, {"Authorization", "Basic dTpw"}}, "cookie [redacted]", nil},
		"a cookie and one in the query":       {"/?access_token=abc", headers{{"Cookie", cookieName + "=abc"}}, "", middleware.ErrInvalidRequest},
		"another cookie and one in the query": {"/?access_token=abc", headers{{"Cookie", "session=abc"}}, "no credential", nil},
		"a DPoP token and one in the query":   {"/?access_token=abc", headers{{"Authorization", "DPoP abc"}}, "", middleware.ErrInvalidRequest},
		"a cookie and a bearer are refused":   {"/", headers{{"Cookie", cookieName + "=abc"}, {"Authorization", "Bearer abc"}}, "", middleware.ErrInvalidRequest},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", tt.target, nil)
			for _, h := range tt.headers {
				r.Header.Add(h[0], h[1])
			}
			got, err := middleware.Extract(r, cookieName)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got error %v, want %v", err, tt.err)
			}
			if err == nil && got.String() != tt.want {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

func TestCookiesAreIgnoredUnlessConfigured(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Cookie", cookieName+"=abc")
	if got, err := middleware.Extract(r, ""); err != nil || !got.IsZero() {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestCredentialNeverPrintsItsToken(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer canary")
	c, err := middleware.Extract(r, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if s := fmt.Sprintf(verb, c); strings.Contains(s, "canary") || strings.Contains(s, "63616e617279") {
			t.Errorf("%s prints %s", verb, s)
		}
	}
}
