package authz_test

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
)

// Every route needs a rule, and a public one has a rule for role:anyone.
func ExampleMiddleware() {
	s := newExampleService(`
p, role:anyone, *, /health, GET, true, allow
p, role:viewer, *, /reports, GET, true, allow
`)
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: s.tokens, Sessions: s.sessions, Policy: s.policy}))
	ok := func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }
	e.GET("/health", ok)
	e.GET("/reports", ok)
	e.GET("/forgotten", ok)

	alice := s.signIn(session.SignIn{Roles: session.MustRoles("viewer")})
	fmt.Println("/health", exampleRequest(e, "GET", "/health", "").Code)
	fmt.Println("/reports", exampleRequest(e, "GET", "/reports", "").Code, exampleRequest(e, "GET", "/reports", alice).Code)
	fmt.Println("/forgotten", exampleRequest(e, "GET", "/forgotten", alice).Code)
	// Output:
	// /health 204
	// /reports 401 204
	// /forgotten 403
}

// A handler reads who its caller is from the context.
func ExampleFromContext() {
	s := newExampleService("p, role:authenticated, *, /me, GET, true, allow\n")
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: s.tokens, Sessions: s.sessions, Policy: s.policy}))
	e.GET("/me", func(c echo.Context) error {
		caller, ok := authz.FromContext(c.Request().Context())
		if !ok {
			return authz.ErrDenied
		}
		return c.String(http.StatusOK, caller.User().String()+" of "+caller.Tenant().String())
	})

	fmt.Println(exampleRequest(e, "GET", "/me", s.signIn(session.SignIn{})).Body)
	// Output: alice of acme
}
