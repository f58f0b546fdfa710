package authz_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	echomw "github.com/labstack/echo/v4/middleware"

	"github.com/reevehq/reeve/authz"
)

func nothing(echo.Context) error { return nil }

func TestVerify(t *testing.T) {
	eng := engine(t, `
p, role:anyone, *, /a,       GET, true, allow
p, role:anyone, *, /b/:id,   *,   true, allow
p, role:anyone, *, /admin/*, GET, true, allow
p, role:anyone, *, note,     read, true, allow
`)
	full := func() *echo.Echo {
		e := echo.New()
		e.Use(guard(t, eng))
		e.GET("/a", nothing)
		e.HEAD("/a", nothing)
		e.PUT("/b/:id", nothing)
		e.GET("/admin/users", nothing)
		e.Group("/admin", func(next echo.HandlerFunc) echo.HandlerFunc { return next }).GET("/more", nothing)
		return e
	}
	if err := authz.Verify(full(), eng); err != nil {
		t.Errorf("routes and rules agree: %v", err)
	}
	for name, tt := range map[string]struct {
		change func(e *echo.Echo)
		names  string
	}{
		"a route without a rule":          {func(e *echo.Echo) { e.GET("/c", nothing) }, "route GET /c has no rule"},
		"a method without a rule":         {func(e *echo.Echo) { e.POST("/a", nothing) }, "route POST /a has no rule"},
		"a catch-all without a rule":      {func(e *echo.Echo) { e.GET("/*", nothing) }, "route GET /* has no rule"},
		"another parameter's name":        {func(e *echo.Echo) { e.GET("/b/:key/x", nothing) }, "route GET /b/:key/x has no rule"},
		"static files without a rule":     {func(e *echo.Echo) { e.Static("/files", "testdata") }, "route GET /files* has no rule: every request to it is refused; register it for the prefix /files/,"},
		"a host's route without a rule":   {func(e *echo.Echo) { e.Host("x.test").GET("/d", nothing) }, "route GET /d has no rule"},
		"a trailing slash without a rule": {func(e *echo.Echo) { e.GET("/a/", nothing) }, "route GET /a/ has no rule"},
	} {
		e := full()
		tt.change(e)
		if err := authz.Verify(e, eng); err == nil || !strings.Contains(err.Error(), tt.names) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	static := full()
	static.Static("/admin/files/", "testdata") // a rule names /admin/*
	if err := authz.Verify(static, eng); err != nil {
		t.Errorf("static files with a rule: %v", err)
	}
	e := echo.New()
	e.Use(guard(t, eng))
	e.GET("/a", nothing)
	err := authz.Verify(e, eng)
	if err == nil || !strings.Contains(err.Error(), "policy.csv:3: the rule for * /b/:id has no route") ||
		!strings.Contains(err.Error(), "policy.csv:4: the rule for GET /admin/* has no route") {
		t.Errorf("rules without routes: %v", err)
	}
	if authz.VerifyRoutes(e, eng) == nil || authz.VerifyRoutes(nil, eng) == nil || authz.VerifyRoutes(e, nil) == nil {
		t.Error("VerifyRoutes passes what Verify refuses")
	}
	if authz.Verify(nil, eng) == nil || authz.Verify(e, nil) == nil {
		t.Error("nothing to verify passes")
	}
}

// TestWhatServesPathsWithoutARouteIsVerifiedLikeARoute: a page for every unknown path, and a
// group whose middleware serves, are reached by templates that rules name, although neither
// is among Echo's routes.
func TestWhatServesPathsWithoutARouteIsVerifiedLikeARoute(t *testing.T) {
	upstream := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	proxy := echomw.Proxy(echomw.NewRoundRobinBalancer([]*echomw.ProxyTarget{{URL: upstream}}))
	pass := func(next echo.HandlerFunc) echo.HandlerFunc { return next }
	const api = "p, role:admin, *, /api/x, GET, true, allow\n"
	for name, tt := range map[string]struct {
		rules  string
		routes func(e *echo.Echo)
		says   string // "" for nothing
	}{
		"a page": {
			api + "p, role:anyone, *, route:/*, GET, true, allow",
			func(e *echo.Echo) { e.RouteNotFound("/*", nothing) }, "",
		},
		"a page under a prefix": {
			api + "p, role:anyone, *, /app/*, GET, true, allow",
			func(e *echo.Echo) { e.RouteNotFound("/app/*", nothing) }, "",
		},
		"a page of one host": {
			api + "p, role:anyone, *, //app.test/*, GET, true, allow",
			func(e *echo.Echo) { e.Host("app.test").RouteNotFound("/*", nothing) }, "",
		},
		"a proxy": {
			api + "p, role:authenticated, *, /blog/*, *, true, allow",
			func(e *echo.Echo) { e.Group("/blog", proxy) }, "",
		},
		"a proxy for some methods": {
			api + "p, role:authenticated, *, /blog/*, PUT, true, allow",
			func(e *echo.Echo) { e.Group("/blog", proxy) }, "",
		},
		"a mistyped prefix beside a page": {
			api + "p, role:anyone, *, route:/*, GET, true, allow\np, role:anyone, *, /ap/*, GET, true, allow",
			func(e *echo.Echo) { e.RouteNotFound("/*", nothing) }, "the rule for GET /ap/* has no route",
		},
		"a rule for what a group answers 404": {
			api + "p, role:admin, *, /v1/*, DELETE, true, allow\np, role:admin, *, /v1/y, GET, true, allow",
			func(e *echo.Echo) { e.Group("/v1", pass).GET("/y", nothing) }, "the rule for DELETE /v1/* has no route",
		},
		"a page whose prefix opens a route": {
			api + "p, role:anyone, *, /*, GET, true, allow",
			func(e *echo.Echo) { e.RouteNotFound("/*", nothing) }, "lets role:anyone reach GET /api/x",
		},
		"a prefix that opens a proxy": {
			api + "p, role:anyone, *, /*, POST, true, allow\np, role:admin, *, /blog/*, *, true, allow",
			func(e *echo.Echo) { e.Group("/blog", proxy); e.POST("/*", nothing) }, "lets role:anyone reach POST /blog/*",
		},
		"a prefix that opens what only answers 404": {
			api + "p, role:anyone, *, /*, PUT, true, allow\np, role:admin, *, /v1/*, *, true, allow",
			func(e *echo.Echo) { e.Group("/v1", pass).POST("/y", nothing); e.PUT("/*", nothing) }, "",
		},
	} {
		eng := engine(t, tt.rules)
		e := echo.New()
		e.Use(guard(t, eng))
		e.GET("/api/x", nothing)
		tt.routes(e)
		err := authz.Verify(e, eng)
		if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestVerifyFollowsWhatRedirectsInFront: a service that has one spelling of its host or of its
// paths is like others, and what is wrong with it is found all the same.
func TestVerifyFollowsWhatRedirectsInFront(t *testing.T) {
	eng := engine(t, "p, role:anyone, *, /me/, GET, true, allow\np, role:anyone, *, /me/, POST, true, allow\np, role:anyone, *, //www.own.test/me/, GET, true, allow")
	loop := func(echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error { return c.Redirect(302, c.Request().URL.Path+"x") }
	}
	for name, front := range map[string][]echo.MiddlewareFunc{
		"www":                {echomw.WWWRedirect()},
		"no www":             {echomw.NonWWWRedirect()},
		"https":              {echomw.HTTPSRedirect()},
		"https and www":      {echomw.HTTPSWWWRedirect()},
		"https and no www":   {echomw.HTTPSNonWWWRedirect()},
		"a slash":            {echomw.AddTrailingSlashWithConfig(echomw.TrailingSlashConfig{RedirectCode: 308})},
		"www and a slash":    {echomw.WWWRedirect(), echomw.AddTrailingSlashWithConfig(echomw.TrailingSlashConfig{RedirectCode: 301})},
		"a slash, then www":  {echomw.AddTrailingSlashWithConfig(echomw.TrailingSlashConfig{RedirectCode: 301}), echomw.WWWRedirect()},
		"a redirect to more": {loop},
	} {
		service := func(guarded bool, between ...echo.MiddlewareFunc) *echo.Echo {
			e := echo.New()
			e.Pre(front...)
			e.Use(between...)
			if guarded {
				e.Use(guard(t, eng))
			}
			e.GET("/me/", nothing)
			e.POST("/me/", nothing)
			e.Host("www.own.test").GET("/me/", nothing)
			return e
		}
		ends := name != "a redirect to more"
		if err := authz.Verify(service(true), eng); (err == nil) != ends {
			t.Errorf("%s: got %v", name, err)
		}
		for problem, e := range map[string]*echo.Echo{
			"the middleware is missing":               service(false),
			"the method of a request is changed":      service(true, echomw.MethodOverride()),
			"of Echo stands before the middleware":    service(true, echomw.Static("testdata")),
			"is answered 204 before the middleware":   service(true, echomw.CORS()),
			"reaches its handler without the middlew": service(false, skipping(guard(t, eng), func(c echo.Context) bool { return c.Request().Method == "POST" })),
		} {
			if err := authz.Verify(e, eng); err == nil || ends && !strings.Contains(err.Error(), problem) {
				t.Errorf("%s: got %v, want that %s", name, err, problem)
			}
		}
	}
}
