package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/examples/service/config"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// provider is an identity provider of a customer.
type provider struct {
	key    ed25519.PrivateKey
	server *httptest.Server
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{key: private}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","use":"sig","alg":"EdDSA","x":%q}]}`, base64.RawURLEncoding.EncodeToString(public))
	}))
	t.Cleanup(p.server.Close)
	return p
}

// token is an access token (RFC 9068) of one of its users.
func (p *provider) token(t *testing.T, user string) string {
	t.Helper()
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	now := time.Now()
	signed := part(map[string]any{"alg": "EdDSA", "typ": "at+jwt", "kid": "k1"}) + "." + part(map[string]any{
		"iss": p.server.URL, "aud": "tracker", "sub": user, "sid": "s-" + user, "client_id": "spa", "jti": user, "auth_time": now.Unix() - 10,
		"iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "roles": []string{"visitors"},
	})
	return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(p.key, []byte(signed)))
}

// entry is the provider in a file of issuers.
func (p *provider) entry() string {
	return fmt.Sprintf(`- name: %s
  audience: tracker
  algorithms: [EdDSA]
  keys_url: %[1]s/keys
  tenant: acme
  user_prefix: acme-id.
  roles_claim: roles
  roles: {visitors: guest}
`, p.server.URL)
}

// replace puts a text in the place of a file, as an editor does.
func replace(t *testing.T, file, text string) {
	t.Helper()
	if err := errors.Join(os.WriteFile(file+".next", []byte(text), 0o600), os.Rename(file+".next", file)); err != nil {
		t.Fatal(err)
	}
}

// An issuer that is added to the file is trusted while requests are served, and one that is removed is
// not any more. A file that is wrong changes nothing, and a check says so.
func TestIssuersComeAndGoWhileItRuns(t *testing.T) {
	idp, file := newProvider(t), filepath.Join(t.TempDir(), "issuers.yaml")
	replace(t, file, "[]\n")
	p := serve(t, "--set", "issuers.file="+file)
	ask := func() int {
		r, err := http.NewRequest(http.MethodGet, p.api+"/projects", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+idp.token(t, "gus"))
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if code := ask(); code != http.StatusUnauthorized {
		t.Errorf("a stranger: %d", code)
	}
	replace(t, file, idp.entry())
	testwait.Until(t, "its users are let in", func() bool { return ask() == http.StatusOK })
	replace(t, file, idp.entry()+"- nonsense\n")
	testwait.Until(t, "the check says so", func() bool {
		_, text := p.get(p.ops + "/readyz")
		return strings.Contains(text, `"name":"issuers","ok":false,"optional":true`)
	})
	if code := ask(); code != http.StatusOK {
		t.Errorf("beside a wrong file: %d", code)
	}
	replace(t, file, "[]\n")
	testwait.Until(t, "they are not any more", func() bool { return ask() == http.StatusUnauthorized })
	if code := p.stop(); code != exitFine {
		t.Errorf("exit %d\n%s", code, p.out)
	}
}

// The file is read from time to time, so that a change that nobody has told of takes effect too.
func TestAChangeOfIssuersThatWasMissedIsRead(t *testing.T) {
	idp, file := newProvider(t), filepath.Join(t.TempDir(), "issuers.yaml")
	replace(t, file, "")
	s, err := newIssuers(file, 20*time.Millisecond, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s.notify = false
	signer, err := token.NewSigner(token.SignerConfig{
		Issuer: "ours", Audience: "tracker", KeyID: "1", Algorithm: token.HS256, Key: session.NewSecretKey([]byte("0123456789abcdefghijklmnopqrstuv")), Lifetime: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	v, err := token.NewVerifier(signer.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.open(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	trusts := func() bool {
		verified, err := v.Verify(t.Context(), idp.token(t, "gus"))
		return err == nil && verified != nil
	}
	if trusts() {
		t.Error("it trusts a stranger")
	}
	replace(t, file, idp.entry())
	testwait.Until(t, "the issuer is trusted", trusts)
	replace(t, file, strings.Replace(idp.entry(), "audience: tracker", "audience: another", 1))
	testwait.Until(t, "an entry that was changed holds", func() bool { return !trusts() })
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	testwait.Until(t, "a file that is gone is told", func() bool { return s.Err() != nil })
	if err := s.close(t.Context()); err != nil {
		t.Error(err)
	}
}

// An entry that would let in somebody else is refused, with the file and, where YAML knows it, the line.
func TestAWrongFileOfIssuersIsAMistake(t *testing.T) {
	idp := newProvider(t)
	good := idp.entry()
	for name, row := range map[string]struct{ text, says string }{
		"no YAML":              {"- {", ":1"},
		"another member":       {good + "  tenants: all\n", ":9: "},
		"no list":              {"name: x\n", ":1: "},
		"twice":                {good + good, "twice"},
		"no tenant":            {strings.Replace(good, "tenant: acme", "tenant: ''", 1), "tenant: "},
		"no prefix":            {strings.Replace(good, "user_prefix: acme-id.", "user_prefix: ''", 1), "user_prefix is missing"},
		"no algorithm":         {strings.Replace(good, "[EdDSA]", "[]", 1), "Algorithms"},
		"none as an algorithm": {strings.Replace(good, "[EdDSA]", "[none]", 1), "Algorithms"},
		"no audience":          {strings.Replace(good, "audience: tracker", "audience: ''", 1), "Audience"},
	} {
		file := filepath.Join(t.TempDir(), "issuers.yaml")
		replace(t, file, row.text)
		code, _, stderr := invoke(t, "run", "--set", "issuers.file="+file, "--set", "http.addr=127.0.0.1:0", "--set", "ops.addr=127.0.0.1:0")
		if code != exitUsage || !strings.Contains(stderr, file+":") || !strings.Contains(stderr, row.says) {
			t.Errorf("%s: exit %d\n%s", name, code, stderr)
		}
	}
	if all, err := parseIssuers("issuers.yaml", []byte(config.ByteOrderMark+strings.ReplaceAll(good, "\n", "\r\n"))); err != nil || len(all) != 1 {
		t.Errorf("a file that was written on Windows: %d entries, %v", len(all), err)
	}
	if code, _, stderr := invoke(t, "run", "--set", "issuers.file="+filepath.Join(t.TempDir(), "gone")); code != exitUsage || !strings.Contains(stderr, "gone:1: it cannot be read") {
		t.Error(code, stderr)
	}
}
