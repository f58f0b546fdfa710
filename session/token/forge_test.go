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
	"crypto/sha256"
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
	ed    ed25519.PrivateKey
	ec    *ecdsa.PrivateKey
	rsa   *rsa.PrivateKey
	plain []byte
}

func newPair() pair {
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	r, _ := rsa.GenerateKey(rand.Reader, 2048)
	plain := make([]byte, 32)
	rand.Read(plain)
	return pair{ed, ec, r, plain}
}

// ours is what the trusted issuer signs with, theirs is another's.
var (
	ours   = sync.OnceValue(newPair)
	theirs = sync.OnceValue(newPair)
)

var allAlgorithms = []token.Algorithm{token.EdDSA, token.ES256, token.RS256, token.PS256, token.HS256}

func (p pair) private(alg token.Algorithm) any {
	switch alg {
	case token.EdDSA:
		return p.ed
	case token.ES256:
		return p.ec
	case token.HS256:
		return p.plain
	}
	return p.rsa
}

func (p pair) public(alg token.Algorithm) any {
	switch alg {
	case token.EdDSA:
		return p.ed.Public().(ed25519.PublicKey)
	case token.ES256:
		return &p.ec.PublicKey
	case token.HS256:
		return p.plain
	}
	return &p.rsa.PublicKey
}

// signature signs text with the key of p for alg; any other alg signs nothing.
func (p pair) signature(alg token.Algorithm, text string) []byte {
	sum := sha256.Sum256([]byte(text))
	switch alg {
	case token.EdDSA:
		return ed25519.Sign(p.ed, []byte(text))
	case token.ES256:
		r, s, _ := ecdsa.Sign(rand.Reader, p.ec, sum[:])
		out := make([]byte, 64)
		r.FillBytes(out[:32])
		s.FillBytes(out[32:])
		return out
	case token.RS256:
		sig, _ := rsa.SignPKCS1v15(rand.Reader, p.rsa, crypto.SHA256, sum[:])
		return sig
	case token.PS256:
		return p.pss(text, rsa.PSSSaltLengthEqualsHash)
	case token.HS256:
		return hs256(p.plain, text)
	}
	return nil
}

func (p pair) pss(text string, salt int) []byte {
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPSS(rand.Reader, p.rsa, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: salt})
	if err != nil {
		panic(err)
	}
	return sig
}

// pssWithoutSalt signs with a salt of no bytes, which the standard library cannot be
// asked for (RFC 8017 §9.1.1).
func (p pair) pssWithoutSalt(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	h := sha256.Sum256(append(make([]byte, 8), sum[:]...))
	db := make([]byte, p.rsa.Size()-len(h)-1)
	db[len(db)-1] = 1
	for i := range db {
		mask := sha256.Sum256(binary.BigEndian.AppendUint32(h[:len(h):len(h)], uint32(i/32)))
		db[i] ^= mask[i%32]
	}
	db[0] &= 0x7f
	em := append(append(db, h[:]...), 0xbc)
	sig := new(big.Int).Exp(new(big.Int).SetBytes(em), p.rsa.D, p.rsa.N).FillBytes(make([]byte, p.rsa.Size()))
	auto := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthAuto}
	if err := rsa.VerifyPSS(&p.rsa.PublicKey, crypto.SHA256, sum[:], sig, auto); err != nil {
		panic(err) // it has to be genuine but for the salt
	}
	return sig
}

func hs256(secret []byte, text string) []byte {
	mac := hmac.New(sha256.New, secret)
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
