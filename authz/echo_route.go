package authz

import (
	"reflect"
	"runtime"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

// routeName returns the route that Echo chose as rules name it, "" for none. Echo compares
// the Host of a request with that of each router byte by byte: api.example.com:8080 and
// API.example.com are served by the router for every other host, and are named so.
func routeName(c echo.Context) string {
	path := c.Path()
	routers := c.Echo().Routers()
	if path == "" || len(routers) == 0 {
		return path
	}
	host := c.Request().Host
	if _, own := routers[host]; !own {
		return path
	}
	if host == "" || strings.Contains(host, "/") {
		// Its routes would have the names of those for every other host, or could have those of
		// another host. No server passes on a host with a slash.
		return ""
	}
	return Route{Host: host, Path: path}.Object()
}

// noHost names the router of e.Host(""), which serves requests without a Host. Of a host that is
// never one no rule is, see [Route].
const noHost = "/"

// hostName is how the routes of the router for a host name it.
func hostName(host string) string {
	if host == "" {
		return noHost
	}
	return host
}

// routesOf returns the routes of a router, without Echo's entries for unmatched paths:
// requests that end there have no route to name in a rule, and are refused unless a pattern
// covers them.
func routesOf(host string, router *echo.Router) []Route {
	var routes []Route
	for _, r := range router.Routes() {
		if r.Method != echo.RouteNotFound {
			routes = append(routes, Route{r.Method, host, r.Path})
		}
	}
	return sorted(routes)
}

// fallbacksOf returns what serves the paths that have no route, by any method: what the
// service registered with RouteNotFound, such as the page of an application that runs in the
// browser, and groups that have middleware and not one route, since that middleware is what
// serves, such as Echo's Proxy. Echo registers a handler of its own for both paths of such a
// group, and of every other group with middleware, where it only answers 404.
func fallbacksOf(host string, router *echo.Router) []Route {
	var fallbacks []Route
	routes := routesOf(host, router)
	own := runtime.FuncForPC(reflect.ValueOf(echo.NotFoundHandler).Pointer()).Name()
	for _, r := range router.Routes() {
		base := strings.TrimSuffix(r.Path, "/*")
		inGroup := func(other Route) bool { return other.Path == base || strings.HasPrefix(other.Path, base+"/") }
		if r.Method == echo.RouteNotFound && (r.Name != own || !slices.ContainsFunc(routes, inGroup)) {
			fallbacks = append(fallbacks, Route{"", host, r.Path})
		}
	}
	return sorted(fallbacks)
}

// allFallbacks returns those of e and of each host that has a router of its own.
func allFallbacks(e *echo.Echo) []Route {
	fallbacks := fallbacksOf("", e.Router())
	for host, router := range e.Routers() {
		fallbacks = append(fallbacks, fallbacksOf(hostName(host), router)...)
	}
	return sorted(fallbacks)
}

// allRoutes returns the routes of e and of each host that has a router of its own.
func allRoutes(e *echo.Echo) []Route {
	routes := routesOf("", e.Router())
	for host, router := range e.Routers() {
		routes = append(routes, routesOf(hostName(host), router)...)
	}
	return sorted(routes)
}
