package authz

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/middleware"
)

// Service describes a service to [VerifyService]. Its door implements it.
type Service interface {
	// Routes returns the routes of the service, with one entry for each method.
	Routes() []Route

	// Fallbacks returns what serves paths without a route, by any method: their Method is "".
	Fallbacks() []Route

	// Example returns a path that the router gives to a route with such a template, with word
	// for each parameter, decoded.
	Example(template, word string) string

	// Unguarded says where decider does not decide before the service serves.
	Unguarded(decider Decider) []Unguarded
}

// VerifyService is [Verify] for any door: it compares routes and rules, and asks the door where
// the guard stands.
func VerifyService(s Service, decider Decider, options ...VerifyOption) error {
	v, err := newVerification("Verify", s, decider, options)
	if err != nil {
		return err
	}
	v.heading = "the service is not guarded"
	recorder := &recordingDecider{Decider: decider}
	v.Unguarded = s.Unguarded(recorder)
	v.verifyRoutes(s, decider)
	v.verifyEdges(recorder.guards, s.Routes())
	return v.orNil()
}

// VerifyOption changes what [Verify] and [VerifyRoutes] refuse.
type VerifyOption func(*verification)

// WarnUnrouted has warn told of each rule for a route that the service does not have, in
// place of an error. Builds that share one policy need it, such as those of a rolling deploy:
// an older one starts with rules for routes that only the newer one has. Then only the warnings
// show a rule whose path is mistyped, also one that denies.
func WarnUnrouted(warn func(policy.Rule)) VerifyOption {
	return func(v *verification) { v.warn, v.warns = warn, true }
}

// OpenRoutes lists the routes that are open to everyone by a [Decider] whose rules cannot be
// listed, as "GET /health" or "GET //api.example.com/health". The list shows a reviewer
// all that is open: each entry has to be a route of the service. Without it, such
// a Decider is an error; an empty list says that no route is open.
func OpenRoutes(routes ...string) VerifyOption {
	return func(v *verification) { v.open, v.opens = routes, true }
}

// verification is a VerifyError that is being made.
type verification struct {
	VerifyError
	warn  func(policy.Rule)
	warns bool
	open  []string
	opens bool
	edge  []string
	edges bool
}

func newVerification(name string, s Service, decider Decider, options []VerifyOption) (*verification, error) {
	if configerr.IsNil(s) || configerr.IsNil(decider) {
		return nil, errors.New("authz: " + name + ": no service or no policy")
	}
	var v verification
	for _, option := range options {
		option(&v)
	}
	switch unlisted := configerr.IsNil(decider.Routes()); {
	case v.warns && v.warn == nil:
		return nil, errors.New("authz: " + name + ": WarnUnrouted without a function to tell")
	case unlisted && !v.opens:
		return nil, errors.New("authz: " + name + ": the policy cannot list its rules: list the routes that are open to everyone with OpenRoutes")
	case !unlisted && v.opens:
		return nil, errors.New("authz: " + name + ": OpenRoutes beside a policy that lists its rules: the rules say which routes are open")
	}
	return &v, nil
}

// verifyRoutes says which routes nobody can reach, because a route without a rule is refused, which
// rules guard nothing, because their paths are likely mistyped, and which routes are open to more
// than their own rule says.
func (v *verification) verifyRoutes(s Service, decider Decider) {
	routes := sorted(slices.Clone(s.Routes()))
	rules := decider.Routes()
	if configerr.IsNil(rules) {
		v.verifyOpen(routes)
		return
	}
	for _, r := range routes {
		get := Route{http.MethodGet, r.Host, r.Path}
		if r.Method == http.MethodHead && slices.Contains(routes, get) {
			continue // it is decided as GET
		}
		if reason := unruled(s, r, rules); reason != "" {
			v.Unruled = append(v.Unruled, Unruled{r, reason})
		}
	}
	fallbacks := sorted(slices.Clone(s.Fallbacks()))
	served := append(slices.Clone(routes), fallbacks...)
	about := rules.RouteRules()
	for _, rule := range about {
		switch {
		case slices.ContainsFunc(served, func(r Route) bool { return r.ruledBy(rule) }):
		case v.warns:
			v.warn(rule)
		default:
			v.Unrouted = append(v.Unrouted, rule)
		}
	}
	all := about
	if lister, ok := decider.(ruleLister); ok {
		all = lister.Rules() // those for every object too
	}
	v.Exposed = exposures(append(routes, byMethod(fallbacks, all)...), all)
}

// verifyOpen says which open routes the service does not have.
func (v *verification) verifyOpen(routes []Route) {
	for _, open := range v.open {
		if !slices.ContainsFunc(routes, func(r Route) bool { return r.String() == open }) {
			v.Unopened = append(v.Unopened, open)
		}
	}
}

// unruled says why every request to a route is refused, and what to do; "" when some rule is
// about it.
func unruled(s Service, r Route, rules policy.Routes) string {
	action, object := string(routeAction(r.Method)), r.Object()
	if !policy.IsMethod(action) {
		return "cannot be reached: no rule can name the method, and every request with it is refused; register it in upper case, of letters, digits and -, _ or ."
	}
	if r.Host == noHost {
		return "cannot be reached: it is registered for requests without a Host, by e.Host(\"\"), which no rule tells apart; name the host, or register it for every other host"
	}
	if strings.Contains(r.Host, "/") {
		return "cannot be reached: its host " + r.Host + " is none that a request can have"
	}
	u := &url.URL{Path: s.Example(r.Path, "x")}
	if err := middleware.CheckTarget(&http.Request{URL: u}); err != nil {
		return "cannot be reached: a request for it is refused (" + err.Error() + "); register it in characters that a path can have, not escaped"
	}
	if rules.Covers(action, object) {
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
