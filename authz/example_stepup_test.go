package authz_test

import (
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
)

const paymentRules = "p, role:authenticated, *, /payments, POST, true, allow\n"

// A route that an old sign-in does not open. The challenge is that of RFC 9470, by which the
// client asks the user to sign in again.
func ExampleRequireMaxAge() {
	s := newExampleService(paymentRules)
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: s.tokens, Sessions: s.sessions, Policy: s.policy}))
	e.POST("/payments", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, authz.RequireMaxAge(5*time.Minute))

	fmt.Println(exampleRequest(e, "POST", "/payments", s.signIn(session.SignIn{})).Code)
	old := exampleRequest(e, "POST", "/payments", s.signIn(session.SignIn{AuthTime: time.Now().Add(-time.Hour)}))
	fmt.Println(old.Code, old.Header().Get("WWW-Authenticate"))
	// Output:
	// 204
	// 401 Bearer realm="api", error="insufficient_user_authentication", max_age="300"
}

// A route that asks for a second factor.
func ExampleRequireAMR() {
	s := newExampleService(paymentRules)
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: s.tokens, Sessions: s.sessions, Policy: s.policy}))
	e.POST("/payments", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, authz.RequireAMR("otp", "hwk"))

	otp := authz.Must(session.NewMethods("pwd", "otp"))
	fmt.Println(exampleRequest(e, "POST", "/payments", s.signIn(session.SignIn{AMR: otp})).Code)
	fmt.Println(exampleRequest(e, "POST", "/payments", s.signIn(session.SignIn{})).Code)
	// Output:
	// 204
	// 401
}
