package policy

import (
	"strings"

	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/ascii"
	"github.com/reevehq/reeve/internal/policycsv"
	"github.com/reevehq/reeve/tenant"
)

// Rule is one p row of a policy.
type Rule struct {
	Subject   string // "user:alice", "role:editor"
	Tenant    string // a tenant's id, or "*" for all
	Object    string // "/invoices/:id", "/admin/*", "route:/*", "invoice", "invoice:42", "invoice:*", "*"
	Action    string // "GET", "update", "*"
	Condition string // "true" when there is none
	Effect    Effect
	File      string
	Line      int
}

// IsRoute reports whether the rule is for routes.
func (r Rule) IsRoute() bool { return isRoute(r.Object) }

// String returns the values of the rule, separated by commas, without CSV's quotes.
func (r Rule) String() string {
	return strings.Join([]string{"p", r.Subject, r.Tenant, r.Object, r.Action, r.Condition, r.Effect.String()}, ", ")
}

// The built-in roles. They stand in rules only: no g row may grant them.
const (
	anyone        = "role:anyone"        // every caller, with or without a session
	authenticated = "role:authenticated" // every caller with a session
)

const everything = "*" // as an object, an action, a tenant

// rule is a Rule as a snapshot keeps it: numbers of its names. Its row, file, line and
// effect stand in the snapshot's reasons.
type rule struct {
	subject uint32
	tenant  uint32 // 0 is all
	action  uint32 // 0 is every action
	typ     uint32 // 0 is none
	rest    uint32 // 0 is none
	when    uint32 // 0 is always
	shape   shape
	named   bool // written route:…
}

// target has the names that the object of a rule covers, by Casbin's keyMatch.
type target struct {
	shape shape
	typ   string // of a typed object
	rest  string // the route, the id, or how it begins
	named bool   // written route:…
}

type shape uint8

const (
	coversAll    shape = iota + 1 // *
	coversType                    // invoice: the type and every object of it
	coversOne                     // /invoices/:id, invoice:42
	coversPrefix                  // /admin/*, invoice:*
	coversSome                    // in the index alone: one or a prefix of a type that is filtered
)

// conditions says of which objects a condition may ask attributes: those of the type, or the
// parameters of the one route.
func (t target) conditions() string {
	if t.typ == "" && t.shape == coversOne {
		return t.rest
	}
	return t.typ
}

// readRule reads a p row of a file in which only the tenant only may be named, or any
// tenant when only is zero.
func (l *loader) readRule(file string, only tenant.ID, r *policycsv.Line) {
	f := r.Fields
	before := len(l.p.list)
	for i := 1; i < len(f); i++ {
		if at, why := ruleFault(f, i, only); why != "" {
			l.p.add(ruleCodes[i], file, r.Number, r.Column(f[i], at), "%s", why)
		}
	}
	goal, _ := parseTarget(f[3].Text)
	effect, _ := parseEffect(f[6].Text)

	when := uint32(0)
	if goal.shape != 0 {
		var broken *condition.Error
		when, broken = l.conds.Compile(f[5].Text, goal.conditions())
		if broken != nil {
			l.p.add(CodeRuleCondition, file, r.Number, r.Column(f[5], broken.At), "%s", broken.Msg)
		}
	}
	if len(l.p.list) == before && effect == Allow && l.ceiling != nil && !only.IsZero() {
		if i, why := l.ceiling.ruleAbove(only, f[1].Text, goal, f[4].Text); i != 0 {
			l.p.add(CodeCeilingAbove, file, r.Number, f[i].Col, "%s", why)
		}
	}
	if why := l.unlisted(goal.typ, when); why != "" {
		l.p.add(CodeRuleFilter, file, r.Number, r.Column(f[5], 0), "%s", why)
	}
	if len(l.p.list) == before {
		l.distinct(CodeRuleTenant, file, r, 2)
	}
	if len(l.p.list) > before {
		return
	}
	n := l.names
	l.rules = append(l.rules, rule{
		subject: n.addName(f[1].Text), tenant: n.addTenant(f[2].Text), action: n.addWord(f[4].Text),
		typ: n.addWord(goal.typ), rest: n.addObject(goal.rest), when: when, shape: goal.shape, named: goal.named,
	})
	l.reasons = append(l.reasons, Reason{File: file, Line: r.Number, Rule: strings.TrimLeft(r.Text, " \t"), Effect: effect})
}

// ruleFault returns what is wrong with value i of a p row, and at which of its bytes. Why is
// "" when nothing is; the condition is not looked at.
func ruleFault(f []policycsv.Field, i int, only tenant.ID) (at int, why string) {
	text := func(i int) string {
		if i < len(f) {
			return f[i].Text
		}
		return ""
	}
	switch i {
	case 1:
		if why = checkName(text(1)); why != "" {
			return nameHint(text(1), why)
		}
	case 2:
		if why = checkTenant(text(2), only); why != "" {
			return tenantHint(text(2), why)
		}
	case 3:
		if _, why = parseTarget(text(3)); why != "" {
			return objectHint(text(3), why)
		}
	case 4:
		object := text(3)
		if why = checkAction(object, text(4)); why == "" {
			return 0, ""
		}
		if _, bad := parseTarget(object); bad != "" { // the object has an error of its own
			object = everything
			why = checkAction(object, text(4))
		}
		if why != "" {
			return actionHint(object, text(4), why)
		}
	case 6:
		if _, why = parseEffect(text(6)); why != "" {
			return effectHint(text(5), text(6), why)
		}
	}
	return 0, ""
}

// checkName returns what is wrong with a name that a rule may be for.
func checkName(s string) string {
	space, name, found := strings.Cut(s, ":")
	switch {
	case s == "":
		return "an empty name"
	case found && space == "role" && validRole(name):
		return ""
	case found && space == "user" && nameable(name):
		return ""
	case found && (space == "role" || space == "user"):
		return quote(s) + " is not a valid name"
	}
	return quote(s) + " is neither user:… nor role:…"
}

func checkTenant(s string, only tenant.ID) string {
	if !only.IsZero() && s != only.String() {
		return quote(s) + " in the file of the tenant " + only.String() + ": a tenant's file speaks for that tenant alone"
	}
	if s == everything {
		return ""
	}
	if _, err := tenant.Parse(s); err != nil {
		return quote(s) + " is neither * nor a tenant"
	}
	return ""
}

// checkAction holds the action against the object. HEAD is refused because it is decided
// as GET, so that a rule for it would never be met.
func checkAction(object, action string) string {
	method, word := validMethod(action), validWord(action)
	switch {
	case action == everything:
		return ""
	case action == "HEAD":
		return "HEAD is decided as GET: write GET"
	case isRoute(object) && !method:
		return quote(action) + " on a route: write a method in upper case, or *"
	case object != everything && !isRoute(object) && !word:
		return quote(action) + " on a typed object: write a word in lower case, or *"
	case !method && !word:
		return quote(action) + " is neither a method in upper case, nor a word in lower case, nor *"
	}
	return ""
}

func parseEffect(s string) (e Effect, why string) {
	switch s {
	case "allow":
		return Allow, ""
	case "deny":
		return Deny, ""
	}
	return Deny, "unknown effect " + quote(s) + ": write allow or deny, and nothing after it"
}

func parseTarget(s string) (t target, why string) {
	if isNamedRoute(s) {
		return parseNamedRoute(s)
	}
	pattern := strings.HasSuffix(s, "*")
	if n := strings.Count(s, "*"); n > 1 || n == 1 && !pattern {
		return target{}, "* stands only at the end of an object: Casbin ignores what follows it"
	}
	switch {
	case s == "":
		return target{}, "an empty object"
	case s == everything:
		return target{shape: coversAll}, ""
	case !printable(s) || !ascii.All(s, isObjectByte):
		return target{}, quote(s) + ` is not an object: no spaces and none of , " ' # ? \`
	case s[0] == '/':
		return parseRoute(s, pattern)
	}
	typ, id, found := strings.Cut(s, ":")
	switch {
	case strings.HasPrefix(id, "//") && (typ == "http" || typ == "https" || typ == "ws" || typ == "wss"):
		return target{}, quote(s) + " is a URL: write the route"
	case !validWord(typ) || len(id) > maxIDLength:
		return target{}, quote(s) + " is neither a route such as /invoices/:id nor a type such as invoice"
	case typ == ofSubject || typ == ofObject || typ == ofEnv:
		return target{}, quote(typ) + " is no object type: it names a part of the request in conditions"
	case !found:
		return target{shape: coversType, typ: typ}, ""
	case id == "":
		return target{}, quote(s) + " has no id after the colon"
	case !pattern:
		return target{shape: coversOne, typ: typ, rest: id}, ""
	}
	prefix := strings.TrimSuffix(id, everything)
	if prefix != "" && !atBoundary(prefix) {
		return target{}, "* stands only after : or /, so that it never ends within a name"
	}
	return target{shape: coversPrefix, typ: typ, rest: prefix}, ""
}

// isObjectByte reports whether a byte may stand in an object, of those that are printable.
func isObjectByte(b byte) bool {
	switch b {
	case ' ', ',', '"', '\'', '#', '?', '\\':
		return false
	}
	return true
}

func parseRoute(s string, pattern bool) (t target, why string) {
	prefix := strings.TrimSuffix(s, everything)
	switch {
	case len(s) > maxRouteLength:
		return target{}, "the route is too long"
	case !pattern:
		return target{shape: coversOne, rest: s}, ""
	case !strings.HasSuffix(prefix, "/"):
		return target{}, "* stands only after / in a route"
	}
	return target{shape: coversPrefix, rest: prefix}, ""
}

// atBoundary reports whether s ends where a prefix may end.
func atBoundary(s string) bool {
	return strings.HasSuffix(s, "/") || strings.HasSuffix(s, ":")
}
