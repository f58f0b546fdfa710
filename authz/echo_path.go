package authz

import (
	"fmt"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/middleware"
)

// decodePath makes every spelling of a path the same to the handler. Echo matches the path
// as it was sent when that is not how Go spells it, and hands the escapes on: a parameter is
// "a:b" for /users/a:b and "a%3Ab" for /users/a%3Ab, and a rule of the service about the one
// does not hold for the other. Here both are "a:b", in the parameters and in the request's
// URL. A path that Echo would give to another route once it is decoded is refused with
// [middleware.ErrAmbiguousRequest].
//
// [middleware.CheckTarget] comes first: with no escaped slash, dot, percent or backslash left, decoding
// moves no border between segments.
func decodePath(c echo.Context) error {
	r := c.Request()
	if r.URL.RawPath == "" || r.URL.RawPath == r.URL.Path {
		return nil // the matched route
	}
	e := c.Echo()
	router, own := e.Routers()[r.Host]
	if !own {
		router = e.Router()
	}
	// A context of its own, not one of Echo's pool: that may be too small for routes that
	// were added since it was made (labstack/echo#538).
	decoded := e.NewContext(r, nil)
	router.Find(r.Method, r.URL.Path, decoded)
	if decoded.Path() != c.Path() {
		return fmt.Errorf("%w: the path is that of the route %q as it was sent and of %q once it is decoded", middleware.ErrAmbiguousRequest, c.Path(), decoded.Path())
	}
	c.SetParamValues(decoded.ParamValues()...)
	u := *r.URL
	u.RawPath = ""
	r = r.WithContext(r.Context()) // a copy: middleware in front keeps the first one
	r.URL = &u
	c.SetRequest(r)
	return nil
}
