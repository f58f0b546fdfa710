package authz_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/session"
)

// shadowed decides by the engine and tells where the next policy would decide otherwise. It
// embeds the engine, so Verify and Explain ask the one that decides.
type shadowed struct {
	*policy.Engine
	next *policy.Engine
}

func (s shadowed) Decide(ctx context.Context, r policy.Request) (policy.Decision, error) {
	decision, err := s.Engine.Decide(ctx, r)
	if would, nextErr := s.next.Decide(ctx, r); err == nil && (nextErr != nil || would.Allowed() != decision.Allowed()) {
		fmt.Printf("%s %s: %s now, %s next\n", r.Action, r.Object.Route, decision.Effect, would.Effect)
	}
	return decision, err
}

// A policy is tried on real requests before it decides any.
func ExampleDecider() {
	s := newExampleService("p, role:viewer, *, /reports, GET, true, allow\n")
	both := shadowed{s.policy, exampleEngine("p, role:auditor, *, /reports, GET, true, allow\n")}
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: s.tokens, Sessions: s.sessions, Policy: both}))
	e.GET("/reports", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })

	fmt.Println(exampleRequest(e, "GET", "/reports", s.signIn(session.SignIn{Roles: session.MustRoles("viewer")})).Code)
	// Output:
	// GET /reports: allow now, deny next
	// 204
}
