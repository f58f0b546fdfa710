//go:build unix

package sqlitescope_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/sqlscope/sqlitescope"
)

func TestNoTwoTenantsHaveOneFileAndNoNameLeavesTheFolder(t *testing.T) {
	w := newFixture(t)
	seen := map[string]tenant.ID{}
	for _, name := range []string{"a", "A", "aB", "Ab", "AB", "ab", "con", "nul", "a-wal", "a-shm", "a-journal", "x---", strings.Repeat("Z", tenant.MaxIDLength)} {
		id := tenant.MustParse(name)
		w.statuses.set(id, tenant.Active)
		if _, err := w.DB().ExecContext(in(t, id), `INSERT INTO notes (body) VALUES (?)`, canary(id)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := w.bodies(t, id); got != canary(id)+"|" {
			t.Errorf("%s has %q", name, got)
		}
		if !w.exists(id) {
			t.Errorf("%s has no file", name)
		}
	}
	entries, err := os.ReadDir(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		folded := strings.ToLower(e.Name())
		if other, taken := seen[folded]; taken || folded != e.Name() {
			t.Errorf("%s is also the file of %s where case is folded", e.Name(), other)
		}
		seen[folded] = tenant.ID{}
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	parent, err := os.ReadDir(filepath.Dir(w.dir))
	if err != nil || len(parent) != 1 {
		t.Errorf("something stands beside the folder: %v, %v", parent, err)
	}
	if info, err := os.Lstat(w.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder: %v, %v", info.Mode(), err)
	}
}

// planted puts something under the name of a tenant that has no file yet.
func TestAFileThatIsNotTheTenantsIsNotOpened(t *testing.T) {
	initech := tenant.MustParse("initech")
	for name, plant := range map[string]func(w *fixture, path string) error{
		"a link to another tenant's file":        func(w *fixture, path string) error { return os.Symlink(w.file(globex), path) },
		"a relative link":                        func(w *fixture, path string) error { return os.Symlink(filepath.Base(w.file(globex)), path) },
		"a link to a file outside":               func(_ *fixture, path string) error { return os.Symlink("/etc/passwd", path) },
		"a link to nothing":                      func(w *fixture, path string) error { return os.Symlink(filepath.Join(w.dir, "made"), path) },
		"a second name of another tenant's file": func(w *fixture, path string) error { return os.Link(w.file(globex), path) },
		"a folder":                               func(_ *fixture, path string) error { return os.Mkdir(path, 0o700) },
		"a log that is a link":                   func(w *fixture, path string) error { return os.Symlink(w.file(globex)+"-wal", path+"-wal") },
		"a journal that is a link":               func(w *fixture, path string) error { return os.Symlink(w.file(globex), path+"-journal") },
		"shared memory that is another's":        func(w *fixture, path string) error { return os.Link(w.file(globex)+"-shm", path+"-shm") },
		"a file that others may read":            func(_ *fixture, path string) error { return os.WriteFile(path, nil, 0o644) },
		"a copy of another tenant's file":        func(w *fixture, path string) error { return copyFile(w.file(globex), path) },
		"a file of another program": func(_ *fixture, path string) error {
			return os.WriteFile(path, []byte(strings.Repeat("not a database ", 300)), 0o600)
		},
		"another tenant's log beside a new file": func(w *fixture, path string) error {
			return errors.Join(copyFile(w.file(globex), path), copyFile(w.file(globex)+"-wal", path+"-wal"))
		},
		"a copy of yet another tenant's file": func(w *fixture, path string) error { return copyFile(w.file(acme), path) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t)
			w.statuses.set(initech, tenant.Active)
			if err := plant(w, w.file(initech)); err != nil {
				t.Fatal(err)
			}
			rows, err := w.DB().QueryContext(in(t, initech), `SELECT body FROM notes`)
			if err == nil {
				got, _ := dump(rows)
				t.Errorf("it was opened: %q", got)
			}
			if got := w.bodies(t, globex); got != canary(globex)+"|" {
				t.Errorf("the other tenant has %q", got)
			}
			if _, err := os.Lstat(filepath.Join(w.dir, "made")); err == nil {
				t.Error("a file was made by the link")
			}
		})
	}
}

func TestAFileUnderTheWrongNameIsNotOpened(t *testing.T) {
	w := newFixture(t)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(w.file(globex), w.file(acme)); err != nil {
		t.Fatal(err)
	}
	again, err := sqlitescope.New(sqlitescope.Config{Dir: w.dir, Statuses: w.statuses})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if _, err := again.DB().QueryContext(in(t, acme), `SELECT body FROM notes`); !errors.Is(err, sqlitescope.ErrForeignFile) {
		t.Errorf("a file that was put back under another tenant's name: %v", err)
	}
}

func copyFile(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o600)
}

func TestAFolderThatIsALinkOrWasReplacedIsRefused(t *testing.T) {
	w := newFixture(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(w.dir, link); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlitescope.New(sqlitescope.Config{Dir: link, Statuses: w.statuses}); err == nil {
		t.Error("a folder that is a link")
	}
	moved := w.dir + "-moved"
	if err := os.Rename(w.dir, moved); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(moved, w.dir); err != nil {
		t.Fatal(err)
	}
	initech := tenant.MustParse("initech")
	w.statuses.set(initech, tenant.Active)
	if _, err := w.DB().ExecContext(in(t, initech), `SELECT 1`); err == nil {
		t.Error("a folder that was replaced by a link")
	}
}
