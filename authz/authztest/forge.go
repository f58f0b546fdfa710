package authztest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // must be linked in for crypto.SHA256
	_ "crypto/sha512" // and for crypto.SHA384 and crypto.SHA512
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/reevehq/reeve/session"
)

// forge makes tokens from a good one. It signs with the standard library alone, so that its tokens
// do not depend on the code under attack.
type forge struct {
	key        any
	alg        string
	head, body map[string]json.RawMessage
	text       [3]string // the good token's segments
	attacker   *attackerKeys
}

// attackerKeys is an attacker who has keys of every kind, and nobody trusts them.
type attackerKeys struct {
	rsa            *rsa.PrivateKey
	ec, p384, p521 *ecdsa.PrivateKey
	ed             ed25519.PrivateKey
	secret         []byte
}

var newAttackerKeys = sync.OnceValues(func() (*attackerKeys, error) {
	s := &attackerKeys{secret: make([]byte, 64)}
	rand.Read(s.secret)
	var errs [5]error
	s.rsa, errs[0] = rsa.GenerateKey(rand.Reader, 2048)
	s.ec, errs[1] = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.p384, errs[2] = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	s.p521, errs[3] = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	_, s.ed, errs[4] = ed25519.GenerateKey(rand.Reader)
	return s, errors.Join(errs[:]...)
})

// The algorithms of RFC 7518 §3.1 by the kind of their key, which may be one for all of a
// kind but ECDSA, where each has a curve of its own.
var (
	rsaAlgorithms    = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	secretAlgorithms = []string{"HS256", "HS384", "HS512"}
	ecAlgorithms     = map[string]string{"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
)

// keys are the stranger's, by the algorithm they are for.
func (s *attackerKeys) keys() map[string]any {
	keys := map[string]any{"EdDSA": s.ed, "ES256": s.ec, "ES384": s.p384, "ES512": s.p521}
	for _, alg := range rsaAlgorithms {
		keys[alg] = s.rsa
	}
	for _, alg := range secretAlgorithms {
		keys[alg] = s.secret
	}
	return keys
}

// material returns the key that signs, of a configured one: a private key, a secret, or nil for
// none.
func material(k session.SecretKey) any {
	if signer := k.Signer(); signer != nil {
		return signer
	}
	if secret := k.Bytes(); secret != nil {
		return secret
	}
	return nil
}

func newForge(t *testing.T, good string, key any) forge {
	t.Helper()
	f := forge{key: key}
	parts := strings.Split(good, ".")
	if len(parts) != 3 {
		t.Fatal("authztest: Service.Token returns no JWT in compact form")
	}
	copy(f.text[:], parts)
	for i, into := range []*map[string]json.RawMessage{&f.head, &f.body} {
		data, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			t.Fatal("authztest: Service.Token returns no JWT of JSON")
		}
	}
	if err := json.Unmarshal(f.head["alg"], &f.alg); err != nil {
		t.Fatal("authztest: the good token names no algorithm")
	}
	if key != nil && !slices.Contains(algorithms(key), f.alg) {
		t.Fatalf("authztest: Options.Key: a %T does not sign the good token's %s", key, f.alg)
	}
	var err error
	if f.attacker, err = newAttackerKeys(); err != nil {
		t.Fatal(err)
	}
	return f
}

func b64[T string | []byte](data T) string { return base64.RawURLEncoding.EncodeToString([]byte(data)) }

// object writes base with edits, names and JSON values in turn; an empty value removes the
// member.
func object(base map[string]json.RawMessage, edits ...string) string {
	all := maps.Clone(base)
	for i := 0; i < len(edits); i += 2 {
		all[edits[i]] = json.RawMessage(edits[i+1])
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if len(all[name]) > 0 {
			parts = append(parts, quote(name)+":"+string(all[name]))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// quote writes a JSON string, valid UTF-8 or not.
func quote(s string) string {
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\n", `\n`, "\r", `\r`, "\x00", `\u0000`).Replace(s) + `"`
}

func (f *forge) header(edits ...string) string { return object(f.head, edits...) }
func (f *forge) claims(edits ...string) string { return object(f.body, edits...) }

// claim returns a claim of the good token that is a string.
func (f *forge) claim(name string) string {
	var s string
	_ = json.Unmarshal(f.body[name], &s)
	return s
}

// seal signs a header and claims as the issuer does. Without the issuer's key it takes the
// good token's signature.
func (f *forge) seal(header, claims string) string {
	text := b64(header) + "." + b64(claims)
	if f.key == nil {
		return text + "." + f.text[2]
	}
	return text + "." + b64(sign(f.key, f.alg, text))
}

// signed are good claims under an edited header; claimed are edited claims under a good one.
func (f *forge) signed(edits ...string) string  { return f.seal(f.header(edits...), f.claims()) }
func (f *forge) claimed(edits ...string) string { return f.seal(f.header(), f.claims(edits...)) }

// by signs with another key than the issuer's.
func by(key any, alg, header, claims string) string {
	text := b64(header) + "." + b64(claims)
	return text + "." + b64(sign(key, alg, text))
}

// hashOf is the hash that the digits of an algorithm's name stand for, SHA-256 for a name
// without any.
func hashOf(alg string) crypto.Hash {
	switch {
	case strings.HasSuffix(alg, "384"):
		return crypto.SHA384
	case strings.HasSuffix(alg, "512"):
		return crypto.SHA512
	}
	return crypto.SHA256
}

func digest(hash crypto.Hash, text string) []byte {
	h := hash.New()
	h.Write([]byte(text))
	return h.Sum(nil)
}

// twoNumbers writes an ECDSA signature on a curve (RFC 7518 §3.4).
func twoNumbers(curve elliptic.Curve, r, s *big.Int) []byte {
	size := (curve.Params().BitSize + 7) / 8
	return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
}

// sign signs text with the hash of alg, and by PSS when alg says so.
func sign(key any, alg, text string) []byte {
	hash := hashOf(alg)
	sum := digest(hash, text)
	var sig []byte
	var err error
	switch k := key.(type) {
	case ed25519.PrivateKey:
		sig = ed25519.Sign(k, []byte(text))
	case *ecdsa.PrivateKey:
		var r, s *big.Int
		if r, s, err = ecdsa.Sign(rand.Reader, k, sum); err == nil {
			sig = twoNumbers(k.Curve, r, s)
		}
	case *rsa.PrivateKey:
		if strings.HasPrefix(alg, "PS") {
			sig, err = rsa.SignPSS(rand.Reader, k, hash, sum, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			sig, err = rsa.SignPKCS1v15(rand.Reader, k, hash, sum)
		}
	case []byte:
		mac := hmac.New(hash.New, k)
		mac.Write([]byte(text))
		sig = mac.Sum(nil)
	default:
		err = fmt.Errorf("authztest: Options.Key: %T is no private key", key)
	}
	if err != nil {
		panic(err)
	}
	return sig
}

// public returns the public half of a key in the forms in which it is found lying about.
func public(key any) [][]byte {
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil
	}
	der, err := x509.MarshalPKIXPublicKey(signer.Public())
	if err != nil {
		return nil
	}
	block := "-----BEGIN PUBLIC KEY-----\n" + wrap(base64.StdEncoding.EncodeToString(der)) + "-----END PUBLIC KEY-----"
	forms := [][]byte{der, []byte(block), []byte(block + "\n")}
	switch k := signer.Public().(type) {
	case ed25519.PublicKey:
		forms = append(forms, k, jwk("kty", "OKP", "crv", "Ed25519", "x", b64(string(k))))
	case *rsa.PublicKey:
		forms = append(forms, k.N.Bytes(), jwk("kty", "RSA", "n", b64(k.N.Bytes()), "e", b64(big.NewInt(int64(k.E)).Bytes())))
	case *ecdsa.PublicKey:
		if point, err := k.Bytes(); err == nil {
			x, y := point[1:1+len(point)/2], point[1+len(point)/2:]
			forms = append(forms, point, jwk("kty", "EC", "crv", k.Params().Name, "x", b64(x), "y", b64(y)))
		}
	}
	return forms
}

func jwk(members ...string) []byte {
	var parts []string
	for i := 0; i < len(members); i += 2 {
		parts = append(parts, quote(members[i])+":"+quote(members[i+1]))
	}
	return []byte("{" + strings.Join(parts, ",") + "}")
}

func wrap(s string) string {
	var out strings.Builder
	for line := range slices.Chunk([]byte(s), 64) {
		out.Write(append(line, '\n'))
	}
	return out.String()
}

// algorithms are those that a key can sign for.
func algorithms(key any) []string {
	switch key := key.(type) {
	case ed25519.PrivateKey:
		return []string{"EdDSA", "Ed25519"}
	case *ecdsa.PrivateKey:
		for alg, curve := range ecAlgorithms {
			if key.Params().Name == curve {
				return []string{alg}
			}
		}
	case *rsa.PrivateKey:
		return rsaAlgorithms
	case []byte:
		return secretAlgorithms
	}
	return nil
}
