package policytest_test

import (
	"context"
	"fmt"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/policytest"
	"github.com/reevehq/reeve/policies"
)

// In a test of the service, Run is all that is needed.
func ExampleRun() {
	_ = func(t *testing.T) {
		policytest.Run(t, policies.Files(), policy.TestFile)
	}
}

// A program that shows results evaluates the cases itself.
func ExampleEvaluate() {
	engine, err := policy.Load(policies.Files(), policy.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	table := fstest.MapFS{policy.TestFile: {Data: []byte("acme, user:bob, viewer, GET, /invoices, , allow, viewers list\n" +
		"acme, user:bob, viewer, POST, /invoices, , allow, viewers create\n")}}
	cases, err := policytest.Load(table, policy.TestFile, engine.Attributes())
	if err != nil {
		fmt.Println(err)
		return
	}
	results, _ := policytest.Evaluate(context.Background(), engine, cases)
	for _, r := range results {
		fmt.Printf("%s: %v\n", r.Case.Note, r.Failure())
	}
	// Output:
	// viewers list: <nil>
	// viewers create: want allow, but no rule matches
}
