package authz_test

import (
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

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
