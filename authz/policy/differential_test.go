package policy_test

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2/util"
	"github.com/casbin/govaluate"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/condition"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/tenant"
)

// Casbin's error for an attribute that is not there ends the whole decision, so those
// requests have no answer to compare with; the conditions' own test covers them.
func TestDecisionsAreThoseOfCasbin(t *testing.T) {
	t.Parallel()
	wanted := testneed.Scale(20_000, 50)
	compared, allowed, ruled, failed := 0, 0, 0, 0
	for seed := uint64(0); compared < wanted; seed++ {
		g := newGen(seed)
		fsys := with(g.rows()...)
		engine, casbin := mustLoad(t, fsys), newOracle(t, fsys)
		rules := engine.Rules()
		for range testneed.Scale(10, 1) {
			session := g.request()
			casbin.as(t, session, func() {
				for range 50 {
					r := g.request()
					r.Tenant, r.Subject.ID, r.Subject.Roles = session.Tenant, session.Subject.ID, session.Subject.Roles
					if r.Object.ID != "" && r.Tenant.IsZero() {
						r.Tenant = acme // whose g rows are none of a caller's without a session
					}
					if r.Object.ID != "" {
						r.Object.Tenant = r.Tenant
					}
					want, rule, err := casbin.enforce(r)
					if err != nil {
						failed++
						continue
					}
					got := decide(t, engine, r)
					if by := decisive(rules, got); got.Allowed() != want || !slices.Equal(by, rule) {
						t.Fatalf("seed %d: Casbin says %t by %q, we say %s by %q\n%+v\n%s", seed, want, rule, got.Effect, by, r, fsys["policy.csv"].Data)
					}
					checkReasons(t, rules, got)
					compared++
					if want {
						allowed++
					}
					if len(rule) > 0 {
						ruled++
					}
				}
			})
		}
	}
	t.Logf("%d decisions, %d allowed, %d by a rule, %d without an answer from Casbin", compared, allowed, ruled, failed)
	least := wanted / 30 // a million have 9.7 % and 4 %, few are not like many
	if testneed.Race {
		least /= 2
	}
	if allowed < 2*least || allowed > wanted*9/10 || ruled < allowed+least || failed > wanted/3 {
		t.Errorf("the generator does not exercise both answers: %d of %d allowed, %d by a rule, %d failed", allowed, compared, ruled, failed)
	}
}

// decisive returns the first rule that decided, as Casbin has it.
func decisive(rules []policy.Rule, d policy.Decision) []string {
	if len(d.Reasons) == 0 {
		return nil
	}
	i := slices.IndexFunc(rules, func(r policy.Rule) bool {
		return r.File == d.Reasons[0].File && r.Line == d.Reasons[0].Line
	})
	r := rules[i]
	return []string{r.Subject, r.Tenant, r.Object, r.Action, r.Condition, r.Effect.String()}
}

// checkReasons holds the reasons against the rules they name.
func checkReasons(t *testing.T, rules []policy.Rule, d policy.Decision) {
	t.Helper()
	if d.Allowed() && len(d.Reasons) == 0 {
		t.Fatal("an allow without a reason")
	}
	for _, reason := range d.Reasons {
		i := slices.IndexFunc(rules, func(r policy.Rule) bool { return r.File == reason.File && r.Line == reason.Line })
		if i < 0 || rules[i].Effect != d.Effect || reason.Effect != d.Effect {
			t.Fatalf("the reason %+v is no rule that says %s", reason, d.Effect)
		}
	}
}

// An attribute that is missing, NULL, of another type or too large for Casbin's arithmetic
// can turn an allow into a denial, never a denial into an allow.
func TestBadAttributesNeverAllowWhatCasbinDenies(t *testing.T) {
	t.Parallel()
	stricter, allowed, compared, policies := 0, 0, 0, testneed.Scale(60, 50)
	for seed := range uint64(policies) {
		g := newGen(seed)
		fsys := with(g.rows()...)
		engine, casbin := mustLoad(t, fsys), newOracle(t, fsys)
		for range 60 {
			r := g.request()
			for _, a := range []policy.AttributeSource{r.Subject.Attributes, r.Object.Attributes, r.Env} {
				spoil(g, a)
			}
			want, err := casbin.allows(t, r)
			if err != nil {
				continue
			}
			got := permits(t, engine, r)
			if got && !want {
				t.Fatalf("seed %d: Casbin denies, we allow\n%+v\n%s", seed, r, fsys["policy.csv"].Data)
			}
			compared++
			if got {
				allowed++
			}
			if want && !got {
				stricter++
			}
		}
	}
	t.Logf("%d decisions, %d allowed, %d stricter than Casbin", compared, allowed, stricter)
	if stricter == 0 || allowed < policies*5/6 {
		t.Error("the generator does not reach what this is about")
	}
}

// spoil removes or replaces some attributes.
func spoil(g gen, a policy.AttributeSource) {
	values, ok := a.(policy.Values)
	if !ok {
		return
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch g.IntN(12) {
		case 0:
			delete(values, name)
		case 1:
			values[name] = nil
		case 2:
			values[name] = pick[any](g, "1", int64(1), true, 1.5, []string{"eu"}, int64(1<<53+1))
		}
	}
}

// casbinExpression is a condition as Casbin compiles it.
func casbinExpression(t testing.TB, text string) *govaluate.EvaluableExpression {
	t.Helper()
	functions := map[string]govaluate.ExpressionFunction{"ipMatch": util.IPMatchFunc}
	for name, f := range condition.Functions() {
		functions[name] = f
	}
	expression, err := govaluate.NewEvaluableExpressionWithFunctions(util.EscapeAssertion(text), functions)
	if err != nil {
		t.Fatalf("%q: Casbin: %v", text, err)
	}
	return expression
}

// casbinSays evaluates it: "true", "false", or "unknown" for an error or for the panic that
// Casbin's Enforce makes an error of.
func casbinSays(expression *govaluate.EvaluableExpression, r policy.Request) (says string) {
	defer func() {
		if recover() != nil {
			says = "unknown"
		}
	}()
	sub, obj := plain(r.Subject.Attributes), plain(r.Object.Attributes)
	if r.Subject.ID != "" {
		sub["id"] = r.Subject.ID
	}
	if r.Object.ID != "" {
		obj["id"] = r.Object.ID
	}
	sub["roles"] = []any{}
	v, err := expression.Evaluate(map[string]any{"r_sub": sub, "r_obj": obj, "r_env": environment(r.Env)})
	if err != nil {
		return "unknown"
	}
	return map[any]string{true: "true", false: "false"}[v]
}

// The folder that ships, decided by both.
func TestTheStandardPolicyIsDecidedByCasbinAlike(t *testing.T) {
	engine, casbin := mustLoad(t, policies.Files()), newOracle(t, policies.Files())
	compared := 0
	for _, roles := range []policy.RoleNames{nil, {"viewer"}, {"editor"}, {"admin"}, {"viewer", "stranger"}} {
		for _, id := range []string{"", "alice", "bob"} {
			for _, object := range standardObjects() {
				for _, action := range []policy.Action{"GET", "POST", "PUT", "DELETE", "read", "create", "update", "delete"} {
					r := policy.Request{Tenant: tenant.MustParse("acme"), Subject: policy.Subject{ID: id, Roles: roles}, Action: action, Object: object}
					if r.Object.ID != "" {
						r.Object.Tenant = r.Tenant
					}
					if id == "" {
						r.Subject.Roles = nil
					}
					got, err := engine.Decide(t.Context(), r)
					if errors.Is(err, policy.ErrRequest) {
						continue // a method on a type, or a word on a route
					}
					want, casbinErr := casbin.allows(t, r)
					if casbinErr != nil {
						t.Fatal(casbinErr)
					}
					if err != nil || got.Allowed() != want {
						t.Errorf("%+v: Casbin %t, we %s %v", r, want, got.Effect, err)
					}
					compared++
				}
			}
		}
	}
	if compared < 500 {
		t.Errorf("only %d compared", compared)
	}
}

func standardObjects() []policy.Object {
	var objects []policy.Object
	for _, route := range []string{"/login", "/refresh", "/.well-known/jwks.json", "/livez", "/readyz", "/logout", "/logout/all", "/me", "/invoices", "/invoices/:id", "/", "/x"} {
		objects = append(objects, policy.Route(route))
	}
	for _, owner := range []string{"alice", "bob"} {
		for _, status := range []string{"draft", "paid"} {
			objects = append(objects, policy.Object{Type: "invoice", ID: "1", Attributes: policy.Values{"owner": owner, "status": status}})
		}
	}
	return objects
}

func TestAddingADenyNeverAllowsMore(t *testing.T) {
	denied := 0
	for seed := range uint64(testneed.Scale(200, 50)) {
		g := newGen(seed)
		rows := g.rows()
		deny := g.rule(g.tenant())
		if !strings.HasSuffix(deny, "deny") {
			deny = strings.TrimSuffix(deny, "allow") + "deny"
		}
		if slices.Contains(rows, deny) {
			continue
		}
		before, after := mustLoad(t, with(rows...)), mustLoad(t, with(append(rows, deny)...))
		for range 50 {
			r := g.request()
			a, b := decide(t, before, r), decide(t, after, r)
			if b.Allowed() && !a.Allowed() {
				t.Fatalf("seed %d: %s allows %+v", seed, deny, r)
			}
			if a.Allowed() && !b.Allowed() {
				denied++
			}
		}
	}
	if denied == 0 {
		t.Error("no added rule ever denied anything")
	}
}

func TestEditingATenantsRowsChangesNoDecisionOfAnother(t *testing.T) {
	changed := 0
	for seed := range uint64(testneed.Scale(200, 50)) {
		g := newGen(seed)
		shared := g.rows()
		file := func() string {
			rows := g.grants(func() string { return "acme" })
			for range 1 + g.IntN(6) {
				rows = append(rows, g.rule("acme"))
			}
			return strings.Join(slices.DeleteFunc(unique(rows), func(r string) bool { return slices.Contains(shared, r) }), "\n")
		}
		one, two := with(shared...), with(shared...)
		a, b := file(), file()
		if a == "" || b == "" {
			continue
		}
		one["tenants/acme.csv"] = &mapFile{Data: []byte(a)}
		two["tenants/acme.csv"] = &mapFile{Data: []byte(b)}
		before, after := mustLoad(t, one), mustLoad(t, two)
		for range 60 {
			r := g.request()
			x, y := decide(t, before, r), decide(t, after, r)
			if r.Tenant.String() != "acme" && x.Allowed() != y.Allowed() {
				t.Fatalf("seed %d: an edit in acme changed %+v", seed, r)
			}
			if x.Allowed() != y.Allowed() {
				changed++
			}
		}
	}
	if changed == 0 {
		t.Error("the edits changed nothing in their own tenant either")
	}
}

func TestConsistentRenamingChangesNothing(t *testing.T) {
	names := map[string]string{"editor": "e9", "viewer": "v.9", "admin": "A", "owner": "owne", "alice": "ow"}
	var pairs []string
	for from, to := range names {
		pairs = append(pairs, "role:"+from, "role:"+to)
	}
	rename := strings.NewReplacer(append(pairs, "acme", "globex2")...)
	for seed := range uint64(testneed.Scale(200, 1)) {
		g := newGen(seed)
		rows := g.rows()
		before, after := mustLoad(t, with(rows...)), mustLoad(t, with(rename.Replace(strings.Join(rows, "\n"))))
		for range 50 {
			r := g.request()
			x := decide(t, before, r)
			if r.Tenant == tenant.MustParse("acme") {
				r = within(r, "globex2")
			}
			if roles, ok := r.Subject.Roles.(policy.RoleNames); ok {
				for i, name := range roles {
					if to, ok := names[name]; ok {
						roles[i] = to
					}
				}
			}
			if y := decide(t, after, r); x.Allowed() != y.Allowed() {
				t.Fatalf("seed %d: renaming changed %+v", seed, r)
			}
		}
	}
}

// Casbin's RemovePolicy reorders rules, and with some effects that decides (D5). Here no
// order of the rows means anything.
func TestD5TheOrderOfTheRowsChangesNothing(t *testing.T) {
	for seed := range uint64(testneed.Scale(200, 1)) {
		g := newGen(seed)
		rows := g.rows()
		shuffled := slices.Clone(rows)
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(rows), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		before, after := mustLoad(t, with(rows...)), mustLoad(t, with(shuffled...))
		for range 50 {
			r := g.request()
			if decide(t, before, r).Allowed() != decide(t, after, r).Allowed() {
				t.Fatalf("seed %d: the order decides %+v", seed, r)
			}
		}
	}
}
