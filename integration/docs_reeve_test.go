package integration_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/internal/testneed"
)

// TestTranscriptsOfReevePrintWhatThePagesSay runs each transcript of the command in a folder
// with the policy that the page shows, and compares what is printed. Commands of one page go on
// from each other; "echo $?" shows an exit code.
func TestTranscriptsOfReevePrintWhatThePagesSay(t *testing.T) {
	testneed.Program(t, "bash", "install it")
	commands := 0
	for _, p := range pages(t) {
		blocks := p.of("console", "reeve")
		if len(blocks) == 0 {
			continue
		}
		dir := policyFolder(t, policyOf(p))
		for _, b := range blocks {
			script, want := "", ""
			for line := range strings.Lines(b.text) {
				if command, is := strings.CutPrefix(line, "$ "); is {
					script += command
					commands++
					continue
				}
				want += line
			}
			if got := runIn(t, dir, script); got != want {
				t.Errorf("%s:%d: the transcript prints\n%s\nand the page says\n%s", p.name, b.line, got, want)
			}
		}
	}
	if commands < 8 {
		t.Errorf("%d commands", commands)
	}
}

// policyFolder writes a policy into the folder policies of a new folder.
func policyFolder(t testing.TB, files fstest.MapFS) string {
	t.Helper()
	dir := t.TempDir()
	for name, f := range files {
		file := filepath.Join(dir, "policies", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// runIn runs a script of bash, in which reeve is the command of the repository.
func runIn(t testing.TB, dir, script string) string {
	t.Helper()
	cmd := exec.Command("bash", "-u", "-c", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(program(t, "./cmd/reeve"))+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if _, ended := err.(*exec.ExitError); err != nil && !ended {
		t.Fatal(err)
	}
	return string(out)
}

// runReeve runs one command against the standard policy, which has no fault.
func runReeve(t testing.TB, line string) {
	t.Helper()
	files := policyFiles("")
	for _, name := range []string{"policy.csv", "policy_test.csv"} {
		data, err := os.ReadFile(filepath.Join("../policies", name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	if out := runIn(t, policyFolder(t, files), line+"; echo exit $?"); !strings.HasSuffix(out, "exit 0\n") {
		t.Errorf("%s prints\n%s", line, out)
	}
}
