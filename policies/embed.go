// Package policies holds the standard model and the policy of the quickstart, as files that
// people edit and as a file system to load:
//
//	engine, err := policy.Load(policies.Files(), policy.Options{})
//
// model.conf is the Casbin model, policy.csv the rules and roles, attributes.csv what
// conditions may compare, and policy_test.csv requests with the effect that is wanted,
// which go test runs.
package policies

import (
	"embed"
	"io/fs"
)

//go:embed model.conf policy.csv attributes.csv policy_test.csv
var files embed.FS

// Files returns the files of this folder. It cannot be written to.
func Files() fs.FS { return files }
