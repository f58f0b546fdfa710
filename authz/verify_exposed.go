package authz

import (
	"fmt"
	"math"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
)

const (
	roleAnyone        = "role:anyone"
	roleAuthenticated = "role:authenticated"
	everything        = "*"
)

// exposures returns the routes that an allow rule for everybody opens by a prefix, although
// another rule is about that route or a longer prefix and for fewer: since some allow rule is
// enough, the second decides nothing, and its author believes that it does.
func exposures(routes []Route, rules []policy.Rule) []Exposed {
	type pair struct{ wide, narrow string }
	found := map[pair]bool{}
	var list []Exposed
	for _, r := range routes {
		of := rulesOf(r, rules)
		for _, wide := range of.wide {
			narrow, unheard := of.narrower(wide)
			key := pair{position(wide.Rule), position(narrow.Rule)}
			if narrow.length == 0 || found[key] || of.closed(wide) {
				continue
			}
			found[key] = true
			list = append(list, Exposed{r, wide.Rule, narrow.Rule, why(r, wide.Rule, narrow.Rule, unheard, routes)})
		}
	}
	return list
}

// coverage is a rule and how much of a route's name it holds: the bytes of its prefix, or exact.
// 1 is the least, for the object "*".
type coverage struct {
	policy.Rule
	length int
}

const exact = math.MaxInt

// coverageOf returns 0 for a rule that does not cover the route.
func coverageOf(rule policy.Rule, action, object string) int {
	prefix, pattern := strings.CutSuffix(rule.Object, everything)
	switch {
	case rule.Object == everything && (rule.Action == everything || rule.Action == action):
		return 1
	case !rule.MatchesRoute(action, object):
		return 0
	case !pattern || strings.HasPrefix(rule.Object, "route:"):
		return exact
	}
	return 1 + len(prefix)
}

// covering are the rules about one route.
type covering struct {
	wide     []coverage          // allow by a prefix, to everybody or everybody with a session
	narrow   map[kind]coverage   // of the allow rules, the ones that hold most of the name
	closing  []policy.Rule       // deny without a condition, to everybody
	bareDeny map[string]coverage // of the deny rules that name the path on other hosts, by tenant
}

// kind tells narrow rules apart by what they are narrower than.
type kind struct {
	tenant   string
	subjects string // "" for a user or a role
	when     bool   // with a condition
	bare     bool   // for the path, on other hosts
}

func rulesOf(r Route, rules []policy.Rule) covering {
	action, object := string(routeAction(r.Method)), r.Object()
	c := covering{narrow: map[kind]coverage{}, bareDeny: map[string]coverage{}}
	for _, rule := range rules {
		length, bare := coverageOf(rule, action, object), false
		if length == 0 && r.Host != "" {
			length, bare = coverageOf(rule, action, r.Path), true
		}
		if length == 0 {
			continue
		}
		everybody := rule.Subject == roleAnyone || rule.Subject == roleAuthenticated
		if rule.Effect == policy.Deny {
			if bare && length > c.bareDeny[rule.Tenant].length {
				c.bareDeny[rule.Tenant] = coverage{rule, length}
			} else if !bare && everybody && rule.Condition == "true" {
				c.closing = append(c.closing, rule)
			}
			continue
		}
		if !bare && everybody && length < exact {
			c.wide = append(c.wide, coverage{rule, length})
		}
		k := kind{tenant: rule.Tenant, when: rule.Condition != "true", bare: bare}
		if everybody {
			k.subjects = rule.Subject
		}
		if length > c.narrow[k].length {
			c.narrow[k] = coverage{rule, length}
		}
	}
	return c
}

// narrower returns the rule that says most clearly otherwise than wide, the zero reach when
// none does; unheard is whether that rule names the path without the host, and so is not
// about the route at all.
func (c *covering) narrower(wide coverage) (best coverage, unheard bool) {
	// The author of a rule that names the host has decided on it.
	hosts := strings.HasPrefix(wide.Object, "//")
	for k, r := range c.narrow {
		if k.bare && hosts {
			continue
		}
		fewer := k.subjects == "" || k.subjects == roleAuthenticated && wide.Subject == roleAnyone ||
			k.subjects == wide.Subject && k.when && wide.Condition == "true"
		if fewer && meet(k.tenant, wide.Tenant) && r.length > wide.length && before(r, best) {
			best, unheard = r, k.bare
		}
	}
	for t, r := range c.bareDeny {
		if !hosts && meet(t, wide.Tenant) && r.length > wide.length && before(r, best) {
			best, unheard = r, true
		}
	}
	return best, unheard
}

// before reports whether a says more than b; of two that say as much it is the first of the
// files, so that the answer is the same each time.
func before(a, b coverage) bool {
	if a.length != b.length {
		return a.length > b.length
	}
	return a.File < b.File || a.File == b.File && a.Line < b.Line
}

// meet reports whether some tenant is one of both.
func meet(a, b string) bool { return a == everything || b == everything || a == b }

// closed reports whether all whom wide lets in are denied all the same.
func (c *covering) closed(wide coverage) bool {
	for _, deny := range c.closing {
		if (deny.Subject == roleAnyone || deny.Subject == wide.Subject) && (deny.Tenant == everything || deny.Tenant == wide.Tenant) {
			return true
		}
	}
	return false
}

func position(r policy.Rule) string { return fmt.Sprintf("%s:%d", r.File, r.Line) }

// why says what the two rules come to, and what to write.
func why(r Route, wide, narrow policy.Rule, unheard bool, routes []Route) string {
	text := fmt.Sprintf("%s: the rule for %s %s lets %s reach %s", position(wide), wide.Action, wide.Object, wide.Subject, r)
	if unheard {
		object := "//" + r.Host + narrow.Object
		if template, named := strings.CutPrefix(narrow.Object, "route:"); named {
			object = "route://" + r.Host + template
		}
		return fmt.Sprintf("%s, and %s for %s is not about that host: write %s there", text, position(narrow), narrow.Object, object)
	}
	text += fmt.Sprintf(", which %s allows %s", position(narrow), narrow.Subject)
	if narrow.Condition != "true" {
		text += " where " + narrow.Condition
	}
	for _, other := range routes {
		if other.Object() == wide.Object {
			return text + ": write route:" + wide.Object + " for that route alone"
		}
	}
	return text + ": write a prefix that does not cover it, or a rule for each route"
}
