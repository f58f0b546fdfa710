package policy_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
)

// A policy is the standard model and the rows of the service. Here they are made in memory; a
// service uses os.DirFS or embed.
func shopPolicy(rows string) fs.FS {
	model, err := fs.ReadFile(policies.Files(), policy.ModelFile)
	if err != nil {
		panic(err)
	}
	return fstest.MapFS{
		policy.ModelFile:      {Data: model},
		policy.PolicyFile:     {Data: []byte(rows)},
		policy.AttributesFile: {Data: []byte("invoice, owner, string, no, owner\ninvoice, status, string, no, status\n")},
	}
}

// A policy that does not load says everything that is wrong, each with its position and a code
// that tools may file it under.
func ExampleLoad() {
	_, err := policy.Load(shopPolicy("p, role:editor, *, invoice, update, r.obj.ownr == r.sub.id, allow\n"+
		"p, role:editor, *, invoice, delete, true, denny\n"), policy.Options{})
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range all.Unwrap() {
			var mistake *policy.Error
			if errors.As(err, &mistake) {
				fmt.Printf("%s:%d:%d %s\n", mistake.File, mistake.Line, mistake.Col, mistake.Code)
			}
		}
	}
	// Output:
	// policy.csv:1:37 rule-condition
	// policy.csv:2:43 rule-effect
}
