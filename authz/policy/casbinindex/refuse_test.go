package casbinindex_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/rbac"
	manager "github.com/casbin/casbin/v2/rbac/default-role-manager"
	casbinutil "github.com/casbin/casbin/v2/util"

	"github.com/reevehq/reeve/authz/policy/casbinindex"
)

const temporalModel = `
[request_definition]
r = sub, dom, obj
[policy_definition]
p = sub, dom, obj, eft
[role_definition]
g = _, _, _, (_, _)
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = (p.sub == "*" || g(r.sub, p.sub, r.dom)) && keyMatch(r.dom, p.dom) && r.obj == p.obj
`

// A file has no condition functions, without which Casbin grants a role that ended long ago.
func TestAConditionThatNobodyChecksIsRefused(t *testing.T) {
	rules := "p, *, *, report, allow\np, banned, *, report, deny\n"
	for _, row := range []string{"g, bob, banned, t1, 2023-05-25 00:00:00, 2023-05-26 00:00:00", "g, bob, banned, t1, _, 9999-01-01 00:00:00", "g, bob, banned, t1, here, _"} {
		if _, err := indexText(temporalModel, rules+row); !errors.Is(err, casbinindex.ErrInvalid) || !strings.Contains(err.Error(), "nothing checks the condition") {
			t.Errorf("%s: %v", row, err)
		}
	}
	// The enforcer's own conditions are asked.
	e := loaded(t, temporalModel, rules+"g, bob, banned, t1, 2023-05-25 00:00:00, 2023-05-26 00:00:00", nil, nil)
	e.AddNamedDomainLinkConditionFunc("g", "bob", "banned", "t1", casbinutil.TimeMatchFunc)
	ix := newIndex(t, e)
	if ok, err := ix.Enforce("bob", "t1", "report"); !ok || err != nil {
		t.Error("a ban that ended holds:", ok, err)
	}
	if p := ix.Plan(); p.IsIndexed() || !p.Asks {
		t.Error(p)
	}
	for _, option := range []option{matching("g", casbinutil.KeyMatch), domainMatching("g", casbinutil.KeyMatch)} {
		if _, err := casbinindex.New(e.GetModel(), config(option)); !errors.Is(err, casbinindex.ErrInvalid) {
			t.Error("an option without effect:", err)
		}
	}
}

// Parameters that are all _ are none: domains are matched as in other sections.
func TestRolesWithoutConditionsMatchDomains(t *testing.T) {
	rules := "p, *, *, report, allow\np, banned, *, report, deny\ng, mallory, banned, t*, _, _\n"
	plain := strings.Replace(temporalModel, "keyMatch(r.dom, p.dom)", "(p.dom == '*' || r.dom == p.dom)", 1)
	for name, ix := range map[string]*casbinindex.Index{
		"unasked, by the matcher": mustIndexText(t, temporalModel, rules),
		"by the option":           mustIndexText(t, plain, rules, domainMatching("g", casbinutil.KeyMatch)),
		"by another function":     mustIndexText(t, plain, rules, domainMatching("g", func(d, p string) bool { return p == "t*" && d != "" && d[0] == 't' })),
	} {
		for dom, want := range map[string]bool{"t1": false, "u1": true, "t": false} {
			if ok, err := ix.Enforce("mallory", dom, "report"); ok != want || err != nil {
				t.Errorf("%s: %s: %t %v", name, dom, ok, err)
			}
		}
	}
}

func TestAnOptionWithoutEffectIsRefused(t *testing.T) {
	text := simple("g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act")
	f := func(...any) (any, error) { return true, nil }
	refused := map[string][]option{
		"a section that is not there":              {matching("G", casbinutil.KeyMatch)},
		"a domain function of a missing section":   {domainMatching("g2", casbinutil.KeyMatch)},
		"a domain function of a g without domains": {domainMatching("g", casbinutil.KeyMatch)},
		"no section":                       {matching("", casbinutil.KeyMatch)},
		"a section of rules":               {matching("p", casbinutil.KeyMatch)},
		"no function":                      {matching("g", nil)},
		"a function of Casbin's name":      {function("keyMatch2", f)},
		"a function named eval":            {function("eval", f)},
		"a function named like a section":  {function("g", f)},
		"a function that nothing can call": {function("is it", f)},
		"a function without a name":        {function("", f)},
		"a function that is none":          {function("mine", nil)},
	}
	for name := range map[string]bool{"keyMatch": true, "keyMatch3": true, "keyMatch4": true, "keyMatch5": true, "regexMatch": true, "ipMatch": true, "globMatch": true, "keyGet": true, "keyGet2": true, "keyGet3": true} {
		refused[name] = []option{function(name, f)}
	}
	for name, options := range refused {
		if ix, err := indexText(text, "p, a, d, read", options...); ix != nil || !errors.Is(err, casbinindex.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
		e := enforcer(t, text, "p, a, d, read")
		if ix, err := casbinindex.New(e.GetModel(), config(options...)); ix != nil || !errors.Is(err, casbinindex.ErrInvalid) {
			t.Errorf("%s, of an enforcer: %v", name, err)
		}
	}
	// All are told at once.
	_, err := indexText(text, "", refused["no section"][0], refused["keyMatch4"][0])
	if err == nil || strings.Count(err.Error(), "\n") != 1 {
		t.Error(err)
	}
}

// ownManager is a role manager of a service.
type ownManager struct{ rbac.RoleManager }

func (ownManager) HasLink(name, role string, _ ...string) (bool, error) {
	if name == "panic" {
		panic(name)
	}
	return role == "admin" && name == "alice", nil
}

// Whether a manager has a matching function cannot be asked. A link that is found and cannot be
// used is refused: passed over, it would lose a deny.
func TestAMatchingFunctionOfAnEnforcerIsNeverPassedOver(t *testing.T) {
	rules := []string{"p, admin, t1, d, read", "g, al*, admin, t1"}
	ask := func(ix *casbinindex.Index) bool {
		ok, err := ix.Enforce("alice", "t1", "d", "read")
		return ok && err == nil
	}
	e := enforcer(t, exactModel, rules...)
	if ask(newIndex(t, e)) {
		t.Fatal("without a function a name is matched")
	}
	e.AddNamedMatchingFunc("g", "", casbinutil.KeyMatch)
	if !ask(newIndex(t, e)) {
		t.Error("keyMatch")
	}
	prefix := func(name, pattern string) bool { return strings.HasPrefix(name, strings.TrimSuffix(pattern, "*")) }
	e.AddNamedMatchingFunc("g", "", prefix)
	if _, err := casbinindex.New(e.GetModel(), casbinindex.Config{}); !errors.Is(err, casbinindex.ErrInvalid) || !strings.Contains(err.Error(), `Config.Matching["g"]`) {
		t.Error(err)
	}
	if !ask(newIndex(t, e, matching("g", prefix))) {
		t.Error("given by an option")
	}
	domains := enforcer(t, exactModel, "p, admin, t1, d, read", "g, alice, admin, t*")
	domains.AddNamedDomainMatchingFunc("g", "", prefix)
	if !ask(newIndex(t, domains)) {
		t.Error("a function on domains")
	}

	own := enforcer(t, exactModel, rules...)
	own.SetRoleManager(ownManager{manager.NewRoleManager(10)})
	if err := own.BuildRoleLinks(); err != nil {
		t.Fatal(err)
	}
	ix := newIndex(t, own)
	if p := ix.Plan(); !ask(ix) || p.IsIndexed() || !p.Asks {
		t.Error("a manager of the service's own:", p)
	}
	if ok, err := ix.Enforce("panic", "t1", "d", "read"); ok || !errors.Is(err, casbinindex.ErrRequest) || !ask(ix) {
		t.Error(ok, err)
	}
	if _, err := casbinindex.New(own.GetModel(), config(matching("g", prefix))); !errors.Is(err, casbinindex.ErrInvalid) {
		t.Error(err)
	}

	plain := loaded(t, strings.NewReplacer("_, _, _, (", "_, _, (", ", r.dom)", ")").Replace(temporalModel), "g, bob, banned, _, _", nil, nil)
	plain.GetModel()["g"]["g"].CondRM.AddMatchingFunc("g", casbinutil.KeyMatch2)
	if _, err := casbinindex.New(plain.GetModel(), casbinindex.Config{}); !errors.Is(err, casbinindex.ErrInvalid) {
		t.Error("conditional roles that match a request's text as a pattern:", err)
	}
}

func TestSecondSectionsAreCheckedWhenTheModelIsLoaded(t *testing.T) {
	text := func(m2, e2 string) string {
		return strings.NewReplacer("m2 = g(r2.sub, p2.sub)", "m2 = "+m2, "e2 = !some(where (p.eft == deny))", "e2 = "+e2).Replace(simple("r.sub == p.sub"))
	}
	good := "!some(where (p.eft == deny))"
	for name, c := range map[string]struct{ model, want string }{
		"the effect names its own section": {text("true", "some(where (p2.eft == allow))"), "e2: the effect \"some(where (p2.eft == allow))\" is none of Casbin's: write some(where (p.eft == allow)), with p.eft also"},
		"the effect is none":               {text("true", "all"), `e2: the effect "all" is none of Casbin's: write some(where (p.eft == allow)), `},
		"the matcher is no expression":     {text("r2.sub == == p2.sub", good), "the matcher m2: "},
		"a function is not known":          {text("mine(r2.sub)", good), `the matcher m2: no function mine is known: pass it in Config.Functions`},
		"a role section is not there":      {text("g4(r2.sub, p2.sub)", good), "the matcher m2: g4 is no role section: define g4 under [role_definition]"},
		"the third matcher":                {strings.Replace(text("true", good), "m3 = g(r2.sub, p.sub)", "m3 = p.sub &&", 1), "the matcher m3: "},
	} {
		if _, err := indexText(c.model, ""); !errors.Is(err, casbinindex.ErrInvalid) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "p2_eft") {
			t.Errorf("%s: %v", name, err)
		}
	}
	withRequest := strings.Replace(simple("r.sub == p.sub"), "m2 = g(r2.sub, p2.sub)", "m2 = g(p2.sub, r2.sub)", 1)
	if _, err := indexText(withRequest, "", matching("g", casbinutil.KeyMatch)); !errors.Is(err, casbinindex.ErrInvalid) || !strings.Contains(err.Error(), "g(p2.sub, r2.sub)") {
		t.Error(err)
	}
	badName := simple("r.sub == p.sub")
	if _, err := indexText(badName, "p2, (, read", matching("g", casbinutil.RegexMatch)); !errors.Is(err, casbinindex.ErrInvalid) {
		t.Error("a bad pattern of a second section:", err)
	}
	// Sections that a context may put together in some other way are no error before it does.
	ix := mustIndexText(t, strings.Replace(text("g(r2.sub, p2.sub)", good), "e2 = "+good+"\n", "", 1), "p2, admin, write\ng, alice, admin")
	if ok, err := ix.Enforce(casbin.EnforceContext{RType: "r2", PType: "p2", EType: "e", MType: "m2"}, "alice", "d"); !ok || err != nil {
		t.Error(ok, err)
	}
	if ok, err := ix.Enforce(casbin.NewEnforceContext("2"), "alice", "d"); ok || !errors.Is(err, casbinindex.ErrRequest) || !strings.Contains(err.Error(), "does not define e2: define it, or name one of e in the EnforceContext") {
		t.Error(ok, err)
	}
}

const hierarchyModel = `
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act, eft
[role_definition]
g = _, _
[policy_effect]
e = subjectPriority(p.eft) || deny
[matchers]
m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act
`

func TestSubjectPriorityEndsAndIsTheSameAtEachLoad(t *testing.T) {
	for _, cycle := range []string{"g, a, root\ng, b, a\ng, a, b\n", "g, a, a\n", "g, x, root\ng, a, x\ng, b, a\ng, c, b\ng, b, c\n"} {
		_, err := indexText(hierarchyModel, "p, root, d, read, allow\n"+cycle)
		if !errors.Is(err, casbinindex.ErrInvalid) || !strings.Contains(err.Error(), "granted to itself") || strings.Contains(err.Error(), `"x"`) || strings.Contains(err.Error(), `"root"`) {
			t.Errorf("%q: %v", cycle, err)
		}
	}
	// 40 layers of diamonds are 2⁴⁰ ways.
	var rules strings.Builder
	rules.WriteString("p, n0, d, read, deny\np, n40, d, read, allow\n")
	for i := range 40 {
		fmt.Fprintf(&rules, "g, x%d, n%d\ng, y%d, n%d\ng, n%d, x%d\ng, n%d, y%d\n", i, i, i, i, i+1, i, i+1, i)
	}
	if ok, rule, err := mustIndexText(t, hierarchyModel, rules.String()).EnforceEx("n40", "d", "read"); !ok || err != nil || rule[0] != "n40" {
		t.Error(ok, rule, err)
	}
	// Two roots: the longer way counts, whichever a map yields last.
	two := "p, mid, d, read, deny\np, leaf, d, read, allow\ng, leaf, mid\ng, mid, far\ng, far, root1\ng, leaf, root2\n"
	for range 40 {
		if ok, err := mustIndexText(t, hierarchyModel, two).Enforce("leaf", "d", "read"); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
}

// With one root Casbin has an order too, and it is the same.
func TestSubjectPriorityOrdersAsCasbin(t *testing.T) {
	for seed := range 300 {
		random := rand.New(rand.NewPCG(uint64(seed), 4))
		var rules strings.Builder
		n := 2 + random.IntN(7)
		for i := 1; i < n; i++ {
			for range 1 + random.IntN(2) {
				fmt.Fprintf(&rules, "g, n%d, n%d\n", i, random.IntN(i))
			}
		}
		for range 2 + random.IntN(6) {
			fmt.Fprintf(&rules, "p, n%d, d%d, read, %s\n", random.IntN(n+1), random.IntN(2), []string{"allow", "deny"}[random.IntN(2)])
		}
		e, ix := loaded(t, hierarchyModel, rules.String(), nil, nil), mustIndexText(t, hierarchyModel, rules.String())
		for i := range n + 1 {
			for d := range 2 {
				sameAsCasbin(t, e, ix, fmt.Sprintf("n%d", i), fmt.Sprintf("d%d", d), "read")
			}
		}
	}
}

func TestAnExpressionOfAForeignModelIsBounded(t *testing.T) {
	text := simple("eval(p.sub)")
	for name, cond := range map[string]string{
		"long":   "r.sub == '" + strings.Repeat("x", 70_000) + "'",
		"nested": strings.Repeat("(", 300) + "true" + strings.Repeat(")", 300),
	} {
		e := enforcer(t, text, "p, "+cond+", d, read")
		if _, err := casbinindex.New(e.GetModel(), casbinindex.Config{}); !errors.Is(err, casbinindex.ErrInvalid) || len(err.Error()) > 300 {
			t.Errorf("%s: %.300v", name, err)
		}
		m := enforcer(t, simple("true"), "p, a, d, read").GetModel()
		m.AddDef("m", "m", cond)
		if _, err := casbinindex.New(m, casbinindex.Config{}); !errors.Is(err, casbinindex.ErrInvalid) {
			t.Errorf("%s, in the matcher: %.300v", name, err)
		}
	}
	e := enforcer(t, text, "p, "+strings.Repeat("(", 150)+"r.sub == 'a'"+strings.Repeat(")", 150)+", d, read")
	sameAsCasbin(t, e, newIndex(t, e), "a", "d", "read")
}

func TestAPanicOfCasbinsWhileLoadingIsAnError(t *testing.T) {
	for name, m := range map[string]string{"no effect of the first number": strings.Replace(exactModel, "e = some", "e2 = some", 1), "nothing": "", "one name in g": strings.Replace(exactModel, "g = _, _, _", "g = _", 1)} {
		if _, err := indexText(m, "p, a, t1, d, read\n"); !errors.Is(err, casbinindex.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := indexText(exactModel, "\ufeffp, a, t1, d, read\n"); !errors.Is(err, casbinindex.ErrInvalid) || !strings.Contains(err.Error(), "byte order mark") {
		t.Error(err)
	}
	if _, err := casbinindex.New(nil, casbinindex.Config{}); !errors.Is(err, casbinindex.ErrInvalid) {
		t.Error(err)
	}
}

func TestThePlanCountsWhatIsEvaluatedAtWorst(t *testing.T) {
	many := func(pattern string, n int) string {
		var rules strings.Builder
		for i := range n {
			fmt.Fprintf(&rules, "p, admin, "+pattern+", read\n", i)
		}
		return rules.String()
	}
	matcher := func(clause string) string { return simple("g(r.sub, p.sub) && " + clause + " && r.act == p.act") }
	mine := function("mine", keyMatchCustom)
	for name, c := range map[string]struct {
		model, rules string
		options      []option
		indexed      bool
		evaluated    int
	}{
		"keyMatch2":                          {matcher("keyMatch2(r.obj, p.obj)"), many("/d%d/:id", 500), nil, true, 0},
		"a glob has a beginning":             {matcher("globMatch(r.obj, p.obj)"), many("/d%d/*", 500), nil, true, 1},
		"globs have none":                    {matcher("globMatch(r.obj, p.obj)"), many("*/d%d/*", 500), nil, false, 500},
		"anchored regular expressions":       {matcher("regexMatch(r.obj, p.obj)"), many("^/d%d/.*$", 500), nil, true, 1},
		"regular expressions match anywhere": {matcher("regexMatch(r.obj, p.obj)"), many("/d%d/.*$", 500), nil, false, 500},
		"a function of the service":          {matcher("mine(r.obj, p.obj)"), many("/d%d", 3), []option{mine}, false, 6},
		"what is left for one group":         {matcher("r.obj != p.obj"), many("/d%d", 500), nil, false, 500},
		"what is left for few":               {matcher("r.obj != p.obj"), many("/d%d", 5), nil, true, 5},
		"names by keyMatch2":                 {matcher("r.obj == p.obj"), "g, /x/:id, admin\n" + many("/d%d", 500), []option{matching("g", casbinutil.KeyMatch2)}, true, 0},
		"names by a function of the service": {matcher("r.obj == p.obj"), "g, /x/:id, admin\n" + many("/d%d", 5), []option{matching("g", strings.HasPrefix)}, false, 2},
		"a scan":                             {simple("mine(r.obj, p.obj)"), many("/d%d", 7), []option{mine}, false, 7},
	} {
		p := mustIndexText(t, c.model, c.rules, c.options...).Plan()
		if p.IsIndexed() != c.indexed || p.Evaluated != c.evaluated {
			t.Errorf("%s: indexed %t\n%s", name, p.IsIndexed(), p)
		}
		if !slices.IsSorted(p.Notes) {
			t.Error(p.Notes)
		}
	}
}

// Among 2,000 rules of one role, globs and anchored expressions are found by their beginning.
func TestGlobsAndExpressionsAreFoundByTheirBeginning(t *testing.T) {
	for fn, pattern := range map[string]string{"globMatch": "/things%d/**/*.{txt,md}", "regexMatch": `^/things%d/(\w+/)*x\.(txt|md)$`} {
		var rules strings.Builder
		for i := range 2_000 {
			fmt.Fprintf(&rules, "p, role0, t1, \""+pattern+"\", read\n", i)
		}
		rules.WriteString("g, alice, role0, t1\n")
		ix := indexOf(t, strings.Replace(routesModel, "keyMatch2", fn, 1), rules.String())
		request := []any{"alice", "t1", "/things1234/a/b/x.md", "read"}
		if ok, rule, err := ix.EnforceEx(request...); err != nil || !ok || rule[2] != fmt.Sprintf(pattern, 1234) {
			t.Errorf("%s: %t %q %v", fn, ok, rule, err)
		}
		if n := casbinindex.Candidates(ix, request...); n != 1 {
			t.Errorf("%s: %d candidates", fn, n)
		}
	}
}

// Casbin counts sections and leaves what comes after a gap unread.
func TestASectionThatCasbinDoesNotReadIsRefused(t *testing.T) {
	for _, c := range [][2]string{{"m2 = ", "m4 = "}, {"r2 = ", "r3 = "}, {"p2 = ", "p1 = "}, {"e2 = ", "e02 = "}, {"g = ", "g2 = "}} {
		text := simple("r.sub == p.sub")
		text = strings.NewReplacer("m2 = g(r2.sub, p2.sub)", "m2 = r.sub == 'x'", "m3 = g(r2.sub, p.sub)\n", "").Replace(text)
		if _, err := indexText(text, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := indexText(strings.Replace(text, c[0], c[1], 1), ""); !errors.Is(err, casbinindex.ErrInvalid) || !strings.Contains(err.Error(), "is not read: Casbin counts") || !strings.Contains(err.Error(), "model.conf:") {
			t.Errorf("%s: %v", c[1], err)
		}
	}
}
