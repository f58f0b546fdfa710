package token_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

func TestNonces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		withKey := func(b string) func(*token.DPoPConfig) {
			return func(c *token.DPoPConfig) { c.NonceKey = session.NewSecretKey([]byte(strings.Repeat(b+"-", 16))) }
		}
		v, same, other := proofs(t, withKey("n")), proofs(t, withKey("n")), proofs(t, withKey("m"))
		with := func(v *token.DPoPVerifier, nonce string) (*token.DPoPProof, error) {
			return v.Verify(proof(token.EdDSA, "nonce", `"`+nonce+`"`), wantRequest)
		}
		nonce := v.Nonce()
		if nonce == "" || nonce != same.Nonce() || nonce == other.Nonce() {
			t.Fatalf("nonces of two instances: %q and %q; of another key: %q", nonce, same.Nonce(), other.Nonce())
		}
		if p, err := with(v, nonce); err != nil || p.NextNonce() != "" {
			t.Fatalf("the nonce of now: %v", err)
		}
		if _, err := v.Verify(proof(token.EdDSA), wantRequest); !errors.Is(err, token.ErrNonceRequired) || errors.Is(err, token.ErrInvalidProof) {
			t.Errorf("no nonce: %v", err)
		}
		for _, bad := range []string{"", "x", nonce + "A", nonce[:len(nonce)-1], other.Nonce(), strings.ToUpper(nonce), strings.Repeat("A", len(nonce))} {
			if _, err := with(v, bad); !errors.Is(err, token.ErrNonceRequired) {
				t.Errorf("the nonce %q: %v", bad, err)
			}
		}
		// A proof that is bad for another reason is told that, not the nonce.
		if _, err := v.Verify(proof(token.EdDSA, "htm", `"GET"`), wantRequest); !errors.Is(err, token.ErrInvalidProof) {
			t.Errorf("a wrong method and no nonce: %v", err)
		}
		time.Sleep(150 * time.Second)
		p, err := with(v, nonce)
		if err != nil {
			t.Fatalf("the nonce of the window before: %v", err)
		}
		if p.NextNonce() != v.Nonce() || p.NextNonce() == nonce {
			t.Errorf("the next nonce is %q, want %q", p.NextNonce(), v.Nonce())
		}
		time.Sleep(150 * time.Second)
		if _, err := with(v, nonce); !errors.Is(err, token.ErrNonceRequired) {
			t.Errorf("a nonce of two windows ago: %v", err)
		}
	})
}

func TestProofConfigIsValidated(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(*token.DPoPConfig)
		want string
	}{
		"no origin":                         {func(c *token.DPoPConfig) { c.Origins = nil }, "Origins: 0 given"},
		"33 origins":                        {func(c *token.DPoPConfig) { c.Origins = slices.Repeat([]string{origin}, 33) }, "Origins: 33 given"},
		"an origin with a path":             {func(c *token.DPoPConfig) { c.Origins = []string{origin + "/v1"} }, "Origins: "},
		"an origin with a query":            {func(c *token.DPoPConfig) { c.Origins = []string{origin + "?x"} }, "Origins: "},
		"an origin with a user":             {func(c *token.DPoPConfig) { c.Origins = []string{"https://u@api.example.com"} }, "Origins: "},
		"a host alone":                      {func(c *token.DPoPConfig) { c.Origins = []string{"api.example.com"} }, "Origins: "},
		"an origin without TLS":             {func(c *token.DPoPConfig) { c.Origins = []string{"http://api.example.com"} }, "loopback"},
		"a star alone":                      {func(c *token.DPoPConfig) { c.Origins = []string{"https://*"} }, "Origins: "},
		"a star inside":                     {func(c *token.DPoPConfig) { c.Origins = []string{"https://a*.example.com"} }, "Origins: "},
		"two stars":                         {func(c *token.DPoPConfig) { c.Origins = []string{"https://*.*.example.com"} }, "Origins: "},
		"no host":                           {func(c *token.DPoPConfig) { c.Origins = []string{"https://"} }, "Origins: "},
		"another scheme":                    {func(c *token.DPoPConfig) { c.Origins = []string{"ftp://api.example.com"} }, "Origins: "},
		"HS256":                             {func(c *token.DPoPConfig) { c.Algorithms = []token.Algorithm{token.HS256} }, "Algorithms: "},
		"HS512":                             {func(c *token.DPoPConfig) { c.Algorithms = []token.Algorithm{token.ES512, token.HS512} }, `Algorithms: "HS512" is not one of EdDSA, ES256, ES384, ES512, RS256, RS384, RS512, PS256, PS384, PS512`},
		"none":                              {func(c *token.DPoPConfig) { c.Algorithms = []token.Algorithm{"none"} }, "Algorithms: "},
		"an algorithm twice":                {func(c *token.DPoPConfig) { c.Algorithms = []token.Algorithm{token.ES256, token.ES256} }, "twice"},
		"a window of an hour":               {func(c *token.DPoPConfig) { c.Window = time.Hour }, "Window: "},
		"a window of no length":             {func(c *token.DPoPConfig) { c.Window = -1 }, "Window: "},
		"a nonce key of 31 bytes":           {func(c *token.DPoPConfig) { c.NonceKey = session.NewSecretKey([]byte(strings.Repeat("k-", 16)[1:])) }, "NonceKey: 31 bytes"},
		"a nonce key that was never filled": {func(c *token.DPoPConfig) { c.NonceKey = session.NewSecretKey(make([]byte, 32)) }, "NonceKey: one byte"},
	} {
		cfg := token.DPoPConfig{Origins: []string{origin}}
		tt.edit(&cfg)
		if v, err := token.NewDPoPVerifier(cfg); v != nil || err == nil || !strings.HasPrefix(err.Error(), "token: invalid config: ") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := proofs(t).Algorithms(); got != "ES256 EdDSA" {
		t.Errorf("algorithms are %q", got)
	}
}

// Spellings of one URI are one, and nothing else is.
func TestProofURIsAreComparedNormalised(t *testing.T) {
	v := proofs(t, func(c *token.DPoPConfig) {
		c.Origins = []string{"HTTPS://Api.Example.com:443", "https://*.app.example.com", "http://127.0.0.1:8080"}
	})
	for name, tt := range map[string]struct {
		uri, path string
		ok        bool
	}{
		"as it is":                             {"https://api.example.com/a", "/a", true},
		"scheme and host in capitals":          {"HTTPS://API.example.com/a", "/a", true},
		"the default port":                     {"https://api.example.com:443/a", "/a", true},
		"an empty port":                        {"https://api.example.com:/a", "/a", true},
		"no path is the root":                  {"https://api.example.com", "/", true},
		"no path and a query":                  {"https://api.example.com?x=/a", "/", true},
		"escapes in small letters":             {"https://api.example.com/caf%c3%a9", "/caf%C3%A9", true},
		"a needless escape":                    {"https://api.example.com/%61", "/a", true},
		"a loopback origin":                    {"http://127.0.0.1:8080/a", "/a", true},
		"one label below a wildcard":           {"https://acme.app.example.com/a", "/a", true},
		"two labels below a wildcard":          {"https://x.acme.app.example.com/a", "/a", false},
		"no label below a wildcard":            {"https://.app.example.com/a", "/a", false},
		"the parent of a wildcard":             {"https://app.example.com/a", "/a", false},
		"a host that ends like a wildcard":     {"https://evilapp.example.com/a", "/a", false},
		"a wildcard without TLS":               {"http://acme.app.example.com/a", "/a", false},
		"a wildcard with another port":         {"https://acme.app.example.com:8443/a", "/a", false},
		"the path in capitals":                 {"https://api.example.com/A", "/a", false},
		"a trailing slash":                     {"https://api.example.com/a/", "/a", false},
		"an escaped slash":                     {"https://api.example.com/a%2Fb", "/a/b", false},
		"dot segments":                         {"https://api.example.com/x/../a", "/a", false},
		"escaped dot segments":                 {"https://api.example.com/x/%2e%2e/a", "/a", false},
		"a doubled slash":                      {"https://api.example.com//a", "/a", false},
		"a user":                               {"https://api.example.com:443@evil.example/a", "/a", false},
		"a backslash":                          {`https://api.example.com\@evil.example/a`, "/a", false},
		"a dot at the end of the host":         {"https://api.example.com./a", "/a", false},
		"a fragment before the path":           {"https://api.example.com#/a", "/a", false},
		"a path that begins a longer one":      {"https://api.example.com/ab", "/a", false},
		"a port that begins with the right":    {"https://api.example.com:4430/a", "/a", false},
		"the port of the other scheme":         {"https://api.example.com:80/a", "/a", false},
		"spaces around":                        {" https://api.example.com/a", "/a", false},
		"no scheme":                            {"//api.example.com/a", "/a", false},
		"a scheme that hides in another":       {"xhttps://api.example.com/a", "/a", false},
		"a URI of more bytes than we look at":  {"https://api.example.com/a?" + strings.Repeat("x", 2048), "/a", false},
		"a line break in the query":            {"https://api.example.com/a?\n", "/a", false},
		"a request without a path":             {"https://api.example.com/a", "", false},
		"the query of the request in the path": {"https://api.example.com/a?x=1", "/a?x=1", false},
	} {
		r := wantRequest
		r.Path = tt.path
		_, err := v.Verify(proof(token.EdDSA, "htu", fmt.Sprintf("%q", tt.uri)), r)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %s for %s: %v", name, tt.uri, tt.path, err)
		}
	}
}

func TestNoPrinterShowsANonceKeyOrAToken(t *testing.T) {
	cfg := token.DPoPConfig{Origins: []string{origin}, NonceKey: session.NewSecretKey([]byte("a-nonce-key-of-at-least-32-bytes-x"))}
	v, err := token.NewDPoPVerifier(cfg)
	if err != nil {
		t.Fatal(err)
	}
	type hidden struct{ v token.DPoPVerifier }
	for name, value := range map[string]any{
		"config": cfg, "*config": &cfg, "verifier": v, "hidden": hidden{*v}, "request": wantRequest, "*request": &wantRequest,
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			text := fmt.Sprintf(verb, value)
			for _, secret := range []string{"a-nonce", fmt.Sprintf("%x", "a-nonce"), strings.Trim(fmt.Sprint([]byte("a-nonce")), "[]"), wantRequest.Token, fmt.Sprintf("%x", wantRequest.Token)} {
				if strings.Contains(text, secret) {
					t.Errorf("%s with %s shows %s", name, verb, text)
				}
			}
		}
	}
}
