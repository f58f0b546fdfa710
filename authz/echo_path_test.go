package authz

import (
	"bufio"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"pgregory.net/rapid"

	"github.com/reevehq/reeve/middleware"
)

// parse reads a request line as a server does.
func parse(t testing.TB, target string) (*http.Request, bool) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: api.test\r\n\r\n")))
	return r, err == nil
}

// spelled is a service whose handlers say what they were given.
type spelled struct {
	*echo.Echo
	saw string // route, parameters, path
}

func newSpelled(routes ...string) *spelled {
	s := &spelled{Echo: echo.New()}
	var a middleware.Authenticator
	s.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if _, err := a.Identify(c.Response(), c.Request(), &echoExchange{c: c, echo: c.Echo()}); err != nil {
				problem, _ := middleware.FromError(err)
				return c.NoContent(problem.Status)
			}
			return next(c)
		}
	})
	h := func(c echo.Context) error {
		s.saw = fmt.Sprintf("%s %q %q %q", c.Path(), c.ParamNames(), c.ParamValues(), c.Request().URL.Path)
		for _, name := range c.ParamNames() {
			s.saw += fmt.Sprintf(" %q", c.Param(name))
		}
		return nil
	}
	for _, route := range routes {
		s.GET(route, h)
		s.PUT(strings.ReplaceAll(route, ":id", ":key"), h)
	}
	return s
}

// ask returns the status and what the handler saw, "" when none ran.
func (s *spelled) ask(t testing.TB, method, target string) (int, string) {
	r, ok := parse(t, target)
	if !ok {
		return http.StatusBadRequest, ""
	}
	r.Method, s.saw = method, ""
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, r)
	return rec.Code, s.saw
}

func TestAParameterIsTheSameTextHoweverThePathIsSpelled(t *testing.T) {
	s := newSpelled("/users/:id", "/users/:id/files/*", "/café/:id", "/geo/:lat,:lng")
	for _, c := range []struct {
		spellings []string
		saw       string
	}{
		{[]string{"/users/a:b", "/users/a%3Ab", "/users/a%3ab"}, `/users/:id ["id"] ["a:b"] "/users/a:b" "a:b"`},
		{[]string{"/users/bob@example.com", "/users/bob%40example.com"}, `/users/:id ["id"] ["bob@example.com"] "/users/bob@example.com" "bob@example.com"`},
		{[]string{"/users/caf%C3%A9", "/users/caf%c3%a9", "/users/caf%C3%a9"}, `/users/:id ["id"] ["café"] "/users/café" "café"`},
		{[]string{"/users/caf%C3%A9!", "/users/caf%C3%A9%21", "/users/caf%c3%a9%21"}, `/users/:id ["id"] ["café!"] "/users/café!" "café!"`},
		{[]string{"/users/a+b", "/users/a%2Bb", "/users/a%2bb"}, `/users/:id ["id"] ["a+b"] "/users/a+b" "a+b"`},
		{[]string{"/users/a%20b,c", "/users/a%20b%2Cc"}, `/users/:id ["id"] ["a b,c"] "/users/a b,c" "a b,c"`},
		{[]string{"/users/$&=()*'", "/users/%24%26%3D%28%29%2A%27", "/users/%24&%3d()%2a'"}, `/users/:id ["id"] ["$&=()*'"] "/users/$&=()*'" "$&=()*'"`},
		{[]string{"/users/1%3A2/files/x,y/z!", "/users/1:2/files/x%2Cy/z%21"}, `/users/:id/files/* ["id" "*"] ["1:2" "x,y/z!"] "/users/1:2/files/x,y/z!" "1:2" "x,y/z!"`},
	} {
		for _, target := range c.spellings {
			status, saw := s.ask(t, "GET", target)
			if saw != c.saw {
				t.Errorf("%s: %d\n%s, want\n%s", target, status, saw, c.saw)
			}
		}
	}
}

// A path that Echo gives to another route once it is decoded has no one reading.
func TestASpellingThatIsAnotherRouteIsRefused(t *testing.T) {
	s := newSpelled("/café/:id", "/:page/:id", "/a,b", `/x\:y`, "/:any")
	for target, want := range map[string]string{
		"/caf%C3%A9/x": "/café/:id", "/caf%C3%A9/x%2Cy": "", "/caf%c3%a9/x": "", "/other/x%2Cy": "/:page/:id",
		"/a,b": "/a,b", "/a%2Cb": "", "/x:y": `/x\:y`, "/x%3Ay": "", "/z%3Ay": "/:any",
	} {
		status, saw := s.ask(t, "GET", target)
		if route, _, _ := strings.Cut(saw, " "); route != want || (want == "") != (status == http.StatusBadRequest) {
			t.Errorf("%s: %d %s, want %q", target, status, saw, want)
		}
	}
}

func TestTheRequestInFrontKeepsItsOwnSpelling(t *testing.T) {
	e := echo.New()
	var before, after *http.Request
	e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			before = c.Request()
			var a middleware.Authenticator
			_, err := a.Identify(c.Response(), c.Request(), &echoExchange{c: c, echo: c.Echo()})
			after = c.Request()
			return err
		}
	})
	r, _ := parse(t, "/x/a%3Ab")
	e.GET("/x/:id", func(echo.Context) error { return nil })
	e.ServeHTTP(httptest.NewRecorder(), r)
	if before.URL.RawPath != "/x/a%3Ab" || after.URL.RawPath != "" || after.URL.EscapedPath() != "/x/a:b" || after.RequestURI != before.RequestURI {
		t.Errorf("%+v\n%+v", before.URL, after.URL)
	}
}

// Two spellings of a path whose bytes are the same once decoded give the handler the same
// texts, or one of them is refused. Of the spellings, the one that Go writes is never refused
// when any other is served.
func TestSpellingsThatDecodeAlikeAreServedAlike(t *testing.T) {
	segments := []string{"a", "b", ":id", ":id", "é", "x,y", `c\:d`, "e f", "g!", ":id,z"}
	// Characters that may stand for themselves, must be escaped, or may be either.
	chars := []string{"a", "b", "é", " ", ",", "!", ":", "@", "+", "=", "*", "(", "'", "\"", "?", "#", "c:d", "x,y", "e f", "g!", "{", "日"}
	rapid.Check(t, func(rt *rapid.T) {
		var routes []string
		for range rapid.IntRange(1, 6).Draw(rt, "routes") {
			route := "/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(segments), 1, 3).Draw(rt, "route"), "/")
			if rapid.Bool().Draw(rt, "wildcard") {
				route += "/*"
			}
			routes = append(routes, route)
		}
		s := newSpelled(routes...)
		path := ""
		for range rapid.IntRange(1, 4).Draw(rt, "segments") {
			path += "/" + strings.Join(rapid.SliceOfN(rapid.SampledFrom(chars), 1, 3).Draw(rt, "segment"), "")
		}
		method := rapid.SampledFrom([]string{"GET", "PUT"}).Draw(rt, "method")
		spell := func(name string) string {
			var b strings.Builder
			for i := range len(path) {
				switch c := path[i]; {
				case c == '/' || 'a' <= c && c <= 'z':
					b.WriteByte(c)
				case strings.IndexByte("!$&'()*+,=:@", c) >= 0 && rapid.Bool().Draw(rt, name):
					b.WriteByte(c)
				case rapid.Bool().Draw(rt, name):
					fmt.Fprintf(&b, "%%%02X", c)
				default:
					fmt.Fprintf(&b, "%%%02x", c)
				}
			}
			return b.String()
		}
		one, two := spell("one"), spell("two")
		a, saw := s.ask(t, method, one)
		b, other := s.ask(t, method, two)
		if a != http.StatusBadRequest && b != http.StatusBadRequest && (a != b || saw != other) {
			rt.Fatalf("%q\n%s: %d %s\n%s: %d %s", routes, one, a, saw, two, b, other)
		}
		r, _ := parse(t, one)
		r.URL.RawPath = ""
		c, plain := s.ask(t, method, r.URL.EscapedPath())
		if a != http.StatusBadRequest && (c != a || plain != saw) {
			rt.Fatalf("%q\n%s: %d %s\nas Go spells it: %d %s", routes, one, a, saw, c, plain)
		}
	})
}
