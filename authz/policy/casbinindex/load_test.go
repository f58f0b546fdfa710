package casbinindex_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy/casbinindex"
)

func TestLoadAndLoadFSReadTheSame(t *testing.T) {
	const rules = "p, admin, t1, d, read\ng, alice, admin, t1\n"
	dir := t.TempDir()
	files := fstest.MapFS{"a/model.conf": {Data: []byte(exactModel)}, "b/policy.csv": {Data: []byte(rules)}}
	if err := os.CopyFS(dir, files); err != nil {
		t.Fatal(err)
	}
	fromFS, err := casbinindex.LoadFS(files, "a/model.conf", "b/policy.csv", casbinindex.Config{})
	if err != nil {
		t.Fatal(err)
	}
	fromDisk, err := casbinindex.Load(filepath.Join(dir, "a/model.conf"), filepath.Join(dir, "b/policy.csv"), casbinindex.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if fromFS.Revision() != fromDisk.Revision() || !fromFS.Plan().IsIndexed() {
		t.Errorf("%s and %s, %v", fromFS.Revision(), fromDisk.Revision(), fromFS.Plan())
	}
	for name, want := range map[string]bool{"alice": true, "bob": false} {
		if ok, err := fromFS.Enforce(name, "t1", "d", "read"); err != nil || ok != want {
			t.Errorf("%s: %v %v", name, ok, err)
		}
	}
	for name, paths := range map[string][2]string{
		"no model":  {"a/none.conf", "b/policy.csv"},
		"no policy": {"a/model.conf", "b/none.csv"},
		"no path":   {"a/model.conf", ""},
	} {
		if ix, err := casbinindex.LoadFS(files, paths[0], paths[1], casbinindex.Config{}); ix != nil || !errors.Is(err, casbinindex.ErrInvalid) || name != "no path" && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v %v", name, ix, err)
		}
	}
}
