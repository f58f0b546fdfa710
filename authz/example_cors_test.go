package authz_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
)

// One other origin's scripts may call the service. Preflights need no rule.
func ExampleConfig_cors() {
	s := newExampleService("p, role:anyone, *, /reports, PUT, true, allow\n")
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{
		Tokens: s.tokens, Sessions: s.sessions, Policy: s.policy,
		CORS: &middleware.CORS{Origins: []string{"https://app.example.com"}, Methods: []string{"PUT"}, Headers: []string{"Authorization"}},
	}))
	e.PUT("/reports", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })

	for _, origin := range []string{"https://app.example.com", "https://evil.example"} {
		r := httptest.NewRequest("OPTIONS", "/reports", nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "PUT")
		rec := httptest.NewRecorder()
		e.ServeHTTP(rec, r)
		fmt.Printf("%s: %q\n", origin, rec.Header().Get("Access-Control-Allow-Origin"))
	}
	// Output:
	// https://app.example.com: "https://app.example.com"
	// https://evil.example: ""
}
