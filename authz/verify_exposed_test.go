package authz_test

import (
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
)

// guarded is a service with some routes, "GET /x" or "GET //host/x".
func guarded(t testing.TB, eng *policy.Engine, routes ...string) *echo.Echo {
	e := echo.New()
	e.Use(guard(t, eng))
	hosts := map[string]*echo.Group{}
	for _, r := range routes {
		method, path, _ := strings.Cut(r, " ")
		rest, own := strings.CutPrefix(path, "//")
		if !own {
			e.Add(method, path, nothing)
			continue
		}
		host, path, _ := strings.Cut(rest, "/")
		if hosts[host] == nil {
			hosts[host] = e.Host(host)
		}
		hosts[host].Add(method, "/"+path, nothing)
	}
	return e
}

// A public page at / is a wildcard route, and its rule must not open what other rules are to
// close. route:/* is for that route alone.
func TestVerifyRefusesAPrefixThatOpensWhatAnotherRuleIsToClose(t *testing.T) {
	for name, c := range map[string]struct {
		rules  string
		routes string
		says   string // "" for nothing
	}{
		"a page at the root": {
			"p, role:anyone, *, /*, GET, true, allow\np, role:admin, *, /api/secret, GET, true, allow",
			"GET /*, GET /api/secret",
			"policy.csv:1: the rule for GET /* lets role:anyone reach GET /api/secret, which policy.csv:2 allows role:admin: write route:/* for that route alone",
		},
		"that route alone": {
			"p, role:anyone, *, route:/*, GET, true, allow\np, role:admin, *, /api/secret, GET, true, allow",
			"GET /*, GET /api/secret", "",
		},
		"everybody with a session": {
			"p, role:authenticated, *, /api/*, *, true, allow\np, user:ann, *, /api/keys, POST, true, allow",
			"POST /api/keys", "policy.csv:1: the rule for * /api/* lets role:authenticated reach POST /api/keys, which policy.csv:2 allows user:ann: write a prefix",
		},
		"a session is fewer than everybody": {
			"p, role:anyone, *, /*, GET, true, allow\np, role:authenticated, *, /me, GET, true, allow",
			"GET /me", "lets role:anyone reach GET /me, which policy.csv:2 allows role:authenticated",
		},
		"everybody is not fewer than a session": {
			"p, role:authenticated, *, /*, GET, true, allow\np, role:anyone, *, /livez, GET, true, allow", "GET /livez, GET /x", "",
		},
		"a longer prefix": {
			"p, role:anyone, *, /*, GET, true, allow\np, role:admin, *, /admin/*, GET, true, allow", "GET /admin/x", "which policy.csv:2 allows role:admin",
		},
		"a wildcard by its own name": {
			"p, role:anyone, *, /*, GET, true, allow\np, role:admin, *, route:/admin/*, GET, true, allow", "GET /admin/*", "which policy.csv:2 allows role:admin",
		},
		"the same prefix": {
			"p, role:authenticated, *, /docs/*, GET, true, allow\np, role:admin, *, /docs/*, GET, true, allow", "GET /docs/x", "",
		},
		"a shorter prefix": {
			"p, role:anyone, *, /public/*, GET, true, allow\np, role:admin, *, /*, GET, true, allow", "GET /public/x, GET /x", "",
		},
		"a route and not a prefix": {
			"p, role:anyone, *, /x, GET, true, allow\np, role:admin, *, /x, *, true, allow", "GET /x", "",
		},
		"another method": {
			"p, role:anyone, *, /x/*, GET, true, allow\np, role:admin, *, /x/y, POST, true, allow", "GET /x/y, POST /x/y", "",
		},
		"every method": {
			"p, role:anyone, *, /x/*, *, true, allow\np, role:admin, *, /x/y, DELETE, true, allow", "GET /x/z, DELETE /x/y", "reach DELETE /x/y",
		},
		"HEAD, as GET": {
			"p, role:anyone, *, /x/*, GET, true, allow\np, role:admin, *, /x/y, GET, true, allow", "HEAD /x/y", "reach HEAD /x/y",
		},
		"other tenants": {
			"p, role:anyone, acme, /x/*, GET, true, allow\np, role:admin, globex, /x/y, GET, true, allow", "GET /x/y", "",
		},
		"one tenant of all": {
			"p, role:anyone, acme, /x/*, GET, true, allow\np, role:admin, *, /x/y, GET, true, allow", "GET /x/y", "reach GET /x/y",
		},
		"all tenants, one of which is stricter": {
			"p, role:authenticated, *, /x/*, GET, true, allow\np, role:admin, globex, /x/y, GET, true, allow", "GET /x/y", "reach GET /x/y",
		},
		"a condition that is not asked": {
			"p, role:authenticated, *, /*, GET, true, allow\np, role:authenticated, *, /admin/*, GET, r.env.mfa, allow", "GET /admin/x",
			"which policy.csv:2 allows role:authenticated where r.env.mfa",
		},
		"the object *": {
			"p, role:authenticated, *, *, *, true, allow\np, role:admin, *, /x, GET, true, allow", "GET /x", "the rule for * * lets role:authenticated reach GET /x",
		},
		"denied to everybody all the same": {
			"p, role:anyone, *, /*, GET, true, allow\np, role:admin, *, /x, GET, true, allow\np, role:anyone, *, /x, GET, true, deny", "GET /x, GET /y", "",
		},
		"denied to some": {
			"p, role:anyone, *, /*, GET, true, allow\np, role:admin, *, /x, GET, true, allow\np, role:authenticated, *, /x, GET, true, deny", "GET /x", "reach GET /x",
		},
		"no such route": {
			"p, role:anyone, *, /x/*, GET, true, allow\np, role:admin, *, /x/y, *, true, allow", "GET /x/z, POST /x/y", "",
		},
		"another host's prefix": {
			"p, role:anyone, *, //www.test/*, GET, true, allow\np, role:admin, *, /admin, GET, true, allow", "GET //www.test/admin, GET /admin", "",
		},
		"a host's route under a prefix of all": {
			"p, role:anyone, *, /*, GET, true, allow\np, role:admin, *, //api.test/admin, GET, true, allow", "GET /x, GET //api.test/admin",
			"reach GET //api.test/admin, which policy.csv:2 allows role:admin",
		},
		"a rule that is not about the host": {
			"p, role:anyone, *, /*, GET, true, allow\np, role:anyone, *, /admin/*, GET, true, deny", "GET /admin/x, GET //api.test/admin/x",
			"policy.csv:1: the rule for GET /* lets role:anyone reach GET //api.test/admin/x, and policy.csv:2 for /admin/* is not about that host: write //api.test/admin/* there",
		},
	} {
		t.Run(name, func(t *testing.T) {
			eng := engine(t, c.rules)
			e := guarded(t, eng, strings.Split(c.routes, ", ")...)
			err := authz.Verify(e, eng)
			switch {
			case c.says == "" && err != nil:
				if !strings.Contains(err.Error(), "has no route") || len(asVerifyError(t, err).Exposed) > 0 {
					t.Error(err)
				}
			case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
				t.Errorf("got %v\nwant %s", err, c.says)
			}
		})
	}
}

func TestTwoHostsWithOnePathAreToldApart(t *testing.T) {
	e := guarded(t, engine(t, "p, role:anyone, *, /me, GET, true, allow"), "GET //api.test/me", "GET //admin.test/me", "GET /me")
	err := authz.Verify(e, engine(t, "p, role:anyone, *, /me, GET, true, allow"))
	if v := asVerifyError(t, err); len(v.Unruled) != 2 || v.Unruled[0].Host != "admin.test" || v.Unruled[1].Host != "api.test" {
		t.Errorf("a rule without a host is about a host's route: %v", err)
	}
}

// Each route that Echo registers has a rule that names it, or Verify says that none can.
func TestEveryRouteCanBeNamedOrVerifySaysThatItCannot(t *testing.T) {
	for _, route := range []string{
		"GET /x", "GET /*", "GET /files*", "M-SEARCH /dav/:f", "VERSION-CONTROL /x", "BASELINE-CONTROL /:a/:b", "POST /v1/matches\\:confirm",
		"GET /geo/:lat,:lng", "GET /o'brien", "GET /a b", `GET /say "x"`, "GET /é/:id", "GET //api.test/x,y", "GET //api.test:8080/*", "GET //[::1]:8080/x", "GET //API.test/x", "GET //bücher.test/:id", "GET //o'brien.test/x", "GET //*.test/x", "GET /x/", "PROPFIND /x", "GET /a:b", "GET /:a:b", "GET /*/x", "GET /x=1&y", "GET /~", "GET /:a/:a", "GET /:a/*", "GET /#", "GET /what?", "GET /a*b",
	} {
		method, path, _ := strings.Cut(route, " ")
		e := guarded(t, engine(t, smallRules), route)
		err := authz.VerifyRoutes(e, engine(t, "p, role:anyone, *, note, read, true, allow"))
		v := asVerifyError(t, err)
		if len(v.Unruled) != 1 {
			t.Errorf("%s: %v", route, err)
			continue
		}
		object, why := policy.RouteObject(v.Unruled[0].Object())
		if why != "" || object != path && !strings.Contains(err.Error(), object) {
			t.Errorf("%s: the error does not say %s: %v %s", route, object, err, why)
		}
		eng := engine(t, "p, role:anyone, *, "+object+", "+method+", true, allow")
		if err := authz.Verify(guarded(t, eng, route), eng); err != nil {
			t.Errorf("%s: %v", route, err)
		}
	}
	for route, says := range map[string]string{
		"purge /x":                          "no rule can name the method",
		"Get /x":                            "no rule can name the method",
		"GET|PUT /x":                        "no rule can name the method",
		"GET /a%2Cb":                        "cannot be reached",
		"GET /a;b":                          "cannot be reached",
		`GET /a\b`:                          "cannot be reached",
		"GET /a/../b":                       "cannot be reached",
		"GET /\x01":                         "cannot be reached",
		"GET /" + strings.Repeat("x", 1100): "none can name it, because it is too long",
	} {
		eng := engine(t, "p, role:anyone, *, /y, *, true, allow\np, role:anyone, *, /z/*, *, true, allow")
		if err := authz.Verify(guarded(t, eng, route, "GET /y", "GET /z/z"), eng); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.40q: %v", route, err)
		}
	}
	doubled := echo.New()
	eng := engine(t, smallRules)
	doubled.Use(guard(t, eng))
	doubled.GET("//api.test/x", nothing) // no host's, whatever it looks like
	if err := authz.Verify(doubled, eng); err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("a route that looks like a host's: %v", err)
	}
}
