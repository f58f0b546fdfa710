package deptest

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// linked lists folders that link nothing but the standard library and this module, also by what
// they import.
var linked = []struct{ dir, because string }{
	{"tenant", "everything stands on it"},
	{"session", "a service that brings its own store links no client and no cache"},
	{"session/memstore", "it is the reference model"},
	{"session/sessiontest", "any store's tests may import it"},
}

func TestWhatStandsOnTheStandardLibraryLinksNothingElse(t *testing.T) {
	for _, l := range linked {
		list := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./"+l.dir)
		list.Dir = filepath.Join("..", "..")
		out, err := list.Output()
		if err != nil {
			t.Fatalf("%s: %v", l.dir, err)
		}
		packages := strings.Fields(string(out))
		if len(packages) == 0 {
			t.Errorf("%s is not there: the rule is about nothing", l.dir)
		}
		for _, p := range packages {
			if !within(p, module) {
				t.Errorf("%s links %s: %s", l.dir, p, l.because)
			}
		}
	}
}
