package token

import (
	"crypto"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // must be linked in for crypto.SHA256
	_ "crypto/sha512" // and for crypto.SHA384 and crypto.SHA512
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// Algorithm is a signature algorithm by its name in the alg header (RFC 7518 §3.1, RFC
// 8037, RFC 9864). Only the constants below are known anywhere, and of these an issuer's
// tokens may use those that its entry lists, see [Issuer].
type Algorithm string

// The algorithms. Prefer EdDSA, or ES256 where a reader cannot do it; the others are for issuers
// that one cannot choose. ES384 and ES512 take some ten and thirty times as long to verify as
// ES256, which a stranger can make a service do. Those of HMAC are for a service that verifies only
// what it signed itself, since a party that can verify can sign.
const (
	EdDSA Algorithm = "EdDSA" // Ed25519; Ed448 is not accepted
	ES256 Algorithm = "ES256" // ECDSA on P-256 with SHA-256, signatures of 64 bytes
	ES384 Algorithm = "ES384" // ECDSA on P-384 with SHA-384, signatures of 96 bytes
	ES512 Algorithm = "ES512" // ECDSA on P-521 with SHA-512, signatures of 132 bytes
	RS256 Algorithm = "RS256" // RSA PKCS #1 v1.5 with SHA-256, 2048 to 8192 bits
	RS384 Algorithm = "RS384" // as RS256 with SHA-384
	RS512 Algorithm = "RS512" // as RS256 with SHA-512
	PS256 Algorithm = "PS256" // RSA-PSS with SHA-256 and a salt of 32 bytes, 2048 to 8192 bits
	PS384 Algorithm = "PS384" // as PS256 with SHA-384 and a salt of 48 bytes
	PS512 Algorithm = "PS512" // as PS256 with SHA-512 and a salt of 64 bytes
	HS256 Algorithm = "HS256" // HMAC with SHA-256, a secret of at least 32 bytes
	HS384 Algorithm = "HS384" // HMAC with SHA-384, a secret of at least 48 bytes
	HS512 Algorithm = "HS512" // HMAC with SHA-512, a secret of at least 64 bytes
)

// Ed25519 is the name that RFC 9864 gives to what RFC 8037 calls EdDSA on that curve. Both
// mean one algorithm: each is accepted wherever the other is, and [Key.Algorithm] and
// [Verified.Algorithm] return [EdDSA] for both. A [Signer] writes the name that it is
// configured with.
const Ed25519 Algorithm = "Ed25519"

// canonical returns the name by which algorithms are compared.
func (a Algorithm) canonical() Algorithm {
	if a == Ed25519 {
		return EdDSA
	}
	return a
}

// canonicalOf returns algorithms by the names that are compared. Both names of one count
// once; the same name twice stays, for validation to find.
func canonicalOf(algorithms []Algorithm) []Algorithm {
	var all []Algorithm
	for _, a := range algorithms {
		if a == Ed25519 && slices.Contains(algorithms, EdDSA) {
			continue
		}
		all = append(all, a.canonical())
	}
	return all
}

// kind is the kind of key that an algorithm takes.
type kind int

const (
	ed25519Key kind = iota + 1
	ecdsaKey
	rsaKey
	secretKey
)

// scheme is all there is to know of an algorithm. The rest follows: a coordinate is as
// long as its curve, a PSS salt as its hash (RFC 7518 §3.5), and so is the shortest secret
// (§3.2).
type scheme struct {
	name   Algorithm
	kind   kind
	hash   crypto.Hash    // none for Ed25519, which has its own
	curve  elliptic.Curve // of ECDSA: one for each hash (§3.4)
	method jwt.SigningMethod
}

// schemes are those of all algorithms, in the order in which errors list them. The methods
// are values of our own: golang-jwt's are variables that any package may change, and its
// PSS accepts a salt of any length.
var schemes = []*scheme{
	{EdDSA, ed25519Key, 0, nil, &jwt.SigningMethodEd25519{}},
	ofECDSA(ES256, crypto.SHA256, elliptic.P256()),
	ofECDSA(ES384, crypto.SHA384, elliptic.P384()),
	ofECDSA(ES512, crypto.SHA512, elliptic.P521()),
	ofRSA(RS256, crypto.SHA256),
	ofRSA(RS384, crypto.SHA384),
	ofRSA(RS512, crypto.SHA512),
	ofPSS(PS256, crypto.SHA256),
	ofPSS(PS384, crypto.SHA384),
	ofPSS(PS512, crypto.SHA512),
	ofHMAC(HS256, crypto.SHA256),
	ofHMAC(HS384, crypto.SHA384),
	ofHMAC(HS512, crypto.SHA512),
}

func ofECDSA(a Algorithm, h crypto.Hash, c elliptic.Curve) *scheme {
	method := &jwt.SigningMethodECDSA{Name: string(a), Hash: h, KeySize: coordinate(c), CurveBits: c.Params().BitSize}
	return &scheme{a, ecdsaKey, h, c, method}
}

func ofRSA(a Algorithm, h crypto.Hash) *scheme {
	return &scheme{a, rsaKey, h, nil, &jwt.SigningMethodRSA{Name: string(a), Hash: h}}
}

func ofPSS(a Algorithm, h crypto.Hash) *scheme {
	return &scheme{a, rsaKey, h, nil, &jwt.SigningMethodRSAPSS{
		SigningMethodRSA: &jwt.SigningMethodRSA{Name: string(a), Hash: h},
		Options:          &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash},
		VerifyOptions:    &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash},
	}}
}

func ofHMAC(a Algorithm, h crypto.Hash) *scheme {
	return &scheme{a, secretKey, h, nil, &jwt.SigningMethodHMAC{Name: string(a), Hash: h}}
}

// coordinate is the length of a coordinate of a point in bytes, with its leading zeros
// (RFC 7518 §6.2.1.2). A signature is two numbers of that length (§3.4).
func coordinate(c elliptic.Curve) int { return (c.Params().BitSize + 7) / 8 }

// scheme returns the algorithm's, nil for what is none.
func (a Algorithm) scheme() *scheme {
	a = a.canonical()
	for _, s := range schemes {
		if s.name == a {
			return s
		}
	}
	return nil
}

// schemeOn returns the scheme of ECDSA on the curve of that name, nil for any other curve.
func schemeOn(curve string) *scheme {
	for _, s := range schemes {
		if s.kind == ecdsaKey && s.curve.Params().Name == curve {
			return s
		}
	}
	return nil
}

func (a Algorithm) known() bool { return a.scheme() != nil }

// symmetric reports whether whoever verifies can sign.
func (a Algorithm) symmetric() bool {
	s := a.scheme()
	return s != nil && s.kind == secretKey
}

// public reports whether the algorithm is known and has a public key.
func (a Algorithm) public() bool { return a.known() && !a.symmetric() }

// algorithmsThat lists the algorithms of which a method says so, as errors name them.
func algorithmsThat(is func(Algorithm) bool) string {
	var names []string
	for _, s := range schemes {
		if is(s.name) {
			names = append(names, string(s.name))
		}
	}
	return strings.Join(names, ", ")
}
