package authz

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz/policy"
)

// Verify refuses a service that Reeve does not guard. Call it after the last route and the
// last middleware are registered and before the service listens. It returns nil when every
// route has a rule, every rule about routes has a route, and the middleware stands in front
// of all of them; otherwise an error that lists each problem.
//
// Where the middleware stands is found out by requests that pass through all of e's
// middleware inside the process. They are stopped by the gate and cannot reach a handler:
// while they are under way, their host has a router whose handlers only note being
// reached. (Only where the middleware is missing and something in front of it changes the
// Host could one reach a catch-all.) Nothing is asked of a store. Refused are
//
//   - a service without the middleware, or with it on some groups or routes only;
//   - the middleware registered with Pre, where no route is known yet;
//   - Echo's Static or Proxy in front of it, with Use or Pre;
//   - anything in front of it that answers the root, an unknown path, a plain OPTIONS or an
//     example of one of the routes with a 2xx, as Echo's CORS does for every OPTIONS, and
//     anything around it that passes one of these by, such as a skipper on a path or on what
//     looks like the name of a file;
//   - a method override after routing, by which one method is decided on and another runs;
//   - a gate that decides by another engine.
//
// Not found are what answers or skips only certain other paths, hosts, headers or clients,
// what a handler of net/http in front of e does, and whether each of two middlewares that
// both guard is meant to. A middleware in front that refuses or redirects a request hides
// nothing behind it and is no problem. Middleware counts and logs these requests like any
// other; [IsProbe] tells them apart.
func Verify(e *echo.Echo, engine *policy.Engine) error {
	if e == nil || engine == nil {
		return errors.New("authz: Verify: no Echo or no policy engine")
	}
	if err := errors.Join(verifyPlace(e, engine), verifyRoutes(e, engine)); err != nil {
		return fmt.Errorf("authz: the service is not guarded:\n%w", err)
	}
	return nil
}

// VerifyRoutes is the part of [Verify] that compares routes and rules. It sends no requests
// and may be called while the service serves, as for a policy that was loaded again.
func VerifyRoutes(e *echo.Echo, engine *policy.Engine) error {
	if e == nil || engine == nil {
		return errors.New("authz: VerifyRoutes: no Echo or no policy engine")
	}
	if err := verifyRoutes(e, engine); err != nil {
		return fmt.Errorf("authz: routes and rules differ:\n%w", err)
	}
	return nil
}

// verifyRoutes says which routes nobody can reach, because what has no rule is refused,
// and which rules guard nothing, because their paths are likely mistyped.
func verifyRoutes(e *echo.Echo, engine *policy.Engine) error {
	routes := e.Routes()
	for _, router := range e.Routers() {
		routes = append(routes, router.Routes()...)
	}
	routes = guarded(routes)
	var problems []error
	for _, r := range routes {
		if !engine.Covers(string(routeAction(r.Method)), r.Path) {
			problems = append(problems, fmt.Errorf("route %s %s has no rule: every request to it is refused%s", r.Method, r.Path, unnamable(r.Path)))
		}
	}
	for _, rule := range engine.RouteRules() {
		if !slices.ContainsFunc(routes, func(r *echo.Route) bool { return rule.Covers(string(routeAction(r.Method)), r.Path) }) {
			problems = append(problems, fmt.Errorf("%s:%d: the rule for %s %s has no route", rule.File, rule.Line, rule.Action, rule.Object))
		}
	}
	return errors.Join(problems...)
}

// unnamable says what to do about a route that no rule can name: one whose * stands after
// other than a slash, as Static registers for a prefix without one. It would serve
// /files-of-others by the rule for /files.
func unnamable(path string) string {
	if prefix, ok := strings.CutSuffix(path, "*"); ok && !strings.HasSuffix(prefix, "/") {
		return fmt.Sprintf("; register it for the prefix %s/, for which there can be a rule", prefix)
	}
	return ""
}

// guarded returns the routes that need a rule, sorted. Echo's entries for unmatched paths
// are left out: requests that end there have no route to name in a rule, and are refused
// unless a pattern covers them.
func guarded(routes []*echo.Route) []*echo.Route {
	routes = slices.DeleteFunc(routes, func(r *echo.Route) bool { return r.Method == echo.RouteNotFound })
	slices.SortFunc(routes, func(a, b *echo.Route) int {
		return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
	})
	return routes
}
