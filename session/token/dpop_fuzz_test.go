package token_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/reevehq/reeve/session/token"
)

// fuzzKey is the same in every process of a fuzzing run, since a proof brings its key.
var fuzzKey = pair{ed: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))}

// FuzzProof: no text makes Verify panic, every refusal is ErrInvalidProof, and what is
// accepted is signed, as the standard library sees it, by the key with the thumbprint.
func FuzzProof(f *testing.F) {
	for _, seed := range []string{
		"", "..", b64("{}") + "." + b64("{}") + ".AA", proof(token.EdDSA), proof(token.HS256),
		fuzzKey.forge(token.EdDSA, proofHeader(fuzzKey, token.EdDSA), proofClaims()),
		proof(token.ES256) + "\n", good(token.EdDSA), theirs().forge(token.EdDSA, proofHeader(ours(), token.EdDSA), proofClaims()),
	} {
		f.Add(seed)
	}
	v := proofs(f, func(c *token.DPoPConfig) { c.Algorithms = []token.Algorithm{token.EdDSA} })
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := v.Verify(raw, wantRequest)
		if err != nil {
			if got != nil || !errors.Is(err, token.ErrInvalidProof) || len(err.Error()) > 300 {
				t.Fatalf("got %v, %v", got, err)
			}
			return
		}
		part := strings.Split(raw, ".")
		var h struct{ JWK struct{ X string } }
		header, _ := base64.RawURLEncoding.DecodeString(part[0])
		if err := json.Unmarshal(header, &h); err != nil {
			t.Fatal(err)
		}
		key, err := base64.RawURLEncoding.DecodeString(h.JWK.X)
		if err != nil || len(key) != ed25519.PublicKeySize {
			t.Fatalf("accepted the key %q", h.JWK.X)
		}
		signature, _ := base64.RawURLEncoding.DecodeString(part[2])
		if !ed25519.Verify(key, []byte(part[0]+"."+part[1]), signature) {
			t.Fatalf("accepted what its key did not sign: %q", raw)
		}
		sum := sha256.Sum256([]byte(`{"crv":"Ed25519","kty":"OKP","x":"` + h.JWK.X + `"}`))
		if got.Thumbprint() != base64.RawURLEncoding.EncodeToString(sum[:]) {
			t.Fatalf("thumbprint %s of %q", got.Thumbprint(), raw)
		}
	})
}

// FuzzProofParts: whatever is signed, what is accepted is strict JSON and says
// to encoding/json, which knows nothing of our reader, what the request was.
func FuzzProofParts(f *testing.F) {
	for _, seed := range [][2]string{
		{proofHeader(fuzzKey, token.EdDSA), proofClaims()},
		{proofHeader(fuzzKey, token.EdDSA, "kid", `"k"`), proofClaims("x", `{"a":1,"a":2}`)},
		{strings.Replace(proofHeader(fuzzKey, token.EdDSA), "{", `{"alg":"none",`, 1), proofClaims("iat", "1e400")},
		{"{}", "null"}, {proofHeader(fuzzKey, token.EdDSA, "jwk", "[]"), proofClaims("htu", `"https://api.example.com\/invoices\/42?x"`)},
		{proofHeader(fuzzKey, token.EdDSA), proofClaims("htu", `"HTTPS://API.example.com:443/%69nvoices/42#x"`)},
	} {
		f.Add(seed[0], seed[1])
	}
	v := proofs(f)
	f.Fuzz(func(t *testing.T, header, claims string) {
		got, err := v.Verify(fuzzKey.forge(token.EdDSA, header, claims), wantRequest)
		if err != nil {
			if !errors.Is(err, token.ErrInvalidProof) {
				t.Fatalf("got %v", err)
			}
			return
		}
		if !jsontext.Value(header).IsValid() || !jsontext.Value(claims).IsValid() {
			t.Fatalf("accepted what is not strict JSON: %q %q", header, claims)
		}
		var h struct {
			Typ, Alg string
			JWK      map[string]any
		}
		var c struct{ JTI, HTM, HTU, ATH string }
		if json.Unmarshal([]byte(header), &h) != nil || json.Unmarshal([]byte(claims), &c) != nil {
			t.Fatalf("accepted what encoding/json refuses: %q %q", header, claims)
		}
		if h.JWK["d"] != nil || h.JWK["k"] != nil || h.Alg != "EdDSA" {
			t.Fatalf("accepted the header %q", header)
		}
		if c.HTM != "POST" || c.ATH != athOf(wantRequest.Token) {
			t.Fatalf("accepted the claims %q", claims)
		}
		uri, _, _ := strings.Cut(c.HTU, "#") // net/url refuses fragments that do not count here
		u, err := url.Parse(uri)
		if err != nil || u.Scheme != "https" || u.User != nil || strings.ToLower(u.Hostname()) != "api.example.com" || u.Port() != "" && u.Port() != "443" || u.Path != "/invoices/42" {
			t.Fatalf("accepted the URI %q", c.HTU)
		}
		if got.Thumbprint() != fuzzKey.thumbprintOf(token.EdDSA) {
			t.Fatalf("another thumbprint: %q", header)
		}
	})
}
