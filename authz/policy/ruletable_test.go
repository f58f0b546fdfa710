package policy_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/tenant"
)

// An object's type and id are looked for one by one; a type without a number must not let the
// id be taken for a route, which is an object without a type.
func TestAnObjectOfATypeThatNoRuleNamesIsNoRoute(t *testing.T) {
	for _, object := range []string{"/a", "/a/*", "/*"} {
		fsys := with("p, role:anyone, *, "+object+", *, true, allow", "p, role:anyone, *, note, read, true, allow")
		e, casbin := mustLoad(t, fsys), newOracle(t, fsys)
		for _, typ := range []string{"doc", "note"} {
			for _, id := range []string{"/a", "/a/b", ""} {
				r := asks("", "read", policy.Object{Type: typ, ID: id})
				want, err := casbin.allows(t, r)
				if err != nil {
					t.Fatal(err)
				}
				if got := allows(t, e, r); got != want || got != (typ == "note") {
					t.Errorf("a rule for %s, and %s %q: %t, Casbin %t", object, typ, id, got, want)
				}
			}
		}
		if !allows(t, e, asks("", "GET", policy.Route("/a"))) && object == "/a" {
			t.Error("the route itself is denied")
		}
	}
}

// crowd is a policy with many names and many rules for one object, where the lists that are
// searched are long, and a reading of it that looks at every rule.
type crowd struct {
	gen
	rows   []string
	rules  [][]string // the values of the p rows
	grants [][]string // who, role, tenant
}

func (c *crowd) name() string {
	return pick(c.gen, fmt.Sprintf("user:u%d", c.IntN(20)), fmt.Sprintf("role:r%d", c.IntN(60)), fmt.Sprintf("role:r%d", c.IntN(60)), "role:anyone", "role:authenticated")
}

func newCrowd(seed uint64) *crowd {
	c := &crowd{gen: newGen(seed)}
	dense := seed%4 == 0
	rules := 20 + c.IntN(150)
	if dense {
		rules *= 4
	}
	for range rules {
		object := pick(c.gen, "doc:1", "doc:1", "doc:1", "doc", "*", "doc:*", "doc:a/*", "doc:a/b:*", "doc:"+strings.Repeat("x/", c.IntN(30))+"*", "/a", "/a/*", "/a/b/*")
		action := pick(c.gen, "read", "read", "write", "*")
		if object[0] == '/' {
			action = pick(c.gen, "GET", "*")
		}
		if dense {
			object, action = pick(c.gen, "doc:1", "doc:1", object), "*"
		}
		// Denies are few among many, so that not every caller meets one.
		effect := "allow"
		if c.IntN(40) == 0 {
			effect = "deny"
		}
		c.rows = append(c.rows, fmt.Sprintf("p, %s, %s, %s, %s, true, %s", c.name(), c.tenant(), object, action, effect))
	}
	c.rows = unique(c.rows)
	for _, row := range c.rows {
		c.rules = append(c.rules, strings.Split(row, ", ")[1:])
	}
	for range c.IntN(80) {
		from := c.IntN(58)
		member := fmt.Sprintf("role:r%d", from)
		if c.IntN(2) == 0 {
			member = fmt.Sprintf("user:u%d", c.IntN(20))
		}
		// Few steps, so that no chain is too long.
		role := fmt.Sprintf("role:r%d", min((from/10+1)*10+c.IntN(10), 59))
		if role != member {
			c.grants = append(c.grants, []string{member, role, c.tenant()})
			c.rows = append(c.rows, "g, "+strings.Join(c.grants[len(c.grants)-1], ", "))
		}
	}
	c.rows = unique(c.rows)
	return c
}

// names are the caller's names, found by following every grant until nothing new is found.
func (c *crowd) names(r policy.Request) map[string]bool {
	names := map[string]bool{"role:anyone": true}
	if r.Subject.ID == "" {
		return names
	}
	names["role:authenticated"], names["user:"+r.Subject.ID] = true, true
	for i := range r.Subject.Roles.Len() {
		names["role:"+r.Subject.Roles.At(i)] = true
	}
	for before := 0; before < len(names); {
		before = len(names)
		for _, g := range c.grants {
			if names[g[0]] && (g[2] == "*" || g[2] == r.Tenant.String()) {
				names[g[1]] = true
			}
		}
	}
	return names
}

// decide reads every row and returns those that decide.
func (c *crowd) decide(r policy.Request) []string {
	name := r.Object.Route
	if r.Object.Type != "" {
		name = r.Object.Type + ":" + r.Object.ID
	}
	names := c.names(r)
	var allow, deny []string
	for i, p := range c.rules {
		if !names[p[0]] || p[1] != "*" && p[1] != r.Tenant.String() || p[3] != "*" && p[3] != string(r.Action) {
			continue
		}
		prefix, pattern := strings.CutSuffix(p[2], "*")
		if !(pattern && strings.HasPrefix(name, prefix)) && name != p[2] && r.Object.Type != p[2] {
			continue
		}
		if p[5] == "deny" {
			deny = append(deny, c.rows[i])
		} else if allow == nil {
			allow = []string{c.rows[i]}
		}
	}
	if deny != nil {
		return deny
	}
	return allow
}

func (c *crowd) request() policy.Request {
	r := policy.Request{Tenant: tenant.MustParse(pick(c.gen, "acme", "globex", "initech")), Subject: policy.Subject{ID: fmt.Sprintf("u%d", c.IntN(22))}, Action: pick[policy.Action](c.gen, "read", "write")}
	var roles policy.RoleNames
	for range pick(c.gen, 0, 0, 1, 1, 3, 20, 100) {
		roles = append(roles, fmt.Sprintf("r%d", c.IntN(70)))
	}
	r.Subject.Roles = roles
	r.Object = pick(c.gen, doc("1"), doc("1"), doc("2"), doc("a/b:c"), doc("a/b"), doc(strings.Repeat("x/", c.IntN(40))+"y"))
	if c.IntN(5) == 0 {
		r.Action, r.Object = "GET", policy.Route(pick(c.gen, "/a", "/a/b", "/a/b/c", "/b"))
	}
	if c.IntN(10) == 0 {
		r.Subject.ID, r.Subject.Roles = "", nil
	}
	if r.Object.ID != "" {
		r.Object.Tenant = r.Tenant
	}
	return r
}

// Casbin would take minutes for these; reading every rule is an oracle as plain.
func TestDecisionsAreThoseOfReadingEveryRule(t *testing.T) {
	allowed, denied, compared := 0, 0, 0
	for seed := range uint64(testneed.Scale(60, 50)) {
		c := newCrowd(seed)
		e := mustLoad(t, with(c.rows...))
		for range 40 {
			r := c.request()
			want := c.decide(r)
			d := decide(t, e, r)
			var got []string
			for _, reason := range d.Reasons {
				got = append(got, reason.Rule)
			}
			if diff := cmp.Diff(want, got); diff != "" || d.Allowed() && len(got) == 0 {
				t.Fatalf("seed %d: %+v\n%s\n%s", seed, r, diff, strings.Join(c.rows, "\n"))
			}
			compared++
			switch {
			case d.Allowed():
				allowed++
			case len(got) > 0:
				denied++
			}
		}
	}
	t.Logf("%d decisions, %d allowed, %d denied by a rule", compared, allowed, denied)
	if allowed < compared/10 || denied < compared/10 || allowed+denied > compared*49/50 {
		t.Error("the answers are too much alike")
	}
}

// tenants is a policy of n rules in tenants of a hundred, with exact objects, routes that
// begin alike, and a condition.
func tenants(n int) string {
	var b strings.Builder
	for i := range n {
		home, role := i/100, i/10%10
		switch i % 10 {
		case 0:
			fmt.Fprintf(&b, "g, user:u%d-%d, role:r%d, t%d\n", home, role, role, home)
			fmt.Fprintf(&b, "p, role:r%d, t%d, /r%d/:id/*, GET, true, allow\n", role, home, role)
		case 1:
			fmt.Fprintf(&b, "p, role:r%d, t%d, doc:d%d, write, r.obj.owner == r.sub.id, allow\n", role, home, role)
		default:
			fmt.Fprintf(&b, "p, role:r%d, t%d, doc:d%d-%d, read, true, allow\n", role, home, role, i%10)
		}
	}
	return b.String()
}

func TestDecidingAmongManyRulesDoesNotAllocate(t *testing.T) {
	e := mustLoad(t, folder(map[string]string{"policy.csv": tenants(20_000), "attributes.csv": testAttributes}))
	in := func(r policy.Request) policy.Request { return within(r, "t150") }
	var many policy.RoleNames
	for i := range 40 {
		many = append(many, fmt.Sprintf("r%d", i))
	}
	owned := policy.Object{Type: "doc", ID: "d3", Attributes: policy.Values{"owner": "u150-3"}}
	for _, c := range []struct {
		name    string
		r       policy.Request
		allowed bool
	}{
		{"an exact object", in(asks("u150-3", "read", doc("d3-5"))), true},
		{"another's object", in(asks("u150-3", "read", doc("d4-5"))), false},
		{"an object that no rule names", in(asks("u150-3", "read", doc("nothing"))), false},
		{"a caller that no rule names", in(asks("stranger", "read", doc("d3-5"))), false},
		{"a route by its beginning", in(asks("u150-3", "GET", policy.Route("/r3/:id/a/b/c/d/e/f"))), true},
		{"a route of forty segments", in(asks("u150-3", "GET", policy.Route("/r3/:id/"+strings.Repeat("x/", 40)))), true},
		{"a session of forty roles", in(asks("u150-3", "read", doc("d3-5"), many...)), true},
		{"a condition that holds", in(asks("u150-3", "write", owned)), true},
		{"a condition that does not", in(asks("u150-4", "write", owned)), false},
	} {
		if got := allows(t, e, c.r); got != c.allowed {
			t.Errorf("%s: %t", c.name, got)
		}
		if n := testing.AllocsPerRun(200, func() { _, _ = e.Decide(t.Context(), c.r) }); n > 0 {
			t.Errorf("%s: %v allocations", c.name, n)
		}
	}
}

func TestARuleTakesAtMost300Bytes(t *testing.T) {
	const n = 50_000
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	var distinct strings.Builder
	for i := range n {
		fmt.Fprintf(&distinct, "p, role:editor, *, doc:d%d, read, true, allow\n", i)
	}
	for name, c := range map[string]struct {
		rows string
		most int64
	}{
		"tenants and roles": {tenants(n), 230},
		// The worst there is: each rule brings a name and a group of its own, just after the
		// table of names has doubled.
		"an object each": {distinct.String(), 300},
	} {
		before := heap()
		e := mustLoad(t, folder(map[string]string{"policy.csv": c.rows, "attributes.csv": testAttributes}))
		each := (heap() - before) / n
		t.Logf("%s: %d bytes a rule", name, each)
		if each > c.most || each < 50 {
			t.Errorf("%s: %d bytes a rule", name, each)
		}
		if len(e.Rules()) != n {
			t.Error("the rules are not there")
		}
	}
}

func TestRulesAreToldAsTheyAreWritten(t *testing.T) {
	var want []policy.Rule
	var rows []string
	for i, object := range []string{"*", "/a/:id", "/a/*", "/*", "doc", "doc:1", "doc:*", "doc:a/*", "doc:a:*", "note:x:y"} {
		r := policy.Rule{
			Subject: []string{"user:alice", "role:editor", "role:anyone"}[i%3], Tenant: []string{"*", "acme"}[i%2], Object: object,
			Action: "*", Condition: []string{"true", "r.sub.level > 1"}[i%2], Effect: policy.Effect(i % 2), File: "policy.csv", Line: i + 1,
		}
		want, rows = append(want, r), append(rows, r.String())
	}
	e := mustLoad(t, with(rows...))
	if diff := cmp.Diff(want, e.Rules()); diff != "" {
		t.Error(diff)
	}
	want = slices.DeleteFunc(want, func(r policy.Rule) bool { return !r.IsRoute() })
	if diff := cmp.Diff(want, e.RouteRules()); diff != "" {
		t.Error(diff)
	}
}

func TestARuleIsNamedOnceHoweverOftenTheCallerHasItsName(t *testing.T) {
	rows := []string{"p, role:twice, *, doc:1, read, true, deny", "g, role:other, role:twice, *"}
	for i := range 400 {
		rows = append(rows, fmt.Sprintf("p, user:u%d, *, doc:1, read, true, allow", i))
	}
	e := mustLoad(t, with(rows...))
	for _, n := range []int{1, 2, 30} {
		roles := slices.Repeat(policy.RoleNames{"twice", "other"}, n)
		if d := decide(t, e, asks("bob", "read", doc("1"), roles...)); len(d.Reasons) != 1 || d.Reasons[0].Line != 1 {
			t.Errorf("%d roles: %+v", len(roles), d.Reasons)
		}
	}
}
