package authz_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
)

// An audit log has one record for each decision. An Event is a slog.LogValuer and has no
// secret in it.
func ExampleObserver() {
	s := newExampleService("p, role:viewer, *, /reports, GET, true, allow\n")
	audit := func(_ context.Context, e authz.Event) { // slog.InfoContext(ctx, "decision", "event", e)
		fmt.Printf("%s of %s: %s %s: %t, status %d\n", e.User, e.Tenant, e.Action, e.Object, e.Decision.Allowed(), e.Status)
	}
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: s.tokens, Sessions: s.sessions, Policy: s.policy, Observer: audit}))
	e.GET("/reports", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })

	exampleRequest(e, "GET", "/reports", s.signIn(session.SignIn{Roles: session.MustRoles("viewer")}))
	exampleRequest(e, "GET", "/reports", s.signIn(session.SignIn{}))
	// Output:
	// alice of acme: GET /reports: true, status 0
	// alice of acme: GET /reports: false, status 403
}
