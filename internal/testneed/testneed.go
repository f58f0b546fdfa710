// Package testneed says what a test needs of its machine and how much it may take. A test that
// lacks something of its machine fails in CI and is skipped elsewhere, never passed.
package testneed

import (
	"os"
	"os/exec"
	"testing"
)

// Program returns the path of a program, without which the test ends. install says how to
// get it, such as "apt-get install jq".
func Program(tb testing.TB, name, install string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(tb, name+" is not on the PATH; "+install)
	}
	return path
}

// Missing ends a test for want of something: as an error in CI, and elsewhere as a skip.
func Missing(tb testing.TB, what string) {
	tb.Helper()
	if inCI() {
		tb.Fatal(what)
	}
	tb.Skip(what)
}

// inCI reads the variable that CI services set. A developer's CI=false is not one.
func inCI() bool {
	ci := os.Getenv("CI")
	return ci != "" && ci != "false"
}
