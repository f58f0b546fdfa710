package deptest

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryFolderThatARuleNamesIsThere: a rule for a folder that has moved would hold for ever
// and check nothing.
func TestEveryFolderThatARuleNamesIsThere(t *testing.T) {
	named := map[string][]string{"layers": layers}
	for _, r := range rules {
		named["rules"] = append(named["rules"], r.only...)
		if own, is := strings.CutPrefix(r.imports, module+"/"); is {
			named["rules"] = append(named["rules"], own)
		}
	}
	for _, r := range standardOnly {
		named["standardOnly"] = append(named["standardOnly"], r.dir)
	}
	for _, r := range leaves {
		named["leaves"] = append(append(named["leaves"], r.dir), r.may...)
	}
	for _, r := range standardImports {
		named["standardImports"] = append(named["standardImports"], r.dir)
	}
	for _, r := range filesOnly {
		named["filesOnly"] = append(named["filesOnly"], r.dir)
	}
	for _, r := range unlinked {
		named["unlinked"] = append(named["unlinked"], r.dir)
	}
	for _, e := range throughLibraries {
		named["throughLibraries"] = append(named["throughLibraries"], e.dir)
	}
	for table, names := range named {
		for _, name := range names {
			if name == testsOnly {
				continue
			}
			if gone(name) {
				t.Errorf("%s: %s is not there", table, name)
			}
		}
	}
	if !gone("authz/nothing") {
		t.Error("a folder that is gone is not seen")
	}
}

// gone reports whether a folder or a file of the root module is not there.
func gone(name string) bool {
	_, err := os.Stat(filepath.Join("..", "..", filepath.FromSlash(name)))
	return err != nil
}

// TestAssemblyStandsInOneFolder: a file in assembly is not checked by the compiler.
func TestAssemblyStandsInOneFolder(t *testing.T) {
	const only = "internal/lookup"
	root, found := filepath.Join("..", ".."), 0
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if p != root && strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" { // no package has what is there
				return filepath.SkipDir
			}
			return nil
		}
		switch filepath.Ext(p) {
		case ".s", ".c", ".h", ".syso":
			rel, err := filepath.Rel(root, p)
			if err != nil {
				return err
			}
			if found++; path.Dir(filepath.ToSlash(rel)) != only {
				t.Errorf("%s: assembly stands in %s alone", rel, only)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Errorf("no assembly is found, not even in %s: the walk is broken", only)
	}
}

// TestEveryFolderHasItsRules: a new folder says what it may import before it imports anything, and a
// row for one folder is one row.
func TestEveryFolderHasItsRules(t *testing.T) {
	rows := map[string]int{}
	for _, r := range leaves {
		rows[r.dir]++
		if r.why == "" {
			t.Errorf("leaves: %s has no reason", r.dir)
		}
	}
	for dir, n := range rows {
		if n > 1 {
			t.Errorf("leaves: %d rows for %s", n, dir)
		}
	}
	for _, f := range sources(t) {
		if rows[f.dir] == 0 {
			t.Errorf("leaves has no row for %s: say what it may import of this module, and why", f.dir)
			rows[f.dir] = 1
		}
	}
	for _, r := range rules {
		if r.because == "" {
			t.Errorf("rules: %s has no reason", r.imports)
		}
	}
}
