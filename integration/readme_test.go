package integration_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testproc"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// TestTranscriptsPrintWhatThePagesSay runs the commands of each transcript against the
// quickstart and compares what they print.
func TestTranscriptsPrintWhatThePagesSay(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq"} {
		testneed.Program(t, tool, "install it")
	}
	for _, p := range pages(t) {
		for _, b := range p.of("console", "*") {
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
				t.Errorf("%s:%d: %v\n%s", p.name, b.line, err, out)
			}
			if string(out) != want {
				t.Errorf("%s:%d: the transcript prints\n%s\nand the page says\n%s", p.name, b.line, out, want)
			}
		}
	}
}

// TestReadmeShowsARevocation wants the README's transcript to go from a refusal to an answer, to
// a revocation and back.
func TestReadmeShowsARevocation(t *testing.T) {
	transcripts := pageOf(t, "README.md").of("console", "*")
	if len(transcripts) != 1 {
		t.Fatalf("%d transcripts", len(transcripts))
	}
	rest, ok := transcripts[0].text, false
	for _, status := range []string{`"status":401`, `"tenant":"acme"`, `"status":403`, "\n204\n", `"status":401`} {
		if _, rest, ok = strings.Cut(rest, status); !ok {
			t.Errorf("the transcript does not show %q in its turn", status)
		}
	}
}

// TestReadmeIsShort bounds the README and its program, in which no key may stand for two.
func TestReadmeIsShort(t *testing.T) {
	readme := pageOf(t, "README.md")
	if len(readme.text) > 10<<10 {
		t.Errorf("README.md has %d bytes, more than 10 KiB", len(readme.text))
	}
	source := readmeProgram(t)
	if n := strings.Count(source, "\n"); n > 25 {
		t.Errorf("the program has %d lines", n)
	}
	keys := regexp.MustCompile(`\bkey\("(\w+)"\)`).FindAllStringSubmatch(source, -1)
	names := map[string]bool{}
	for _, m := range keys {
		names[m[1]] = true
	}
	if len(keys) != 3 || len(names) != 3 {
		t.Errorf("the program has %d keys of %d names, and needs three of three", len(keys), len(names))
	}
}

func readmeProgram(t *testing.T) string {
	t.Helper()
	readme := pageOf(t, "README.md")
	i := slices.IndexFunc(readme.blocks, block.isProgram)
	if i < 0 {
		t.Fatal("README.md has no program")
	}
	return readme.blocks[i].text
}

// TestReadmeProgram builds and runs the README's program with Redis, an issuer of its own
// and the standard policy.
func TestReadmeProgram(t *testing.T) {
	source := readmeProgram(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	redis := redisserver.Start(t).URL()
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
	files := map[string]string{"main.go": strings.Replace(source, "127.0.0.1:8080", addr, 1), "jwks.json": string(jwks)}
	for name, f := range policyFiles("") {
		files["policies/"+name] = string(f.Data)
	}
	rules, err := fs.ReadFile(policies.Files(), "policy.csv")
	if err != nil {
		t.Fatal(err)
	}
	files["policies/policy.csv"] = string(rules)
	dir := moduleOf(t, files)
	bin := filepath.Join(dir, "program")
	goIn(t, dir, "build", "-o", bin, ".")
	cmd := exec.Command(bin)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "REDIS_URL="+redis)
	for n, name := range []string{"NAME_KEY", "SEAL_KEY", "REFRESH_KEY"} {
		cmd.Env = append(cmd.Env, name+"="+base64.StdEncoding.EncodeToString(secretKey(byte(n)).Bytes()))
	}
	logs := &syncBuffer{}
	cmd.Stdout, cmd.Stderr = logs, logs
	process, err := testproc.Start(cmd)
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
	testwait.Until(t, "the program listens", func() bool {
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
