package authz_test

import (
	"context"
	"fmt"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// A stream ends within a second of the session that opened it.
func ExampleStream() {
	s := newExampleService("p, role:authenticated, *, /events, GET, true, allow\n")
	streams := authz.Must(authz.NewStreamGuard(authz.StreamGuardConfig{Sessions: s.sessions, Interval: 20 * time.Millisecond}))
	if err := streams.Start(context.Background()); err != nil {
		panic(err)
	}
	defer streams.Close()
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: s.tokens, Sessions: s.sessions, Policy: s.policy, Streams: streams}))
	opened := make(chan struct{})
	e.GET("/events", func(c echo.Context) error {
		close(opened)
		ctx := c.Request().Context()
		<-ctx.Done() // beside the channel of what happens
		fmt.Println(context.Cause(ctx))
		return nil
	}, authz.Stream())

	go func() {
		<-opened
		_ = s.sessions.RevokeUser(context.Background(), tenant.MustParse("acme"), session.MustParseUserID("alice"))
	}()
	exampleRequest(e, "GET", "/events", s.signIn(session.SignIn{}))
	// Output: authz: the session was revoked: middleware: the request's session is gone: session: not found
}
