package integration_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

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

// TestReadmeProgram builds and runs the README's program with Redis, a provider whose tokens have
// the shape of Keycloak's, and the standard policy.
func TestReadmeProgram(t *testing.T) {
	source := readmeProgram(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := listener.Addr().String()
	listener.Close()
	redis := redisserver.Start(t).URL()
	idp := newKeycloak(t)
	files := map[string]string{"main.go": strings.Replace(source, "127.0.0.1:8080", addr, 1)}
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
	cmd.Env = append(os.Environ(), "REDIS_URL="+redis, "ISSUER="+idp.URL)
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
	q := &quickstart{t: t, base: "http://" + addr, logs: logs, retries: newRetries(t)}
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
	first := idp.signIn("f:6f3a:bob")
	old := first.token("acme")
	q.want(401, "GET", "/me", "", "")
	if a := q.want(200, "GET", "/me", old, ""); a.body != "hello\n" {
		t.Errorf("it says %q", a.body)
	}
	q.want(404, "GET", "/nowhere", old, "")
	q.want(401, "GET", "/me", first.token("globex"), "")
	if err := sessions.RevokeUser(t.Context(), acme, session.MustParseUserID("f:6f3a:bob")); err != nil {
		t.Fatal(err)
	}
	q.want(401, "GET", "/me", old, "")
	q.want(401, "GET", "/me", first.token("acme"), "") // refreshed at the provider
	testwait.Until(t, "a new sign-in is let in", func() bool {
		status := statusOf(t, "http://"+addr+"/me", idp.signIn("f:6f3a:bob").token("acme"))
		if status != 200 && status != 503 {
			t.Fatalf("a new sign-in is answered %d", status)
		}
		return status == 200
	})
	q.want(401, "GET", "/me", old, "")
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

// keycloak is a provider that speaks as a realm of Keycloak does: metadata, keys, and access
// tokens of that shape.
type keycloak struct {
	*httptest.Server
	t   *testing.T
	key *rsa.PrivateKey
}

func newKeycloak(t *testing.T) *keycloak {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	mux, encode := http.NewServeMux(), base64.RawURLEncoding.EncodeToString
	k := &keycloak{httptest.NewServer(mux), t, key}
	t.Cleanup(k.Close)
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, k.URL, k.URL+"/certs")
	})
	mux.HandleFunc("/certs", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"keys":[{"kid":"k1","kty":"RSA","alg":"RS256","use":"sig","n":%q,"e":%q}]}`,
			encode(key.N.Bytes()), encode(big.NewInt(int64(key.E)).Bytes()))
	})
	return k
}

// keycloakSession is one sign-in, of which the provider gives out tokens.
type keycloakSession struct {
	of        *keycloak
	user, sid string
	at        time.Time
}

func (k *keycloak) signIn(user string) keycloakSession {
	// Tokens say the second: in the one of an end, nobody can tell which came first.
	return keycloakSession{k, user, rand.Text(), time.Now().Add(time.Second)}
}

func (s keycloakSession) token(organization string) string {
	s.of.t.Helper()
	now, encode := time.Now(), base64.RawURLEncoding.EncodeToString
	claims, err := json.Marshal(map[string]any{
		"iss": s.of.URL, "typ": "Bearer", "aud": []string{"billing", "account"}, "azp": "spa", "sub": s.user, "sid": s.sid, "acr": "1", "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "auth_time": s.at.Unix(), "organization": []string{organization},
		"realm_access": map[string]any{"roles": []string{"offline_access"}}, "scope": "openid profile organization",
	})
	if err != nil {
		s.of.t.Fatal(err)
	}
	text := encode([]byte(`{"alg":"RS256","typ":"JWT","kid":"k1"}`)) + "." + encode(claims)
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, s.of.key, crypto.SHA256, sum[:])
	if err != nil {
		s.of.t.Fatal(err)
	}
	return text + "." + encode(signature)
}
