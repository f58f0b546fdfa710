package authz

import (
	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/middleware"
)

// keepFromCaches sets the headers by which no cache gives one caller's answer to another,
// before anything is written, and completes them when the answer is, after the handler has
// set its own. private is for the answers that only the caller may see: to those who are
// signed in, and refusals.
func (g *gate) keepFromCaches(c echo.Context, private bool) {
	h := c.Response().Header()
	if private {
		middleware.KeepPrivate(h)
	}
	if g.authenticator.Cookie != "" {
		middleware.VaryByCookie(h)
	}
}

// completeHeaders does so once more when the handler writes. Whoever writes past Echo's
// Response has the headers of before.
func (g *gate) completeHeaders(c echo.Context, private bool) {
	if private || g.authenticator.Cookie != "" {
		c.Response().Before(func() { g.keepFromCaches(c, private) })
	}
}
