package redispolicy

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
)

func policyOf(t testing.TB) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{
		"tenants/acme.csv": {Data: []byte("p, role:viewer, acme, invoice, print, true, allow\n")},
		"policy_test.csv":  {Data: []byte("left behind\n")},
	}
	for _, name := range []string{"model.conf", "policy.csv", "attributes.csv"} {
		data, err := fs.ReadFile(policies.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		fsys[name] = &fstest.MapFile{Data: data}
	}
	return fsys
}

func TestABundleIsThePolicyAndNothingElse(t *testing.T) {
	fsys := policyOf(t)
	engine, err := policy.Load(fsys, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	one, id, err := pack(fsys)
	if err != nil || id != engine.Revision() {
		t.Fatal(id, err)
	}
	two, _, err := pack(fsys)
	if err != nil || !bytes.Equal(one, two) {
		t.Errorf("equal files are two bundles: %v", err)
	}
	files, err := unpack(one)
	if err != nil {
		t.Fatal(err)
	}
	if err := engine.Reload(files); err != nil || engine.Revision() != id {
		t.Errorf("the bundle is another policy: %v", err)
	}
	if _, err := fs.Stat(files, "policy_test.csv"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a file that is no part of the policy is published")
	}
	delete(fsys, "attributes.csv")
	fsys["policy.csv"] = &fstest.MapFile{Data: []byte("p, role:viewer, *, doc, read, true, allow")}
	if _, _, err := pack(fsys); err != nil {
		t.Errorf("without attributes: %v", err)
	}
}

func TestWhatDoesNotLoadIsNotPacked(t *testing.T) {
	for name, change := range map[string]func(fstest.MapFS){
		"a broken rule":           func(f fstest.MapFS) { f["policy.csv"].Data = []byte("p, role:viewer, *, doc, read, true, denny") },
		"no model":                func(f fstest.MapFS) { delete(f, "model.conf") },
		"a misnamed tenant":       func(f fstest.MapFS) { f["tenants/acme.cvs"] = f["tenants/acme.csv"] },
		"a tenant that overreach": func(f fstest.MapFS) { f["tenants/globex.csv"] = f["tenants/acme.csv"] },
	} {
		fsys := policyOf(t)
		change(fsys)
		if data, _, err := pack(fsys); !errors.Is(err, policy.ErrInvalid) || data != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A file system that gives another policy at every second reading.
	if _, _, err := pack(&turning{FS: policyOf(t)}); err == nil {
		t.Error("a policy that changes while it is read is packed")
	}
}

type turning struct {
	fs.FS
	n int
}

func (f *turning) ReadFile(name string) ([]byte, error) {
	data, err := fs.ReadFile(f.FS, name)
	if name == "policy.csv" {
		f.n++
		data = append(bytes.Clone(data), bytes.Repeat([]byte("#\n"), f.n)...)
	}
	return data, err
}

func TestDamagedBytesAreNoBundle(t *testing.T) {
	data, id, err := pack(policyOf(t))
	if err != nil {
		t.Fatal(err)
	}
	r := Publication{ID: id, Hash: hexadecimal(sha256.Sum256(data)), Size: len(data)}
	if err := r.check(data); err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] ^= 1
		if err := r.check(data); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("byte %d: %v", i, err)
		}
		data[i] ^= 1
	}
	if err := r.check(data[1:]); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
	if _, err := unpack([]byte("not a zip")); !errors.Is(err, ErrCorrupt) {
		t.Error(err)
	}
	var bomb bytes.Buffer
	w := zip.NewWriter(&bomb)
	f, err := w.Create("policy.csv")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := unpack(bomb.Bytes()); !errors.Is(err, ErrCorrupt) {
		t.Errorf("%d bytes unpack to a megabyte: %v", bomb.Len(), err)
	}
}
