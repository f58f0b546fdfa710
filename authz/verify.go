package authz

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
)

// Verify refuses a service that Reeve does not guard. Call it after the last route and the
// last middleware are registered and before the service listens. It returns nil when every
// route has a rule, every rule about routes has a route or a RouteNotFound of the service, or a
// group whose middleware serves in place of routes, and the middleware stands in front
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
//   - a method override after routing, by which one method is decided on and another runs,
//     and a change of the Host after it, by which one host's route is;
//   - a gate that decides by another engine.
//
// Not found are what answers or skips only certain other paths, hosts, headers or clients,
// what a handler of net/http in front of e does, and whether each of two middlewares that
// both guard is meant to. A middleware in front that refuses a request hides nothing behind it
// and is no problem, and where one redirects a request it is followed. Middleware counts and logs these requests like any
// other; [IsProbe] tells them apart.
func Verify(e *echo.Echo, engine *policy.Engine, options ...VerifyOption) error {
	v, err := newVerification("Verify", e, engine, options)
	if err != nil {
		return err
	}
	v.heading = "the service is not guarded"
	v.verifyPlace(e, engine)
	v.verifyRoutes(e, engine)
	return v.orNil()
}

// VerifyRoutes is the part of [Verify] that compares routes and rules. It sends no requests
// and may be called while the service serves, as for a policy that was loaded again.
func VerifyRoutes(e *echo.Echo, engine *policy.Engine, options ...VerifyOption) error {
	v, err := newVerification("VerifyRoutes", e, engine, options)
	if err != nil {
		return err
	}
	v.heading = "routes and rules differ"
	v.verifyRoutes(e, engine)
	return v.orNil()
}

// VerifyOption changes what [Verify] and [VerifyRoutes] refuse.
type VerifyOption func(*verification)

// WarnUnrouted has warn told of each rule for a route that the service does not have, in
// place of an error. Builds that share one policy need it, such as those of a rolling deploy:
// an older one starts with rules for routes that only the newer one has. A rule whose path is
// mistyped is then found by nobody who does not read the warnings, also one that denies.
func WarnUnrouted(warn func(policy.Rule)) VerifyOption {
	return func(v *verification) { v.warn, v.warns = warn, true }
}

// verification is a VerifyError that is being made.
type verification struct {
	VerifyError
	warn  func(policy.Rule)
	warns bool
}

func newVerification(name string, e *echo.Echo, engine *policy.Engine, options []VerifyOption) (*verification, error) {
	if e == nil || engine == nil {
		return nil, errors.New("authz: " + name + ": no Echo or no policy engine")
	}
	var v verification
	for _, option := range options {
		option(&v)
	}
	if v.warns && v.warn == nil {
		return nil, errors.New("authz: " + name + ": WarnUnrouted without a function to tell")
	}
	return &v, nil
}

// verifyRoutes says which routes nobody can reach, because what has no rule is refused,
// which rules guard nothing, because their paths are likely mistyped, and which routes are
// open to more than their own rule says.
func (v *verification) verifyRoutes(e *echo.Echo, engine *policy.Engine) {
	routes := allRoutes(e)
	for _, r := range routes {
		get := Route{http.MethodGet, r.Host, r.Path}
		if r.Method == http.MethodHead && slices.Contains(routes, get) {
			continue // it is decided as GET
		}
		if reason := unruled(r, engine); reason != "" {
			v.Unruled = append(v.Unruled, Unruled{r, reason})
		}
	}
	fallbacks := allFallbacks(e)
	served := append(slices.Clone(routes), fallbacks...)
	for _, rule := range engine.RouteRules() {
		switch {
		case slices.ContainsFunc(served, func(r Route) bool { return r.ruledBy(rule) }):
		case v.warns:
			v.warn(rule)
		default:
			v.Unrouted = append(v.Unrouted, rule)
		}
	}
	v.Exposed = exposures(append(routes, byMethod(fallbacks, engine.Rules())...), engine.Rules())
}

// unruled says why every request to a route is refused, and what to do; "" when some rule is
// about it.
func unruled(r Route, engine *policy.Engine) string {
	action, object := string(routeAction(r.Method)), r.Object()
	if !policy.IsMethod(action) {
		return "cannot be reached: no rule can name the method, and every request with it is refused; register it in upper case, of letters, digits and -, _ or ."
	}
	if strings.Contains(r.Host, "/") {
		return "cannot be reached: its host " + r.Host + " is none that a request can have"
	}
	u := &url.URL{Path: example(r.Path, "x")}
	if err := middleware.CheckTarget(&http.Request{URL: u}); err != nil {
		return "cannot be reached: a request for it is refused (" + err.Error() + "); register it in characters that a path can have, not escaped"
	}
	if engine.Covers(action, object) {
		return ""
	}
	reason := "has no rule"
	if r.Host != "" {
		reason += " for the host " + r.Host
	}
	reason += ": every request to it is refused"
	name, why := policy.RouteObject(object)
	// Static registers this for a prefix without a slash. It also serves /filesystem.
	prefix, static := strings.CutSuffix(r.Path, "*")
	switch {
	case why != "":
		return reason + ", and none can name it, because " + why + ": register it otherwise"
	case static && !strings.HasSuffix(prefix, "/"):
		return reason + "; register it for the prefix " + prefix + "/, or write a rule for " + name
	case name != r.Path:
		return reason + "; write one for " + name
	}
	return reason
}

// byMethod returns what serves any method once for each that a rule tells apart.
func byMethod(fallbacks []Route, rules []policy.Rule) []Route {
	methods := []string{http.MethodGet}
	for _, rule := range rules {
		if rule.IsRoute() && policy.IsMethod(rule.Action) && !slices.Contains(methods, rule.Action) {
			methods = append(methods, rule.Action)
		}
	}
	var routes []Route
	for _, f := range fallbacks {
		for _, method := range methods {
			routes = append(routes, Route{method, f.Host, f.Path})
		}
	}
	return routes
}

// sorted sorts routes by what rules name them, and then by method.
func sorted(routes []Route) []Route {
	slices.SortFunc(routes, func(a, b Route) int {
		return cmp.Or(strings.Compare(a.Object(), b.Object()), strings.Compare(a.Method, b.Method))
	})
	return routes
}
