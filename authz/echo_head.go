package authz

import (
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"
)

// HEAD registers a route for HEAD beside each route for GET, of e and of the hosts that have
// routers of their own. Echo answers 405 to a HEAD otherwise, which checks of a service's
// health and caches send.
//
// Call it after the last route and before [Verify]. A HEAD is decided by the rule for GET and
// runs GET's handler, which sees the method HEAD; net/http sends the header of its response
// without the body (RFC 9110 §9.3.2). A route that has a HEAD already keeps it: register one
// before for a GET whose handler goes on for long, such as a stream, or costs much. Called
// again, it adds what is missing.
func HEAD(e *echo.Echo) {
	addHeads(routesOf("", e.Router()), e.Router(), e.Add)
	for host, router := range e.Routers() {
		addHeads(routesOf(host, router), router, hostGroup(e, host).Add)
	}
}

// hostGroup returns a group that adds routes to the router that a host has. Echo makes such
// a group together with a new router only.
func hostGroup(e *echo.Echo, host string) *echo.Group {
	router := e.Routers()[host]
	g := e.Host(host)
	e.Routers()[host] = router
	return g
}

func addHeads(routes []Route, router *echo.Router, add func(method, path string, h echo.HandlerFunc, m ...echo.MiddlewareFunc) *echo.Route) {
	for _, r := range routes {
		head := Route{http.MethodHead, r.Host, r.Path}
		if r.Method == http.MethodGet && !slices.Contains(routes, head) {
			add(http.MethodHead, r.Path, headOf(router))
		}
	}
}

// headOf returns a handler that runs that of GET for the same path, which Echo tells to
// nobody but a request. Should the path be another route's by GET, it is none by HEAD: the
// route that was decided on is the one that runs.
func headOf(router *echo.Router) echo.HandlerFunc {
	return func(c echo.Context) error {
		get := c.Echo().NewContext(c.Request(), nil)
		router.Find(http.MethodGet, echo.GetPath(c.Request()), get)
		if get.Path() != c.Path() {
			return echo.ErrNotFound
		}
		return get.Handler()(c)
	}
}
