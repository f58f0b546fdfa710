package policy_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

const testAttributes = `
sub, dept,    string,  no,
sub, level,   int,     no,
sub, regions, strings, no,
sub, staff,   bool,    no,
env, hour,    int,     no,
env, net,     string,  no,
doc, owner,   string,  no, owner
doc, status,  string,  yes, status
doc, size,    int,     no, size
doc, score,   float,   no, score
doc, public,  bool,    no, public
doc, tags,    strings, no,
note, id,     string,  no,
route, id,    string,  no,
`

// gen makes random policies and requests over few names, so that they meet.
type gen struct{ *rand.Rand }

func newGen(seed uint64) gen { return gen{rand.New(rand.NewPCG(seed, 7))} }

func pick[T any](g gen, of ...T) T { return of[g.IntN(len(of))] }

func (g gen) tenant() string { return pick(g, "acme", "globex", "*", "*") }
func (g gen) user() string   { return pick(g, "alice", "bob", "editor") }
func (g gen) role() string   { return pick(g, "editor", "viewer", "admin", "owner", "alice") }

var (
	strAttrs  = map[string][]string{"": {"r.sub.id", "r.sub.dept", "r.env.net", "r.env.ip", "r.env.actor"}, "doc": {"r.obj.owner", "r.obj.status", "r.obj.id"}}
	numAttrs  = map[string][]string{"": {"r.sub.level", "r.env.hour", "r.env.time", "r.env.weekday"}, "doc": {"r.obj.size", "r.obj.score"}}
	boolAttrs = map[string][]string{"": {"r.sub.staff", "r.env.mfa"}, "doc": {"r.obj.public"}}
	listAttrs = map[string][]string{"": {"r.sub.regions"}, "doc": {"r.obj.tags"}}
)

func (g gen) attr(of map[string][]string, typ string) string {
	names := of[""]
	if typ != "" {
		names = append(append([]string{}, names...), of[typ]...)
	}
	return pick(g, names...)
}

func (g gen) text() string {
	q := pick(g, "'", `"`)
	return q + pick(g, "alice", "bob", "paid", "draft", "eu", "us", "", "1") + q
}

func (g gen) number() string { return pick(g, "0", "1", "2", "1.5", "-1", "-0.5", "10", "007") }

// condition returns a condition of at most the given depth.
func (g gen) condition(typ string, depth int) string {
	if depth > 0 && g.IntN(3) > 0 {
		sub := func() string { return g.condition(typ, depth-1) }
		switch g.IntN(6) {
		case 0, 1:
			return sub() + pick(g, " && ", "&&  ", "\t&& ") + sub()
		case 2, 3:
			return sub() + pick(g, " || ", "|| ", "  || ") + sub()
		case 4:
			return "(" + sub() + ")"
		}
		return "!(" + sub() + ")"
	}
	op := pick(g, " == ", " != ", " < ", " <= ", " > ", " >= ", "== ", "!= ")
	switch g.IntN(10) {
	case 7:
		return g.attr(numAttrs, typ) + " " + strings.TrimSpace(op) + " '" + pick(g, "2026-11-22T22:00:00Z", "1970-01-01T00:00:02Z", "1969-12-31T23:59:59Z") + "'"
	case 8:
		return "ipMatch(" + g.attr(strAttrs, typ) + pick(g, ",", ", ") + pick(g, "'10.0.0.0/8'", `"10.1.2.3"`, "'2001:db8::/32'", "'::/0'", "'0.0.0.0/0'", "'::1'") + ")"
	case 0:
		return g.attr(strAttrs, typ) + op + g.text()
	case 1:
		return g.attr(strAttrs, typ) + op + g.attr(strAttrs, typ)
	case 2:
		return g.attr(numAttrs, typ) + " " + strings.TrimSpace(op) + " " + g.number()
	case 3:
		return g.number() + op + g.attr(numAttrs, typ)
	case 4:
		return pick(g, "", "!") + g.attr(boolAttrs, typ)
	case 5:
		return g.attr(boolAttrs, typ) + pick(g, " == ", " != ") + pick(g, "true", "false", g.attr(boolAttrs, typ))
	case 6:
		return pick(g, g.text(), g.attr(strAttrs, typ)) + " in " + g.attr(listAttrs, typ)
	}
	return g.inList(typ)
}

func (g gen) inList(typ string) string {
	attr, value := g.attr(strAttrs, typ), g.text
	if g.IntN(2) == 0 {
		attr, value = g.attr(numAttrs, typ), func() string { return strings.TrimPrefix(g.number(), "-") }
	}
	list := []string{value()}
	for g.IntN(3) > 0 {
		list = append(list, value())
	}
	return attr + " in (" + strings.Join(list, pick(g, ",", ", ")) + ")"
}

// rule returns a p row for the tenant.
func (g gen) rule(dom string) string {
	sub := pick(g, "user:"+g.user(), "role:"+g.role(), "role:"+g.role(), "role:"+g.role(), "role:anyone", "role:authenticated")
	obj := pick(g, "/a", "/a/:id", "/a/*", "/admin/*", "/*", "//h.test/a", "//h.test/*",
		"route:/a", "route:/a/*", "route:/*", "route:/a/*/b", `route:/v\:x`, "route:/x,y \"z\" #", "route://h.test/*", "route:1", "route:*", "doc", "doc", "doc", "doc:1", "doc:1", "doc:*", "doc:x/*", "doc:x:*", "note", "note:1", "*")
	typ := ""
	if strings.HasPrefix(obj, "doc") {
		typ = "doc"
	}
	act := pick(g, "GET", "POST", "*")
	if obj[0] != '/' && !strings.HasPrefix(obj, "route:/") {
		act = pick(g, "read", "write", "*")
	}
	cond := "true"
	if g.IntN(2) == 0 {
		cond = g.condition(typ, 3)
	}
	eft := pick(g, "allow", "allow", "allow", "deny")
	return fmt.Sprintf("p, %s, %s, %s, %s, %s, %s", sub, dom, csvQuote(obj), act, csvQuote(cond), eft)
}

func csvQuote(s string) string {
	if !strings.ContainsAny(s, `,"`) {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// grants returns g rows without a cycle: a role is granted to users and to roles that come
// before it in the alphabet.
func (g gen) grants(dom func() string) []string {
	var rows []string
	for range g.IntN(6) {
		member, role := "user:"+g.user(), g.role()
		if r := g.role(); g.IntN(2) == 0 && r < role {
			member = "role:" + r
		}
		rows = append(rows, fmt.Sprintf("g, %s, role:%s, %s", member, role, dom()))
	}
	return rows
}

func unique(rows []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, r := range rows {
		if !seen[r] {
			seen[r] = true
			out = append(out, r)
		}
	}
	return out
}

// rows returns a whole policy.csv as rows.
func (g gen) rows() []string {
	var rows []string
	for range 1 + g.IntN(14) {
		rows = append(rows, g.rule(g.tenant()))
	}
	return unique(append(rows, g.grants(g.tenant)...))
}

// request returns a request in which no declared attribute is missing.
func (g gen) request() policy.Request {
	r := policy.Request{
		Tenant: tenant.MustParse(pick(g, "acme", "globex", "initech")),
		Subject: policy.Subject{
			ID: g.user(),
			Attributes: policy.Values{
				"dept": pick(g, "eu", "us", "paid"), "level": int64(g.IntN(3)), "staff": g.IntN(2) == 0,
				"regions": pick(g, []string{}, []string{"eu"}, []string{"us", "alice", "1"}),
			},
		},
		Env: policy.Values{"hour": int64(g.IntN(12)), "net": pick(g, "eu", "us"),
			"time": pick(g, int64(1795384800), 1795384801, 2, -1), "weekday": 1 + g.IntN(7), "mfa": g.IntN(2) == 0,
			"ip":    pick(g, "10.1.2.3", "10.1.2.3", "192.168.0.1", "2001:db8::1", "::ffff:10.0.0.1", "::1"),
			"actor": pick(g, "", "", "alice", "eu"),
		},
	}
	var roles policy.RoleNames
	for range g.IntN(3) {
		roles = append(roles, pick(g, g.role(), g.role(), g.role(), "stranger"))
	}
	r.Subject.Roles = roles
	if g.IntN(8) == 0 {
		r.Subject.ID, r.Subject.Roles = "", nil
		if g.IntN(2) == 0 {
			r.Tenant = tenant.ID{}
		}
	}
	if g.IntN(3) == 0 {
		r.Object = policy.Route(pick(g, "/a", "/a/:id", "/a/b/c", "/admin", "/admin/", "/admin/x", "/b", "/a/*", "/*", "/a/*/b", `/v\:x`, "/x,y \"z\" #",
			"//h.test/a", "//h.test/*", "//i.test/a"))
		r.Action = pick[policy.Action](g, "GET", "POST")
		return r
	}
	r.Action = pick[policy.Action](g, "read", "write")
	r.Object = policy.Object{
		Type: pick(g, "doc", "doc", "doc", "note", "route"),
		ID:   pick(g, "1", "1", "2", "10", "x/1", "x:1", "x", "x/", "1/x", ""),
		Attributes: policy.Values{
			"owner": pick(g, "alice", "bob"), "status": pick(g, "paid", "draft", ""), "size": int64(g.IntN(3)),
			"score": pick(g, 0.0, 1.5, -0.5), "public": g.IntN(2) == 0, "tags": pick(g, []string{}, []string{"eu", "paid"}),
		},
	}
	if r.Object.ID != "" && r.Tenant.IsZero() {
		r.Tenant = acme // an anonymous caller asks in the tenant of the object
	}
	if r.Object.ID != "" {
		r.Object.Tenant = r.Tenant
	}
	return r
}
