package integration_test

import (
	"encoding/base64"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/idpserver"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testproc"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
)

// TestTranscriptsPrintWhatThePagesSay runs the commands of each transcript against the
// quickstart and compares what they print.
func TestTranscriptsPrintWhatThePagesSay(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq"} {
		testneed.Program(t, tool, "install it")
	}
	for _, p := range pages(t) {
		for _, b := range p.of("console", "") {
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

// TestReadmeProgram builds and runs the README's program, as it is printed, with Redis, the standard
// policy and a provider that is not ours: the op package of zitadel/oidc, whose storage has been given
// the claims of a realm of Keycloak. All that the program is told is in its environment.
func TestReadmeProgram(t *testing.T) {
	idp := idpserver.Start(t, idpserver.Config{Realm: true, Tenant: "acme"})
	redis := redisserver.Start(t).URL()
	q := startReadmeProgram(t, idp.URL, redis)
	store := open(t, redis, redisstore.Config{NameKey: secretKey(0), SealKeys: []session.SecretKey{secretKey(1)}, Timeout: 5 * time.Second})
	sessions, err := session.NewManager(store, session.Config{Key: secretKey(2)})
	if err != nil {
		t.Fatal(err)
	}
	const bob = "f:6f3a:bob"
	request := idpserver.Request{Client: idpserver.JWTClient, User: bob}
	first := idp.Browser().SignIn(request)
	q.want(401, "GET", "/me", "", "")
	if a := q.want(200, "GET", "/me", first.Access, ""); a.body != "hello\n" {
		t.Errorf("it says %q", a.body)
	}
	last := first.Refresh()
	q.want(200, "GET", "/me", last.Access, "")
	q.want(404, "GET", "/nowhere", first.Access, "")
	q.want(401, "GET", "/me", first.ID, "")
	forged := first.Access[:len(first.Access)-8] + "AAAAAAAA"
	q.want(401, "GET", "/me", forged, "")
	idp.SetTenant("globex") // which is none of the program's
	last = last.Refresh()
	q.want(401, "GET", "/me", last.Access, "")
	idp.SetTenant("acme")
	if listed, err := sessions.List(t.Context(), acme, session.MustParseUserID(bob)); err != nil || len(listed) != 1 {
		t.Fatalf("%d sessions of one sign-in, %v", len(listed), err)
	}
	if err := sessions.RevokeUser(t.Context(), acme, session.MustParseUserID(bob)); err != nil {
		t.Fatal(err)
	}
	last = last.Refresh()
	for _, old := range []string{first.Access, last.Access} {
		q.want(401, "GET", "/me", old, "")
	}
	nextSecond() // a sign-in in the second of the end cannot be told from one before it
	testwait.Until(t, "a new sign-in is let in", func() bool {
		status := statusOf(t, q.base+"/me", idp.Browser().SignIn(request).Access)
		if status != 200 && status != 503 {
			t.Fatalf("a new sign-in is answered %d", status)
		}
		if status == 503 {
			<-time.After(200 * time.Millisecond)
		}
		return status == 200
	})
	q.want(401, "GET", "/me", last.Refresh().Access, "") // in the browser that was signed out
}

// startReadmeProgram builds the README's program and runs it. Where something else has the port
// that it names, another port takes its place.
func startReadmeProgram(t *testing.T, issuer, redis string) *quickstart {
	t.Helper()
	source, addr := readmeProgram(t), "127.0.0.1:8080"
	if !strings.Contains(source, addr) {
		t.Fatalf("the program does not listen on %s", addr)
	}
	if listener, err := net.Listen("tcp", addr); err == nil {
		listener.Close()
	} else {
		if listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		source = strings.Replace(source, addr, listener.Addr().String(), 1)
		addr = listener.Addr().String()
		listener.Close()
	}
	files := map[string]string{"main.go": source}
	for name, f := range policyFiles("") {
		files["policies/"+name] = string(f.Data)
	}
	rules, err := fs.ReadFile(policies.Files(), "policy.csv")
	if err != nil {
		t.Fatal(err)
	}
	files["policies/policy.csv"] = string(rules)
	dir := moduleOf(t, "examples", files)
	bin := filepath.Join(dir, "program")
	goIn(t, dir, "build", "-o", bin, ".")
	cmd := exec.Command(bin)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "REDIS_URL="+redis, "ISSUER="+issuer)
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
	testwait.Until(t, "the program listens", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return &quickstart{t: t, base: "http://" + addr, logs: logs, retries: newRetries(t)}
}

// statusOf asks for a URL with a bearer token.
func statusOf(t *testing.T, url, bearer string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+bearer)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}
