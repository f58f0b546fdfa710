package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
)

// Static("/") registers /*, and a rule for that route alone opens no other.
func TestARuleNamesOneRouteExactly(t *testing.T) {
	fsys := with(
		"p, role:anyone, *, route:/*, GET, true, allow",
		"p, role:anyone, *, route:/assets/*, GET, true, allow",
		"p, role:anyone, *, route:/invoices/:id, GET, true, allow",
		`p, role:anyone, *, route:/v1/matches\:confirm, POST, true, allow`,
		`p, role:anyone, *, "route:/geo/:lat,:lng", GET, true, allow`,
		`p, role:anyone, *, "route:/say ""hi"" to o'brien #1?", GET, true, allow`,
		"p, role:anyone, *, route:/files*, GET, true, allow",
		"p, role:anyone, *, route:/a/*/b, GET, true, allow",
		"p, role:anyone, *, route:/café/:id, GET, true, allow",
		"p, role:anyone, *, //api.example.com/me, GET, true, allow",
		"p, role:anyone, *, //api.example.com/v1/*, GET, true, allow",
		"p, role:anyone, *, route://api.example.com/*, GET, true, allow",
		"p, role:anyone, *, route:7, read, true, allow",
	)
	e, casbin := mustLoad(t, fsys), newOracle(t, fsys)
	for _, c := range []struct {
		action policy.Action
		object policy.Object
		want   bool
	}{
		{"GET", policy.Route("/*"), true},
		{"GET", policy.Route("/"), false},
		{"GET", policy.Route("/api/secret"), false},
		{"POST", policy.Route("/*"), false},
		{"GET", policy.Route("/assets/*"), true},
		{"GET", policy.Route("/assets/x"), false},
		{"GET", policy.Route("/assets/"), false},
		{"GET", policy.Route("/invoices/:id"), true},
		{"GET", policy.Route("/invoices/:id/pdf"), false},
		{"POST", policy.Route(`/v1/matches\:confirm`), true},
		{"POST", policy.Route("/v1/matches:confirm"), false},
		{"GET", policy.Route("/geo/:lat,:lng"), true},
		{"GET", policy.Route(`/say "hi" to o'brien #1?`), true},
		{"GET", policy.Route("/files*"), true},
		{"GET", policy.Route("/filesystem"), false},
		{"GET", policy.Route("/a/*/b"), true},
		{"GET", policy.Route("/a/x"), false},
		{"GET", policy.Route("/café/:id"), true},
		{"GET", policy.Route("/me"), false},
		{"GET", policy.HostRoute("api.example.com", "/me"), true},
		{"GET", policy.HostRoute("admin.example.com", "/me"), false},
		{"GET", policy.HostRoute("api.example.com", "/v1/users"), true},
		{"GET", policy.HostRoute("api.example.com", "/*"), true},
		{"GET", policy.HostRoute("api.example.com", "/other"), false},
		{"read", policy.Object{Type: "route", ID: "7", Tenant: acme}, true},
		{"read", policy.Object{Type: "route", ID: "8", Tenant: acme}, false},
	} {
		r := policy.Request{Tenant: c.object.Tenant, Action: c.action, Object: c.object}
		if got := decide(t, e, r).Allowed(); got != c.want {
			t.Errorf("%s %+v: %t", c.action, c.object, got)
		}
		if theirs, err := casbin.allows(t, r); err != nil || theirs != c.want {
			t.Errorf("%s %+v: Casbin says %t %v", c.action, c.object, theirs, err)
		}
		if c.object.Type != "" {
			continue
		}
		covered := false
		for _, rule := range e.RouteRules() {
			covered = covered || rule.MatchesRoute(string(c.action), c.object.Route)
		}
		if e.Covers(string(c.action), c.object.Route) != c.want || covered != c.want {
			t.Errorf("%s %s: covered %t", c.action, c.object.Route, covered)
		}
	}
	if got := e.Rules()[0].Object; got != "route:/*" {
		t.Errorf("the rule shows as %s", got)
	}
}

// An object of type route must not pass for one: its name would be that of a rule's route.
func TestAnObjectIsNeverTakenForARoute(t *testing.T) {
	e := mustLoad(t, with("p, role:anyone, *, route:/*, *, true, allow", "p, role:anyone, *, route:*, *, true, allow"))
	r := policy.Request{Action: "read", Object: policy.Object{Type: "route", ID: "/x", Tenant: acme}}
	if d, err := e.Decide(t.Context(), r); !errors.Is(err, policy.ErrRequest) || d.Allowed() {
		t.Errorf("%v %v", d, err)
	}
	if decide(t, e, policy.Request{Action: "GET", Object: policy.Route("/x")}).Allowed() {
		t.Error("a rule for objects opens a route")
	}
}

func TestWhatNamesNoRouteIsRefused(t *testing.T) {
	for _, object := range []string{
		"route:/" + strings.Repeat("x", 1024), "route:/x\u200b", "route:/x\u202ey", "/a b", `/a\:b`, "/a/*/b", "route:", "/files*",
	} {
		if _, err := policy.Load(with("p, role:anyone, *, "+object+", GET, true, allow"), policy.Options{}); err == nil {
			t.Errorf("%s loads", object)
		}
	}
	if _, err := policy.Load(with("p, role:anyone, *, route:/x, read, true, allow"), policy.Options{}); err == nil || !strings.Contains(err.Error(), "on a route") {
		t.Errorf("a word on a route: %v", err)
	}
}

// RouteObject writes what a rule can name, and nothing else.
func TestEveryTemplateIsWrittenSoThatItsRuleLoads(t *testing.T) {
	for _, template := range []string{
		"/", "/x", "/x/:id", "/*", "/x/*", "/x*", "/x/*/y", `/x\:y`, "/x,y", `/x"y`, `/"`, "/o'brien", "/a b", "/a  b", "/#", "/x?y", "/é", "/x%20y", `/\`, "//h/x", "//h/*", "/,", "/x:y:z",
	} {
		object, why := policy.RouteObject(template)
		if why != "" {
			t.Errorf("%q cannot be named: %s", template, why)
			continue
		}
		fsys := with("p, role:anyone, *, " + object + ", GET, true, allow")
		e, casbin := mustLoad(t, fsys), newOracle(t, fsys)
		for _, other := range []string{template, template + "x", template + "/", "/other"} {
			r := policy.Request{Action: "GET", Object: policy.Route(other)}
			theirs, err := casbin.allows(t, r)
			if got := decide(t, e, r).Allowed(); got != (other == template) || got != theirs || err != nil {
				t.Errorf("%s: %q is %t, by Casbin %t %v", object, other, got, theirs, err)
			}
		}
	}
	for _, template := range []string{"", "x", "/x ", "/x\x00", "/\xff", "/" + strings.Repeat("x", 1024)} {
		if object, why := policy.RouteObject(template); why == "" {
			t.Errorf("%q is named %s", template, object)
		}
	}
}

func TestMethodsAreRegisteredNamesAndNotOnlyWords(t *testing.T) {
	for method, want := range map[string]bool{
		"GET": true, "M-SEARCH": true, "VERSION-CONTROL": true, "BASELINE-CONTROL": true, "X_Y": true, "V2": true, "echo_route_not_found": false,
		"purge": false, "Get": false, "GET|POST": false, "*": false, "": false, "-X": false, "2X": false, "GE T": false, "GET\n": false, strings.Repeat("X", 129): false,
	} {
		if policy.IsMethod(method) != want {
			t.Errorf("%q: %t", method, !want)
		}
		e, err := policy.Load(with("p, role:anyone, *, /x, \""+method+"\", true, allow", "p, role:anyone, *, /y, *, true, allow"), policy.Options{})
		if method == "*" {
			continue // every method, of which "*" is none
		}
		if (err == nil) != want {
			t.Errorf("%q in a rule: %v", method, err)
		}
		if err != nil {
			continue
		}
		for _, route := range []string{"/x", "/y"} {
			if d, err := e.Decide(t.Context(), policy.Request{Action: policy.Action(method), Object: policy.Route(route)}); err != nil || !d.Allowed() {
				t.Errorf("%s %s: %v %v", method, route, d, err)
			}
		}
	}
}

// Copies of the model from before rules could name one route load, and a rule that they
// would not match is refused.
func TestTheOlderModelDecidesAllButExactRoutes(t *testing.T) {
	older := strings.Replace(string(folder(nil)["model.conf"].Data), ` || (r.obj.Type == "" && p.obj == "route:" + r.obj.Name)`, "", 1)
	if older == string(folder(nil)["model.conf"].Data) {
		t.Fatal("the model has no clause for one route")
	}
	last := "p, user:zoe, *, /z, GET, true, allow"
	for seed := range uint64(60) {
		g := newGen(seed)
		rows := g.rows()
		kept := rows[:0]
		for _, row := range rows {
			if !strings.Contains(row, "route:/") {
				kept = append(kept, row)
			}
		}
		now, then := with(append(kept, last)...), with(append(kept, last)...)
		then["model.conf"] = &mapFile{Data: []byte(older)}
		a, b := mustLoad(t, now), mustLoad(t, then)
		for range 30 {
			if r := g.request(); decide(t, a, r).Allowed() != decide(t, b, r).Allowed() {
				t.Fatalf("seed %d: %+v", seed, r)
			}
		}
	}
	fsys := with(fine, "p, role:anyone, *, route:/*, GET, true, deny")
	fsys["model.conf"] = &mapFile{Data: []byte(older)}
	if _, err := policy.Load(fsys, policy.Options{}); err == nil || !strings.Contains(err.Error(), "policy.csv:3") || !strings.Contains(err.Error(), `p.obj == "route:" + r.obj.Name`) {
		t.Errorf("a rule that the model never matches: %v", err)
	}
}

// A rule about one route may ask for the route's parameters, which the request has as the
// attributes of its object. Casbin reads the same files.
func TestARuleAboutARouteAsksForItsParameters(t *testing.T) {
	fsys := with(
		"p, role:anyone, *, /users/:id, GET, r.obj.id == r.sub.id, allow",
		"p, role:anyone, *, /users/:id/keys/:key, GET, \"r.obj.id == r.sub.id && startsWith(r.obj.key, 'pub')\", allow",
		"p, role:anyone, *, /files/:id, GET, true, allow", "p, role:anyone, *, /files/:id, GET, r.obj.id == 'secret', deny",
		`p, role:anyone, *, //h.test/users/:id, GET, r.obj.id == r.sub.id, allow`, "p, role:anyone, *, route:/teams/:team, GET, r.obj.team in r.sub.regions, allow",
	)
	engine, casbin := mustLoad(t, fsys), newOracle(t, fsys)
	for _, c := range []struct {
		route  string
		params policy.Values
		want   bool
	}{
		{"/users/:id", policy.Values{"id": "alice"}, true}, {"/users/:id", policy.Values{"id": "bob"}, false}, {"/users/:id", policy.Values{"id": ""}, false},
		{"/users/:id/keys/:key", policy.Values{"id": "alice", "key": "pub/1"}, true}, {"/users/:id/keys/:key", policy.Values{"id": "alice", "key": "1"}, false}, {"/users/:id/keys/:key", policy.Values{"id": "bob", "key": "pub"}, false},
		{"/files/:id", policy.Values{"id": "1"}, true}, {"/files/:id", policy.Values{"id": "secret"}, false},
		{"//h.test/users/:id", policy.Values{"id": "alice"}, true}, {"//h.test/users/:id", policy.Values{"id": "x"}, false},
		{"/teams/:team", policy.Values{"team": "eu"}, true}, {"/teams/:team", policy.Values{"team": "us"}, false},
	} {
		r := asks("alice", "GET", policy.Route(c.route))
		r.Subject.Attributes, r.Object.Attributes = policy.Values{"regions": []string{"eu"}}, c.params
		want, err := casbin.allows(t, r)
		if got := allows(t, engine, r); err != nil || got != c.want || want != c.want {
			t.Errorf("%s %v: %v, Casbin %v %v, want %v", c.route, c.params, got, want, err, c.want)
		}
	}
	// Without its parameters a route is unknown: an allow rule does not match, and a deny rule does.
	for _, route := range []string{"/users/:id", "/files/:id"} {
		if allows(t, engine, asks("alice", "GET", policy.Route(route))) {
			t.Errorf("%s without parameters is allowed", route)
		}
	}
}

func TestWhatARouteHasNoParameterFor(t *testing.T) {
	for row, want := range map[string]string{
		"/users/:id, GET, r.obj.key == 'a'":           "1:32: the route has no parameter key: its parameters are id",
		"/users/:user, GET, r.obj.usr == 'a'":         "1:34: the route has no parameter usr: its parameters are user; did you mean r.obj.user?",
		"/users/:id/x/:id, GET, r.obj.id == 'a'":      "two parameters of the route are called id: rename one of them",
		"/users/:Id, GET, r.obj.id == 'a'":            "the route has no parameter that r.obj.id could be",
		"/users/:id, GET, r.obj.id == 1":              "string and number cannot be compared",
		"/users/:id/*, GET, r.obj.id == 'a'":          "cannot ask for r.obj.id",
		"/users/:id, GET, \"isNull(r.obj, 'id')\"":    "r.obj.id is never NULL",
		"/users/:id, GET, \"has(r.obj, 'key')\"":      "the route has no parameter key",
		"/users/:id, GET, r.obj.project.owner == 'a'": "an attribute has one name, and nothing below it",
	} {
		if got := refused(t, "p, role:a, *, "+row+", allow"); !strings.Contains(got[0], want) {
			t.Errorf("%s: %s, want %s", row, got[0], want)
		}
	}
}
