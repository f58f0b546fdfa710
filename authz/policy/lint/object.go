package lint

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/authz/policy/policytest"
)

// lookAtObjects finds objects that are likely meant otherwise.
func (l *linter) lookAtObjects() {
	types, actions, tenants := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, a := range l.engine.Attributes() {
		types[a.Type] = a.Type != "sub" && a.Type != "env"
	}
	// A word that stands where it belongs in two rows is believed.
	typeCount, actionCount := map[string]int{}, map[string]int{}
	for _, r := range l.rules {
		if r.target.typ != "" {
			typeCount[r.target.typ]++
			actionCount[r.act]++
		}
		if r.dom != everything {
			tenants[r.dom] = true
		}
	}
	for _, g := range l.grants {
		tenants[g.dom] = g.dom != everything
	}
	for name := range l.words.tenants {
		tenants[name] = true
	}
	for name, n := range typeCount {
		types[name] = types[name] || n > 1
	}
	for name, n := range actionCount {
		actions[name] = n > 1 && name != everything || isRead(name) && n > 0
	}
	for _, word := range []string{"read", "create", "update", "delete", "list", "write"} {
		actions[word] = actions[word] || !types[word]
	}
	for _, r := range l.rules {
		typ := r.target.typ
		switch {
		case typ != "" && typeCount[typ] == 1 && tenants[typ] && types[r.dom]:
			l.at("RV139", policy.SeverityWarning, &r.row, atTenant, "the order is p, who, tenant, object, action, condition, effect", "the tenant %s is an object type elsewhere, and the object %s a tenant: have the two changed places?", r.dom, r.obj)
		case typ != "" && !types[typ] && actions[typ] && types[r.act]:
			l.at("RV139", policy.SeverityWarning, &r.row, atObject, "the order is p, who, tenant, object, action, condition, effect", "the object %s is an action elsewhere, and the action %s an object type: have the two changed places?", r.obj, r.act)
		case typ != "" && typeCount[typ] == 1 && !types[typ] && types[r.dom]:
			l.at("RV139", policy.SeverityWarning, &r.row, atTenant, "the order is p, who, tenant, object, action, condition, effect", "the tenant %s is an object type elsewhere: have the tenant and the object changed places?", r.dom)
		}
		switch {
		case r.isRoute():
			l.lookAtRoute(r)
		case typ != "":
			l.lookAtID(r)
		}
		l.lookAtPrefix(r)
	}
}

// lookAtID finds ids that are written as if they stood for several, or for a parameter.
func (l *linter) lookAtID(r *ruleRow) {
	if name := l.valueOf(r); name != "" {
		l.at("RV139", policy.SeverityWarning, &r.row, atObject, "write "+r.target.typ+", and a condition such as r.obj."+name+" == '"+strings.TrimPrefix(r.obj, r.target.typ+":")+"'", "%s is the one %s of that id, and elsewhere the word is the %s of one", r.obj, r.target.typ, name)
	}
	_, id, _ := strings.Cut(strings.TrimSuffix(r.obj, everything), ":")
	if strings.ContainsAny(id, "[](){}|^$<>;\\") || strings.HasPrefix(id, ":") {
		l.at("RV126", policy.SeverityWarning, &r.row, atObject, "write a row for each object, a prefix that ends in /* or :*, or a condition on r.obj.id", "%s is compared as it stands: no sign in an id stands for others, nor for a parameter", r.obj)
	}
}

// valueOf returns the attribute that a condition or a table compares with what a rule has as an id, "" for none.
func (l *linter) valueOf(r *ruleRow) string {
	_, id, one := strings.Cut(r.obj, ":")
	if !one || strings.HasSuffix(id, everything) || !word.MatchString(id) {
		return ""
	}
	if l.compared == nil {
		l.compared = map[[2]string]string{} // type and text
		note := func(typ, name, text string) {
			key := [2]string{typ, text}
			if name != "id" && !strings.Contains(name, ".") && (l.compared[key] == "" || name < l.compared[key]) {
				l.compared[key] = name
			}
		}
		for _, s := range l.rules {
			leaves(s.expr, func(f condition.Leaf) {
				// An order has a text that is none of them, and an owner's id may well be one.
				if a := f.A.Attr; a != nil && a.Part() == condition.PartObject && a.Via == nil && (f.Op == condition.OpEqual || f.Op == condition.OpNotEqual || f.Op == condition.OpOneOf || f.Op == condition.OpNoneOf) {
					for _, v := range append([]condition.Value{f.B.Value}, f.List...) {
						if v.Kind() == condition.KindString {
							note(a.Type, a.Name, v.Text())
						}
					}
				}
			})
		}
	}
	return l.compared[[2]string{r.target.typ, id}]
}

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

// lookAtPrefix finds prefixes that leave out the list that they begin with, where another rule
// names that list.
func (l *linter) lookAtPrefix(r *ruleRow) {
	if !r.target.many || r.target.isAll() || r.target.exact != "" || r.obj == "/*" {
		return
	}
	list := target{route: r.isRoute(), exact: r.target.prefix[:len(r.target.prefix)-1]}
	if !r.isRoute() {
		if list.exact != r.target.typ {
			return
		}
		list.typ = r.target.typ
	}
	other := func(t *targets, f func(*ruleRow) bool) *ruleRow {
		var found *ruleRow
		t.above(list, func(s *ruleRow) bool {
			if s != r && s.target.exact == list.exact && meet(s.act, r.act) && meet(s.dom, r.dom) && f(s) {
				found = s
			}
			return found != nil
		})
		return found
	}
	if r.allow {
		return
	}
	s := other(l.allowed, func(*ruleRow) bool { return true })
	if s == nil || other(l.denied, func(s *ruleRow) bool {
		return s.sub == r.sub && within(r.act, s.act) && within(r.dom, s.dom) && (s.always() || s.cond == r.cond)
	}) != nil {
		return
	}
	l.at("RV133", policy.SeverityWarning, &r.row, atObject, "add a rule for "+list.exact, "%s does not cover %s, which %s allows: %s", r.obj, list.exact, s.at(), s.text())
}

// lookAtAttributes finds attributes that nothing asks for, types that no rule is about, and rules
// that no request of the tables is decided by.
func (l *linter) lookAtAttributes() {
	asked, ruled := map[[2]string]bool{}, map[string]bool{}
	for _, r := range l.rules {
		ruled[r.target.typ] = true
		ruled[everything] = ruled[everything] || r.target.isAll()
		for a := range r.expr.Attributes() {
			asked[[2]string{a.Type, a.Name}] = true
		}
	}
	if _, there := l.bundle.Content(policy.AttributesFile); there {
		lines := l.file(policy.AttributesFile).Lines()
		l.lookAtColumns(lines)
		for i := range lines {
			f := lines[i].Fields
			if len(f) != 5 {
				continue
			}
			r := &row{policy.AttributesFile, "", &lines[i]}
			typ, name := f[0].Text, f[1].Text
			switch {
			case typ != "sub" && typ != "env" && !ruled[typ] && !ruled[everything]:
				l.at("RV134", policy.SeverityNote, r, 0, "add a rule, or delete the rows of the type", "no rule is about %s", typ)
			case !asked[[2]string{typ, name}] && f[4].Text == "" && name != "id":
				l.at("RV134", policy.SeverityNote, r, 1, "delete the row, or compare the attribute", "no condition compares %s of %s, and it is no column", name, typ)
			}
		}
	}
	if !l.words.tables {
		return
	}
	_, idle := policytest.Evaluate(context.Background(), l.engine, l.words.cases)
	byLine := map[string]*ruleRow{}
	for _, r := range l.rules {
		byLine[r.position()] = r
	}
	for _, i := range idle {
		if r := byLine[i.File+":"+itoa(i.Line)]; r != nil {
			l.at("RV119", policy.SeverityNote, &r.row, -1, "add a row that it decides to a table of requests", "no request of %s is decided by the rule", strings.Join(l.bundle.Tables(), ", "))
		}
	}
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

// lookAtBefore holds the policy against what it was.
func (l *linter) lookAtBefore() {
	if l.opts.Before == nil {
		return
	}
	b, _ := policy.ReadBundle(l.opts.Before)
	was, err := policy.LoadBundle(b, policy.Options{Clock: noon})
	if err != nil {
		return
	}
	count := func(rules []policy.Rule) (file map[string][2]int) {
		file = map[string][2]int{}
		for _, r := range rules {
			n := file[r.File]
			if n[0]++; r.Effect == policy.Deny {
				n[1]++
			}
			file[r.File] = n
		}
		return file
	}
	before, now := count(was.Rules()), count(l.engine.Rules())
	for name, n := range before {
		m := now[name]
		switch {
		case m[1] < n[1]:
			l.add(Finding{Rule: ruleOf("RV135"), Severity: policy.SeverityWarning, File: name, Message: "the file had " + itoa(n[1]) + " deny rules and has " + itoa(m[1]), Help: "look whether the file was cut, or the rules were deleted on purpose"})
		case m[0]*4 < n[0]*3:
			l.add(Finding{Rule: ruleOf("RV135"), Severity: policy.SeverityWarning, File: name, Message: "the file had " + itoa(n[0]) + " rules and has " + itoa(m[0]), Help: "look whether the file was cut, or the rules were deleted on purpose"})
		}
	}
}
