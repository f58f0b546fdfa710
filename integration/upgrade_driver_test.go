//go:build unix

package integration_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testproc"
)

// formerCommit is the commit that instances are upgraded from.
const formerCommit = "fc01a0d"

// drivers builds the driver in the tree of formerCommit, and in this one.
func drivers(t *testing.T) (former, present string) {
	t.Helper()
	git, tar := testneed.Program(t, "git", "install it"), testneed.Program(t, "tar", "install it")
	if err := exec.Command(git, "-C", "..", "cat-file", "-e", formerCommit+"^{commit}").Run(); err != nil {
		// A copy of the sources alone has no history, also in CI.
		t.Skip("the history does not reach back to " + formerCommit + "; fetch all of it (git fetch --unshallow)")
	}
	tree := t.TempDir()
	archive := filepath.Join(tree, "tree.tar")
	execute(t, git, "-C", "..", "archive", "--output", archive, formerCommit)
	execute(t, tar, "-xf", archive, "-C", tree)
	folder := filepath.Join(tree, "integration", "internal", "driver")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"internal/driver/main.go": "main.go", "testdata/stack_fc01a0d.go.txt": "stack.go"} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, to), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	former, present = filepath.Join(tree, "former"), filepath.Join(tree, "present")
	build := []string{"build"}
	if testneed.Race {
		build = append(build, "-race") // shares what the build of the tests has left
	}
	execute(t, "go", append([]string{"-C", folder}, append(build, "-o", former, ".")...)...)
	execute(t, "go", append(build, "-o", present, "./internal/driver")...)
	return former, present
}

func execute(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, out)
	}
}

// driven is an instance in a process of its own; see internal/driver, whose types these are.
type driven struct {
	tb   testing.TB
	name string
	in   *json.Encoder
	out  *bufio.Scanner
}

type driverRequest struct {
	Do, Tenant, User, ID, To, Token string
	Step                            int
	Reason                          string
}

type driverReply struct {
	Error, Text, Tenant, User, ID, Token string
	Step                                 int
	Listed                               map[string]int
	Kinds                                []string
}

// drive starts an instance that ends with the test.
func drive(t *testing.T, name, program, url, prefix string, cached bool) *driven {
	t.Helper()
	args := []string{url, prefix}
	if cached {
		args = append(args, "cached")
	}
	cmd := exec.Command(program, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = write, io.Discard
	process, err := testproc.Start(cmd)
	write.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = process.Kill()
		_ = process.Wait()
		read.Close()
	})
	return &driven{t, name, json.NewEncoder(in), bufio.NewScanner(read)}
}

// do has the instance do something.
func (d *driven) do(r driverRequest) driverReply {
	d.tb.Helper()
	var reply driverReply
	if err := d.in.Encode(r); err != nil {
		d.tb.Fatalf("the %s instance: %v", d.name, err)
	}
	if !d.out.Scan() {
		d.tb.Fatalf("the %s instance has ended: %v", d.name, d.out.Err())
	}
	if err := json.Unmarshal(d.out.Bytes(), &reply); err != nil {
		d.tb.Fatalf("the %s instance says %q: %v", d.name, d.out.Text(), err)
	}
	return reply
}
