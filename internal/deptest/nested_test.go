package deptest

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// nestedModules are the libraries and programs with a go.mod of their own and what each may import of
// this module. Their other imports are the reason why they are modules.
var nestedModules = []struct {
	dir     string
	may     []string
	because string
}{
	{"middleware/otelauthz", []string{"authz", "authz/detect", "middleware", "internal/configerr"},
		"it is told of decisions and of stages: an observer, which stands above both"},
	{"tenant/pgxscope", []string{"tenant", "tenant/rls", "internal/configerr"}, "a scope knows the tenant and its context alone"},
	{"tenant/gormscope", []string{"tenant", "internal/configerr"}, "predicates come by an interface, so that it imports no policy"},
	{"tenant/sqlscope/sqlitescope", []string{"tenant", "internal/configerr"}, "a scope knows the tenant alone"},
	{"cmd/reeve", []string{
		"authz/policy", "authz/policy/casbinindex", "authz/policy/casbinsurvey", "authz/policy/impact", "authz/policy/lint", "authz/policy/policyfmt", "authz/policy/policyrls",
		"authz/policy/policytest", "authz/policy/redispolicy", "authz/policy/release", "authz/policy/review", "policies", "service/fleet", "session",
		"session/redisstore", "tenant", "tenant/rls",
	}, "a command prints what libraries find: it answers no request, so it links no door, no token and nothing internal"},
}

// free are the modules that use all others and that none imports.
var free = []string{"examples", "integration"}

// TestNestedModulesImportDownward holds what the layers say also of the modules that go.work lists
// beside the root: the compiler would let one of them import anything.
func TestNestedModulesImportDownward(t *testing.T) {
	modules := nestedFolders(t)
	for _, dir := range modules {
		if slices.ContainsFunc(free, func(f string) bool { return within(dir, f) }) {
			continue
		}
		i := slices.IndexFunc(nestedModules, func(m struct {
			dir     string
			may     []string
			because string
		}) bool {
			return m.dir == dir
		})
		if i < 0 {
			t.Errorf("nestedModules has no row for %s: say what it may import of this module, and why", dir)
			continue
		}
		used := map[string]bool{}
		for _, f := range filesBelow(t, filepath.Join("..", "..", filepath.FromSlash(dir))) {
			for _, imp := range f.imports {
				if !within(imp, module) {
					continue
				}
				target := strings.TrimPrefix(imp, module+"/")
				used[target] = true
				if !within(target, dir) && !slices.Contains(nestedModules[i].may, target) {
					t.Errorf("%s/%s imports %s; %s may import only %v: %s", f.dir, f.name, target, dir, nestedModules[i].may, nestedModules[i].because)
				}
			}
		}
		for _, may := range nestedModules[i].may {
			if !used[may] {
				t.Errorf("nestedModules: %s does not import %s: take it out of the row", dir, may)
			}
		}
	}
	for _, m := range nestedModules {
		if !slices.Contains(modules, m.dir) {
			t.Errorf("nestedModules: %s is no module", m.dir)
		}
	}
	for _, f := range sources(t) {
		for _, imp := range f.imports {
			for _, dir := range slices.Concat(modules, free) {
				if within(imp, module+"/"+dir) {
					t.Errorf("%s/%s imports %s, which is a module of its own", f.dir, f.name, imp)
				}
			}
		}
	}
}

// nestedFolders are the folders with a go.mod, but for the root and what is data of tests.
func nestedFolders(t *testing.T) []string {
	t.Helper()
	root := filepath.Join("..", "..")
	var dirs []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		if p != root && strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" {
			return filepath.SkipDir
		}
		if _, err := os.Stat(filepath.Join(p, "go.mod")); err == nil && p != root {
			rel, _ := filepath.Rel(root, p)
			dirs = append(dirs, path.Clean(filepath.ToSlash(rel)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(dirs) < 5 {
		t.Fatalf("found %v: the walk is broken", dirs)
	}
	return dirs
}
