package lint_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/lint"
	"github.com/reevehq/reeve/policies"
)

func TestTheStandardPolicyHasNoFinding(t *testing.T) {
	found, err := lint.Folder(policies.Files(), lint.Options{})
	if err != nil || len(found) > 0 {
		t.Fatalf("%v\n%s", err, text(found))
	}
}

func TestTheBaseOfTheTableHasNoFindingButNotes(t *testing.T) {
	found := look(t, base(t), lint.Options{})
	for _, f := range found {
		if f.Severity != policy.SeverityNote || f.Rule.ID != "RV119" {
			t.Error(f)
		}
	}
}

// Casbin policies that work have no error: what they do is what their authors see.
func TestCasbinPoliciesOfOthersHaveNoError(t *testing.T) {
	dir := os.Getenv("REEVE_VECTORS")
	if dir == "" {
		root, err := filepath.Abs("../../..")
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(root, "..", "shared", "vectors")
	}
	models, err := filepath.Glob(filepath.Join(dir, "casbin-real", "*", "model.conf"))
	switch {
	case err == nil && len(models) == 0:
		t.Skip("no Casbin policies here: set REEVE_VECTORS to a folder that holds casbin-real/*/model.conf")
	case err != nil || len(models) < 10:
		t.Fatalf("%d models, %v", len(models), err)
	}
	for _, m := range models {
		found, err := lint.Folder(os.DirFS(filepath.Dir(m)), lint.Options{})
		if err != nil {
			t.Fatal(err)
		}
		checkNoError(t, m, found)
	}
}

func TestCasbinsOwnExamplesHaveNoError(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/casbin/casbin/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "examples")
	models, err := filepath.Glob(filepath.Join(dir, "*_model*.conf"))
	if err != nil || len(models) < 40 {
		t.Fatalf("%d models, %v", len(models), err)
	}
	pairs := 0
	for _, m := range models {
		rows := strings.Replace(strings.TrimSuffix(m, ".conf"), "_model", "_policy", 1) + ".csv"
		data, err := os.ReadFile(rows)
		if err != nil {
			continue
		}
		pairs++
		model, err := os.ReadFile(m)
		if err != nil {
			t.Fatal(err)
		}
		checkNoError(t, rows, lint.Casbin(filepath.Base(m), string(model), filepath.Base(rows), string(data), lint.Options{}))
	}
	if pairs < 25 {
		t.Fatalf("%d pairs", pairs)
	}
}

func checkNoError(t *testing.T, name string, found []lint.Finding) {
	t.Helper()
	for _, f := range found {
		if f.Severity == policy.SeverityError {
			t.Errorf("%s: %s", name, f)
		} else {
			t.Logf("%s: %s", filepath.Base(filepath.Dir(name)), f)
		}
	}
}
