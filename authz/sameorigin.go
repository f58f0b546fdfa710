package authz

import (
	"fmt"
	"slices"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/middleware"
)

// SameOrigin returns middleware for a route that signs users in by setting a cookie. It
// refuses requests that another site made a browser send, with 403, whether they carry a
// cookie or not: see [middleware.CheckSignIn].
//
//	e.POST("/login", login, authz.SameOrigin())
//
// origins are those of other pages that may sign users in here, such as
// "https://accounts.example.com". It panics on one that is no origin.
func SameOrigin(origins ...string) echo.MiddlewareFunc {
	if len(origins) > 0 {
		if err := (&middleware.CORS{Origins: origins}).Validate(); err != nil {
			panic(fmt.Sprintf("authz: SameOrigin: %v", err))
		}
	}
	origins = slices.Clone(origins)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := middleware.CheckSignIn(c.Request(), origins...); err != nil {
				return err
			}
			return next(c)
		}
	}
}
