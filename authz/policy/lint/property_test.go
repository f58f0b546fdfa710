package lint_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/lint"
)

// drawDamaged returns the base with some bytes of one file replaced.
func drawDamaged(t *rapid.T, files map[string]string) {
	name := rapid.SampledFrom([]string{"policy.csv", "policy.csv", "attributes.csv", "tenants/acme.csv", "policy_test.csv", "model.conf"}).Draw(t, "file")
	content := files[name]
	for range rapid.IntRange(0, 3).Draw(t, "edits") {
		at := rapid.IntRange(0, len(content)).Draw(t, "at")
		end := min(len(content), at+rapid.IntRange(0, 6).Draw(t, "cut"))
		insert := rapid.SampledFrom([]string{"", "\n", ",", `"`, " ", "*", "p, ", "g, ", "/", ":", "role:", "\x00", "\xff", "\ufeff", "é", "(", ")", "!", "||", "&&", "deny", "r.env.hour", "# x", ";", "\r", "'"}).Draw(t, "insert")
		content = content[:at] + insert + content[end:]
	}
	files[name] = content
}

// A look at the files, whatever they hold, ends with findings whose places there are, and one of
// these says that the policy does not load exactly when it does not.
func TestAPolicyDoesNotLoadExactlyWhenAFindingSaysSo(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		files := base(t)
		drawDamaged(rt, files)
		found, err := lint.Folder(folder(files), lint.Options{Routes: routes})
		if err != nil {
			rt.Fatal(err)
		}
		for _, f := range found {
			if f.Rule.ID == "" || f.Message == "" || f.Line > 0 && (f.Col < 1 || f.EndCol < f.Col) || f.Source != "" && f.EndCol > len(f.Source)+1 {
				rt.Errorf("%+v", f)
			}
		}
		if slices.ContainsFunc(found, func(f lint.Finding) bool { return strings.HasPrefix(f.Rule.ID, "RV12") && f.Rule.ID == "RV125" }) {
			return // the model is no longer meant to be the standard one
		}
		_, broken := policy.Load(folder(files), policy.Options{})
		said := slices.ContainsFunc(found, func(f lint.Finding) bool { return f.Code != "" && f.Code != "test-table" })
		if (broken != nil) != said {
			rt.Errorf("it loads with %v, and the findings are\n%s", broken, text(found))
		}
	})
}

// Fixes end, and what they leave has no fix.
func TestFixesEnd(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		files := base(t)
		drawDamaged(rt, files)
		for i := 0; ; i++ {
			found, err := lint.Folder(folder(files), lint.Options{})
			if err != nil {
				rt.Fatal(err)
			}
			changed, err := lint.Apply(files, found)
			if err != nil {
				rt.Fatal(err)
			}
			if len(changed) == 0 {
				return
			}
			if i > 10 {
				rt.Fatalf("fixes do not end:\n%s", text(found))
			}
			for name, content := range changed {
				files[name] = content
			}
		}
	})
}

func FuzzCasbin(f *testing.F) {
	f.Add("[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act, eft\n[role_definition]\ng = _, _\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\nm = g(r.sub, p.sub) && regexMatch(r.obj, p.obj)\n",
		"p, a, ^/x$, read, allow\ng, b, a\ng, a, b\n")
	f.Add("", "p")
	f.Add("p=\ng=\n", "p,\ng,\n\"")
	f.Add("p = a\\\n", "p, \xff\np,p,p")
	f.Fuzz(func(t *testing.T, model, rows string) {
		for _, x := range lint.Casbin("model.conf", model, "policy.csv", rows, lint.Options{}) {
			if x.Rule.ID == "" || x.Line < 0 || x.EndCol < x.Col || x.Source != "" && x.EndCol > len(x.Source)+1 {
				t.Errorf("%+v", x)
			}
		}
	})
}
