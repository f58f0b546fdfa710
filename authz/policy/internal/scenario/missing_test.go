package scenario

import (
	"io/fs"
	"os"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy/policytest"
	"github.com/reevehq/reeve/policies"
)

// Published scenarios asked for these, and older policies could not say them: roles on an object,
// its parent and the members of that, grants with an end that may be missing, zones, apostrophes,
// operands that are not there, lists that meet, prefixes, and parameters of a route. Each rule
// decides a case of the table, see policytest.Run.
func TestWhatOlderPoliciesCouldNotSay(t *testing.T) {
	files := fstest.MapFS{}
	for _, name := range []string{"policy.csv", "attributes.csv", "policy_test.csv"} {
		data, err := os.ReadFile("testdata/missing/" + name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	files["model.conf"] = &fstest.MapFile{Data: model}
	policytest.Run(t, files, "policy_test.csv")
}
