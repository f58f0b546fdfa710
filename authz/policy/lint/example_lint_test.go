package lint_test

import (
	"fmt"
	"io/fs"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/lint"
	"github.com/reevehq/reeve/policies"
)

// A role that is spelled in two ways loads in silence.
func ExampleFolder() {
	model, err := fs.ReadFile(policies.Files(), policy.ModelFile)
	if err != nil {
		panic(err)
	}
	findings, err := lint.Folder(fstest.MapFS{
		policy.ModelFile: {Data: model},
		policy.PolicyFile: {Data: []byte("g, user:alice, role:editor, acme\n" +
			"p, role:editor, *, /notes, GET, true, allow\n" +
			"p, role:editors, *, /notes, POST, true, allow\n")},
	}, lint.Options{})
	if err != nil {
		panic(err)
	}
	for _, f := range findings {
		fmt.Println(f)
	}
	// Output:
	// policy.csv:3:4: warning RV128 near-name: other rows say role:editor: is role:editors misspelt?
}
