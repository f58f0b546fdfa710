package release_test

import (
	"errors"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/release"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/tenant"
)

func folder(t *testing.T) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{}
	for _, name := range []string{policy.ModelFile, policy.PolicyFile, policy.AttributesFile, policy.TestFile} {
		data, err := fs.ReadFile(policies.Files(), name)
		if err != nil {
			t.Fatal(err)
		}
		fsys[name] = &fstest.MapFile{Data: data}
	}
	return fsys
}

func TestTheStandardPolicyMayBePublished(t *testing.T) {
	c, err := release.Check(t.Context(), folder(t))
	if err != nil || c.Refusal() != nil || len(c.Results) == 0 || len(c.Idle) != 0 {
		t.Fatalf("%v, %v, %d cases, %d idle", err, c.Refusal(), len(c.Results), len(c.Idle))
	}
	if b, err := policy.ReadBundle(folder(t)); err != nil || b.Revision() != c.Bundle.Revision() {
		t.Errorf("another bundle: %v", err)
	}
}

func TestWhatLintOrACaseRefusesMayNotBePublished(t *testing.T) {
	grow := func(name, row string) func(fstest.MapFS) {
		return func(f fstest.MapFS) {
			var before []byte
			if f[name] != nil {
				before = f[name].Data
			}
			f[name] = &fstest.MapFile{Data: append(append([]byte{}, before...), "\n"+row+"\n"...)}
		}
	}
	for name, change := range map[string]func(fstest.MapFS){
		"an effect that is none":   grow(policy.PolicyFile, "p, role:viewer, *, invoice, print, true, alow"),
		"a case that fails":        grow(policy.TestFile, "acme, anonymous, , DELETE, /nowhere, , allow, no"),
		"a file that nobody reads": grow("policy-extra.csv", "p, role:viewer, *, invoice, print, true, deny"),
	} {
		fsys := folder(t)
		change(fsys)
		c, err := release.Check(t.Context(), fsys)
		if err != nil || !errors.Is(c.Refusal(), release.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The folder of an editor who saves while it is checked.
type edited struct {
	fstest.MapFS
	reads int
}

func (e *edited) ReadFile(name string) ([]byte, error) {
	data, err := e.MapFS.ReadFile(name)
	if name == policy.PolicyFile {
		if e.reads++; e.reads > 1 {
			data = append(append([]byte{}, data...), "# later\n"...)
		}
	}
	return data, err
}

func TestAFolderThatChangesMeanwhileIsNotPublished(t *testing.T) {
	if _, err := release.Check(t.Context(), &edited{MapFS: folder(t)}); !errors.Is(err, release.ErrChanged) {
		t.Errorf("%v", err)
	}
	if _, err := release.Check(t.Context(), fstest.MapFS{}); err == nil {
		t.Error("an empty folder is checked")
	}
}

// A table that cannot be read refuses as one that fails does.
func TestATableThatCannotBeReadIsAnError(t *testing.T) {
	fsys := folder(t)
	fsys["more_test.csv"] = &fstest.MapFile{Data: []byte("acme, user:alice, editor\n")}
	c, err := release.Check(t.Context(), fsys)
	if err == nil && c.Refusal() == nil {
		t.Error("it is published")
	}
}

// A table may be about a tenant that has a key: it is closed without what it has published.
func TestTablesAboutTenantsWithKeysAreRunBesideTheirRows(t *testing.T) {
	fsys := folder(t)
	fsys[policy.CeilingFile] = &fstest.MapFile{Data: []byte("p, role:authenticated, *, invoice, *\nkey, acme, AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n")}
	c, err := release.Check(t.Context(), fsys)
	if err != nil || !errors.Is(c.Refusal(), release.ErrRefused) || len(c.Errors()) > 0 {
		t.Fatalf("without rows: %v, %v", err, c.Refusal())
	}
	own := map[tenant.ID]policy.TenantRows{tenant.MustParse("acme"): {Rows: "p, user:zoe, acme, invoice, archive, true, allow\n"}}
	if c, err = release.CheckTenants(t.Context(), fsys, own); err != nil || c.Refusal() != nil || len(c.Idle) > 0 {
		t.Errorf("with rows: %v, %v, %d idle", err, c.Refusal(), len(c.Idle))
	}
	if b, err := policy.ReadBundle(fsys); err != nil || b.Revision() != c.Bundle.Revision() {
		t.Errorf("the rows are part of what is published: %v", err)
	}
	own[tenant.MustParse("acme")] = policy.TenantRows{Rows: "p, role:authenticated, acme, invoice, read, true, deny\n"}
	if c, err = release.CheckTenants(t.Context(), fsys, own); err != nil || !errors.Is(c.Refusal(), release.ErrRefused) {
		t.Errorf("rows by which a case fails: %v, %v", err, c.Refusal())
	}
}
