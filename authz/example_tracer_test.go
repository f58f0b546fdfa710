package authz_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
)

// printTracer prints the stages as they end. Another would begin a span in StageStart, return
// a context with it, and end it in StageEnd.
type printTracer struct{}

func (printTracer) StageStart(ctx context.Context, _ middleware.TraceStart) context.Context {
	return ctx
}

func (printTracer) StageEnd(_ context.Context, end middleware.TraceEnd) {
	fmt.Println(end.Stage, end.Err)
}

// A tracer is told when each stage of a request begins and ends.
func ExampleTracer() {
	s := newExampleService("p, role:viewer, *, /reports, GET, true, allow\n")
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: s.tokens, Sessions: s.sessions, Policy: s.policy, Tracer: printTracer{}}))
	e.GET("/reports", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })

	exampleRequest(e, "GET", "/reports", s.signIn(session.SignIn{}))
	// Output:
	// canonical <nil>
	// extract <nil>
	// verify <nil>
	// load <nil>
	// tenant <nil>
	// decide middleware: forbidden
}
