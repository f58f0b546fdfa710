package integration_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/leash"
	"github.com/reevehq/reeve/internal/need"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// block is one fenced block of the README.
type block struct{ kind, text string }

func readme(t *testing.T) (string, []block) {
	t.Helper()
	data, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$").FindAllStringSubmatch(string(data), -1) {
		blocks = append(blocks, block{m[1], m[2]})
	}
	return string(data), blocks
}

// TestReadmeTranscript runs the commands of the README against the quickstart and
// compares what they print.
func TestReadmeTranscript(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq"} {
		need.Program(t, tool, "install it")
	}
	_, blocks := readme(t)
	found := 0
	for _, b := range blocks {
		if b.kind != "console" {
			continue
		}
		found++
		q := startQuickstart(t)
		script, want := "", ""
		for line := range strings.Lines(b.text) {
			if command, is := strings.CutPrefix(line, "$ "); is {
				script += command
				continue
			}
			want += line
		}
		script = strings.ReplaceAll(script, "localhost:8080", strings.TrimPrefix(q.base, "http://"))
		cmd := exec.Command("bash", "-eu", "-o", "pipefail", "-c", script)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if string(out) != want {
			t.Errorf("the transcript prints\n%s\nand the README says\n%s", out, want)
		}
		for _, status := range []string{`"status":401`, `"tenant":"acme"`, `"status":403`, "204", `"status":401`} {
			_, rest, ok := strings.Cut(want, status)
			if !ok {
				t.Errorf("the transcript does not show %s in its turn", status)
			}
			want = rest
		}
	}
	if found != 1 {
		t.Errorf("%d transcripts", found)
	}
}

// TestReadmeProgram builds and runs the README's program with Redis, an issuer of its own
// and the standard policy.
func TestReadmeProgram(t *testing.T) {
	_, blocks := readme(t)
	source := blocks[slices.IndexFunc(blocks, func(b block) bool { return strings.HasPrefix(b.text, "package main") })].text
	if n := strings.Count(source, "\n"); n > 25 {
		t.Errorf("the program has %d lines", n)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	dir, redis := t.TempDir(), redisserver.Start(t).URL()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := token.NewSigner(token.SignerConfig{Issuer: "https://id.example.com", Audience: "billing", KeyID: "k1", Algorithm: token.EdDSA, Key: session.NewPrivateKey(key)})
	if err != nil {
		t.Fatal(err)
	}
	jwks, err := signer.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"main.go": []byte(strings.Replace(source, "127.0.0.1:8080", addr, 1)), "jwks.json": jwks} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.CopyFS(filepath.Join(dir, "policies"), os.DirFS("../policies")); err != nil {
		t.Fatal(err)
	}

	bin := buildReadme(t, dir)
	cmd := exec.Command(bin)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "REDIS_URL="+redis)
	for n, name := range []string{"NAME_KEY", "SEAL_KEY", "REFRESH_KEY"} {
		cmd.Env = append(cmd.Env, name+"="+base64.StdEncoding.EncodeToString(secretKey(byte(n)).Bytes()))
	}
	logs := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = logs, logs
	process, err := leash.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_, _ = process.Kill(), process.Wait()
		if t.Failed() {
			t.Logf("log of the program:\n%s", logs)
		}
	})
	q := &quickstart{t: t, base: "http://" + addr, logs: logs, stalls: watchStalls(t)}
	soon(t, "the program listens", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})

	store := open(t, redis, redisstore.Config{NameKey: secretKey(0), SealKeys: []session.SecretKey{secretKey(1)}})
	sessions, err := session.NewManager(store, session.Config{Key: secretKey(2)})
	if err != nil {
		t.Fatal(err)
	}
	if err := sessions.SetTenantStatus(t.Context(), acme, tenant.Active); err != nil {
		t.Fatal(err)
	}
	s, _, err := sessions.Create(t.Context(), session.SignIn{Tenant: acme, User: alice})
	if err != nil {
		t.Fatal(err)
	}
	access, err := signer.Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	q.want(401, "GET", "/me", "", "")
	if a := q.want(200, "GET", "/me", access.Reveal(), ""); a.body != "hello\n" {
		t.Errorf("it says %q", a.body)
	}
	q.want(404, "GET", "/nowhere", access.Reveal(), "")
	if err := sessions.RevokeUser(t.Context(), acme, alice); err != nil {
		t.Fatal(err)
	}
	q.want(401, "GET", "/me", access.Reveal(), "")
}

// preamble stands before the blocks that are part of a handler.
const preamble = `package readme

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/casbin/casbin/v2"
	"github.com/labstack/echo/v4"
	"github.com/redis/go-redis/v9"
	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/authztest"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/casbinindex"
	"github.com/reevehq/reeve/authz/policy/filepolicy"
	"github.com/reevehq/reeve/authz/policy/redispolicy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/jwks"
	"github.com/reevehq/reeve/tenant"
)

// What the blocks use of the packages above varies.
var (
	_ = authz.Must[int]
	_ authztest.Options
	_ casbinindex.Config
	_ middleware.DPoP
	_ netip.Prefix
	_ time.Duration
	_ redispolicy.Publication
	_ filepolicy.Config
	_ jwks.Config
	_ = fmt.Sprint
)

`

// fragment surrounds one of them.
const fragment = `
func handle%d(t *testing.T, ctx context.Context, c echo.Context, e *echo.Echo, pay, events echo.HandlerFunc,
	tokens *token.Verifier, sessions *session.Manager, engine *policy.Engine, store *redisstore.Store,
	enforcer *casbin.Enforcer, err error, secret session.SecretKey, client redis.UniversalClient, public ed25519.PublicKey, signer *token.Signer, key session.SecretKey, s session.Session, acme tenant.ID, alice session.UserID,
	inv struct{ Tenant tenant.ID; Owner, Status string }) error {
	{
%s
	}
	return nil
}
`

// TestReadmeFragmentsCompileAndLoad builds the blocks of Go that are no program, loads
// the policy, and knows every other kind of block.
func TestReadmeFragmentsCompileAndLoad(t *testing.T) {
	_, blocks := readme(t)
	source := preamble
	for i, b := range blocks {
		switch {
		case b.kind == "console" || strings.HasPrefix(b.text, "package main"):
			// run by the tests above
		case b.kind == "go":
			source += fmt.Sprintf(fragment, i, b.text)
		case b.kind == "csv":
			engineOf(t, b.text)
		case b.kind == "text":
			explained(t, b.text)
		case b.text == "go run ./examples/quickstart\n":
			program(t, "./examples/quickstart")
		default:
			t.Errorf("nobody runs this block:\n%s", b.text)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	buildReadme(t, dir)
}

// explained compares a block with what the engine says about the policy block.
func explained(t *testing.T, want string) {
	t.Helper()
	_, blocks := readme(t)
	engine := engineOf(t, blocks[slices.IndexFunc(blocks, func(b block) bool { return b.kind == "csv" })].text)
	got, err := engine.Explain(t.Context(), policy.Request{
		Tenant:  acme,
		Subject: policy.Subject{ID: "alice", Roles: policy.RoleNames{"editor"}},
		Action:  "update",
		Object:  policy.Object{Type: "invoice", ID: "42", Tenant: acme, Attributes: policy.Values{"owner": "alice", "status": "paid"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(got.String()) != strings.TrimSpace(want) {
		t.Errorf("the explanation is\n%s\nand the README says\n%s", got, want)
	}
}

// buildReadme builds dir/main.go as if it stood in the examples module.
func buildReadme(t *testing.T, dir string) string {
	t.Helper()
	examples, err := filepath.Abs("../examples")
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(examples, "readme", "main.go"): filepath.Join(dir, "main.go"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	file, bin := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "readme")
	if err := os.WriteFile(file, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-overlay", file, "-o", bin, "./readme")
	cmd.Dir = examples
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// TestReadmeNamesTestsThatExist reads the table of guarantees.
func TestReadmeNamesTestsThatExist(t *testing.T) {
	text, _ := readme(t)
	_, table, _ := strings.Cut(text, "## What it guarantees")
	table, _, _ = strings.Cut(table, "\n## ")
	rows := 0
	for line := range strings.Lines(table) {
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
			// A row that only the long proof shows says so.
			if longProof.MatchString(source) && !strings.Contains(line, "`"+name+"` (`make soak`)") {
				t.Errorf("%s: %s is skipped by make test; write (`make soak`) behind it", strings.TrimSpace(cells[1]), name)
			}
		}
		if dir == "" {
			t.Errorf("%s: no test", strings.TrimSpace(cells[1]))
		}
	}
	if rows < 20 {
		t.Errorf("the table has %d rows", rows)
	}
}

// longProof finds a test that make test skips.
var longProof = regexp.MustCompile(`if (!soak\(\)|os\.Getenv\("REEVE_SOAK"\) == "") \{\n\t\tt\.Skip`)

// declared returns the source of a test of the name, or of those that begin with it where it
// ends in "…", in the folder, or for a suite in the folders that run it. It returns "" where there is none.
func declared(t *testing.T, dir, name string) string {
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
func testsOf(t *testing.T, dir string) map[string]string {
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
