package authz_test

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
)

// A service asks before it listens, and does not start with a route that has no rule.
func ExampleVerify() {
	s := newExampleService("p, role:anyone, *, /health, GET, true, allow\n")
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: s.tokens, Sessions: s.sessions, Policy: s.policy}))
	ok := func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }
	e.GET("/health", ok)
	fmt.Println(authz.Verify(e, s.policy))

	e.DELETE("/invoices/:id", ok)
	var problems *authz.VerifyError
	if errors.As(authz.Verify(e, s.policy), &problems) {
		fmt.Println("without a rule:", problems.Unruled[0].Route)
	}
	// Output:
	// <nil>
	// without a rule: DELETE /invoices/:id
}
