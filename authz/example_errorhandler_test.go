package authz_test

import (
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
)

// A service with documents of its own writes them from the Problem. The cause is for logs.
func ExampleConfig_errorHandler() {
	s := newExampleService("p, role:viewer, *, /reports, GET, true, allow\n")
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{
		Tokens: s.tokens, Sessions: s.sessions, Policy: s.policy,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, p middleware.Problem, cause error) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(p.Status)
			fmt.Fprintf(w, `{"error":%q}`, p.Title)
		},
	}))
	e.GET("/reports", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })

	rec := exampleRequest(e, "GET", "/reports", "")
	fmt.Println(rec.Code, rec.Body)
	// Output: 401 {"error":"Sign in first"}
}
