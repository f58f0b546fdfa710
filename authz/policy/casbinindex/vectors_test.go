package casbinindex_test

import (
	"encoding/json"
	"errors"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/casbin/casbin/v2/rbac"
	casbinutil "github.com/casbin/casbin/v2/util"
	"github.com/casbin/govaluate"

	"github.com/reevehq/reeve/authz/policy/casbinindex"
)

// casbinPairs is the folder of models and policies as projects use them, with requests and
// decisions: casbin-real in REEVE_VECTORS, or in shared/vectors beside the repository. It is
// optional: without it the test is skipped, also in CI.
func casbinPairs(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("REEVE_VECTORS")
	if dir == "" {
		dir = filepath.Join(moduleRoot(t), "..", "shared", "vectors")
	}
	cases, err := filepath.Glob(filepath.Join(dir, "casbin-real", "*", "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Skip("no Casbin policies here: set REEVE_VECTORS to a folder that holds casbin-real/*/cases.json")
	}
	for i := range cases {
		cases[i] = filepath.Dir(cases[i])
	}
	return cases
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir
		}
	}
	t.Fatal("no go.work above", dir, err)
	return ""
}

// pairCases is cases.json of a pair.
type pairCases struct {
	Needs struct {
		Functions                    map[string]string
		RoleMatching, DomainMatching string
	}
	Cases []struct {
		ID      string
		Request []string
		Expect  bool
	}
}

// The functions that the pairs need, by their description.
var pairFunctions = map[string]func(value, pattern string) bool{
	"globOrRegexMatch": func(value, pattern string) bool {
		matches, err := path.Match(strings.ReplaceAll(pattern, "/", "\x00"), strings.ReplaceAll(value, "/", "\x00"))
		return err == nil && matches
	},
	"matchKeyByPart": func(value, pattern string) bool {
		if pattern == "*" {
			return true
		}
		values, patterns := strings.Split(value, "/"), strings.Split(pattern, "/")
		if len(values) != len(patterns) {
			return false
		}
		for i, v := range values {
			before, _, star := strings.Cut(patterns[i], "*")
			if v == "" || patterns[i] == "" || v != patterns[i] && !(star && strings.HasPrefix(v, before)) {
				return false
			}
		}
		return true
	},
	"suffixIs": strings.HasSuffix,
}

// Each pair is decided as it is written down, and as stock Casbin decides, from its files and
// from an enforcer's model.
func TestIndexDecidesThePoliciesOfProjectsAsCasbin(t *testing.T) {
	for _, dir := range casbinPairs(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(dir, "cases.json"))
			if err != nil {
				t.Fatal(err)
			}
			var c pairCases
			if err := json.Unmarshal(data, &c); err != nil {
				t.Fatal(err)
			}
			modelPath, policyPath := filepath.Join(dir, "model.conf"), filepath.Join(dir, "policy.csv")
			e, err := casbin.NewEnforcer(modelPath, policyPath)
			if err != nil {
				t.Fatal(err)
			}
			options := c.options(t, e)
			fromFiles, err := casbinindex.Load(modelPath, policyPath, config(options...))
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := model.NewModelFromFile(modelPath)
			if err != nil {
				t.Fatal(err)
			}
			for _, sec := range []string{"p", "g"} {
				for name, a := range e.GetModel()[sec] {
					parsed[sec][name].Policy = a.Policy
				}
			}
			fromModel, err := casbinindex.New(parsed, config(options...))
			if err != nil {
				t.Fatal(err)
			}
			fromEnforcer, err := casbinindex.New(e.GetModel(), config(options...))
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Cases) == 0 {
				t.Fatal("no cases")
			}
			t.Log(len(c.Cases), "cases\n"+fromFiles.Plan().String())
			for range 2 { // and once more, after all others
				for _, test := range c.Cases {
					request := make([]any, len(test.Request))
					for i, v := range test.Request {
						request[i] = v
					}
					for _, ix := range []*casbinindex.Index{fromFiles, fromModel, fromEnforcer} {
						if ok, err := ix.Enforce(request...); err != nil || ok != test.Expect {
							t.Errorf("%s: %q: %t %v, want %t", test.ID, test.Request, ok, err, test.Expect)
						}
						sameAsCasbin(t, e, ix, request...)
					}
				}
			}
		})
	}
}

// options gives an enforcer what a pair needs, and returns the same for an index.
func (c *pairCases) options(t *testing.T, e *casbin.Enforcer) (options []option) {
	t.Helper()
	for name := range c.Needs.Functions {
		match := pairFunctions[name]
		if match == nil {
			t.Fatalf("the pair needs a function %s, which this test does not have", name)
		}
		fn := govaluate.ExpressionFunction(func(args ...any) (any, error) {
			value, ok := args[0].(string)
			pattern, too := args[1].(string)
			if !ok || !too {
				return nil, errors.New("texts only")
			}
			return match(value, pattern), nil
		})
		e.AddFunction(name, fn)
		options = append(options, function(name, fn))
	}
	known := map[string]rbac.MatchingFunc{"keyMatch": casbinutil.KeyMatch, "keyMatch2": casbinutil.KeyMatch2}
	for _, helper := range []struct {
		text   string
		add    func(ptype, name string, fn rbac.MatchingFunc) bool
		option func(section string, fn func(string, string) bool) option
	}{
		{c.Needs.RoleMatching, e.AddNamedMatchingFunc, matching},
		{c.Needs.DomainMatching, e.AddNamedDomainMatchingFunc, domainMatching},
	} {
		if helper.text == "" {
			continue
		}
		name, section, ok := strings.Cut(helper.text, " on ")
		if !ok || known[name] == nil || !helper.add(section, "", known[name]) {
			t.Fatalf("the pair needs %q, which this test does not know", helper.text)
		}
		options = append(options, helper.option(section, known[name]))
	}
	return options
}
