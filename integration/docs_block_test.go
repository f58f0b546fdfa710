package integration_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/policytest"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session"
)

// TestEveryBlockIsRun compiles, loads, runs or compares every block of every page. A block that
// nobody runs is an error, unless it is marked as plain text.
func TestEveryBlockIsRun(t *testing.T) {
	for _, p := range pages(t) {
		for i, b := range p.blocks {
			t.Run(fmt.Sprintf("%s:%d", p.name, b.line), func(t *testing.T) { runBlock(t, p, i) })
		}
	}
}

func runBlock(t testing.TB, p page, i int) {
	switch b := p.blocks[i]; b.kind {
	case "go":
		// TestFragmentsCompile, TestProgramsOfThePages and TestReadmeProgram.
		if b.isProgram() && p.name != "README.md" {
			t.Error("nobody runs this program: give it the name of a file")
		}
		if b.note == "stack" {
			break // TestEveryStackIsScoped
		}
		if b.isFile() && !strings.HasSuffix(b.note, ".go") {
			t.Errorf("%q is no file of Go", b.note)
		}
	case "console":
		if b.note != "" && b.note != "reeve" {
			t.Errorf("nobody knows a transcript %q", b.note)
		}
		// TestTranscriptsPrintWhatThePagesSay and TestTranscriptsOfReevePrintWhatThePagesSay.
	case "csv":
		runCSV(t, p, i)
	case "json":
		runJSON(t, b)
	case "sh":
		for line := range strings.Lines(b.text) {
			runShell(t, strings.TrimSpace(line))
		}
	case "text":
		switch b.note {
		case "", "refusal": // plain, or what runCSV compares with
		case "explanation":
			explained(t, p, b)
		default:
			t.Errorf("nobody knows a text %q", b.note)
		}
	default:
		t.Errorf("nobody runs a block of %q: mark it as text", b.kind)
	}
}

// policyOf returns the files of the policy that a page shows: its named blocks, and of the
// standard policy what it does not show.
func policyOf(p page) fstest.MapFS {
	files := policyFiles("")
	for _, b := range p.blocks {
		if name := strings.TrimPrefix(b.note, "policies/"); b.kind == "csv" && strings.HasSuffix(name, ".csv") {
			files[name] = &fstest.MapFile{Data: []byte(b.text)}
		}
	}
	return files
}

// withoutTenants returns the files without those of single tenants.
func withoutTenants(files fstest.MapFS) fstest.MapFS {
	files = maps.Clone(files)
	maps.DeleteFunc(files, func(name string, _ *fstest.MapFile) bool { return strings.HasPrefix(name, "tenants/") })
	return files
}

func runCSV(t testing.TB, p page, i int) {
	t.Helper()
	b, files := p.blocks[i], policyOf(p)
	switch {
	case strings.HasSuffix(b.note, "_test.csv"):
		runTable(t, files, path.Base(b.note))
		return
	case strings.HasSuffix(b.note, ".csv"): // of the policy that the page shows
	case b.note == "" || b.note == "refused":
		files = withoutTenants(files)
		files["policy.csv"] = &fstest.MapFile{Data: []byte(b.text)}
	default:
		t.Errorf("nobody knows a file %q", b.note)
		return
	}
	_, err := policy.Load(files, policy.Options{})
	if b.note != "refused" {
		if err != nil {
			t.Error(err)
		}
		return
	}
	if i+1 == len(p.blocks) || p.blocks[i+1].note != "refusal" {
		t.Fatal("no text says what is wrong with it")
	}
	if !errors.Is(err, policy.ErrInvalid) || strings.TrimSpace(err.Error()) != strings.TrimSpace(p.blocks[i+1].text) {
		t.Errorf("the error is\n%v\nand the page says\n%s", err, p.blocks[i+1].text)
	}
}

// runTable runs a table of requests against the policy that a page shows.
func runTable(t testing.TB, files fstest.MapFS, name string) {
	t.Helper()
	engine, err := policy.Load(files, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cases, err := policytest.Load(files, name, engine.Attributes())
	if err != nil {
		t.Fatal(err)
	}
	results, _ := policytest.Evaluate(t.Context(), engine, cases)
	if len(results) < 5 {
		t.Errorf("%d rows", len(results))
	}
	for _, r := range results {
		if why := r.Failure(); why != nil {
			t.Errorf("%s: %s", r.Case.Name(), why)
		}
	}
}

// runJSON wants a document, and of a problem one that the library answers.
func runJSON(t testing.TB, b block) {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal([]byte(b.text), &document); err != nil {
		t.Fatal(err)
	}
	kind, is := document["type"].(string)
	if !is {
		return
	}
	for _, known := range problems(t) {
		if known.typ == kind {
			want, err := json.Marshal(struct {
				Type   string `json:"type"`
				Title  string `json:"title"`
				Status int    `json:"status"`
			}{known.typ, known.title, known.status})
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(bytes.TrimSpace([]byte(b.text)), want) {
				t.Errorf("the library answers %s", want)
			}
			return
		}
	}
	t.Errorf("the library answers no %s", kind)
}

// explained compares a block with what the engine says about the policy.csv of the page.
func explained(t testing.TB, p page, b block) {
	t.Helper()
	engine, err := policy.Load(withoutTenants(policyOf(p)), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := engine.Explain(t.Context(), policy.Request{
		Tenant:  acme,
		Subject: policy.Subject{ID: "alice", Roles: policy.RoleNames{"editor"}},
		Action:  "update",
		Object:  policy.Object{Type: "invoice", ID: "42", Tenant: acme, Attributes: policy.Values{"owner": "alice", "status": "paid"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(got.String()) != strings.TrimSpace(b.text) {
		t.Errorf("the explanation is\n%s\nand the page says\n%s", got, b.text)
	}
}

var (
	makeTarget = regexp.MustCompile(`^make ([a-z]+)( FUZZTIME=\w+)?$`)
	goTest     = regexp.MustCompile(`^(?:cd (\w+) && )?(?:REEVE_SOAK=1 )?go test( -[a-z]+(?:=| )?(?:\d+m)?)* -run '?\^?(\w+)\$?'? (\S+)$`)
	comment    = regexp.MustCompile(`\s+# .*$`)
)

// runShell runs one command of a page, or, where it would run these tests or change this
// machine, wants what it names to be there.
func runShell(t testing.TB, line string) {
	t.Helper()
	line = comment.ReplaceAllString(line, "")
	if m := makeTarget.FindStringSubmatch(line); m != nil {
		makefile, err := os.ReadFile("../Makefile")
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`(?m)^` + m[1] + `:`).Match(makefile) {
			t.Errorf("there is no target %s", m[1])
		}
		return
	}
	if m := goTest.FindStringSubmatch(line); m != nil {
		dir := path.Join(m[1], m[4])
		for name := range testsOf(t, dir) {
			if strings.Contains(name, m[3]) {
				return
			}
		}
		t.Errorf("there is no test %s in %s", m[3], dir)
		return
	}
	if strings.HasPrefix(line, "reeve ") {
		runReeve(t, line)
		return
	}
	switch line {
	case "go run ./examples/quickstart":
		program(t, "./examples/quickstart") // TestTranscriptsPrintWhatThePagesSay runs it
	case "go install github.com/reevehq/reeve/cmd/reeve@latest":
		program(t, "./cmd/reeve") // TestAStrangerInstallsReeveAndImportsEachModule installs it
	case "go get github.com/reevehq/reeve", "git clone https://github.com/reevehq/reeve", "cd reeve":
		mod, err := os.ReadFile("../go.mod")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(mod), "module github.com/reevehq/reeve\n") {
			t.Error("the module has another path")
		}
	case "openssl rand -base64 32":
		testneed.Program(t, "openssl", "install it")
		out, err := exec.Command("openssl", "rand", "-base64", "32").Output()
		if err != nil {
			t.Fatal(err)
		}
		if key, err := session.ParseSecretKey(strings.TrimSpace(string(out))); err != nil || key.Validate(session.MinKeyLength) != nil {
			t.Errorf("it makes no key: %v", err)
		}
	case "go test ./...", "go vet ./...", "gofmt -l .":
		// make test runs them
	default:
		t.Errorf("nobody runs the command %q", line)
	}
}

// TestABlockThatNobodyRunsIsAnError plants pages of which each has one.
func TestABlockThatNobodyRunsIsAnError(t *testing.T) {
	for _, line := range []string{"rm -rf /", "reeve nothing", "make nothing", "go test -run '^TestNoSuchThing$' ./authz", "go get example.com/x"} {
		if !failsIn(t, func(t testing.TB) { runShell(t, line) }) {
			t.Errorf("%q passes", line)
		}
	}
	for _, b := range []block{
		{kind: "", text: "x"}, {kind: "yaml", text: "a: b"}, {kind: "text", note: "whatever"}, {kind: "console", note: "whatever"},
		{kind: "json", text: "{"}, {kind: "json", text: `{"type":"/problems/none"}`},
		{kind: "csv", text: "p, role:a"}, {kind: "csv", note: "notes", text: ""}, {kind: "csv", note: "refused", text: "p, role:a, *, x, y, true, allow"},
		{kind: "go", text: "package main\n"}, {kind: "go", note: "main.txt", text: ""},
	} {
		if !failsIn(t, func(t testing.TB) { runBlock(t, page{name: "planted.md", blocks: []block{b}}, 0) }) {
			t.Errorf("%+v passes", b)
		}
	}
}

// failing is a test that may fail without harm.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper()               {}
func (f *failing) Error(...any)          { f.failed = true }
func (f *failing) Errorf(string, ...any) { f.failed = true }
func (f *failing) Fatal(...any)          { f.failed = true; runtime.Goexit() }
func (f *failing) Fatalf(string, ...any) { f.failed = true; runtime.Goexit() }

// failsIn reports whether the function fails its test.
func failsIn(t *testing.T, run func(t testing.TB)) bool {
	f, done := &failing{TB: t}, make(chan struct{})
	go func() {
		defer close(done)
		run(f)
	}()
	<-done
	return f.failed
}

// moduleOf writes the files into a module of its own that requires what a module of the
// repository does, and returns its folder.
func moduleOf(t testing.TB, like string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join("..", like, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sum, err := os.ReadFile(filepath.Join("..", like, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	_, requires, _ := strings.Cut(string(mod), "\n")
	all := maps.Clone(files)
	all["go.mod"] = "module pages\n" + strings.ReplaceAll(requires, "=> ../", "=> "+root+"/")
	all["go.sum"] = string(sum)
	for name, text := range all {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// goIn runs a go command in such a module.
func goIn(t testing.TB, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS="+os.Getenv("GOFLAGS")+" -mod=mod")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
