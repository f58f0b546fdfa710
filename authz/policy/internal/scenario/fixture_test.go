package scenario

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/tenant"
)

var acme = tenant.MustParse("acme")

// vectors returns the files of a folder of the published scenarios. They are optional: without
// them the test is skipped, also in CI.
func vectors(t *testing.T, folder string) []string {
	t.Helper()
	dir := os.Getenv("REEVE_VECTORS")
	if dir == "" {
		root, err := filepath.Abs("../../../..")
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(root, "..", "shared", "vectors")
	}
	files, err := filepath.Glob(filepath.Join(dir, folder, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no scenarios here: set REEVE_VECTORS to a folder that holds %s/*.json", folder)
	}
	return files
}

// named is the name of a file without its folder and ending.
func named(file string) string { return strings.TrimSuffix(filepath.Base(file), ".json") }

func readJSON(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// engine loads the standard model with these rules and attributes.
func engine(t *testing.T, rules, attributes string) *policy.Engine {
	t.Helper()
	data, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	e, err := policy.Load(fstest.MapFS{
		"model.conf": {Data: data}, "policy.csv": {Data: []byte(rules)}, "attributes.csv": {Data: []byte(attributes)},
	}, policy.Options{})
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, attributes, rules)
	}
	return e
}

// allows asks the engine. A decision that cannot be made is a failure of the test.
func allows(t *testing.T, e *policy.Engine, r policy.Request) bool {
	t.Helper()
	r.Tenant = acme
	if r.Object.ID != "" {
		r.Object.Tenant = acme
	}
	d, err := e.Decide(t.Context(), r)
	if err != nil {
		t.Fatalf("%v\n%+v", err, r)
	}
	return d.Allowed()
}
