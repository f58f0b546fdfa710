package policy_test

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

// counting counts how often each file is read.
type counting struct {
	fstest.MapFS
	read map[string]int
}

func (c counting) ReadFile(name string) ([]byte, error) {
	c.read[name]++
	return c.MapFS.ReadFile(name)
}

func TestABundleIsEveryFileOfAPolicyReadOnce(t *testing.T) {
	fsys := counting{with(fine), map[string]int{}}
	acme := policy.TenantFile(tenant.MustParse("acme"))
	fsys.MapFS[acme] = &mapFile{Data: []byte(acmeDenies)}
	fsys.MapFS[policy.TestFile] = &mapFile{Data: []byte("none of the policy's")}
	b, err := policy.ReadBundle(fsys)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{policy.ModelFile, policy.PolicyFile, policy.AttributesFile, "tenants/acme.csv"}
	if diff := cmp.Diff(want, b.Files()); diff != "" {
		t.Error(diff)
	}
	for _, name := range want {
		content, ok := b.Content(name)
		if data, err := fs.ReadFile(fsys.MapFS, name); err != nil || !ok || content != string(data) {
			t.Errorf("%s: %v", name, err)
		}
		if fsys.read[name] != 1 {
			t.Errorf("%s is read %d times", name, fsys.read[name])
		}
	}
	if _, ok := b.Content(policy.TestFile); ok || fsys.read[policy.TestFile] != 0 {
		t.Error("the table of requests is part of the policy")
	}
	if diff := cmp.Diff([]string{policy.TestFile}, b.Tables()); diff != "" {
		t.Error(diff)
	}
	e, err := policy.LoadBundle(b, policy.Options{})
	if err != nil || e.Revision() != b.Revision() || e.Stats().Source != b.Revision() {
		t.Fatalf("%v: revision %s, of the bundle %s", err, e.Revision(), b.Revision())
	}
	delete(fsys.MapFS, policy.AttributesFile)
	b, err = policy.ReadBundle(fsys)
	if _, ok := b.Content(policy.AttributesFile); ok || err != nil || len(b.Files()) != 3 {
		t.Errorf("without attributes: %q %v", b.Files(), err)
	}
}

func TestABundleWithAFaultIsThereAndDoesNotLoad(t *testing.T) {
	fsys := with(fine)
	e := mustLoad(t, fsys)
	fsys["polices.csv"] = &mapFile{Data: []byte(acmeDenies)}
	delete(fsys, "model.conf")
	b, err := policy.ReadBundle(fsys)
	if !errors.Is(err, policy.ErrInvalid) || len(strings.Split(err.Error(), "\n")) != 2 {
		t.Errorf("got %v", err)
	}
	again, _ := policy.ReadBundle(fsys)
	if b.Revision() == "" || b.Revision() == e.Revision() || b.Revision() != again.Revision() {
		t.Errorf("revisions %s and %s", b.Revision(), again.Revision())
	}
	for _, b := range []*policy.Bundle{b, nil} {
		if e, err := policy.LoadBundle(b, policy.Options{TenantErrors: policy.Isolate}); e != nil || !errors.Is(err, policy.ErrInvalid) {
			t.Errorf("it loads: %v", err)
		}
		if err := e.ReloadBundle(b); !errors.Is(err, policy.ErrInvalid) || errors.Is(err, policy.ErrTenantHeld) {
			t.Errorf("it reloads: %v", err)
		}
	}
	if err := new(policy.Engine).ReloadBundle(b); !errors.Is(err, policy.ErrNotLoaded) {
		t.Errorf("the zero Engine: %v", err)
	}
}

func TestTheStatsSayWhichFilesDecideAndWhoIsHeld(t *testing.T) {
	e := mustLoad(t, with(fine))
	bad, err := policy.ReadBundle(tenantsOf(fine, map[string]string{acmeFile: misspelt}))
	if err != nil {
		t.Fatal(err)
	}
	if s := e.Stats(); s.Err() != nil || s.Source != s.Revision {
		t.Errorf("%+v", s)
	}
	loadErr := e.ReloadBundle(bad)
	s := e.Stats()
	if !errors.Is(loadErr, policy.ErrTenantHeld) || s.Err() == nil || s.Err().Error() != loadErr.Error() || s.Source != bad.Revision() || s.Source == s.Revision {
		t.Errorf("%v\n%+v", loadErr, s)
	}
}
