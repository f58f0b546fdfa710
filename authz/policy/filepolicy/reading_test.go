package filepolicy

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
)

func bundle(t *testing.T, rows string) *policy.Bundle {
	t.Helper()
	model, err := fs.ReadFile(policies.Files(), policy.ModelFile)
	if err != nil {
		t.Fatal(err)
	}
	b, err := policy.ReadBundle(fstest.MapFS{policy.ModelFile: {Data: model}, policy.PolicyFile: {Data: []byte(rows)}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAPolicyThatChangesBetweenTwoReadingsIsNotLoaded(t *testing.T) {
	const row = "p, role:viewer, *, doc, read, true, "
	before, half, whole := bundle(t, row+"allow\n"), bundle(t, row+"deny\n"), bundle(t, row+"deny\n# more to come\n")
	engine, err := policy.LoadBundle(before, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := NewFollower(Config{Engine: engine, Folder: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	readings := []*policy.Bundle{half, whole, whole, whole}
	f.read = func() *policy.Bundle {
		b := readings[0]
		readings = readings[1:]
		return b
	}
	if f.check() || engine.Revision() != before.Revision() || f.Stats().Reloads != 0 {
		t.Errorf("a half-written policy is loaded: %+v", f.Stats())
	}
	if !f.check() || engine.Revision() != whole.Revision() || f.Stats().Reloads != 1 {
		t.Errorf("a whole one is not: %+v", f.Stats())
	}
}
