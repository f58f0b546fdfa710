package lint_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/lint"
	"github.com/reevehq/reeve/policies"
)

// fixture is a pair of a bad and a good policy.
type fixture struct {
	rule      lint.Rule
	bad, good map[string]string
	opts      lint.Options
}

// readFixture reads testdata/rules/<name>.txtar. A policy without a model.conf has the standard
// model.
func readFixture(t testing.TB, r lint.Rule) fixture {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "rules", r.Name+".txtar"))
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{rule: r, bad: map[string]string{}, good: map[string]string{}}
	var into map[string]string
	name := ""
	for line := range strings.Lines(string(data)) {
		trimmed := strings.TrimSuffix(line, "\n")
		if inner, ok := strings.CutPrefix(trimmed, "-- "); ok && strings.HasSuffix(inner, " --") {
			side, file, _ := strings.Cut(strings.TrimSuffix(inner, " --"), "/")
			into, name = map[string]map[string]string{"bad": f.bad, "good": f.good}[side], file
			into[name] = ""
			continue
		}
		if into != nil {
			into[name] += line
			continue
		}
		key, value, _ := strings.Cut(trimmed, ": ")
		switch key {
		case "routes":
			for route := range strings.SplitSeq(value, ", ") {
				method, template, _ := strings.Cut(route, " ")
				f.opts.Routes = append(f.opts.Routes, lint.Route{Method: method, Template: template})
			}
		case "roles":
			f.opts.Roles = strings.Fields(value)
		case "before":
			f.opts.Before = folder(withModel(t, map[string]string{"policy.csv": strings.ReplaceAll(value, "|", "\n")}))
		default:
			t.Fatalf("%s: %q", r.Name, trimmed)
		}
	}
	if f.bad["policy.csv"] == "" || f.good["policy.csv"] == "" {
		t.Fatalf("%s has no two policies", r.Name)
	}
	withModel(t, f.bad)
	withModel(t, f.good)
	return f
}

func withModel(t testing.TB, files map[string]string) map[string]string {
	t.Helper()
	if files["model.conf"] == "" {
		data, err := fs.ReadFile(policies.Files(), "model.conf")
		if err != nil {
			t.Fatal(err)
		}
		files["model.conf"] = string(data)
	}
	return files
}

func TestEveryRuleHasAPageAndFixtures(t *testing.T) {
	pages := filepath.Join("..", "..", "..", "policies", "rules")
	ids, names := map[string]bool{}, map[string]bool{}
	for _, r := range lint.Rules() {
		if ids[r.ID] || names[r.Name] || r.Summary == "" {
			t.Errorf("%+v stands twice, or says nothing", r)
		}
		ids[r.ID], names[r.Name] = true, true
		page, err := os.ReadFile(filepath.Join(pages, r.Name+".md"))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, want := range []string{"# " + r.ID + " " + r.Name + "\n", r.Summary, "\n## Avoid\n", "\n## Prefer\n", "\n## Why\n"} {
			if !strings.Contains(string(page), want) {
				t.Errorf("the page of %s lacks %q", r.Name, want)
			}
		}
		f := readFixture(t, r)
		sections := strings.Split(string(page), "\n## ")
		checkExample(t, r, sections[1], f.bad)
		checkExample(t, r, sections[2], f.good)
		if got, ok := lint.FindRule(r.Name); !ok || got != r {
			t.Errorf("%s is not found by its name", r.Name)
		}
	}
	entries, err := os.ReadDir(pages)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !names[strings.TrimSuffix(e.Name(), ".md")] {
			t.Errorf("%s is the page of no rule", e.Name())
		}
	}
}

// checkExample holds the rows that a page shows against its fixture.
func checkExample(t *testing.T, r lint.Rule, section string, files map[string]string) {
	t.Helper()
	rows, shown := false, 0
	for line := range strings.Lines(section) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "```") {
			rows = line == "```text"
			continue
		}
		if !rows || line == "# …" {
			continue
		}
		shown++
		line, there := strings.Replace(line, "<U+FEFF>", "\ufeff", 1), false
		for _, content := range files {
			there = there || strings.Contains("\n"+content, "\n"+line+"\n")
		}
		if !there {
			t.Errorf("the page of %s shows a row that its fixture lacks: %q", r.Name, line)
		}
	}
	if shown == 0 {
		t.Errorf("the page of %s shows no row", r.Name)
	}
}

func TestEachRuleFindsItsBadFixtureAndNoneFindsAnythingInAGoodOne(t *testing.T) {
	for _, r := range lint.Rules() {
		t.Run(r.Name, func(t *testing.T) {
			f := readFixture(t, r)
			if found := look(t, f.bad, f.opts); !has(found, r.ID) {
				t.Errorf("nothing is found in the bad policy but:\n%s", text(found))
			}
			if found := look(t, f.good, f.opts); len(found) > 0 {
				t.Errorf("in the good policy:\n%s", text(found))
			}
		})
	}
}

func TestARuleThatIsDisabledFindsNothingUnlessThePolicyDoesNotLoad(t *testing.T) {
	for _, r := range lint.Rules() {
		f := readFixture(t, r)
		loads := true
		for _, x := range look(t, f.bad, f.opts) {
			loads = loads && x.Code == ""
		}
		for _, name := range []string{r.ID, r.Name} {
			opts := f.opts
			opts.Disable = []string{name}
			if got := has(look(t, f.bad, opts), r.ID); got == loads {
				t.Errorf("%s disabled: found %t, loads %t", name, got, loads)
			}
		}
	}
}

func TestWhatAPolicyDoesNotLoadForIsAnErrorOfSomeRule(t *testing.T) {
	for _, code := range policy.Codes() {
		if lint.RuleOfCode(code) == "" {
			t.Errorf("the code %s has no rule", code)
		}
	}
}
