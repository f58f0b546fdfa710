package authz

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz/policy"
)

// Verify compares the routes of e with the rules of engine. Call it after the last route
// is registered and before the service listens. It returns nil when every route has a
// rule and every rule about routes has a route; otherwise an error that lists each route
// nobody can reach, because what has no rule is refused, and each rule that guards
// nothing, because its path is likely mistyped.
func Verify(e *echo.Echo, engine *policy.Engine) error {
	if e == nil || engine == nil {
		return errors.New("authz: Verify: no Echo or no policy engine")
	}
	routes := guarded(e.Routes())
	var problems []error
	for _, r := range routes {
		if !engine.Covers(string(routeAction(r.Method)), r.Path) {
			problems = append(problems, fmt.Errorf("route %s %s has no rule: every request to it is refused", r.Method, r.Path))
		}
	}
	for _, rule := range engine.RouteRules() {
		if !slices.ContainsFunc(routes, func(r *echo.Route) bool { return rule.Covers(string(routeAction(r.Method)), r.Path) }) {
			problems = append(problems, fmt.Errorf("%s:%d: the rule for %s %s has no route", rule.File, rule.Line, rule.Action, rule.Object))
		}
	}
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("authz: routes and rules differ:\n%w", errors.Join(problems...))
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
