package integration_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGuaranteesNameTestsThatExist reads the tables of docs/guarantees.md.
func TestGuaranteesNameTestsThatExist(t *testing.T) {
	rows := 0
	for line := range strings.Lines(pageOf(t, "docs/guarantees.md").text) {
		cells := strings.Split(line, "|")
		if len(cells) != 4 || strings.HasPrefix(cells[1], " ---") || strings.HasPrefix(cells[1], " guarantee") {
			continue
		}
		rows++
		dir := ""
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[2], -1) {
			name := m[1]
			if name == "make soak" {
				continue
			}
			if !strings.HasPrefix(name, "Test") && !strings.HasPrefix(name, "Fuzz") {
				dir = name
				if _, err := os.Stat(filepath.Join("..", dir)); err != nil {
					t.Errorf("%s: %v", strings.TrimSpace(cells[1]), err)
				}
				continue
			}
			source := declared(t, dir, name)
			if source == "" {
				t.Errorf("%s: there is no %s in %s", strings.TrimSpace(cells[1]), name, dir)
			}
			// A row that make test does not show, or only where files of others are, says so.
			for _, s := range skipsOf(t, dir, name) {
				switch mark := "`" + name + "` (`make soak`)"; {
				case s.soak && !strings.Contains(line, mark):
					t.Errorf("%s: %s is skipped by make test; write (`make soak`) behind it", strings.TrimSpace(cells[1]), name)
				case strings.Contains(s.why, "REEVE_VECTORS") && !strings.Contains(line, "skipped without REEVE_VECTORS"):
					t.Errorf("%s: %s is skipped where REEVE_VECTORS does not lead; write (skipped without REEVE_VECTORS) into the row", strings.TrimSpace(cells[1]), name)
				}
			}
		}
		if dir == "" {
			t.Errorf("%s: no test", strings.TrimSpace(cells[1]))
		}
	}
	if rows < 150 {
		t.Errorf("the tables have %d rows", rows)
	}
}

// declared returns the source of a test of the name, or of those that begin with it where it
// ends in "…", in the folder, or for a suite in the folders that run it. It returns "" where there is none.
func declared(t testing.TB, dir, name string) string {
	t.Helper()
	dirs := []string{dir}
	if dir == "session/sessiontest" {
		dirs = []string{"session/memstore", "integration"}
	}
	prefix, open := strings.CutSuffix(name, "…")
	found := ""
	for _, d := range dirs {
		for test, source := range testsOf(t, d) {
			if test == name || open && strings.HasPrefix(test, prefix) {
				found += source + "\n"
			}
		}
	}
	return found
}

var (
	testFunction = regexp.MustCompile(`(?ms)^func ((?:Test|Fuzz|Benchmark|Example)\w*)\(.*?^}$`)
	foldersRead  = map[string]map[string]string{}
)

// testsOf returns the sources of the tests in a folder, by name.
func testsOf(t testing.TB, dir string) map[string]string {
	t.Helper()
	if tests, ok := foldersRead[dir]; ok {
		return tests
	}
	files, err := filepath.Glob(filepath.Join("..", dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range testFunction.FindAllSubmatch(data, -1) {
			tests[string(m[1])] = string(m[0])
		}
	}
	foldersRead[dir] = tests
	return tests
}
