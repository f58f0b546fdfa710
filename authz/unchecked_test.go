package authz_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/authztest"
	"github.com/reevehq/reeve/authz/httpauthz"
)

// uncheckedFixture is a fixture whose unchecked answers are told.
func uncheckedFixture(t *testing.T, cfg authz.UncheckedConfig) (*fixture, *[]authz.UncheckedAnswer, *authz.Unchecked) {
	t.Helper()
	var told []authz.UncheckedAnswer
	cfg.Report = func(ctx context.Context, a authz.UncheckedAnswer) {
		if _, ok := authz.FromContext(ctx); !ok {
			t.Error("the report has no caller")
		}
		told = append(told, a)
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	u := authz.NewUnchecked(cfg)
	w := newFixture(t, func(c *authz.Config) { c.Unchecked = u })
	w.engine = engine(t, rules)
	return w, &told, u
}

// Leak 5 of a service: the handler was scoped to the tenant and never called Check.
func TestAHandlerThatAsksAboutNoObjectIsReported(t *testing.T) {
	w, told, u := uncheckedFixture(t, authz.UncheckedConfig{})
	editor, _ := w.login(acme, alice, "editor")
	errHandler := errors.New("broken")
	for name, c := range map[string]struct {
		handler echo.HandlerFunc
		want    int // 0 where nothing is reported
	}{
		"answers":                       {func(c echo.Context) error { return c.String(200, "a note") }, 200},
		"creates":                       {func(c echo.Context) error { return c.NoContent(201) }, 201},
		"writes nothing":                {func(echo.Context) error { return nil }, 200},
		"writes without a status":       {func(c echo.Context) error { _, err := c.Response().Writer.Write([]byte("x")); return err }, 200},
		"flushes":                       {func(c echo.Context) error { c.Response().Flush(); return nil }, 200},
		"sends a file":                  {func(c echo.Context) error { _, err := io.Copy(c.Response().Writer, strings.NewReader("x")); return err }, 200},
		"answers after an early hint":   {func(c echo.Context) error { c.Response().Writer.WriteHeader(103); return c.NoContent(204) }, 204},
		"fails once it has answered":    {func(c echo.Context) error { _ = c.String(200, "x"); return errHandler }, 200},
		"refuses once it has answered":  {func(c echo.Context) error { _ = c.String(200, "x"); return authz.ErrDenied }, 200},
		"returns a success as an error": {func(echo.Context) error { return echo.NewHTTPError(202, "later") }, 202},
		"asks for an explanation": {func(c echo.Context) error {
			_, _ = authz.Explain(c.Request().Context(), "read", note("alice"))
			return nil
		}, 200},
		"asks for the fields alone": {func(c echo.Context) error {
			_, _ = authz.Fields(c.Request().Context(), "read", "note")
			return nil
		}, 200},
		"asks for a list": {func(c echo.Context) error {
			_, _ = authz.Filter(c.Request().Context(), "read", "note")
			return nil
		}, 0},
		"asks which actions are allowed": {func(c echo.Context) error {
			_ = authz.Allowed(c.Request().Context(), note("bob"), "read", "update")
			return nil
		}, 0},
		"asks": {func(c echo.Context) error {
			_, err := authz.Check(c.Request().Context(), "read", note("bob"))
			return err
		}, 0},
		"asks whether it can": {func(c echo.Context) error { _ = authz.Can(c.Request().Context(), "update", note("bob")); return nil }, 0},
		"asks about the type": {func(c echo.Context) error {
			_ = authz.Can(c.Request().Context(), "read", authz.Object{Type: "note"})
			return nil
		}, 0},
		"asks in a context below": {func(c echo.Context) error {
			ctx, stop := context.WithCancel(c.Request().Context())
			defer stop()
			_ = authz.Can(ctx, "read", note("bob"))
			return nil
		}, 0},
		"says that there is no object":   {func(c echo.Context) error { authz.NoObject(c.Request().Context()); return nil }, 0},
		"refuses":                        {func(echo.Context) error { return authz.ErrDenied }, 0},
		"fails":                          {func(echo.Context) error { return errHandler }, 0},
		"does not find":                  {func(echo.Context) error { return echo.ErrNotFound }, 0},
		"redirects":                      {func(c echo.Context) error { return c.Redirect(303, "/") }, 0},
		"has nothing new":                {func(c echo.Context) error { return c.NoContent(304) }, 0},
		"writes a refusal by hand":       {func(c echo.Context) error { return c.NoContent(403) }, 0},
		"panics before it has answered":  {func(echo.Context) error { panic("early") }, 0},
		"panics once it has answered":    {func(c echo.Context) error { _ = c.String(200, "x"); panic("late") }, 200},
		"ends once it has answered":      {func(c echo.Context) error { _ = c.String(200, "x"); panic(http.ErrAbortHandler) }, 200},
		"has its writer taken from Echo": {func(c echo.Context) error { http.Error(c.Response().Writer, "ok", 200); return nil }, 200},
	} {
		t.Run(name, func(t *testing.T) {
			*told = nil
			w.echo.GET("/notes/:id", c.handler)
			func() {
				defer func() { _ = recover() }()
				w.do("GET", "/notes/7", editor)
			}()
			var want []authz.UncheckedAnswer
			if c.want != 0 {
				want = []authz.UncheckedAnswer{{Method: "GET", Route: "/notes/:id", Status: c.want}}
			}
			if !slices.Equal(*told, want) {
				t.Errorf("told %v, want %v", *told, want)
			}
		})
	}
	before := u.Stats()
	if before.Answers == 0 || !slices.Equal(before.Routes, []string{"GET /notes/:id"}) {
		t.Errorf("%+v", before)
	}
	*told = nil
	w.do("GET", "/me", editor) // a route about no object
	w.do("GET", "/notes/7", "")
	w.do("GET", "/unruled", editor)
	if u.Stats().Answers != before.Answers || len(*told) != 0 {
		t.Errorf("told %v", *told)
	}
}

func TestRequireAsksForItsHandler(t *testing.T) {
	w, told, _ := uncheckedFixture(t, authz.UncheckedConfig{})
	editor, _ := w.login(acme, alice, "editor")
	w.echo.GET("/notes/:id", func(c echo.Context) error { return c.NoContent(204) }, authz.Require("read", func(echo.Context) (authz.Object, error) { return note("alice"), nil }))
	if w.do("GET", "/notes/7", editor); len(*told) != 0 {
		t.Errorf("Require was not seen: %v", *told)
	}
}

// A connection that a handler takes over is data that leaves: WebSockets ask, too.
func TestAConnectionThatIsTakenOverUncheckedIsReported(t *testing.T) {
	w, told, _ := uncheckedFixture(t, authz.UncheckedConfig{})
	editor, _ := w.login(acme, alice, "editor")
	hijack := func(ask bool) echo.HandlerFunc {
		return func(c echo.Context) error {
			if ask {
				_ = authz.Can(c.Request().Context(), "read", note("alice"))
			}
			conn, _, err := c.Response().Hijack()
			if err != nil {
				return err
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: close\r\n\r\n")
			return conn.Close()
		}
	}
	for _, upgrade := range []string{"", "websocket"} {
		for _, asks := range []bool{false, true} {
			*told = nil
			w.echo.GET("/notes/:id", hijack(asks))
			served := make(chan struct{})
			server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				defer close(served) // a connection that was taken over outlives the server's Close
				w.echo.ServeHTTP(rw, r)
			}))
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			lines := "GET /notes/7 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + editor + "\r\n"
			if upgrade != "" {
				lines += "Connection: Upgrade\r\nUpgrade: " + upgrade + "\r\n"
			}
			_, _ = io.WriteString(conn, lines+"\r\n")
			if status, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(status, "101") {
				t.Fatalf("%q, %v", status, err)
			}
			_ = conn.Close()
			<-served
			server.Close()
			if asks != (len(*told) == 0) || !asks && (*told)[0].Status != http.StatusSwitchingProtocols {
				t.Errorf("upgrade %q, asked %v: told %v", upgrade, asks, *told)
			}
		}
	}
}

// TestWhichRoutesAreAboutObjects holds the templates of each door against the parameters that
// name no object.
func TestWhichRoutesAreAboutObjects(t *testing.T) {
	for _, row := range []struct {
		route  string
		params []string
		want   bool
	}{
		{"/notes/:id", nil, true}, {"/notes", nil, false}, {"/*", nil, true}, {"/*", []string{"*"}, false}, {"/t/:tenant/me", nil, true},
		{"/t/:tenant/me", []string{"tenant"}, false}, {"/t/:tenant/notes/:id", []string{"tenant"}, true}, {"/t/:tenant/files/*", []string{"tenant", "*"}, false},
		{"/notes/:id.json", []string{"id"}, true}, {"//own.test:8080/me", nil, false}, {"//own.test:8080/notes/:id", nil, true},
	} {
		var told []authz.UncheckedAnswer
		u := authz.NewUnchecked(authz.UncheckedConfig{Params: row.params, Logger: slog.New(slog.DiscardHandler), Report: func(_ context.Context, a authz.UncheckedAnswer) { told = append(told, a) }})
		cfg := config(t)
		cfg.Unchecked, cfg.Policy = u, &permissive{}
		e := echo.New()
		e.Use(authz.Middleware(cfg))
		path, r := row.route, httptest.NewRequest("GET", strings.NewReplacer(":tenant", "acme", ":id.json", "x", ":id", "7", "*", "a/b").Replace(row.route), nil)
		if host, ok := strings.CutPrefix(path, "//"); ok {
			name, rest, _ := strings.Cut(host, "/")
			r = httptest.NewRequest("GET", "http://"+name+strings.Replace("/"+rest, ":id", "7", 1), nil)
			path = "/" + rest
			e.Host(name).GET(path, func(c echo.Context) error { return c.NoContent(204) })
		} else {
			e.GET(path, func(c echo.Context) error { return c.NoContent(204) })
		}
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, r)
		if rec.Code != 204 || (len(told) == 1) != row.want {
			t.Errorf("%s without %v: %d, told %v", row.route, row.params, rec.Code, told)
		}
	}
	for pattern, want := range map[string]bool{"GET /a/{id}": true, "GET /a/{$}": false, "GET /a": false, "GET /t/{tenant}/a": false, "GET /t/{tenant}/f/{path...}": true} {
		var told []authz.UncheckedAnswer
		cfg := config(t)
		cfg.Policy = &permissive{}
		cfg.Unchecked = authz.NewUnchecked(authz.UncheckedConfig{Params: []string{"tenant"}, Logger: slog.New(slog.DiscardHandler), Report: func(_ context.Context, a authz.UncheckedAnswer) { told = append(told, a) }})
		mux := authz.Must(httpauthz.NewMux(cfg))
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) error { w.WriteHeader(204); return nil })
		rec := httptest.NewRecorder()
		mux.ServeHTTP(rec, httptest.NewRequest("GET", strings.NewReplacer("GET ", "", "{id}", "7", "{$}", "", "{tenant}", "acme", "{path...}", "b/c").Replace(pattern), nil))
		if rec.Code != 204 || (len(told) == 1) != want {
			t.Errorf("%s: %d, told %v", pattern, rec.Code, told)
		}
	}
}

func TestTheLogNamesARouteOnce(t *testing.T) {
	var log bytes.Buffer
	w, told, _ := uncheckedFixture(t, authz.UncheckedConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	editor, _ := w.login(acme, alice, "editor")
	w.echo.GET("/notes/:id", func(c echo.Context) error { return c.NoContent(204) })
	for range 3 {
		w.do("GET", "/notes/secret-id", editor)
	}
	if lines := strings.Count(log.String(), "\n"); lines != 1 || len(*told) != 3 {
		t.Errorf("%d lines, %d told:\n%s", lines, len(*told), &log)
	}
	if !strings.Contains(log.String(), `route="GET /notes/:id" status=204`) || strings.Contains(log.String(), "secret-id") || strings.Contains(log.String(), "alice") {
		t.Error(log.String())
	}
}

// countingTB is a testing.TB that counts its errors.
type countingTB struct {
	testing.TB
	errors []string
	after  []func()
}

func (c *countingTB) Errorf(format string, args ...any) { c.errors = append(c.errors, format) }
func (c *countingTB) Cleanup(f func())                  { c.after = append(c.after, f) }

func TestTheHelperFailsATestWhoseHandlerAsksAboutNoObject(t *testing.T) {
	c := &countingTB{TB: t}
	w := newFixture(t, func(cfg *authz.Config) { cfg.Unchecked = authztest.Unchecked(c) })
	editor, _ := w.login(acme, alice, "editor")
	if w.do("GET", "/notes/7", editor); len(c.errors) != 0 {
		t.Errorf("a handler that asks: %v", c.errors)
	}
	w.echo.GET("/notes/:id", func(c echo.Context) error { return c.NoContent(204) })
	if w.do("GET", "/notes/7", editor); len(c.errors) != 1 {
		t.Errorf("a handler that does not ask: %v", c.errors)
	}
	for _, f := range c.after {
		f()
	}
	if w.do("GET", "/notes/7", editor); len(c.errors) != 1 {
		t.Errorf("after the test: %v", c.errors)
	}
}

// A nil Unchecked costs nothing, and one that has nothing to say allocates nothing.
func TestAnUncheckedThatHasNothingToSayAllocatesNothing(t *testing.T) {
	measure := func(u *authz.Unchecked) float64 {
		w := newFixture(t, func(c *authz.Config) { c.Unchecked = u; c.Observer = nil })
		editor, _ := w.login(acme, alice, "editor")
		w.echo.GET("/notes/:id", func(c echo.Context) error { authz.NoObject(c.Request().Context()); return c.NoContent(204) })
		r := httptest.NewRequest("GET", "/notes/7", nil)
		r.Header.Set("Authorization", "Bearer "+editor)
		rec := discard{http.Header{}}
		least := math.Inf(1) // a pool gives back less under the race detector, at random
		for range 10 {
			least = min(least, testing.AllocsPerRun(50, func() { w.echo.ServeHTTP(rec, r) }))
		}
		return least
	}
	if without, with := measure(nil), measure(authz.NewUnchecked(authz.UncheckedConfig{})); with > without {
		t.Errorf("%v allocations, and %v without", with, without)
	}
}

// config trusts nobody's token and lets everybody in by its policy.
func config(t *testing.T) authz.Config {
	t.Helper()
	var cfg authz.Config
	newFixture(t, func(c *authz.Config) { cfg = *c })
	cfg.Tenant = nil
	return cfg
}
