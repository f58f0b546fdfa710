package impact_test

import (
	"fmt"
	"io/fs"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/impact"
	"github.com/reevehq/reeve/policies"
)

// A change of a policy is told by the requests that it decides otherwise.
func ExampleDiff() {
	load := func(rows string) *impact.Policy {
		model, err := fs.ReadFile(policies.Files(), policy.ModelFile)
		if err != nil {
			panic(err)
		}
		bundle, err := policy.ReadBundle(fstest.MapFS{policy.ModelFile: {Data: model}, policy.PolicyFile: {Data: []byte(rows)}})
		if err != nil {
			panic(err)
		}
		p, err := impact.New(bundle)
		if err != nil {
			panic(err)
		}
		return p
	}
	report, err := impact.Diff(
		load("p, role:editor, *, /notes/:id, GET, true, allow\n"),
		load("p, role:editor, *, /notes/*, GET, true, allow\n"),
	)
	fmt.Println(report.Wider(), err)
	for _, cell := range report.Cells {
		fmt.Println(cell)
	}
	// Output:
	// true <nil>
	// wider: role:editor in *: GET /notes/* but /notes/:id
}
