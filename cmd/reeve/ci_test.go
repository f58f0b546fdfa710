package main

import (
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/reevehq/reeve/internal/testneed"
)

// parses reports why words are no command line of reeve, without running it.
func parses(words []string) error {
	parser, err := newApp(nil, io.Discard, io.Discard, func(string) string { return "" }).parser()
	if err != nil {
		return err
	}
	_, err = parser.Parse(words)
	return err
}

// ciFiles are the YAML files that others run reeve by.
func ciFiles(t *testing.T) []string {
	t.Helper()
	root := filepath.Join("..", "..")
	files := []string{filepath.Join(root, "action.yml"), filepath.Join(root, ".pre-commit-hooks.yaml")}
	err := filepath.WalkDir(filepath.Join(root, "examples", "ci"), func(name string, d fs.DirEntry, err error) error {
		if ext := filepath.Ext(name); ext == ".yml" || ext == ".yaml" {
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 7 {
		t.Fatalf("%v", files)
	}
	return files
}

func readYAML(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err == nil {
		err = yaml.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// texts are all strings of a YAML value.
func texts(value any, key string, visit func(key, text string)) {
	switch x := value.(type) {
	case string:
		visit(key, x)
	case []any:
		for _, e := range x {
			texts(e, key, visit)
		}
	case map[string]any:
		for k, e := range x {
			texts(e, k, visit)
		}
	}
}

var (
	callOfReeve = regexp.MustCompile(`(?m)(?:^|&& |\|\| |; |\$\()\s*reeve ([^\n|;&>]*)`)
	variable    = regexp.MustCompile(`"?\$\{?\w+\}?[^\s"]*"?`)
)

// commandsIn returns the calls of reeve in a script, as words.
func commandsIn(script string) (calls [][]string) {
	for _, call := range callOfReeve.FindAllStringSubmatch(script, -1) {
		line := regexp.MustCompile(`\s2$`).ReplaceAllString(strings.TrimRight(call[1], " "), "") // of 2>
		words := strings.Fields(variable.ReplaceAllString(line, "x"))
		calls = append(calls, words)
	}
	return calls
}

func TestEveryVerbAndFlagInFilesForCIExists(t *testing.T) {
	if err := parses([]string{"lint", "policies", "--nonsense"}); err == nil {
		t.Fatal("a flag that is none is taken: the test checks nothing")
	}
	n := 0
	check := func(file string, words []string) {
		n++
		if err := parses(words); err != nil {
			t.Errorf("%s: reeve %s: %v", file, strings.Join(words, " "), err)
		}
	}
	for _, file := range ciFiles(t) {
		var value any
		readYAML(t, file, &value)
		texts(value, "", func(key, text string) {
			if key == "run" || key == "script" || key == "entry" {
				for _, words := range commandsIn(text) {
					check(file, words)
				}
			}
		})
	}
	script, err := os.ReadFile(filepath.Join("..", "..", "scripts", "impact.sh"))
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range commandsIn(string(script)) {
		check("impact.sh", words)
	}
	if n < 15 {
		t.Errorf("%d calls are found: the search is broken", n)
	}
}

// Everything of this repository that a workflow or a hook names is there.
func TestFilesForCINameWhatThereIs(t *testing.T) {
	root := filepath.Join("..", "..")
	var hooks []struct {
		ID, Entry, Files string
		Dependencies     []string `yaml:"additional_dependencies"`
	}
	readYAML(t, filepath.Join(root, ".pre-commit-hooks.yaml"), &hooks)
	known := map[string]string{}
	for _, h := range hooks {
		known[h.ID] = h.Entry
		pattern, err := regexp.Compile(h.Files)
		if err != nil {
			t.Fatal(err)
		}
		for name, is := range map[string]bool{"policies/policy.csv": true, "policy.csv": true, "policies/tenants/acme.csv": true, "policies/attributes.csv": true, "policies/ceiling.csv": true, "main.go": false, "policies/policy.csv.orig": false} {
			if pattern.MatchString(name) != is {
				t.Errorf("%s: a change of %s runs it: %t", h.ID, name, !is)
			}
		}
		if !slices.Contains(h.Dependencies, "./cmd/reeve") {
			t.Errorf("%s builds no command", h.ID)
		}
	}
	var config struct {
		Repos []struct {
			Hooks []struct {
				ID   string
				Args []string
			}
		}
	}
	readYAML(t, filepath.Join(root, "examples", "ci", ".pre-commit-config.yaml"), &config)
	if len(config.Repos) != 1 || len(config.Repos[0].Hooks) != len(hooks) {
		t.Fatalf("%+v", config)
	}
	for _, h := range config.Repos[0].Hooks {
		words := append(strings.Fields(known[h.ID]), h.Args...)
		if known[h.ID] == "" || parses(words[1:]) != nil {
			t.Errorf("the hook %s: %v", h.ID, words)
		}
	}
	var action struct {
		Inputs map[string]any
		Runs   struct {
			Steps []struct {
				Run   string
				Shell string
			}
		}
	}
	readYAML(t, filepath.Join(root, "action.yml"), &action)
	for _, s := range action.Runs.Steps {
		if s.Run != "" && s.Shell != "bash" {
			t.Errorf("a step without a shell: %s", s.Run)
		}
		// The text that a pull request's author writes would be run.
		if strings.Contains(s.Run, "${{") {
			t.Errorf("an expression stands in a script: %s", s.Run)
		}
	}
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct {
				Uses string
				With map[string]any
			}
		}
	}
	readYAML(t, filepath.Join(root, "examples", "ci", "github", "policy.yml"), &workflow)
	used := 0
	for _, job := range workflow.Jobs {
		for _, s := range job.Steps {
			if !strings.HasPrefix(s.Uses, "reevehq/reeve@") {
				continue
			}
			used++
			for name := range s.With {
				if _, there := action.Inputs[name]; !there {
					t.Errorf("the action has no input %s", name)
				}
			}
		}
	}
	if used != 1 {
		t.Errorf("the action is used %d times", used)
	}
	for _, file := range ciFiles(t) {
		if text, err := os.ReadFile(file); err != nil || strings.Contains(string(text), "pull_request_target") {
			t.Errorf("%s gives secrets to what a fork contains (%v)", file, err)
		}
	}
}

// fakeGH notes its arguments and the body, and lists one comment of a bot or none.
const fakeGH = `#!/bin/sh
echo "$*" >> "$LOG"
for a in "$@"; do case $a in body=@*) cp "${a#body=@}" "$LOG.body" ;; esac; done
case "$*" in *--paginate*) [ -z "${COMMENT_ID:-}" ] || echo "$COMMENT_ID" ;; esac
exit "${GH_CODE:-0}"
`

// A pull request gets one comment with the table, which later runs change.
func TestTheActionCommentsTheImpactAsATable(t *testing.T) {
	for _, program := range []string{"git", "bash"} {
		testneed.Program(t, program, "install it")
	}
	script, err := filepath.Abs(filepath.Join("..", "..", "scripts", "impact.sh"))
	if err != nil {
		t.Fatal(err)
	}
	dir, bin := t.TempDir(), t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// The test binary is the command when it is called so.
	for name, text := range map[string]string{"gh": fakeGH, "reeve": "#!/bin/sh\nREEVE_AS_COMMAND=1 exec '" + self + "' \"$@\"\n"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	bash := func(line string, env ...string) (string, error) {
		cmd := exec.Command("bash", "-c", line)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), append([]string{"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "LOG=" + filepath.Join(bin, "log"), "GH_TOKEN=x", "PULL=7", "GITHUB_REPOSITORY=acme/shop",
			"POLICIES=policies", "FAIL_ON=none", "COMMENT=true", "GITHUB_STEP_SUMMARY=" + filepath.Join(bin, "summary"), "GIT_CONFIG_GLOBAL=/dev/null"}, env...)...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	must := func(line string, env ...string) string {
		t.Helper()
		out, err := bash(line, env...)
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		return out
	}
	read := func(name string) string {
		data, _ := os.ReadFile(filepath.Join(bin, name))
		_ = os.Remove(filepath.Join(bin, name))
		return string(data)
	}
	writeTree(t, dir)
	must("rm -rf before plain* && git init -q . && git config user.email t@example.com && git config user.name t && git commit -q --allow-empty -m none && git tag none && git add -A && git commit -qm base && git tag base")

	must("bash "+script, "BASE=base")
	if body := read("log.body"); !strings.HasPrefix(body, "<!-- reeve impact of policies -->\n### Impact on `policies`\n") || !strings.Contains(body, "no decision changes") {
		t.Errorf("nothing changed:\n%s", body)
	}
	read("log")
	read("summary")
	must("echo 'p, role:guest, *, invoice, read, true, allow' >> policies/policy.csv && git commit -qam wider")
	must("cd policies && bash "+script, "BASE=base", "POLICIES=.")
	body := read("log.body")
	if !strings.Contains(body, "| **wider** | role:guest") || !strings.Contains(body, "1 wider, 0 narrower") {
		t.Errorf("what is wider:\n%s", body)
	}
	if summary := read("summary"); summary != body {
		t.Errorf("the summary is another:\n%s", summary)
	}
	if log := read("log"); !strings.Contains(log, "-X POST repos/acme/shop/issues/7/comments") {
		t.Errorf("a first comment: %s", log)
	}
	must("bash "+script, "BASE=base", "COMMENT_ID=99")
	if log := read("log"); !strings.Contains(log, "-X PATCH repos/acme/shop/issues/comments/99") || strings.Contains(log, "POST") {
		t.Errorf("a second comment: %s", log)
	}

	for _, c := range []struct {
		what, env, want string
		fails           bool
	}{
		{"wider, where that fails", "FAIL_ON=wider", "fail-on is wider", true},
		{"a word that is none", "FAIL_ON=some", "none, wider or any", true},
		{"a token that may not comment", "GH_CODE=1", "::notice::the comment could not be written", false},
		{"no comment", "COMMENT=false", "", false},
	} {
		out, err := bash("bash "+script, "BASE=base", c.env)
		if (err != nil) != c.fails || !strings.Contains(out, c.want) {
			t.Errorf("%s: %v\n%s", c.what, err, out)
		}
	}
	read("log")
	must("bash "+script, "BASE=none")
	if body := read("log.body"); !strings.Contains(body, "The policy is new") {
		t.Errorf("a new policy:\n%s", body)
	}
	// Narrower alone fails where any change does.
	must("git tag wide && git revert --no-edit HEAD")
	if out, err := bash("bash "+script, "BASE=wide", "FAIL_ON=any"); err == nil {
		t.Errorf("narrower, where any fails: %s", out)
	}
	must("bash "+script, "BASE=wide", "FAIL_ON=wider")
	must("echo 'p, role:guest, *, invoice, read, true, alow' >> policies/policy.csv")
	if out, err := bash("bash "+script, "BASE=base"); err == nil || !strings.Contains(read("log.body"), "    reeve: policies/policy.csv:") {
		t.Errorf("a policy that does not load: %v\n%s", err, out)
	}
	// GitHub refuses a body of more.
	must("git checkout -q policies && for i in $(seq 900); do echo \"p, role:guest$i, *, something-with-quite-a-long-name-$i, read, true, allow\"; done >> policies/policy.csv")
	must("bash "+script, "BASE=base")
	if body := read("log.body"); len(body) > 65_000 || len(body) < 40_000 || !strings.HasSuffix(body, "The table is longer: the summary of the job has all of it.\n") {
		t.Errorf("a long table has %d bytes", len(body))
	}
}

// A runner of GitLab keeps its clone and removes what is not in it, by git clean -ffdx: the job comes to
// what was before in each run.
func TestTheJobOfGitLabRunsAgainInTheSameClone(t *testing.T) {
	git := testneed.Program(t, "git", "apt-get install git")
	var file struct {
		Policy struct{ Script []string }
	}
	readYAML(t, filepath.Join("..", "..", "examples", "ci", "gitlab", ".gitlab-ci.yml"), &file)
	at := slices.IndexFunc(file.Policy.Script, func(line string) bool { return strings.Contains(line, "git worktree") })
	if at < 0 {
		t.Fatal("no line of the job fetches what was before")
	}
	dir := t.TempDir()
	origin, clone := filepath.Join(dir, "origin"), filepath.Join(dir, "clone")
	for _, args := range [][]string{
		{"init", "-q", "-b", "main", origin}, {"-C", origin, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-q", "--allow-empty", "-m", "a"},
		{"clone", "-q", origin, clone},
	} {
		if out, err := exec.CommandContext(t.Context(), git, args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	for run := range 2 {
		cmd := exec.CommandContext(t.Context(), "sh", "-ec", file.Policy.Script[at]+"\ntest -e before/.git\ngit clean -ffdxq")
		cmd.Dir, cmd.Env = clone, append(os.Environ(), "CI_MERGE_REQUEST_TARGET_BRANCH_NAME=main")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("run %d: %v\n%s", run+1, err, out)
		}
	}
}
