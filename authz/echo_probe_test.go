package authz_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// guard is the middleware with a verifier and a loader that must not be asked.
func guard(t testing.TB, eng *policy.Engine, options ...option) echo.MiddlewareFunc {
	t.Helper()
	cfg := authz.Config{
		Policy: eng,
		Tokens: fakeVerifier(func() (*token.Verified, error) {
			t.Error("a token is verified")
			return nil, token.ErrInvalid
		}),
		Sessions: fakeLoader(func(session.Ref) (session.Session, error) {
			t.Error("a session is loaded")
			return session.Session{}, session.ErrNotFound
		}),
		Observer: func(context.Context, authz.Event) { t.Error("a decision is observed") },
	}
	for _, o := range options {
		o(&cfg)
	}
	return authz.Middleware(cfg)
}

const probeRules = `
p, role:anyone, *, /,          GET,  true, allow
p, role:anyone, *, /a,         GET,  true, allow
p, role:anyone, *, /a,         POST, true, allow
p, role:anyone, *, /users/:id, *,    true, allow
p, role:anyone, *, /admin/*,   *,    true, allow
p, role:anyone, *, /*,         GET,  true, allow
`

// service has routes of every shape, whose handlers must not run.
func service(t testing.TB, install func(e *echo.Echo)) *echo.Echo {
	e := echo.New()
	e.Logger.SetOutput(new(strings.Builder))
	install(e)
	never := func(c echo.Context) error {
		t.Errorf("the handler of %s %s runs", c.Request().Method, c.Path())
		return nil
	}
	e.GET("/", never)
	e.GET("/a", never)
	e.POST("/a", never)
	e.Any("/users/:id", never)
	e.GET("/files*", never)
	e.GET("/*", never)
	e.RouteNotFound("/*", never)
	admin := e.Group("/admin", func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { return never(c) }
	})
	admin.GET("/x", never)
	admin.DELETE("/x/:id", never)
	return e
}

func skipping(mw echo.MiddlewareFunc, skip func(c echo.Context) bool) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		guarded := mw(next)
		return func(c echo.Context) error {
			if skip(c) {
				return next(c)
			}
			return guarded(c)
		}
	}
}

func TestVerifyRefusesAServiceThatIsNotGuarded(t *testing.T) {
	eng := engine(t, probeRules)
	other := engine(t, probeRules)
	files := t.TempDir()
	if err := os.WriteFile(filepath.Join(files, "secret.txt"), []byte("s"), 0o600); err != nil {
		t.Fatal(err)
	}
	with := func(install func(e *echo.Echo, mw echo.MiddlewareFunc)) func(e *echo.Echo) {
		return func(e *echo.Echo) { install(e, guard(t, eng)) }
	}
	for name, tt := range map[string]struct {
		install func(e *echo.Echo)
		says    string
	}{
		"without the middleware": {func(*echo.Echo) {}, "the middleware is missing"},
		"with Pre":               {with(func(e *echo.Echo, mw echo.MiddlewareFunc) { e.Pre(mw) }), "registered with Pre"},
		"with Pre among others": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Pre(echomw.RequestID(), mw, echomw.RemoveTrailingSlash())
			e.Use(echomw.Recover())
		}), "registered with Pre"},
		"on one group": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) { e.Group("/admin", mw) }), "the middleware is missing"},
		"on one route": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.GET("/a", nothing, mw)
		}), "the middleware is missing"},
		"behind static files": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(echomw.Static(files), mw)
		}), "StaticWithConfig of Echo stands before the middleware"},
		"behind static files with Pre": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Pre(echomw.Static(files))
			e.Use(mw)
		}), "StaticWithConfig of Echo stands before the middleware"},
		"behind static files and a custom middleware": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(echomw.StaticWithConfig(echomw.StaticConfig{Root: files, HTML5: true}), echomw.Gzip(), mw)
		}), "StaticWithConfig of Echo stands before the middleware"},
		"behind a proxy that is sometimes skipped": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(echomw.ProxyWithConfig(echomw.ProxyConfig{
				Skipper: func(c echo.Context) bool { return true }, Balancer: echomw.NewRoundRobinBalancer(nil),
			}), mw)
		}), "ProxyWithConfig of Echo stands before the middleware"},
		"behind Echo's CORS": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(echomw.CORS(), mw)
		}), "is answered 204 before the middleware"},
		"behind a health check": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c echo.Context) error {
					if c.Request().URL.Path == "/a" {
						return c.String(200, "ok")
					}
					return next(c)
				}
			}, mw)
		}), "GET /a is answered 200 before the middleware"},
		"behind an index page": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Pre(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c echo.Context) error {
					if c.Request().URL.Path == "/" {
						return c.HTML(200, "welcome")
					}
					return next(c)
				}
			})
			e.Use(mw)
		}), "GET / is answered 200 before the middleware"},
		"with a skipper on the URL": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(skipping(mw, func(c echo.Context) bool { return strings.HasPrefix(c.Request().URL.Path, "/users/") }))
		}), "reaches its handler without the middleware"},
		"with a skipper on names of files": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(skipping(mw, func(c echo.Context) bool { return strings.HasSuffix(c.Request().URL.Path, ".css") }))
		}), ".css reaches its handler without the middleware"},
		"with a skipper on the route": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(skipping(mw, func(c echo.Context) bool { return c.Path() == "/files*" }))
		}), "GET /files/"},
		"with a skipper on the method": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(skipping(mw, func(c echo.Context) bool { return c.Request().Method == "DELETE" }))
		}), "DELETE /admin/x/"},
		"with a skipper behind a limiter of clients": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(echomw.RateLimiter(echomw.NewRateLimiterMemoryStore(1)))
			e.Use(skipping(mw, func(c echo.Context) bool { return strings.HasPrefix(c.Request().URL.Path, "/users/") }))
		}), "reaches its handler without the middleware"},
		"with a method override after routing": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(echomw.MethodOverride(), mw)
		}), "changed from POST to PUT after it was routed"},
		"with an override by form after routing": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(echomw.MethodOverrideWithConfig(echomw.MethodOverrideConfig{Getter: echomw.MethodFromForm("_method")}), mw)
		}), "changed from POST to PUT after it was routed"},
		"with another engine": {func(e *echo.Echo) { e.Use(guard(t, other)) }, "another policy engine"},
		"with a middleware that panics": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(func(echo.HandlerFunc) echo.HandlerFunc { return func(echo.Context) error { panic("odd") } }, mw)
		}), "panics in front of the middleware: odd"},
		"with a host that is skipped": {with(func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Host("open.test").GET("/a", nothing)
			e.Use(skipping(mw, func(c echo.Context) bool { return c.Request().Host == "open.test" }))
		}), "the middleware is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			e := service(t, tt.install)
			if err := authz.Verify(e, eng); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v\nwant %q", err, tt.says)
			}
		})
	}
}

func TestVerifyAcceptsAServiceThatIsGuarded(t *testing.T) {
	eng := engine(t, probeRules)
	for name, install := range map[string]func(e *echo.Echo, mw echo.MiddlewareFunc){
		"alone": func(e *echo.Echo, mw echo.MiddlewareFunc) { e.Use(mw) },
		"among Echo's own": func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Pre(echomw.HTTPSRedirect(), echomw.MethodOverride(), echomw.RemoveTrailingSlash())
			e.Use(echomw.Recover(), echomw.RequestID(), echomw.Gzip(), echomw.Secure(), echomw.BodyLimit("1M"))
			e.Use(echomw.RateLimiter(echomw.NewRateLimiterMemoryStore(1)), mw)
		},
		"before CORS and static files": func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(mw, echomw.CORS(), echomw.Static("testdata"))
		},
		"before a group that has it again": func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(mw)
			e.Group("/a", mw)
		},
		"behind a check that refuses": func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(echomw.CSRF(), mw)
		},
		"behind what answers preflights alone": func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c echo.Context) error {
					if c.Request().Method == http.MethodOptions && c.Request().Header.Get("Access-Control-Request-Method") != "" {
						return c.NoContent(204)
					}
					return next(c)
				}
			}, mw)
		},
		"with a host of its own": func(e *echo.Echo, mw echo.MiddlewareFunc) {
			e.Use(mw)
			e.Host("open.test").GET("/a", nothing)
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := service(t, func(e *echo.Echo) { install(e, guard(t, eng)) })
			if err := authz.Verify(e, eng); err != nil {
				t.Error(err)
			}
		})
	}
}

// Verify does not find the cases that its documentation names. A change that finds one of these
// belongs there too.
func TestVerifyDoesNotDetectWhatItDidNotTry(t *testing.T) {
	eng := engine(t, probeRules)
	for name, skip := range map[string]func(c echo.Context) bool{
		"a skipper on one other path": func(c echo.Context) bool { return c.Request().URL.Path == "/users/root" },
		"a skipper on a header":       func(c echo.Context) bool { return c.Request().Header.Get("X-Internal") == "1" },
		"a skipper on a host":         func(c echo.Context) bool { return c.Request().Host == "internal.test" },
	} {
		e := service(t, func(e *echo.Echo) { e.Use(skipping(guard(t, eng), skip)) })
		if err := authz.Verify(e, eng); err != nil {
			t.Errorf("%s is found: %v", name, err)
		}
	}
}

func TestVerifyLeavesTheServiceAsItWas(t *testing.T) {
	w := newFixture(t)
	w.echo.Host("own.test").GET("/me", func(c echo.Context) error { return c.String(200, "own\n") })
	probes := 0
	w.echo.Pre(func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if authz.IsVerifyRequest(c.Request().Context()) {
				probes++
			}
			return next(c)
		}
	})
	if err := authz.Verify(w.echo, w.engine); err == nil || strings.Contains(err.Error(), "middleware") {
		t.Fatalf("only the routes without a rule are wrong here: %v", err)
	}
	if n := w.reached.Load() + w.store.calls.Load() + int64(len(w.events)); n != 0 || probes == 0 {
		t.Errorf("%d probes, %d of them went further", probes, n)
	}
	if got := len(w.echo.Routers()); got != 1 {
		t.Errorf("%d hosts have routers", got)
	}
	bearer, _ := w.login(acme, alice, "viewer")
	if rec := w.do("GET", "/me", bearer); rec.Body.String() != "acme/alice\n" {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	r := newRequest(context.Background(), "GET", "/me")
	r.Host = "own.test"
	r.Header.Set("Authorization", "Bearer "+bearer)
	if rec := w.serve(r); rec.Body.String() != "own\n" {
		t.Errorf("the host's own router answers %d %s", rec.Code, rec.Body)
	}
	if authz.IsVerifyRequest(r.Context()) {
		t.Error("a client's request counts as a probe")
	}
}
