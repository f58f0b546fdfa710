package authz

import (
	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/middleware"
)

// RequireDPoP returns middleware for one route or group that lets only callers through
// who came with a token that is bound to their key, and its proof (RFC 9449). Others are
// answered 401 with a DPoP challenge. It needs the field DPoP of [Config]; without it nobody
// gets through.
func RequireDPoP() echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			caller, ok := FromContext(c.Request().Context())
			switch {
			case !ok || caller.gate == nil:
				return ErrNoCaller
			case caller.Anonymous():
				return middleware.ErrAuthenticationRequired
			case caller.Thumbprint() == "":
				return middleware.ErrProofRequired
			}
			return next(c)
		}
	}
}
