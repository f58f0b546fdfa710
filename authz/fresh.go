package authz

import (
	"fmt"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
)

// clockSkew is how far ahead the clock may be that noted when the user signed in.
const clockSkew = time.Minute

// RequireFresh returns middleware for one route that asks the user to sign in again when
// the last time is longer ago than maxAge, as before a payment or a change of password.
// The refusal is the challenge of RFC 9470: 401 with
// error="insufficient_user_authentication" and max_age. What counts is the session's
// AuthTime; a zero one, and one more than a minute in the future, is never fresh.
//
// maxAge is in whole seconds. Like Echo's own middleware it panics on a config that cannot
// be meant: less than a second.
func RequireFresh(maxAge time.Duration) echo.MiddlewareFunc {
	if maxAge < time.Second || maxAge%time.Second != 0 {
		panic(fmt.Sprintf("authz: RequireFresh: %v is not whole seconds, at least one", maxAge))
	}
	refusal := &middleware.StepUpError{MaxAge: maxAge}
	return requireSignIn(refusal, func(s session.Session) bool {
		age := time.Since(s.AuthTime)
		return !s.AuthTime.IsZero() && age <= maxAge && age >= -clockSkew
	})
}

// RequireAMR returns middleware for one route that asks the user to sign in by a stronger
// method when the session's AMR has none of the given ones: RequireAMR("otp", "hwk") asks
// for a second factor. Use it twice to ask for two. The refusal is the challenge of
// RFC 9470: 401 with error="insufficient_user_authentication", and the methods as
// acr_values. It panics without a method, and on one that no session can have.
func RequireAMR(methods ...string) echo.MiddlewareFunc {
	if _, err := session.NewMethods(methods...); err != nil || len(methods) == 0 {
		panic(fmt.Sprintf("authz: RequireAMR: %q are not methods: %v", methods, err))
	}
	methods = slices.Clone(methods)
	refusal := &middleware.StepUpError{Methods: methods}
	return requireSignIn(refusal, func(s session.Session) bool {
		return slices.ContainsFunc(methods, s.AMR.Has)
	})
}

// requireSignIn refuses a request whose session does not satisfy enough. Who is not signed
// in at all is told that first.
func requireSignIn(refusal error, enough func(session.Session) bool) echo.MiddlewareFunc {
	decide := func(caller *Caller) error {
		s, signedIn := caller.Session()
		switch {
		case !signedIn:
			return middleware.ErrAuthenticationRequired
		case !enough(s):
			return refusal
		}
		return nil
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			ctx := c.Request().Context()
			caller, ok := FromContext(ctx)
			if !ok || caller.gate == nil {
				return ErrNoCaller
			}
			start := time.Now()
			err := decide(caller)
			caller.gate.observe(ctx, Event{
				Kind:    SignInDecision,
				Action:  routeAction(c.Request().Method),
				Object:  routeName(c),
				Err:     err,
				Elapsed: time.Since(start),
			}, caller)
			if err != nil {
				return err
			}
			return next(c)
		}
	}
}
