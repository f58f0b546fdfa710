package integration_test

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
)

// policyFiles is the standard policy with other rules.
func policyFiles(rules string) fstest.MapFS {
	files := fstest.MapFS{"policy.csv": {Data: []byte(rules)}}
	for _, name := range []string{"model.conf", "attributes.csv"} {
		data, err := fs.ReadFile(policies.Files(), name)
		if err != nil {
			panic(err) // it is embedded
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	return files
}

// engineOf decides by the standard policy with other rules.
func engineOf(tb testing.TB, rules string) *policy.Engine {
	tb.Helper()
	engine, err := policy.Load(policyFiles(rules), policy.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return engine
}
