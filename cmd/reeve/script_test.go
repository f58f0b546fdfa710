package main

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/reevehq/reeve/policies"
)

func TestMain(m *testing.M) {
	if os.Getenv("REEVE_AS_COMMAND") != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"reeve": main})
}

// Each script is a command as people call it, with what it prints. The folder policies is the
// standard policy.
func TestScripts(t *testing.T) {
	testscript.Run(t, scripts(filepath.Join("testdata", "script")))
}

func scripts(dir string) testscript.Params {
	return testscript.Params{
		Dir:           dir,
		UpdateScripts: os.Getenv("REEVE_UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			return fs.WalkDir(policies.Files(), ".", func(name string, d fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				to := filepath.Join(e.WorkDir, "policies", name)
				if d.IsDir() {
					return os.MkdirAll(to, 0o755)
				}
				data, err := fs.ReadFile(policies.Files(), name)
				if err != nil {
					return err
				}
				return os.WriteFile(to, data, 0o644)
			})
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": exitCode, "append": appendTo, "bytes": writeBytes, "replace": replaceIn,
		},
	}
}

// replaceIn is: replace FILE OLD NEW, of a text that is there.
func replaceIn(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: replace file old new")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

// exitCode is: code N reeve …: the command ends with that code.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N command …")
	}
	got := 0
	err := ts.Exec(args[1], args[2:]...)
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		got = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if want := args[0]; want != strconv.Itoa(got) {
		ts.Fatalf("exit code %d, want %s", got, want)
	}
}

// appendTo is: append FILE TEXT: a line more.
func appendTo(ts *testscript.TestScript, neg bool, args []string) {
	f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	ts.Check(err)
	_, err = f.WriteString(strings.Join(args[1:], " ") + "\n")
	ts.Check(err)
	ts.Check(f.Close())
}

// writeBytes is: bytes FILE KIND: a file that no editor wrote.
func writeBytes(ts *testscript.TestScript, neg bool, args []string) {
	var data []byte
	switch args[1] {
	case "empty":
	case "binary":
		data = []byte("\x7fELF\x02\x01\x01\x00\x00\x00\xff\xfe\x00p, role:a\n")
	case "bom":
		data = []byte("\ufeffp, role:viewer, *, invoice, read, true, allow\n")
	case "crlf":
		data = []byte("p, role:viewer, *, invoice, read, true, allow\r\n")
	case "utf16":
		data = []byte("\xff\xfep\x00,\x00")
	case "large":
		f, err := os.Create(ts.MkAbs(args[0]))
		ts.Check(err)
		ts.Check(f.Truncate(100 << 20))
		ts.Check(f.Close())
		return
	default:
		ts.Fatalf("unknown kind %s", args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o644))
}
