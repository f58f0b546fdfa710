package token_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

const (
	issuerName = "https://id.example.com"
	audience   = "https://api.example.com"
)

// pair is a key of each kind. The forger signs with the standard library alone, so that
// what it makes does not depend on the code it attacks.
type pair struct {
	ed             ed25519.PrivateKey
	ec, p384, p521 *ecdsa.PrivateKey
	rsa            *rsa.PrivateKey
	plain          []byte // for each algorithm the first bytes, as few as it takes
}

func newPair() pair {
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	p384, _ := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	p521, _ := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	r, _ := rsa.GenerateKey(rand.Reader, 2048)
	plain := make([]byte, 64)
	rand.Read(plain)
	return pair{ed, ec, p384, p521, r, plain}
}

// ours is the key of the trusted issuer, theirs is another's.
var (
	ours   = sync.OnceValue(newPair)
	theirs = sync.OnceValue(newPair)
)

var (
	publicAlgorithms = []token.Algorithm{
		token.EdDSA, token.ES256, token.ES384, token.ES512,
		token.RS256, token.RS384, token.RS512, token.PS256, token.PS384, token.PS512,
	}
	secretAlgorithms = []token.Algorithm{token.HS256, token.HS384, token.HS512}
	allAlgorithms    = slices.Concat(publicAlgorithms, secretAlgorithms)
)

// family returns the beginning of an algorithm's name: Ed, ES, RS, PS or HS.
func family(alg token.Algorithm) string { return string(alg[:min(2, len(alg))]) }

// hashOf is the hash that the digits of an algorithm's name stand for.
func hashOf(alg token.Algorithm) crypto.Hash {
	switch {
	case strings.HasSuffix(string(alg), "384"):
		return crypto.SHA384
	case strings.HasSuffix(string(alg), "512"):
		return crypto.SHA512
	}
	return crypto.SHA256
}

func digestOf(alg token.Algorithm, text string) []byte {
	h := hashOf(alg).New()
	h.Write([]byte(text))
	return h.Sum(nil)
}

func (p pair) private(alg token.Algorithm) any {
	switch alg {
	case token.EdDSA:
		return p.ed
	case token.ES256:
		return p.ec
	case token.ES384:
		return p.p384
	case token.ES512:
		return p.p521
	case token.HS256, token.HS384, token.HS512:
		return p.plain[:hashOf(alg).Size()]
	}
	return p.rsa
}

func (p pair) public(alg token.Algorithm) any {
	switch key := p.private(alg).(type) {
	case ed25519.PrivateKey:
		return key.Public().(ed25519.PublicKey)
	case *ecdsa.PrivateKey:
		return &key.PublicKey
	case *rsa.PrivateKey:
		return &key.PublicKey
	default:
		return key
	}
}

// secret returns a private key as it is configured.
func secret(key any) session.SecretKey {
	if signer, ok := key.(crypto.Signer); ok {
		return session.NewPrivateKey(signer)
	}
	raw, _ := key.([]byte)
	return session.NewSecretKey(raw)
}

// signature signs text with the key of p for alg; any other alg signs nothing.
func (p pair) signature(alg token.Algorithm, text string) []byte {
	if !slices.Contains(allAlgorithms, alg) {
		return nil
	}
	return signatureBy(p.private(alg), alg, text)
}

// signatureBy signs text as alg does, with a key that may be for another algorithm of its
// kind.
func signatureBy(key any, alg token.Algorithm, text string) []byte {
	switch key := key.(type) {
	case ed25519.PrivateKey:
		return ed25519.Sign(key, []byte(text))
	case *ecdsa.PrivateKey:
		r, s, _ := ecdsa.Sign(rand.Reader, key, digestOf(alg, text))
		return twoNumbers(key.Curve, r, s)
	case *rsa.PrivateKey:
		if family(alg) == "PS" {
			return pss(key, alg, text, rsa.PSSSaltLengthEqualsHash)
		}
		sig, _ := rsa.SignPKCS1v15(rand.Reader, key, hashOf(alg), digestOf(alg, text))
		return sig
	case []byte:
		return macOf(alg, key, text)
	}
	return nil
}

// twoNumbers writes an ECDSA signature on a curve (RFC 7518 §3.4).
func twoNumbers(curve elliptic.Curve, r, s *big.Int) []byte {
	size := (curve.Params().BitSize + 7) / 8
	out := make([]byte, 2*size)
	r.FillBytes(out[:size])
	s.FillBytes(out[size:])
	return out
}

func pss(key *rsa.PrivateKey, alg token.Algorithm, text string, salt int) []byte {
	sig, err := rsa.SignPSS(rand.Reader, key, hashOf(alg), digestOf(alg, text), &rsa.PSSOptions{SaltLength: salt})
	if err != nil {
		panic(err)
	}
	return sig
}

// pssWithoutSalt signs with a salt of no bytes, which the standard library cannot be
// asked for (RFC 8017 §9.1.1).
func pssWithoutSalt(key *rsa.PrivateKey, alg token.Algorithm, text string) []byte {
	sum := digestOf(alg, text)
	h := digestOf(alg, string(make([]byte, 8))+string(sum))
	db := make([]byte, key.Size()-len(h)-1)
	db[len(db)-1] = 1
	for i := range db {
		mask := digestOf(alg, string(binary.BigEndian.AppendUint32(h[:len(h):len(h)], uint32(i/len(h)))))
		db[i] ^= mask[i%len(h)]
	}
	db[0] &= 0x7f
	em := append(append(db, h...), 0xbc)
	sig := new(big.Int).Exp(new(big.Int).SetBytes(em), key.D, key.N).FillBytes(make([]byte, key.Size()))
	auto := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto}
	if err := rsa.VerifyPSS(&key.PublicKey, hashOf(alg), sum, sig, auto); err != nil {
		panic(err) // it has to be genuine but for the salt
	}
	return sig
}

func macOf(alg token.Algorithm, secret []byte, text string) []byte {
	mac := hmac.New(hashOf(alg).New, secret)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// forge makes a token of any header and payload, signed by p with alg.
func (p pair) forge(alg token.Algorithm, header, payload string) string {
	text := b64(header) + "." + b64(payload)
	return text + "." + b64(string(p.signature(alg, text)))
}

// object writes a JSON object of base with edits, given as names and JSON values in turn;
// an empty value removes the member.
func object(base map[string]string, edits ...string) string {
	all := maps.Clone(base)
	for i := 0; i < len(edits); i += 2 {
		all[edits[i]] = edits[i+1]
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", name, all[name]))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func headerOf(alg token.Algorithm, edits ...string) string {
	return object(map[string]string{"alg": fmt.Sprintf("%q", alg), "kid": `"k1"`, "typ": `"at+jwt"`}, edits...)
}

var sessionID = session.NewID()

func claimsOf(edits ...string) string {
	now := time.Now().Unix()
	return object(map[string]string{
		"iss": `"` + issuerName + `"`, "aud": `"` + audience + `"`, "sub": `"alice"`,
		"iat": fmt.Sprint(now), "exp": fmt.Sprint(now + 300), "jti": `"t-1"`, "client_id": `"web"`,
		"tenant": `"acme"`, "sid": fmt.Sprintf("%q", sessionID.Reveal()),
	}, edits...)
}

// good is a valid token by our key for alg, with edited claims.
func good(alg token.Algorithm, edits ...string) string {
	return ours().forge(alg, headerOf(alg), claimsOf(edits...))
}

var wantRef = session.Ref{Tenant: tenant.MustParse("acme"), User: session.MustParseUserID("alice"), ID: sessionID}

// trust is the entry for our issuer with our key for alg.
func trust(t testing.TB, alg token.Algorithm, edit ...func(*token.Issuer)) token.Issuer {
	t.Helper()
	keys, err := token.NewKeySet(key(t, "k1", alg, ours().public(alg)))
	if err != nil {
		t.Fatal(err)
	}
	i := token.Issuer{Name: issuerName, Audience: audience, Algorithms: []token.Algorithm{alg}, Keys: keys}
	for _, e := range edit {
		e(&i)
	}
	return i
}

func key(t testing.TB, kid string, alg token.Algorithm, public any) token.Key {
	t.Helper()
	if raw, ok := public.([]byte); ok {
		public = secret(raw)
	}
	k, err := token.NewKey(kid, alg, public)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func verifier(t testing.TB, issuers ...token.Issuer) *token.Verifier {
	t.Helper()
	v, err := token.NewVerifier(issuers...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func accepts(t testing.TB, v *token.Verifier, raw string) *token.Verified {
	t.Helper()
	got, err := v.Verify(context.Background(), raw)
	if err != nil {
		t.Fatalf("a good token is refused: %v", err)
	}
	if got.Ref() != wantRef {
		t.Fatalf("Ref is %v, want %v", got.Ref(), wantRef)
	}
	return got
}

// sourceFunc is a KeySource for tests.
type sourceFunc func(ctx context.Context, kid string, alg token.Algorithm) (token.Key, error)

func (f sourceFunc) Key(ctx context.Context, kid string, alg token.Algorithm) (token.Key, error) {
	return f(ctx, kid, alg)
}
