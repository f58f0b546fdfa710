package token_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session/token"
)

// publicJWK writes the public key of p for alg, with edits, from the standard library
// alone.
func (p pair) publicJWK(alg token.Algorithm, edits ...string) string {
	q := func(b []byte) string { return `"` + base64.RawURLEncoding.EncodeToString(b) + `"` }
	switch key := p.public(alg).(type) {
	case ed25519.PublicKey:
		return object(map[string]string{"kty": `"OKP"`, "crv": `"Ed25519"`, "x": q(key)}, edits...)
	case *ecdsa.PublicKey:
		point, _ := key.Bytes()
		size := len(point) / 2
		return object(map[string]string{"kty": `"EC"`, "crv": `"` + curves[alg] + `"`, "x": q(point[1 : 1+size]), "y": q(point[1+size:])}, edits...)
	case *rsa.PublicKey:
		return object(map[string]string{"kty": `"RSA"`, "n": q(key.N.Bytes()), "e": q(big.NewInt(int64(key.E)).Bytes())}, edits...)
	default:
		return object(map[string]string{"kty": `"oct"`, "k": q(key.([]byte))}, edits...)
	}
}

// curves are the names in RFC 7518 §6.2.1.1.
var curves = map[token.Algorithm]string{token.ES256: "P-256", token.ES384: "P-384", token.ES512: "P-521"}

// thumbprintOf hashes the required members in the order of their names (RFC 7638 §3),
// which is the order object writes them in.
func (p pair) thumbprintOf(alg token.Algorithm) string {
	sum := sha256.Sum256([]byte(p.publicJWK(alg)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// thumbprint is that of our Ed25519 key, to which bound tokens of these tests are bound.
func thumbprint() string { return ours().thumbprintOf(token.EdDSA) }

const origin = "https://api.example.com"

var wantRequest = token.DPoPRequest{Method: "POST", Path: "/invoices/42", Token: "the-access-token"}

func proofHeader(p pair, alg token.Algorithm, edits ...string) string {
	return object(map[string]string{"typ": `"dpop+jwt"`, "alg": fmt.Sprintf("%q", alg), "jwk": p.publicJWK(alg)}, edits...)
}

func athOf(raw string) string {
	sum := sha256.Sum256([]byte(raw))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func proofClaims(edits ...string) string {
	return object(map[string]string{
		"jti": `"p-1"`, "htm": `"POST"`, "htu": `"` + origin + `/invoices/42"`,
		"iat": fmt.Sprint(time.Now().Unix()), "ath": `"` + athOf(wantRequest.Token) + `"`,
	}, edits...)
}

// proof is a good proof by our key for alg, with edited claims.
func proof(alg token.Algorithm, edits ...string) string {
	return ours().forge(alg, proofHeader(ours(), alg), proofClaims(edits...))
}

func proofs(t testing.TB, edit ...func(*token.DPoPConfig)) *token.DPoPVerifier {
	t.Helper()
	cfg := token.DPoPConfig{Origins: []string{origin}}
	for _, e := range edit {
		e(&cfg)
	}
	v, err := token.NewDPoPVerifier(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func allProofAlgorithms(c *token.DPoPConfig) { c.Algorithms = publicAlgorithms }

func TestGoodProofsAreAccepted(t *testing.T) {
	v := proofs(t, allProofAlgorithms)
	for _, alg := range publicAlgorithms {
		p, err := v.Verify(proof(alg), wantRequest)
		if err != nil {
			t.Fatalf("%s: %v", alg, err)
		}
		if p.Thumbprint() != ours().thumbprintOf(alg) {
			t.Errorf("%s: thumbprint is %s, want %s", alg, p.Thumbprint(), ours().thumbprintOf(alg))
		}
		if p.ReplayTTL() < 2*time.Minute || p.NextNonce() != "" {
			t.Errorf("%s: remembered for %v, next nonce %q", alg, p.ReplayTTL(), p.NextNonce())
		}
	}
	for name, raw := range map[string]string{
		"the longer type":                ours().forge(token.EdDSA, proofHeader(ours(), token.EdDSA, "typ", `"application/DPOP+jwt"`), proofClaims()),
		"a kid, which means nothing":     ours().forge(token.EdDSA, proofHeader(ours(), token.EdDSA, "kid", `"k1"`), proofClaims()),
		"a jwk that says what it is for": ours().forge(token.EdDSA, proofHeader(ours(), token.EdDSA, "jwk", ours().publicJWK(token.EdDSA, "use", `"sig"`, "alg", `"EdDSA"`, "kid", `"x"`)), proofClaims()),
		"a claim that nobody knows":      proof(token.EdDSA, "x", `{"a":[1]}`),
		"a fraction of a second":         proof(token.EdDSA, "iat", fmt.Sprint(time.Now().Unix())+".25"),
		"a nonce that nobody asked for":  proof(token.EdDSA, "nonce", `"x"`),
		"a query and a fragment":         proof(token.EdDSA, "htu", `"`+origin+`/invoices/42?a=b#c"`),
		"a jti of 128 bytes":             proof(token.EdDSA, "jti", `"`+strings.Repeat("j", 128)+`"`),
	} {
		if _, err := v.Verify(raw, wantRequest); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The example of RFC 9449 §4.1 and its thumbprint in §6.1.
func TestThumbprintIsThatOfTheRFC(t *testing.T) {
	set, err := token.ParseJWKS([]byte(`{"keys":[{"kid":"x","kty":"EC","crv":"P-256",` +
		`"x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := set.Keys()[0].Thumbprint(); got != "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" {
		t.Errorf("got %s", got)
	}
	if got := (token.Key{}).Thumbprint() + key(t, "k", token.HS256, ours().plain).Thumbprint(); got != "" {
		t.Errorf("a key that is not public has the thumbprint %s", got)
	}
}

// Each row is one thing wrong with a proof that is correctly signed wherever it can be.
// After each, a good proof is accepted.
func TestHostileProofsAreRefused(t *testing.T) {
	now := time.Now().Unix()
	g := proof(token.EdDSA)
	part := strings.Split(g, ".")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	small := pair{rsa: weak}
	header := func(edits ...string) string {
		return ours().forge(token.EdDSA, proofHeader(ours(), token.EdDSA, edits...), proofClaims())
	}
	withJWK := func(edits ...string) string { return header("jwk", ours().publicJWK(token.EdDSA, edits...)) }
	claim := func(edits ...string) string { return proof(token.EdDSA, edits...) }
	rows := []attack{
		{"empty text", "", "empty"},
		{"a proof of more than 4 KiB, correctly signed", claim("x", `"`+strings.Repeat("a", 4<<10)+`"`), "longer than 4 KiB"},
		{"two segments", part[0] + "." + part[1], "three segments"},
		{"two proofs in one header", g + ", " + g, "base64url"},
		{"a line break", g + "\n", "base64url"},
		{"no signature", part[0] + "." + part[1] + ".", "three segments"},
		{"the signature of another text", part[0] + "." + b64(proofClaims("jti", `"p-2"`)) + "." + part[2], "signature"},
		{"a signature by another key than the one inside", theirs().forge(token.EdDSA, proofHeader(ours(), token.EdDSA), proofClaims()), "signature"},

		{"no typ", header("typ", ""), "typ"},
		{"an access token's typ", header("typ", `"at+jwt"`), "typ"},
		{"a plain JWT's typ", header("typ", `"JWT"`), "typ"},
		{"alg none", ours().forge("none", proofHeader(ours(), token.EdDSA, "alg", `"none"`), proofClaims()) + "AA", "alg"},
		{"no alg", header("alg", ""), "alg"},
		{"alg in another case", header("alg", `"eddsa"`), "alg"},
		{"an algorithm for another kind of key", header("alg", `"ES256"`), "no public key for ES256"},
		{"a private key inside", withJWK("d", `"`+base64.RawURLEncoding.EncodeToString(ours().ed.Seed())+`"`), "private or symmetric"},
		{"an empty private member", withJWK("d", `""`), "private or symmetric"},
		{"a symmetric member beside the public ones", withJWK("k", `"AAAA"`), "private or symmetric"},
		{"no jwk", header("jwk", ""), "jwk is missing"},
		{"a jwk that is null", header("jwk", "null"), "not an object"},
		{"a jwk that is empty", header("jwk", "{}"), "kty and crv"},
		{"a jwk for encryption", withJWK("use", `"enc"`), "use is not sig"},
		{"a jwk for signing only", withJWK("key_ops", `["sign"]`), "key_ops"},
		{"a jwk for another alg", withJWK("alg", `"ES256"`), "another alg"},
		{"a key of small order", withJWK("x", `"`+strings.Repeat("A", 43)+`"`), "small order"},
		{"a key on another curve", header("jwk", ours().publicJWK(token.ES384), "alg", `"ES256"`), "not on P-256"},
		{"a kid and no jwk", header("jwk", "", "kid", `"k1"`), "jwk is missing"},
		{"a kid that is no text", header("kid", "1"), "not a string"},
		{"a key to fetch", header("jku", `"https://evil.example/jwks"`), "not accepted"},
		{"a certificate", header("x5c", `["AAAA"]`), "not accepted"},
		{"crit", header("crit", `["x"]`), "not accepted"},
		{"a header that says jwk twice", ours().forge(token.EdDSA, strings.Replace(proofHeader(ours(), token.EdDSA), "{", `{"jwk":`+theirs().publicJWK(token.EdDSA)+",", 1), proofClaims()), "not strict JSON"},
		{"a jwk that says x twice", header("jwk", strings.Replace(ours().publicJWK(token.EdDSA), "{", `{"x":"AAAA",`, 1)), "not strict JSON"},

		{"no jti", claim("jti", ""), "jti is missing"},
		{"an empty jti", claim("jti", `""`), "jti"},
		{"a jti of 129 bytes", claim("jti", `"`+strings.Repeat("j", 129)+`"`), "jti"},
		{"a jti with a line break", claim("jti", `"a\nb"`), "jti"},
		{"a jti that is a number", claim("jti", "7"), "jti"},
		{"no htm", claim("htm", ""), "htm"},
		{"the method of another request", claim("htm", `"GET"`), "htm"},
		{"the method in another case", claim("htm", `"post"`), "htm"},
		{"no htu", claim("htu", ""), "htu"},
		{"the path of another request", claim("htu", `"`+origin+`/invoices/43"`), "htu"},
		{"a path without the origin", claim("htu", `"/invoices/42"`), "htu"},
		{"another host", claim("htu", `"https://evil.example/invoices/42"`), "htu"},
		{"a host before a user's at sign", claim("htu", `"https://api.example.com@evil.example/invoices/42"`), "htu"},
		{"another port", claim("htu", `"https://api.example.com:8443/invoices/42"`), "htu"},
		{"without TLS", claim("htu", `"http://api.example.com/invoices/42"`), "htu"},
		{"no iat", claim("iat", ""), "iat is missing"},
		{"an iat of 61 s ago", claim("iat", fmt.Sprint(now-61)), "iat is too long ago"},
		{"an iat 90 s ahead", claim("iat", fmt.Sprint(now+90)), "iat is in the future"},
		{"an iat that overflows", claim("iat", "1e30"), "iat"},
		{"an iat of minus zero", claim("iat", "-0"), "iat"},
		{"an iat that is text", claim("iat", `"`+fmt.Sprint(now)+`"`), "iat"},
		{"no ath", claim("ath", ""), "ath"},
		{"the ath of another token", claim("ath", `"`+athOf("another")+`"`), "ath"},
		{"the ath in another spelling", claim("ath", `"`+athOf(wantRequest.Token)+`="`), "ath"},
		{"the ath of the digest", claim("ath", `"`+athOf(athOf(wantRequest.Token))+`"`), "ath"},
		{"claims that are no object", ours().forge(token.EdDSA, proofHeader(ours(), token.EdDSA), "[]"), "not an object"},
		{"claims that say htu twice", ours().forge(token.EdDSA, proofHeader(ours(), token.EdDSA), strings.Replace(proofClaims(), "{", `{"htu":"https://x/",`, 1)), "not strict JSON"},
		{"claims in capitals", ours().forge(token.EdDSA, proofHeader(ours(), token.EdDSA), strings.Replace(proofClaims(), `"htm"`, `"HTM"`, 1)), "htm"},
		{"claims and more", ours().forge(token.EdDSA, proofHeader(ours(), token.EdDSA), proofClaims()+"{}"), "not strict JSON"},
		{"an access token", good(token.EdDSA), "header"},
	}
	for _, alg := range allAlgorithms {
		switch {
		case family(alg) == "HS":
			text := b64(proofHeader(ours(), token.EdDSA, "alg", fmt.Sprintf("%q", alg))) + "." + b64(proofClaims())
			rows = append(rows, attack{string(alg) + " with a key of the sender's own", proof(alg), "private or symmetric"},
				attack{string(alg) + " keyed with the public key", text + "." + b64(string(macOf(alg, ours().ed[32:], text))), "alg is not accepted"})
		case alg != token.ES256 && alg != token.EdDSA:
			rows = append(rows, attack{string(alg) + ", which is not accepted by default", proof(alg), "alg is not accepted"})
		}
	}
	v := proofs(t)
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := v.Verify(row.raw, wantRequest)
			if got != nil || !errors.Is(err, token.ErrInvalidProof) || errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrNonceRequired) {
				t.Fatalf("got %v, %v; want ErrInvalidProof alone", got, err)
			}
			if !strings.Contains(err.Error(), row.cause) {
				t.Errorf("refused for %q, want %q", err, row.cause)
			}
			if _, err := v.Verify(g, wantRequest); err != nil {
				t.Errorf("afterwards a good proof is refused: %v", err)
			}
		})
	}
	if _, err := proofs(t, allProofAlgorithms).Verify(small.forge(token.RS256, proofHeader(small, token.RS256), proofClaims()), wantRequest); !errors.Is(err, token.ErrInvalidProof) {
		t.Errorf("an RSA key of 1024 bits: %v", err)
	}
	if _, err := new(token.DPoPVerifier).Verify(g, wantRequest); !errors.Is(err, token.ErrInvalidProof) {
		t.Errorf("the zero ProofVerifier: %v", err)
	}
}

func TestAProofIsGoodWithinItsWindowAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := proofs(t, func(c *token.DPoPConfig) { c.Window = 30 * time.Second })
		now := time.Now().Unix()
		at := func(iat int64) error {
			_, err := v.Verify(proof(token.EdDSA, "iat", fmt.Sprint(iat)), wantRequest)
			return err
		}
		for age, ok := range map[int64]bool{0: true, 30: true, 31: false, -30: true, -31: false} {
			if err := at(now - age); (err == nil) != ok {
				t.Errorf("%d s old: %v", age, err)
			}
		}
		p, err := v.Verify(proof(token.EdDSA, "iat", fmt.Sprint(now+30)), wantRequest)
		if err != nil {
			t.Fatal(err)
		}
		// As long as it is remembered, and no longer, it would be accepted again.
		raw := proof(token.EdDSA, "iat", fmt.Sprint(now+30))
		time.Sleep(p.ReplayTTL() - time.Minute)
		if _, err := v.Verify(raw, wantRequest); err != nil {
			t.Errorf("at the end of its time: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := v.Verify(raw, wantRequest); err == nil {
			t.Error("a proof outlives the memory of its use")
		}
	})
}

// A request without a method is nobody's: net/http takes it for GET, and a proof for none.
func TestAProofWithoutAMethodFitsNoRequest(t *testing.T) {
	request := wantRequest
	request.Method = ""
	for name, raw := range map[string]string{"no htm": proof(token.EdDSA, "htm", ""), "an empty one": proof(token.EdDSA, "htm", `""`)} {
		if _, err := proofs(t).Verify(raw, request); !errors.Is(err, token.ErrInvalidProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A proof for the request of a first token is for no access token, and the reverse.
func TestAProofForNoTokenIsForNoToken(t *testing.T) {
	v := proofs(t)
	login := wantRequest
	login.Token = ""
	if _, err := v.Verify(proof(token.EdDSA, "ath", ""), login); err != nil {
		t.Errorf("a proof without ath, for a request without a token: %v", err)
	}
	if _, err := v.Verify(proof(token.EdDSA), login); !errors.Is(err, token.ErrInvalidProof) {
		t.Errorf("a proof for a token, on a request without one: %v", err)
	}
	if _, err := v.Verify(proof(token.EdDSA, "ath", ""), wantRequest); !errors.Is(err, token.ErrInvalidProof) {
		t.Errorf("a proof for no token, on a request with one: %v", err)
	}
}
