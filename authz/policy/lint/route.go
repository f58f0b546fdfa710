package lint

import (
	"net/url"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

// lookAtRoute finds routes whose spelling no router has, or other rules have otherwise.
func (l *linter) lookAtRoute(r *ruleRow) {
	if strings.HasPrefix(r.obj, "route:") {
		return
	}
	path := strings.TrimSuffix(r.obj, everything)
	if strings.ContainsAny(strings.ReplaceAll(path, "/$", "/"), "[]()|+^$") {
		l.at("RV126", policy.SeverityWarning, &r.row, atObject, "write each route, or a prefix that ends in /*; route:… names a route that has such signs", "%s is compared as it stands: no sign of regular expressions means anything in it", r.obj)
		return
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			l.at("RV140", policy.SeverityWarning, &r.row, atObject, "write the path that requests have", "no request has the path %s: a segment %s is refused", r.obj, segment)
			return
		}
	}
	if len(l.opts.Routes) > 0 {
		return // these say it better
	}
	if name := twice(path); name != "" {
		l.at("RV140", policy.SeverityWarning, &r.row, atObject, "give each parameter a name of its own", "the parameter %s stands twice in %s", name, r.obj)
		return
	}
	if meant := l.routeWithParameter(r.obj); meant != "" {
		l.at("RV140", policy.SeverityWarning, &r.row, atObject, "write "+meant+"; or name both routes in a row of their own", "%s is another route than %s: is a colon missing?", r.obj, meant)
		return
	}
	if meant := l.routeLike(r.obj); meant != "" {
		l.at("RV140", policy.SeverityWarning, &r.row, atObject, "spell the route as the service registers it", "%s is another route than %s, which other rules name", r.obj, meant)
		return
	}
	if strings.Contains(path, "{") && strings.Contains(path, "}") && l.hasColons() {
		l.at("RV140", policy.SeverityWarning, &r.row, atObject, "spell the route as the service registers it", "%s names parameters in braces, and other rules by a colon", r.obj)
	}
}

// twice returns a parameter that stands twice in a route, "" for none.
func twice(route string) string {
	var names []string
	for segment := range strings.SplitSeq(route, "/") {
		if strings.HasPrefix(segment, ":") && len(segment) > 1 {
			if slices.Contains(names, segment) {
				return segment
			}
			names = append(names, segment)
		}
	}
	return ""
}

// routeWithParameter returns the route of other rules that has a parameter where one has its name alone, as
// /invoices/id has beside /invoices/:id; "" for none.
func (l *linter) routeWithParameter(route string) string {
	if strings.HasSuffix(route, everything) || !l.hasColons() {
		return ""
	}
	l.routeLike(route) // reads the routes
	parts := strings.Split(route, "/")
	for i, word := range parts {
		if word == "" || strings.HasPrefix(word, ":") {
			continue
		}
		parts[i] = ":" + word
		with := strings.Join(parts, "/")
		parts[i] = word
		if n := l.routes[shapeOf(with)][with]; n > 0 && n >= l.routes[shapeOf(route)][route] {
			return with
		}
	}
	return ""
}

func (l *linter) hasColons() bool {
	if l.colons == nil {
		has := slices.ContainsFunc(l.rules, func(r *ruleRow) bool { return r.isRoute() && strings.Contains(r.obj, "/:") })
		l.colons = &has
	}
	return *l.colons
}

// routeLike returns the route of other rules that differs from one in its parameters' names, in
// case, or in a slash at its end.
func (l *linter) routeLike(route string) string {
	if strings.HasSuffix(route, everything) {
		return ""
	}
	if l.routes == nil {
		l.routes = map[string]map[string]int{}
		l.first = map[string]int{}
		for i, r := range l.rules {
			if r.isRoute() && !r.target.many {
				shape := shapeOf(r.obj)
				if _, there := l.first[r.obj]; !there {
					l.first[r.obj] = i
				}
				if l.routes[shape] == nil {
					l.routes[shape] = map[string]int{}
				}
				l.routes[shape][r.obj]++
			}
		}
	}
	best := ""
	shapes := []string{shapeOf(route), concrete(route)}
	if plain := plainPath(route); plain != route {
		shapes = append(shapes, shapeOf(plain))
	}
	for _, shape := range shapes {
		for other, n := range l.routes[shape] {
			if other == route || n < l.routes[shape][route] || n == l.routes[shape][route] && l.first[other] > l.first[route] {
				continue
			}
			if best == "" || other < best {
				best = other
			}
		}
		if best != "" {
			break
		}
	}
	return best
}

// shapeOf returns a route without what people spell in two ways.
func shapeOf(route string) string {
	if !strings.ContainsAny(route, ":{<") {
		return strings.TrimSuffix(strings.ToLower(route), "/")
	}
	parts := strings.Split(strings.TrimSuffix(strings.ToLower(route), "/"), "/")
	for i, p := range parts {
		if strings.HasPrefix(p, ":") || strings.HasPrefix(p, "{") && strings.HasSuffix(p, "}") || strings.HasPrefix(p, "<") && strings.HasSuffix(p, ">") {
			parts[i] = ":"
		}
	}
	return strings.Join(parts, "/")
}

// plainPath returns a route with one slash for several, decoded, and with a colon for what else
// begins a parameter.
func plainPath(route string) string {
	if strings.Contains(route, "%") {
		if decoded, err := url.PathUnescape(route); err == nil {
			route = decoded
		}
	}
	for strings.Contains(route, "//") {
		route = strings.ReplaceAll(route, "//", "/")
	}
	if !strings.ContainsAny(route, "$@") {
		return route
	}
	return strings.ReplaceAll(strings.ReplaceAll(route, "/$", "/:"), "/@", "/:")
}

// routeNear returns the route of allow rules that differs from one in a letter.
func (l *linter) routeNear(route string) string {
	if l.paths == nil {
		words := map[string]int{}
		for _, r := range l.allowed.rules {
			if r.isRoute() && !r.target.many {
				words[r.obj]++
			}
		}
		l.paths = newNear(words, nil, true)
	}
	return l.paths.of(route, true)
}

// concrete returns the shape of a route whose last segment is a number, as of /invoices/42.
func concrete(route string) string {
	if !strings.ContainsAny(route, "0123456789") {
		return "\x00"
	}
	parts := strings.Split(route, "/")
	changed := false
	for i, p := range parts {
		if p != "" && strings.Trim(p, "0123456789") == "" {
			parts[i], changed = ":", true
		}
	}
	if !changed {
		return "\x00"
	}
	return shapeOf(strings.Join(parts, "/"))
}

// lookAtRoutes holds the rules against the routes of the service.
func (l *linter) lookAtRoutes() {
	if len(l.opts.Routes) == 0 {
		return
	}
	shapes := map[string]string{}
	for _, route := range l.opts.Routes {
		shapes[shapeOf(route.Template)] = route.Template
		method := route.Method
		if method == "HEAD" {
			method = "GET"
		}
		if !l.engine.Covers(method, route.Template) {
			l.add(Finding{Rule: ruleOf("RV114"), Severity: policy.SeverityWarning, File: policy.PolicyFile,
				Message: "no rule is for " + route.Method + " " + route.Template + ": the route is closed", Help: "add a rule for it, to allow or to deny"})
		}
	}
	rules := map[string]*ruleRow{}
	for _, r := range l.rules {
		rules[r.position()] = r
	}
	for _, rule := range l.engine.RouteRules() {
		r := rules[rule.File+":"+itoa(rule.Line)]
		matched, there := false, false
		for _, route := range l.opts.Routes {
			method := route.Method
			if method == "HEAD" {
				method = "GET"
			}
			matched = matched || rule.MatchesRoute(method, route.Template)
			there = there || strings.TrimPrefix(rule.Object, "route:") == route.Template
		}
		if matched || r == nil {
			continue
		}
		severity, then := policy.SeverityWarning, ""
		if !r.allow {
			then = ", so the deny rule never matches"
		}
		switch meant := shapes[shapeOf(r.obj)]; {
		case there:
			l.at("RV115", severity, &r.row, atAction, "spell the method as the service registers it", "the service has no route %s %s, but others of that path%s", r.act, r.obj, then)
		case meant != "":
			l.at("RV115", severity, &r.row, atObject, "write "+meant, "the service has no route %s%s: did you mean %s?", r.obj, then, meant)
		default:
			l.at("RV115", severity, &r.row, atObject, "spell the route as the service registers it, or delete the rule", "the service has no route %s%s", r.obj, then)
		}
	}
}
