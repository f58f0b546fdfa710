package authz_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
)

// small are services whose routes have no parameter, or few.
func small() map[string]func(e *echo.Echo) {
	return map[string]func(e *echo.Echo){
		"one route":    func(e *echo.Echo) { e.GET("/livez", nothing) },
		"plain routes": func(e *echo.Echo) { e.GET("/livez", nothing); e.POST("/livez", nothing); e.GET("/a/b/c", nothing) },
		"hosts": func(e *echo.Echo) {
			e.GET("/livez", nothing)
			e.Host("api.test").GET("/livez", nothing)
			e.Host("www.test").GET("/livez", nothing)
		},
		"a host alone": func(e *echo.Echo) { e.Host("api.test").GET("/livez", nothing) },
		"a parameter":  func(e *echo.Echo) { e.GET("/livez", nothing); e.GET("/x/:id", nothing) },
		"a wildcard":   func(e *echo.Echo) { e.GET("/livez", nothing); e.GET("/files/*", nothing) },
		"rewriting in front": func(e *echo.Echo) {
			e.Pre(echomw.Rewrite(map[string]string{"/old/*": "/livez"}), echomw.AddTrailingSlash())
			e.GET("/livez/", nothing)
		},
		"a prefix that Pre adds": func(e *echo.Echo) {
			e.Pre(echomw.Rewrite(map[string]string{"/*": "/v1/$1"}))
			e.GET("/v1/livez", nothing)
		},
		"own errors, binder, serializer": func(e *echo.Echo) {
			e.Debug = true
			e.Binder, e.JSONSerializer = nil, nil
			e.HTTPErrorHandler = func(err error, c echo.Context) { _ = c.NoContent(http.StatusTeapot) }
			e.Use(echomw.Recover())
			e.GET("/livez", nothing)
		},
	}
}

const smallRules = `
p, role:anyone, *, /*, *, true, allow
`

// Echo keeps contexts for reuse that have room for the parameters of the routes it had when they
// were made (labstack/echo#538). Requests of Verify leave none that is too small, and meet none
// that an earlier request left.
func TestVerifyAsksAServiceOfAnySizeAndLeavesItAsItWas(t *testing.T) {
	eng := engine(t, smallRules)
	for name, install := range small() {
		for _, before := range []int{0, 3} {
			served := before > 0
			e := echo.New()
			e.Use(guard(t, eng, func(c *authz.Config) { c.Observer = nil }))
			if before > 0 { // requests before the last routes are there, on several contexts at once
				e.GET("/first", func(c echo.Context) error {
					if before--; before > 0 {
						e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/first", nil))
					}
					return nil
				})
				e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/first", nil))
			}
			install(e)
			for range 3 {
				if err := authz.VerifyRoutes(e, eng); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if err := authz.Verify(e, eng); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			if served {
				continue // contexts of its own requests may be too small for later ones
			}
			e.GET("/v1/later/:a/:b/:c", func(c echo.Context) error { return c.String(200, "later") })
			e.GET("/later/:a/:b/:c/*", func(c echo.Context) error { return c.String(200, "later") })
			for range 50 {
				rec := httptest.NewRecorder()
				e.ServeHTTP(rec, httptest.NewRequest("GET", "/later/1/2/3/4", nil))
				if rec.Body.String() != "later" {
					t.Fatalf("%s: %d %s", name, rec.Code, rec.Body)
				}
			}
		}
	}
}

// Only Echo's own router may fail for that reason: what else panics is in front.
func TestAPanicInFrontIsNotTakenForEchosOwn(t *testing.T) {
	eng := engine(t, smallRules)
	e := echo.New()
	asked := 0
	e.Use(func(echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			asked++
			return c.String(200, c.ParamValues()[0])
		}
	})
	e.GET("/livez", nothing)
	if err := authz.Verify(e, eng); err == nil || !strings.Contains(err.Error(), "panics in front of the middleware") || asked != 1 {
		t.Errorf("%d requests: %v", asked, err)
	}
}

func TestAHostThatIsChangedAfterRoutingIsFound(t *testing.T) {
	eng := engine(t, smallRules)
	change := func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if host := c.Request().Header.Get("X-Forwarded-Host"); host != "" {
				c.Request().Host = host
			}
			return next(c)
		}
	}
	for _, before := range []bool{true, false} {
		e := echo.New()
		if before {
			e.Pre(change)
		} else {
			e.Use(change)
		}
		e.Use(guard(t, eng))
		e.GET("/me", nothing)
		e.Host("api.test").GET("/me", nothing)
		err := authz.Verify(e, eng)
		if before && err != nil || !before && (err == nil || !strings.Contains(err.Error(), "the Host of a request is changed after it was routed")) {
			t.Errorf("before the router %t: %v", before, err)
		}
	}
}

func TestTheErrorOfVerifyIsData(t *testing.T) {
	eng := engine(t, `
p, role:anyone, *, /*,       GET, true, allow
p, role:admin,  *, /secret,  GET, true, allow
p, role:admin,  *, /newer,   GET, true, allow
p, role:admin,  *, /newer/:id, *, true, deny
`)
	e := echo.New()
	e.Use(skipping(guard(t, eng), func(c echo.Context) bool { return c.Path() == "/secret" }))
	e.GET("/secret", nothing)
	e.POST("/a", nothing)
	e.Host("api.test").POST("/a", nothing)
	err := authz.Verify(e, eng)
	v := asVerifyError(t, err)
	if len(v.Unguarded) != 1 || v.Unguarded[0].Route != (authz.Route{Method: "GET", Path: "/secret"}) {
		t.Errorf("unguarded: %+v", v.Unguarded)
	}
	if len(v.Unruled) != 2 || v.Unruled[1].Route != (authz.Route{Method: "POST", Path: "/a"}) ||
		v.Unruled[0].Route != (authz.Route{Method: "POST", Host: "api.test", Path: "/a"}) || v.Unruled[0].Object() != "//api.test/a" {
		t.Errorf("unruled: %+v", v.Unruled)
	}
	if len(v.Unrouted) != 2 || v.Unrouted[0].File != "policy.csv" || v.Unrouted[0].Line != 4 || v.Unrouted[1].Object != "/newer/:id" {
		t.Errorf("unrouted: %+v", v.Unrouted)
	}
	if len(v.Exposed) != 1 || v.Exposed[0].Path != "/secret" || v.Exposed[0].Wide.Line != 2 || v.Exposed[0].Narrow.Line != 3 {
		t.Errorf("exposed: %+v", v.Exposed)
	}
	for _, line := range []string{
		"GET /secret reaches its handler without the middleware", "route POST /a has no rule: every request to it is refused",
		"route POST /a has no rule for the host api.test: every request to it is refused; write one for //api.test/a",
		"policy.csv:4: the rule for GET /newer has no route",
		"policy.csv:2: the rule for GET /* lets role:anyone reach GET /secret, which policy.csv:3 allows role:admin: write",
	} {
		if !strings.Contains(err.Error(), "\n"+line) {
			t.Errorf("%q is not a line of\n%v", line, err)
		}
	}
}

func TestARuleForAnotherBuildsRouteCanBeAWarning(t *testing.T) {
	eng := engine(t, "p, role:anyone, *, /a, GET, true, allow\np, role:anyone, *, /newer, GET, true, allow\n")
	e := echo.New()
	e.Use(guard(t, eng))
	e.GET("/a", nothing)
	var warned []policy.Rule
	warn := authz.WarnUnrouted(func(r policy.Rule) { warned = append(warned, r) })
	if err := authz.Verify(e, eng, warn); err != nil || len(warned) != 1 || warned[0].Line != 2 {
		t.Errorf("%v, warned of %v", err, warned)
	}
	if err := authz.VerifyRoutes(e, eng, warn); err != nil || len(warned) != 2 {
		t.Errorf("%v, warned of %v", err, warned)
	}
	if err := authz.Verify(e, eng); len(asVerifyError(t, err).Unrouted) != 1 {
		t.Errorf("without the option: %v", err)
	}
	e.GET("/b", nothing) // every other fault stays an error
	if err := authz.Verify(e, eng, warn); len(asVerifyError(t, err).Unruled) != 1 {
		t.Errorf("with a route that has no rule: %v", err)
	}
	if authz.Verify(e, eng, authz.WarnUnrouted(nil)) == nil {
		t.Error("warnings that nobody gets are accepted")
	}
}

func asVerifyError(t *testing.T, err error) *authz.VerifyError {
	t.Helper()
	var v *authz.VerifyError
	if !errors.As(err, &v) {
		t.Fatalf("no VerifyError: %v", err)
	}
	return v
}
