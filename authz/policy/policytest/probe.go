package policytest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/internal/requestrow"
	"github.com/reevehq/reeve/tenant"
)

// maxAssignments bounds the values that are tried for the attributes of one condition.
const maxAssignments = 400

// maxProbes bounds the requests that mutants are told apart by.
const maxProbes = 40_000

// probesOf returns requests near the rules: each rule's own object and action and one beside
// it, asked by nobody, by users with one role or none, in each tenant, with values that stand in the
// rule's condition and values that do not. They are the same each time.
func probesOf(e *policy.Engine, cases []Case) []policy.Request {
	rules := e.Rules()
	subjects, tenants := callers(rules, cases)
	kinds := kindsOf(e.Attributes())
	rng := rand.New(rand.NewPCG(1, 2))
	var probes []policy.Request
	seen := map[[6]string]bool{}
	var types []string
	for _, r := range rules {
		if typ, _, _ := strings.Cut(r.Object, ":"); !r.IsRoute() && typ != "*" {
			types = append(types, typ)
		}
	}
	slices.Sort(types)
	types = slices.Compact(types)
	for _, r := range rules {
		for _, o := range objectsOf(r, types) {
			for _, action := range actionsOf(r, o) {
				for _, values := range assignments(r.Condition, o, kinds, rng) {
					for _, s := range subjects {
						for _, t := range tenants {
							q, ok := request(t, s, action, o, values)
							row, err := requestrow.Of(q)
							if !ok || err != nil || seen[row] {
								continue
							}
							seen[row] = true
							if probes = append(probes, q); len(probes) >= maxProbes {
								return probes
							}
						}
					}
				}
			}
		}
	}
	return probes
}

// callers are nobody, a user without a role, one of each role and every named user, and the
// tenants that rules or cases name, and one more.
func callers(rules []policy.Rule, cases []Case) ([]policy.Subject, []tenant.ID) {
	roles, users, names := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, r := range rules {
		if name, is := strings.CutPrefix(r.Subject, "role:"); is && name != "anyone" && name != "authenticated" {
			roles[name] = true
		} else if name, is := strings.CutPrefix(r.Subject, "user:"); is {
			users[name] = true
		}
		if r.Tenant != "*" {
			names[r.Tenant] = true
		}
	}
	for _, c := range cases {
		if !c.Request.Tenant.IsZero() {
			names[c.Request.Tenant.String()] = true
		}
		if list := c.Request.Subject.Roles; list != nil {
			for i := range list.Len() {
				roles[list.At(i)] = true
			}
		}
	}
	names["other"] = true
	subjects := []policy.Subject{{}, {ID: "someone"}}
	for _, name := range slices.Sorted(maps.Keys(roles)) {
		subjects = append(subjects, policy.Subject{ID: "someone", Roles: policy.RoleNames{name}})
	}
	for _, name := range slices.Sorted(maps.Keys(users)) {
		subjects = append(subjects, policy.Subject{ID: name})
	}
	var tenants []tenant.ID
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if id, err := tenant.Parse(name); err == nil {
			tenants = append(tenants, id)
		}
	}
	return subjects, tenants
}

// objectsOf returns objects of a rule, and something beside them, of another type that rules know.
func objectsOf(r policy.Rule, types []string) []policy.Object {
	object := strings.TrimPrefix(r.Object, "route:")
	if strings.HasPrefix(object, "/") {
		list := []policy.Object{policy.Route(object)}
		if parent, is := strings.CutSuffix(object, "/*"); is {
			return append(list, policy.Route(parent+"/x"))
		}
		if at := strings.LastIndexByte(object, '/'); at > 0 {
			list = append(list, policy.Route(object[:at]+"/beside"))
		}
		return list
	}
	typ, id, named := strings.Cut(object, ":")
	switch {
	case typ == "*":
		var list []policy.Object
		for _, t := range types {
			list = append(list, policy.Object{Type: t, ID: "1"})
		}
		return list
	case named && strings.HasSuffix(id, "*"):
		return []policy.Object{{Type: typ, ID: strings.TrimSuffix(id, "*") + "x"}, {Type: typ}}
	case named:
		return []policy.Object{{Type: typ, ID: id}, {Type: typ, ID: "beside"}}
	}
	list := []policy.Object{{Type: typ, ID: "1"}, {Type: typ}}
	if i := slices.IndexFunc(types, func(t string) bool { return t != typ }); i >= 0 {
		list = append(list, policy.Object{Type: types[i], ID: "1"})
	}
	return list
}

// actionsOf are the rule's action, and one that no rule has.
func actionsOf(r policy.Rule, o policy.Object) []policy.Action {
	other := policy.Action("beside")
	if o.Route != "" {
		other = "PATCH"
	}
	if r.Action == "*" || policy.IsMethod(r.Action) != (o.Route != "") {
		return []policy.Action{other}
	}
	return []policy.Action{policy.Action(r.Action), other}
}

func kindsOf(declared []policy.Attribute) map[string]policy.AttributeKind {
	kinds := map[string]policy.AttributeKind{}
	for _, a := range slices.Concat(policy.EnvAttributes(), declared) {
		kinds[a.Type+"."+a.Name] = a.Kind
		if a.Kind == policy.KindParent {
			for _, b := range declared {
				if b.Type == a.Relation.Target {
					kinds[a.Type+"."+a.Name+"."+b.Name] = b.Kind
				}
			}
		}
	}
	return kinds
}

// value is that of an attribute in one request; an unset one is not there.
type value struct {
	of, name, text string
	kind           policy.AttributeKind
	there          bool
}

var (
	mentioned = regexp.MustCompile(`r\.(sub|obj|env)\.([A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)?)`)
	quotedIn  = regexp.MustCompile(`'((?:\\.|[^'\\])*)'`)
	numberIn  = regexp.MustCompile(`[^\w'.]-?(\d+(?:\.\d+)?)`)
)

// assignments are values of the attributes that a condition asks for: those that stand in it, the
// caller's id, others, and none.
func assignments(condition string, o policy.Object, kinds map[string]policy.AttributeKind, rng *rand.Rand) [][]value {
	var texts, numbers []string
	for _, m := range quotedIn.FindAllStringSubmatch(condition, -1) {
		texts = append(texts, strings.NewReplacer(`\'`, "'", `\"`, `"`, `\\`, `\`).Replace(m[1]))
	}
	for _, m := range numberIn.FindAllStringSubmatch(quotedIn.ReplaceAllString(condition, ""), -1) {
		numbers = append(numbers, m[1])
	}
	var pools [][]value
	seen := map[string]bool{}
	for _, m := range mentioned.FindAllStringSubmatch(condition, -1) {
		of, name := m[1], m[2]
		kind := kinds[of+"."+name]
		switch {
		case of == "obj" && o.Route != "":
			kind = policy.KindString
		case of == "obj":
			kind = kinds[o.Type+"."+name]
		}
		if seen[of+"."+name] || kind == 0 || kind == policy.KindParent || of == "sub" && (name == "id" || name == "roles") || of == "obj" && name == "id" && o.Route == "" {
			continue
		}
		seen[of+"."+name] = true
		pool := []value{{of: of, name: name}}
		for _, text := range candidates(kind, texts, numbers) {
			pool = append(pool, value{of, name, text, kind, true})
		}
		pools = append(pools, pool)
	}
	total := 1
	for _, p := range pools {
		if total *= len(p); total > maxAssignments {
			break
		}
	}
	if total > maxAssignments { // some at random, the same each time
		var all [][]value
		for range maxAssignments {
			var one []value
			for _, p := range pools {
				one = append(one, p[rng.IntN(len(p))])
			}
			all = append(all, one)
		}
		return all
	}
	all := [][]value{nil}
	for _, p := range pools {
		var next [][]value
		for _, before := range all {
			for _, v := range p {
				next = append(next, append(slices.Clone(before), v))
			}
		}
		all = next
	}
	return all
}

// candidates are the texts of values of a kind, as a table has them.
func candidates(kind policy.AttributeKind, texts, numbers []string) (list []string) {
	switch kind {
	case policy.KindString:
		return append(append(list, texts...), "someone", "else")
	case policy.KindStrings:
		list = append(list, "someone", "else")
		for i, x := range texts {
			list = append(list, x, strings.Join(texts[:i+1], "|"))
		}
		return slices.Compact(list)
	case policy.KindBool:
		return []string{"true", "false"}
	case policy.KindUUID:
		return append(list, texts...)
	case policy.KindTime:
		for _, x := range texts {
			if at, err := time.Parse(time.RFC3339Nano, x); err == nil {
				for _, d := range []time.Duration{-time.Second, 0, time.Second} {
					list = append(list, at.Add(d).UTC().Format(time.RFC3339Nano))
				}
			}
		}
		return append(list, "2000-01-01T12:00:00Z")
	case policy.KindInt:
		for _, x := range texts {
			if at, err := time.Parse("2006-01-02T15:04:05Z", x); err == nil {
				numbers = append(numbers, strconv.FormatInt(at.Unix(), 10))
			}
		}
		for _, x := range numbers {
			if f, err := strconv.ParseFloat(x, 64); err == nil {
				for d := int64(-1); d <= 1; d++ {
					list = append(list, strconv.FormatInt(int64(f)+d, 10))
				}
			}
		}
		return append(list, "0")
	case policy.KindFloat:
		for _, x := range numbers {
			if f, err := strconv.ParseFloat(x, 64); err == nil {
				list = append(list, x, fmt.Sprint(f-0.5), fmt.Sprint(f+0.5))
			}
		}
		return append(list, "0")
	}
	return nil
}

// request makes one of its parts, by way of a table's row, so that each can be suggested.
func request(t tenant.ID, s policy.Subject, action policy.Action, o policy.Object, values []value) (policy.Request, bool) {
	r := policy.Request{Subject: s, Action: action, Object: o}
	if s.ID != "" || o.ID != "" {
		r.Tenant = t
	}
	if o.ID != "" {
		r.Object.Tenant = t
	}
	sub, env, obj := policy.Values{}, policy.Values{}, policy.Values{}
	r.Subject.Attributes, r.Env, r.Object.Attributes = sub, env, obj
	for _, v := range values {
		if !v.there {
			continue
		}
		x, err := parseValue(v.text, v.kind)
		if err != nil {
			return r, false
		}
		into, name := map[string]policy.Values{"sub": sub, "env": env, "obj": obj}[v.of], v.name
		if parent, of, nested := strings.Cut(name, "."); nested {
			below, is := into[parent].(policy.Values)
			if !is {
				below = policy.Values{}
				into[parent] = below
			}
			into, name = below, of
		}
		into[name] = x
	}
	return r, true
}
