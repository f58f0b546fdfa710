package deptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// throughLibraries lists what a folder links by way of a library, although a rule keeps the
// import itself out of it.
var throughLibraries = []exception{
	{"authz/policy", "github.com/casbin/govaluate", "Casbin's parser of models brings it; the engine evaluates nothing by it"},
	{"authz/policy/casbinsurvey", "github.com/casbin/govaluate", "Casbin's models bring it; a survey asks whatever decides"},
}

type exception struct{ dir, links, because string }

// linked is a package as go list describes it.
type linked struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

// TestWhatIsLinkedFollowsTheRules holds the rules against everything that a folder links, and
// not only against what its own files import: a library, or another folder, can bring it in.
func TestWhatIsLinkedFollowsTheRules(t *testing.T) {
	g := packages(t)
	if len(g) < 100 {
		t.Fatalf("go list knows %d packages: the list is broken", len(g))
	}
	used := map[int]bool{}
	for name := range g {
		dir, own := folder(name)
		if !own {
			continue
		}
		// Packages that other folders of ours bring in are held against those folders' own rules.
		libraries := g.reach(name, func(p string) bool { _, own := folder(p); return !own && !g[p].Standard })
		delete(libraries, name)
		for _, r := range rules {
			if r.imports == "unsafe" { // libraries may
				continue
			}
			if slices.ContainsFunc(r.only, func(o string) bool { return o == dir || strings.HasPrefix(o, dir+"/") && strings.HasSuffix(o, ".go") }) {
				continue
			}
			for p := range libraries {
				if !within(p, r.imports) || slices.Contains(g[name].Imports, p) { // its own imports are found there
					continue
				}
				if i := slices.IndexFunc(throughLibraries, func(e exception) bool { return e.dir == dir && within(p, e.links) }); i >= 0 {
					used[i] = true
					continue
				}
				t.Errorf("%s links %s through a library, which only %v may import: %s", dir, p, r.only, r.because)
			}
		}
	}
	for i, e := range throughLibraries {
		if !used[i] {
			t.Errorf("throughLibraries: %s does not link %s: delete the row", e.dir, e.links)
		}
	}
}

// TestWhatIsLinkedIsStandardWhereItHasToBe holds standardOnly against everything linked.
func TestWhatIsLinkedIsStandardWhereItHasToBe(t *testing.T) {
	g := packages(t)
	named := map[string]bool{"C": true} // of the standard library, to go list
	for _, r := range standardOnly {
		named[r.but] = true
	}
	for _, r := range standardOnly {
		all := g.reach(module+"/"+r.dir, func(p string) bool { return !named[p] })
		if _, known := g[module+"/"+r.dir]; !known {
			t.Errorf("%s is not known to go list", r.dir)
		}
		for p := range all {
			if _, own := folder(p); !own && !g[p].Standard && !named[p] {
				t.Errorf("%s links %s: only the standard library is allowed: %s", r.dir, p, r.because)
			}
		}
	}
}

// TestWhatIsLinkedOfThisModuleIsListed holds leaves against everything linked: a folder links
// what it may import, and what that may.
func TestWhatIsLinkedOfThisModuleIsListed(t *testing.T) {
	g := packages(t)
	for _, r := range leaves {
		may := reachable(r.dir)
		for p := range g.reach(module+"/"+r.dir, func(string) bool { return true }) {
			if dir, own := folder(p); own && !slices.Contains(may, dir) {
				t.Errorf("%s links %s; it may link only %v: %s", r.dir, dir, may, r.why)
			}
		}
	}
}

// reachable returns what a folder of leaves may link, itself included.
func reachable(dir string) []string {
	all := []string{dir}
	for i := 0; i < len(all); i++ {
		for _, r := range leaves {
			if r.dir == all[i] {
				all = append(all, r.may...)
			}
		}
	}
	return all
}

// graph is every package that the root module links, by its path.
type graph map[string]linked

// reach returns the package and what it links, by way of packages that pass alone.
func (g graph) reach(from string, pass func(string) bool) map[string]bool {
	seen, todo := map[string]bool{from: true}, []string{from}
	for i := 0; i < len(todo); i++ {
		if i > 0 && !pass(todo[i]) {
			continue
		}
		for _, p := range g[todo[i]].Imports {
			if !seen[p] {
				seen[p] = true
				todo = append(todo, p)
			}
		}
	}
	return seen
}

// folder returns the folder of a package of the root module.
func folder(name string) (dir string, own bool) {
	dir, own = strings.CutPrefix(name, module+"/")
	return dir, own || name == module
}

func packages(t *testing.T) graph {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Imports,Standard", "./...")
	cmd.Dir = filepath.Join("..", "..")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	g := graph{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var l linked
		if err := d.Decode(&l); errors.Is(err, io.EOF) {
			return g
		} else if err != nil {
			t.Fatal(err)
		}
		g[l.ImportPath] = l
	}
}
