package authz_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	echomiddleware "github.com/labstack/echo/v4/middleware"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
)

// TestAnswersToSignedInCallersAreKeptFromCaches, however a handler answers, and what it says
// of caching itself stays.
func TestAnswersToSignedInCallersAreKeptFromCaches(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=60")
	}))
	defer upstream.Close()
	origin, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	ours := []string{"private, no-store"}
	for name, row := range map[string]struct {
		handler echo.HandlerFunc
		want    []string
	}{
		"a text":       {func(c echo.Context) error { return c.String(200, "x") }, ours},
		"no content":   {func(c echo.Context) error { return c.NoContent(204) }, ours},
		"not modified": {func(c echo.Context) error { return c.NoContent(304) }, ours},
		"nothing":      {func(echo.Context) error { return nil }, ours},
		"a redirect":   {func(c echo.Context) error { return c.Redirect(302, "/") }, ours},
		"a stream": {func(c echo.Context) error {
			c.Response().WriteHeader(200)
			c.Response().Flush()
			return c.Stream(200, "text/plain", strings.NewReader("x"))
		}, ours},
		"past Echo's response": {func(c echo.Context) error { _, err := io.WriteString(c.Response().Writer, "x"); return err }, ours},
		"a file": {func(c echo.Context) error {
			http.ServeContent(c.Response(), c.Request(), "x.txt", time.Time{}, bytes.NewReader([]byte("x")))
			return nil
		}, ours},
		"a file that is not there": {func(c echo.Context) error { http.ServeFile(c.Response(), c.Request(), "/nothing/here"); return nil }, ours},
		"an error of Echo":         {func(echo.Context) error { return echo.ErrNotFound }, ours},
		"an error of the service":  {func(echo.Context) error { return errors.New("x") }, ours},
		"a panic":                  {func(echo.Context) error { panic("x") }, ours},
		"a refusal":                {func(echo.Context) error { return middleware.ErrForbidden }, []string{"no-store"}},
		"a header that is deleted": {func(c echo.Context) error { c.Response().Header().Del("Cache-Control"); return c.String(200, "x") }, ours},

		"its own, set": {func(c echo.Context) error {
			c.Response().Header().Set("Cache-Control", "max-age=5")
			return c.String(200, "x")
		}, []string{"max-age=5"}},
		"its own, added": {func(c echo.Context) error {
			c.Response().Header().Add("Cache-Control", "max-age=5")
			return c.String(200, "x")
		}, []string{"max-age=5"}},
		"its own, in two": {func(c echo.Context) error {
			c.Response().Header().Add("Cache-Control", "max-age=5")
			c.Response().Header().Add("Cache-Control", "private")
			return c.String(200, "x")
		}, []string{"max-age=5", "private"}},
		"none at all": {func(c echo.Context) error { c.Response().Header()["Cache-Control"] = nil; return c.String(200, "x") }, nil},
		"a proxy's": {func(c echo.Context) error {
			httputil.NewSingleHostReverseProxy(origin).ServeHTTP(c.Response(), c.Request())
			return nil
		}, []string{"public, max-age=60"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			w.echo.Pre(echomiddleware.RecoverWithConfig(echomiddleware.RecoverConfig{DisablePrintStack: true}))
			w.echo.Logger.SetOutput(io.Discard)
			w.echo.GET("/me", row.handler)
			w.echo.POST("/me", row.handler)
			bearer, _ := w.login(acme, alice, "viewer")
			for _, method := range []string{"GET", "POST"} {
				if got := w.do(method, "/me", bearer).Result().Header.Values("Cache-Control"); !slices.Equal(got, row.want) {
					t.Errorf("%s: got %q, want %q", method, got, row.want)
				}
			}
			w.echo.GET("/public", row.handler)
			if got := w.do("GET", "/public", "").Result().Header.Get("Cache-Control"); strings.HasPrefix(got, "private") {
				t.Errorf("anybody's answer has %q", got)
			}
			if got := w.do("GET", "/public", bearer).Result().Header.Values("Cache-Control"); !slices.Equal(got, row.want) {
				t.Errorf("at a public route: got %q, want %q", got, row.want)
			}
		})
	}
}

// TestWhatNoHandlerAnswersIsKeptFromCachesToo: refusals with a handler of the service's own
// for them, and paths that do not exist, of which a cache may keep a 404 by itself.
func TestWhatNoHandlerAnswersIsKeptFromCachesToo(t *testing.T) {
	w := newFixture(t, func(c *authz.Config) {
		c.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, p middleware.Problem, _ error) { w.WriteHeader(p.Status) }
	})
	bearer, _ := w.login(acme, alice, "viewer")
	for target, status := range map[string]int{"/unruled": 403, "/not/here": 404, "/me?x": 200} {
		rec := w.do("GET", target, bearer)
		if rec.Code != status || rec.Header().Get("Cache-Control") != "private, no-store" {
			t.Errorf("%s: got %d with %q", target, rec.Code, rec.Header().Get("Cache-Control"))
		}
	}
	if rec := w.do("GET", "/me", ""); rec.Code != 401 || rec.Header().Get("Cache-Control") != "private, no-store" {
		t.Errorf("nobody: got %d with %q", rec.Code, rec.Header().Get("Cache-Control"))
	}
	if rec := w.do("DELETE", "/me", bearer); rec.Code != 405 || rec.Header().Get("Cache-Control") != "private, no-store" {
		t.Errorf("another method: got %d with %q", rec.Code, rec.Header().Get("Cache-Control"))
	}
}

// TestEveryAnswerVariesByTheCookieWhereOneIsRead, once, whatever else it varies by.
func TestEveryAnswerVariesByTheCookieWhereOneIsRead(t *testing.T) {
	vary := func(f func(h http.Header)) echo.HandlerFunc {
		return func(c echo.Context) error { f(c.Response().Header()); return c.String(200, "x") }
	}
	for name, row := range map[string]struct {
		handler echo.HandlerFunc
		want    string
	}{
		"nothing else":    {vary(func(http.Header) {}), "Cookie"},
		"added":           {vary(func(h http.Header) { h.Add("Vary", "Accept") }), "Cookie, Accept"},
		"set":             {vary(func(h http.Header) { h.Set("Vary", "Accept") }), "Accept, Cookie"},
		"deleted":         {vary(func(h http.Header) { h.Del("Vary") }), "Cookie"},
		"itself":          {vary(func(h http.Header) { h.Set("Vary", "cookie") }), "cookie"},
		"itself, added":   {vary(func(h http.Header) { h.Add("Vary", "Accept, cookie") }), "Accept, cookie"},
		"everything":      {vary(func(h http.Header) { h.Set("Vary", "*") }), "*"},
		"everything, too": {vary(func(h http.Header) { h.Add("Vary", "*") }), "*"},
		"a name like it":  {vary(func(h http.Header) { h.Set("Vary", "X-Cookie") }), "X-Cookie, Cookie"},
		"an error":        {func(echo.Context) error { return echo.ErrTeapot }, "Cookie"},
		"a refusal":       {func(echo.Context) error { return middleware.ErrForbidden }, "Cookie"},
	} {
		w := newFixture(t, withCookie)
		w.echo.GET("/public", row.handler)
		w.echo.GET("/me", row.handler)
		signed, _ := w.login(acme, alice, "viewer")
		for caller, rec := range map[string]*httptest.ResponseRecorder{
			"nobody":   w.do("GET", "/public", ""),
			"a cookie": w.do("GET", "/me", "", headers{"Cookie": cookie + "=" + signed}),
			"a bearer": w.do("GET", "/me", signed),
		} {
			if got := strings.Join(rec.Result().Header.Values("Vary"), ", "); got != row.want {
				t.Errorf("%s, %s: got %q, want %q", name, caller, got, row.want)
			}
		}
		for target, rec := range map[string]*httptest.ResponseRecorder{
			"a refused caller": w.do("GET", "/unruled", signed),
			"nobody":           w.do("GET", "/me", ""),
			"no route":         w.do("GET", "/not/here", signed),
		} {
			if got := rec.Header().Values("Vary"); !slices.Equal(got, []string{"Cookie"}) {
				t.Errorf("%s: got %q", target, got)
			}
		}
	}
	w := newFixture(t)
	if got := w.do("GET", "/public", "").Header().Values("Vary"); len(got) > 0 {
		t.Errorf("without a cookie: got %q", got)
	}
}

// TestHeadersAreCompletedHoweverAnAnswerIsWritten: a handler that has set headers of its own,
// or deleted ours, may flush before it writes, write past Echo's Response, or not write at all.
func TestHeadersAreCompletedHoweverAnAnswerIsWritten(t *testing.T) {
	for name, write := range map[string]echo.HandlerFunc{
		"a text":                 func(c echo.Context) error { return c.String(200, "x") },
		"nothing":                func(echo.Context) error { return nil },
		"an error of Echo":       func(echo.Context) error { return echo.ErrTeapot },
		"an error":               func(echo.Context) error { return errors.New("x") },
		"a panic":                func(echo.Context) error { panic("x") },
		"a flush":                func(c echo.Context) error { c.Response().Flush(); return nil },
		"a flush of net/http":    func(c echo.Context) error { return http.NewResponseController(c.Response()).Flush() },
		"a flush of the writer":  func(c echo.Context) error { c.Response().Writer.(http.Flusher).Flush(); return nil },
		"bytes past Echo":        func(c echo.Context) error { _, err := c.Response().Writer.Write([]byte("x")); return err },
		"a text past Echo":       func(c echo.Context) error { _, err := io.WriteString(c.Response().Writer, "x"); return err },
		"a copy past Echo":       func(c echo.Context) error { _, err := io.Copy(c.Response().Writer, strings.NewReader("x")); return err },
		"a status past Echo":     func(c echo.Context) error { c.Response().Writer.WriteHeader(204); return nil },
		"a handler of net/http":  echo.WrapHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("x")) })),
		"an error of net/http":   func(c echo.Context) error { http.Error(c.Response(), "x", 500); return nil },
		"a file that is not one": func(c echo.Context) error { http.ServeFile(c.Response(), c.Request(), "/nothing/here"); return nil },
		"a file that is known": func(c echo.Context) error {
			c.Request().Header.Set("If-None-Match", `"x"`)
			c.Response().Header().Set("ETag", `"x"`)
			http.ServeContent(c.Response(), c.Request(), "x.txt", time.Time{}, strings.NewReader("x"))
			return nil
		},
	} {
		for _, zipped := range []bool{false, true} {
			w := newFixture(t, withCookie)
			w.echo.Logger.SetOutput(io.Discard)
			if zipped { // around everything
				w.echo.Pre(echomiddleware.Gzip())
			}
			w.echo.Pre(echomiddleware.RecoverWithConfig(echomiddleware.RecoverConfig{DisablePrintStack: true}))
			w.echo.GET("/me", func(c echo.Context) error {
				c.Response().Header().Set("Vary", "Accept")
				c.Response().Header().Del("Cache-Control")
				return write(c)
			})
			bearer, _ := w.login(acme, alice, "viewer")
			server := httptest.NewServer(w.echo) // which writes what nobody did
			r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/me", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Authorization", "Bearer "+bearer)
			res, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			server.Close()
			if vary := strings.Join(res.Header.Values("Vary"), ", "); !strings.Contains(vary, "Accept") || !strings.Contains(vary, "Cookie") {
				t.Errorf("%s, zipped %v: Vary is %q", name, zipped, vary)
			}
			if got := res.Header.Values("Cache-Control"); !slices.Equal(got, []string{middleware.PrivateNoStore}) {
				t.Errorf("%s, zipped %v: Cache-Control is %q", name, zipped, got)
			}
		}
	}
}

// TestARefusalOfTheServicesOwnHandlerIsCompletedToo.
func TestARefusalOfTheServicesOwnHandlerIsCompletedToo(t *testing.T) {
	w := newFixture(t, withCookie, func(c *authz.Config) {
		c.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, p middleware.Problem, _ error) {
			w.Header().Set("Vary", "Accept")
			w.Header().Del("Cache-Control")
			w.WriteHeader(p.Status)
		}
	})
	rec := w.do("GET", "/me", "")
	if got := rec.Header().Values("Vary"); rec.Code != 401 || !slices.Equal(got, []string{"Accept", "Cookie"}) || rec.Header().Get("Cache-Control") != middleware.PrivateNoStore {
		t.Errorf("got %d, %v", rec.Code, rec.Header())
	}
}
