package authz_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
)

// A handler that forgets to ask about its object is found by the first request that it answers.
func ExampleUnchecked() {
	s := newExampleService(invoiceRules)
	unchecked := authz.NewUnchecked(authz.UncheckedConfig{
		Logger: slog.New(slog.DiscardHandler),
		Report: func(_ context.Context, a authz.UncheckedAnswer) {
			fmt.Println("nobody asked:", a.Method, a.Route, a.Status)
		},
	})
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: s.tokens, Sessions: s.sessions, Policy: s.policy, Unchecked: unchecked}))
	e.GET("/invoices/:id", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })

	exampleRequest(e, "GET", "/invoices/2", s.signIn(session.SignIn{Roles: session.MustRoles("editor")}))
	// Output: nobody asked: GET /invoices/:id 204
}
