package policy

import (
	"strings"

	"github.com/reevehq/reeve/internal/ascii"
)

// routeSpace begins an object that names one route, whatever its template is made of:
// route:/* is the route /*, where /* is every route.
const routeSpace = "route:"

// Route returns the object of the route gate: the matched route template, never the URL
// that the client typed.
func Route(template string) Object { return Object{Route: template} }

// HostRoute returns the object of a route that one host alone has, such as
// "//api.example.com/invoices/:id". No route without a host begins with two slashes.
func HostRoute(host, template string) Object { return Object{Route: "//" + host + template} }

// isRoute reports whether the object of a rule is a route or a prefix of routes.
func isRoute(object string) bool { return strings.HasPrefix(object, "/") || isNamedRoute(object) }

// isNamedRoute reports whether the object of a rule is one route by its exact name.
func isNamedRoute(object string) bool { return strings.HasPrefix(object, routeSpace+"/") }

// parseNamedRoute reads route: and a template. It may hold whatever prints: templates with
// commas or quotes are quoted as CSV has it.
func parseNamedRoute(s string) (t target, why string) {
	template := strings.TrimPrefix(s, routeSpace)
	if why := unnamable(template); why != "" {
		return target{}, quote(s) + " names no route: " + why
	}
	return target{shape: coversOne, rest: template, named: true}, ""
}

// unnamable says why no rule can name a route by its template, or returns "".
func unnamable(template string) string {
	switch {
	case !strings.HasPrefix(template, "/"):
		return "it does not begin with a slash"
	case len(template) > maxRouteLength:
		return "it is too long"
	case !printable(template):
		return "it holds a character that does not print"
	case strings.TrimRight(template, " ") != template:
		return "it ends in a space"
	}
	return ""
}

// refuseNamedRoutes refuses rules for one route by its exact name, which the older matcher
// never matches.
func (l *loader) refuseNamedRoutes() {
	for i := range l.rules {
		if l.rules[i].named {
			l.p.add(CodeRuleRoute, l.reasons[i].File, l.reasons[i].Line, 1, "a rule for route:… needs the matcher of the standard model in %s: m = %s", ModelFile, clause("m"))
		}
	}
}

// validMethod reports whether s is a method that rules can name. RFC 9110 §9.1 has any token,
// and registers names such as M-SEARCH and VERSION-CONTROL. Small letters are left out, since
// methods are case-sensitive and get would pass for GET, and so are signs that look like a
// pattern. A request with another method is refused, and authz.Verify a route with one.
func validMethod(s string) bool {
	return s != "" && len(s) <= maxNameLength && ascii.IsUpper(s[0]) && ascii.All(s, func(b byte) bool {
		return ascii.IsUpper(b) || ascii.IsDigit(b) || b == '-' || b == '_' || b == '.'
	})
}

// RouteObject returns what a rule writes for one route, as a value of a CSV file; and why
// no rule can name it.
func RouteObject(template string) (object, why string) {
	if why := unnamable(template); why != "" {
		return "", why
	}
	if t, why := parseTarget(template); why == "" && t.shape == coversOne {
		return template, ""
	}
	object = routeSpace + template
	if strings.ContainsAny(object, `",`) {
		object = `"` + strings.ReplaceAll(object, `"`, `""`) + `"`
	}
	return object, ""
}

// WhyNoRule says why no rule can be about an object and an action, "" where one can: a method goes with
// routes and a word with types, and "*" with both.
func WhyNoRule(object, action string) string {
	if _, why := parseTarget(object); why != "" {
		return why
	}
	return checkAction(object, action)
}

// IsMethod reports whether a rule can name the method, and a request with it be decided.
func IsMethod(method string) bool { return validMethod(method) }

// MatchesRoute reports whether the rule is for routes and for this one. A HEAD is decided as GET,
// so ask for GET.
func (r Rule) MatchesRoute(method, template string) bool {
	if !r.IsRoute() || r.Action != everything && r.Action != method {
		return false
	}
	if name, named := strings.CutPrefix(r.Object, routeSpace); named {
		return name == template
	}
	prefix, pattern := strings.CutSuffix(r.Object, everything)
	return r.Object == template || pattern && strings.HasPrefix(template, prefix)
}

// Routes lists what a policy says about routes, for a check of a service's routes against it.
type Routes interface {
	// Covers reports whether some rule names the route and the method, to allow or to deny.
	Covers(method, template string) bool

	// RouteRules returns the rules whose object is a route or a prefix of routes.
	RouteRules() []Rule
}

// Routes returns e, whose rules can be listed.
func (e *Engine) Routes() Routes { return e }
