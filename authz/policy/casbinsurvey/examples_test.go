package casbinsurvey_test

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	fileadapter "github.com/casbin/casbin/v2/persist/file-adapter"

	"github.com/reevehq/reeve/authz/policy/casbinsurvey"
)

// Each of Casbin's own examples is surveyed, or it is said why not. A policy and itself decide alike.
func TestCasbinsExamplesAreSurveyedOrRefused(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/casbin/casbin/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	models, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "examples", "*_model*.conf"))
	if err != nil || len(models) < 40 {
		t.Fatalf("%d models, %v", len(models), err)
	}
	surveyed := 0
	for _, name := range models {
		rows := strings.Replace(strings.TrimSuffix(name, ".conf"), "_model", "_policy", 1) + ".csv"
		m, err := model.NewModelFromFile(name)
		if err != nil {
			continue
		}
		if err := fileadapter.NewAdapter(rows).LoadPolicy(m); err != nil {
			continue
		}
		e, err := casbin.NewEnforcer(name, rows)
		if err != nil {
			continue
		}
		p, err := casbinsurvey.New(m, e)
		if errors.Is(err, casbinsurvey.ErrModel) {
			t.Logf("%s: %v", filepath.Base(name), err)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
			continue
		}
		surveyed++
		report, err := casbinsurvey.Diff(p, p)
		if err != nil && !errors.Is(err, casbinsurvey.ErrModel) || len(report.Changes) > 0 {
			t.Errorf("%s: %+v, %v", filepath.Base(name), report, err)
		}
		matrix, err := p.Matrix("")
		if err != nil {
			t.Errorf("%s: %v", filepath.Base(name), err)
		}
		allowed := 0
		for _, access := range matrix.Access {
			for _, a := range access {
				if a == casbinsurvey.Allow || a == casbinsurvey.Some {
					allowed++
				}
			}
		}
		t.Logf("%s: %d requests, %d subjects, %d lines, %d allowed, %v", filepath.Base(name), report.Asked, len(matrix.Subjects), len(matrix.Lines), allowed, p.Notes())
	}
	if surveyed < 20 {
		t.Errorf("%d are surveyed", surveyed)
	}
}
