package policy_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
)

const acmeDenies = "p, role:viewer, acme, doc, read, true, deny\n"

func TestWhatLooksLikeAPolicysFileAndIsNotReadDoesNotLoad(t *testing.T) {
	for name, want := range map[string]string{
		"policy-extra.csv":          "is not read: rows belong in policy.csv",
		"Policy.CSV":                "is not read: do you mean policy.csv?",
		"POLICY.csv":                "is not read: do you mean policy.csv?",
		"policy.Csv":                "is not read: do you mean policy.csv?",
		"policies.csv":              "is not read: do you mean policy.csv?",
		"policy.csv.csv":            "is not read: do you mean policy.csv?",
		"policy.conf":               "is not read: do you mean policy.csv?",
		"Attributes.csv":            "is not read: do you mean attributes.csv?",
		"attribute.csv":             "is not read: do you mean attributes.csv?",
		"attributes-new.csv":        "is not read: rows of attributes belong in attributes.csv",
		"Model.conf":                "is not read: do you mean model.conf?",
		"model.CONF":                "is not read: do you mean model.conf?",
		"casbin.conf":               "is not read: the model is model.conf",
		"model.csv":                 "is not read: do you mean model.conf?",
		"policy_TEST.csv":           "is not read: the name of a table of requests is in lower case",
		"policy_test.CSV":           "is not read: the name of a table of requests is in lower case",
		"test_policy.csv":           "is not read: a table of requests is named …_test.csv",
		"acme.csv":                  "is not read: rows belong in policy.csv, and those of one tenant in tenants/<tenant>.csv",
		"tenants":                   "is no folder, or a link that leads nowhere",
		"Tenants":                   "is no folder, or a link that leads nowhere",
		"tenants.csv":               "is not read: do you mean the folder tenants?",
		"tenant/acme.csv":           "is not read: do you mean tenants/acme.csv?",
		"Tenants/acme.csv":          "is not read: do you mean tenants/acme.csv?",
		"tenant/Acme.CSV":           "is not read: do you mean tenants/acme.csv?",
		"tenants/sub/acme.csv":      "is not read: do you mean tenants/acme.csv?",
		"tenants/acme/policy.csv":   "is not read: a policy is one folder",
		"tenants/Acme.csv":          "not a tenant's file: these are named <tenant>.csv, in lower case: do you mean tenants/acme.csv?",
		"tenants/acme.CSV":          "not a tenant's file: these are named <tenant>.csv, in lower case: do you mean tenants/acme.csv?",
		"tenants/acme.conf":         "not a tenant's file",
		"tenants/acme.cvs":          "not a tenant's file: these are named <tenant>.csv, in lower case: do you mean tenants/acme.csv?",
		"tenants/acme":              "not a tenant's file: these are named <tenant>.csv, in lower case: do you mean tenants/acme.csv?",
		"tenants/acme.csv.csv":      "not a tenant's file",
		"tenants/Globex Inc.csv":    "not a tenant's file",
		"tenants/*.csv":             "not a tenant's file",
		"policies/policy.csv":       "is not read: a policy is one folder, and of the folders in it tenants alone is read",
		"old/model.conf":            "is not read: a policy is one folder",
		"a/b/c/d/e/extra.Csv":       "is not read: a policy is one folder",
		"tests/policy_test.csv":     "is not read: a table of requests stands beside policy.csv",
		"more.csv/readme.txt":       "a folder by the name of a policy's file",
		"tenants/acme.csv/acme.csv": "a folder by the name of a policy's file",
	} {
		t.Run(strings.ReplaceAll(name, "/", "-"), func(t *testing.T) {
			fsys := with(fine)
			before := mustLoad(t, fsys)
			revision := before.Revision()
			fsys[name] = &mapFile{Data: []byte(acmeDenies)}
			e, err := policy.Load(fsys, policy.Options{TenantErrors: policy.Isolate})
			var first *policy.Error
			if e != nil || !errors.Is(err, policy.ErrInvalid) || !errors.As(err, &first) || !strings.HasPrefix(first.Msg, want) || !strings.HasPrefix(name, first.File) {
				t.Errorf("got  %v\nwant %s: %s", err, name, want)
			}
			if b, err := policy.ReadBundle(fsys); err == nil || slices.Contains(b.Files(), name) {
				t.Error("ReadBundle reads it")
			}
			if err := before.Reload(fsys); err == nil || errors.Is(err, policy.ErrTenantHeld) || before.Revision() != revision {
				t.Errorf("a reload: %v", err)
			}
			if s := before.Stats(); s.Refused != 1 || len(s.Held) != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestOtherFilesAndDotNamesAreNoneOfAPolicys(t *testing.T) {
	fsys := with(fine)
	fsys["tenants/acme.csv"] = &mapFile{Data: []byte(acmeDenies)}
	want := mustLoad(t, fsys).Revision()
	for _, name := range []string{
		"README.md", "embed.go", "policies_test.go", ".gitignore", "Makefile", "policy.csv~", "policy.csv.bak", "policy.csv.orig", "policy.csv.txt", "notes.csvx", "csv", "conf",
		".policy.csv.swp", ".hidden.csv", "..2026_1/policy.csv", "..data/policy.csv", ".git/config/model.conf", "docs/how.md", "a/.b/c.csv", "docs/.csv", ".csv", ".conf",
		"policy_test.csv", "invoices_test.csv", "tenants/README.md", "tenants/.gitkeep", "tenants/.globex.csv", "tenants/embed.go", "tenants/acme.md", "tenants/acme.csv.bak", "tenants/notes/why.txt",
	} {
		fsys[name] = &mapFile{Data: []byte("what stands here means nothing")}
		e, err := policy.Load(fsys, policy.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			delete(fsys, name)
			continue
		}
		if e.Revision() != want {
			t.Errorf("%s changes the revision", name)
		}
	}
	b, err := policy.ReadBundle(fsys)
	if diff := cmp.Diff([]string{"model.conf", "policy.csv", "attributes.csv", "tenants/acme.csv"}, b.Files()); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if diff := cmp.Diff([]string{"invoices_test.csv", "policy_test.csv"}, b.Tables()); diff != "" {
		t.Error(diff)
	}
	if b, err := policy.ReadBundle(policies.Files()); err != nil || len(b.Files()) != 3 {
		t.Errorf("the embedded policy: %q %v", b.Files(), err)
	}
}

// Every name is either read, or refused, or looks like no policy's: there is no fourth.
func TestNoFileOfAPolicysNameIsPassedOver(t *testing.T) {
	part := rapid.SampledFrom([]string{"tenants", "tenant", "Tenants", "acme", "ACME", "policy", "Policy", "model", "attributes", "x", "a b", "policy_test", "..data", ".git", "sub"})
	ending := rapid.SampledFrom([]string{".csv", ".CSV", ".Csv", ".conf", ".CONF", ".csv.csv", ".txt", "", ".md", ".csv~"})
	base := with(fine)
	rapid.Check(t, func(t *rapid.T) {
		dirs := rapid.SliceOfN(part, 0, 3).Draw(t, "folders")
		name := strings.Join(append(dirs, part.Draw(t, "name")+ending.Draw(t, "ending")), "/")
		fsys := with(fine)
		if _, there := fsys[name]; there {
			return
		}
		fsys[name] = &mapFile{Data: []byte(acmeDenies)}
		b, err := policy.ReadBundle(fsys)
		e, loadErr := policy.Load(fsys, policy.Options{})
		if err != nil && loadErr == nil {
			t.Fatalf("%s: ReadBundle says %v, and Load %v", name, err, loadErr)
		}
		lower := strings.ToLower(name)
		looks := strings.HasSuffix(lower, ".csv") || strings.HasSuffix(lower, ".conf")
		dotted := slices.ContainsFunc(strings.Split(name, "/"), func(s string) bool { return strings.HasPrefix(s, ".") })
		table := !strings.Contains(name, "/") && strings.HasSuffix(name, "_test.csv")
		if err == nil && looks && !dotted && !table && !slices.Contains(b.Files(), name) {
			t.Fatalf("%s is passed over", name)
		}
		if err == nil && slices.Contains(b.Files(), name) && e != nil && e.Revision() == mustLoadRapid(t, base) {
			t.Fatalf("%s is listed and not read", name)
		}
	})
}

func mustLoadRapid(t *rapid.T, fsys fs.FS) string {
	e, err := policy.Load(fsys, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e.Revision()
}

func TestLinkedFoldersAreLookedThroughToo(t *testing.T) {
	dir := t.TempDir()
	folder, other := filepath.Join(dir, "policies"), filepath.Join(dir, "other")
	fill(t, folder, viewersRead)
	load := func() error {
		_, err := policy.Load(os.DirFS(folder), policy.Options{})
		return err
	}
	link := func(to, at string) {
		t.Helper()
		if err := os.Symlink(to, filepath.Join(folder, at)); err != nil {
			t.Fatal(err)
		}
	}
	link(folder, "here")    // which leads back
	link("..", "up")        // to a folder that holds this one
	link("nowhere", "gone") // and nowhere
	if err := load(); err != nil {
		t.Errorf("links that lead back or nowhere: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(other, "deep"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(folder, "up")); err != nil {
		t.Fatal(err)
	}
	link(other, "more")
	if err := load(); err != nil {
		t.Errorf("a linked folder without a policy's files: %v", err)
	}
	write(t, filepath.Join(other, "deep", "extra.csv"), acmeDenies)
	if err := load(); err == nil || !strings.HasPrefix(err.Error(), "more/deep/extra.csv: is not read") {
		t.Errorf("a linked folder: %v", err)
	}
	if err := os.Remove(filepath.Join(folder, "more")); err != nil {
		t.Fatal(err)
	}
	link("nowhere", "tenants")
	if err := load(); err == nil || !strings.HasPrefix(err.Error(), "tenants: is no folder, or a link") {
		t.Errorf("tenants' files that are gone: %v", err)
	}
	if err := os.Remove(filepath.Join(folder, "tenants")); err != nil {
		t.Fatal(err)
	}
	link("nowhere", "gone.csv")
	if err := load(); err == nil || !strings.HasPrefix(err.Error(), "gone.csv: is not read") {
		t.Errorf("a broken link: %v", err)
	}
	if err := os.Remove(filepath.Join(folder, "gone.csv")); err != nil {
		t.Fatal(err)
	}
	// The tenants' folder may be a link, as in a mounted volume.
	write(t, filepath.Join(other, "acme.csv"), acmeDenies)
	if err := os.RemoveAll(filepath.Join(other, "deep")); err != nil {
		t.Fatal(err)
	}
	link(other, "tenants")
	e := mustLoad(t, os.DirFS(folder))
	if allows(t, e, asks("bob", "read", doc("1"), "viewer")) {
		t.Error("a linked tenants' folder is not read")
	}
}

// closed is a file system with a folder that cannot be read, also by the superuser.
type closed struct {
	fs.FS
	folder string
}

func (c closed) Open(name string) (fs.File, error) {
	if name == c.folder {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return c.FS.Open(name)
}

func TestAFolderThatCannotBeReadMayHoldAPolicysFile(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "policies")
	fill(t, folder, viewersRead)
	if err := os.Mkdir(filepath.Join(folder, "closed"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := policy.Load(closed{os.DirFS(folder), "closed"}, policy.Options{}); err == nil || !strings.HasPrefix(err.Error(), "closed: cannot be read") {
		t.Errorf("got %v", err)
	}
	if _, err := policy.Load(closed{os.DirFS(folder), ""}, policy.Options{}); err != nil {
		t.Errorf("an empty folder: %v", err)
	}
}
