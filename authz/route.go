package authz

import (
	"cmp"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

// Route is a route that a router has.
type Route struct {
	Method string // "" for what serves the paths without a route, by any method
	Host   string // of the router that has it, "" for the one that serves every other host
	Path   string // the template, as it was registered
}

// Object returns the route as rules and events name it: its template, after the host of a
// router of its own, "//api.example.com/invoices/:id".
func (r Route) Object() string {
	if r.Host == "" {
		return r.Path
	}
	return policy.HostRoute(r.Host, r.Path).Route
}

// String returns the method and the object.
func (r Route) String() string { return r.Method + " " + r.Object() }

// ruledBy reports whether a rule is about the route.
func (r Route) ruledBy(rule policy.Rule) bool {
	if r.Method == "" {
		return rule.MatchesRoute(rule.Action, r.Object())
	}
	return rule.MatchesRoute(string(routeAction(r.Method)), r.Object())
}

// sorted sorts routes by what rules name them, and then by method.
func sorted(routes []Route) []Route {
	slices.SortFunc(routes, func(a, b Route) int {
		return cmp.Or(strings.Compare(a.Object(), b.Object()), strings.Compare(a.Method, b.Method))
	})
	return routes
}
