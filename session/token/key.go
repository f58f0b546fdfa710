package token

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // SHA-256 must be linked in for crypto.SHA256
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// Algorithm is a signature algorithm by its name in the alg header (RFC 7518 §3.1, RFC
// 8037). Only the constants below are accepted anywhere.
type Algorithm string

// The algorithms. Prefer EdDSA; HS256 is for a service that verifies only what it signed
// itself, since whoever can verify can sign.
const (
	EdDSA Algorithm = "EdDSA" // Ed25519
	ES256 Algorithm = "ES256" // ECDSA on P-256, signatures of 64 bytes
	RS256 Algorithm = "RS256" // RSA PKCS #1 v1.5, 2048 to 8192 bits
	PS256 Algorithm = "PS256" // RSA-PSS with a salt of 32 bytes, 2048 to 8192 bits
	HS256 Algorithm = "HS256" // HMAC, a secret of at least 32 bytes
)

// methods are values of our own. golang-jwt's are variables that any package may change,
// and its PS256 accepts a salt of any length, which RFC 7518 §3.5 does not.
var methods = map[Algorithm]jwt.SigningMethod{
	EdDSA: &jwt.SigningMethodEd25519{},
	ES256: &jwt.SigningMethodECDSA{Name: "ES256", Hash: crypto.SHA256, KeySize: 32, CurveBits: 256},
	RS256: &jwt.SigningMethodRSA{Name: "RS256", Hash: crypto.SHA256},
	PS256: &jwt.SigningMethodRSAPSS{
		SigningMethodRSA: &jwt.SigningMethodRSA{Name: "PS256", Hash: crypto.SHA256},
		Options:          &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash},
		VerifyOptions:    &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash},
	},
	HS256: &jwt.SigningMethodHMAC{Name: "HS256", Hash: crypto.SHA256},
}

func (a Algorithm) known() bool { return methods[a] != nil }

const (
	maxKeyID   = 128
	minRSABits = 2048
	maxRSABits = 8192 // a larger modulus makes each verification a denial of service
	minSecret  = 32   // bytes; RFC 7518 §3.2 asks for the length of the hash
)

// Key verifies the signatures of one algorithm. Only [NewKey] and [ParseJWKS] make one;
// the zero Key verifies nothing. A Key redacts itself in every printer, since that of
// HS256 is a secret. It is safe for concurrent use.
type Key struct {
	redact
	sealed[keyMaterial]
}

type keyMaterial struct {
	id        string
	algorithm Algorithm
	public    any
}

// NewKey returns the key named kid for one algorithm. kid is 1 to 128 bytes of printable
// ASCII. public is copied and must be
//
//   - EdDSA: an [ed25519.PublicKey] that is not of small order, for which anybody can sign;
//   - ES256: an *[ecdsa.PublicKey] that is a point of P-256;
//   - RS256, PS256: an *[rsa.PublicKey] of 2048 to 8192 bits with an odd exponent of at least
//     3, and not one of the keys that can be factored by CVE-2017-15361;
//   - HS256: a []byte of at least 32 random bytes. A PEM text, and one byte repeated, are
//     refused: the first is a public key that strayed, the second was never filled in.
func NewKey(kid string, alg Algorithm, public any) (Key, error) {
	k, err := newKey(kid, alg, public)
	if err != nil {
		return Key{}, fmt.Errorf("token: key %s: %w", quote(kid), err)
	}
	return k, nil
}

func newKey(kid string, alg Algorithm, public any) (Key, error) {
	if !printable(kid, maxKeyID) {
		return Key{}, errors.New("kid is not 1 to 128 printable bytes")
	}
	clean, err := cleanPublic(alg, public)
	if err != nil {
		return Key{}, err
	}
	return Key{sealed: seal(&keyMaterial{kid, alg, clean})}, nil
}

// ID returns the key's kid, and "" for the zero Key.
func (k Key) ID() string {
	if m := k.get(); m != nil {
		return m.id
	}
	return ""
}

// Algorithm returns the one algorithm the key is for, and "" for the zero Key.
func (k Key) Algorithm() Algorithm {
	if m := k.get(); m != nil {
		return m.algorithm
	}
	return ""
}

func (k Key) verify(signed string, signature []byte) bool {
	m := k.get()
	return m != nil && methods[m.algorithm].Verify(signed, signature, m.public) == nil
}

// same reports whether two keys are one: the same id, algorithm and material.
func (k Key) same(other Key) bool {
	a, b := k.get(), other.get()
	switch {
	case a == nil || b == nil:
		return false
	case a == b:
		return true
	case a.id != b.id || a.algorithm != b.algorithm:
		return false
	}
	switch public := a.public.(type) {
	case interface{ Equal(crypto.PublicKey) bool }:
		return public.Equal(b.public)
	case []byte:
		secret, ok := b.public.([]byte)
		return ok && subtle.ConstantTimeCompare(public, secret) == 1
	}
	return false
}

func cleanPublic(alg Algorithm, public any) (any, error) {
	switch key := public.(type) {
	case ed25519.PublicKey:
		if alg == EdDSA {
			return cleanEd25519(key)
		}
	case *ecdsa.PublicKey:
		if alg == ES256 {
			return cleanECDSA(key)
		}
	case *rsa.PublicKey:
		if alg == RS256 || alg == PS256 {
			return cleanRSA(key)
		}
	case []byte:
		if alg == HS256 {
			return cleanSecret(key)
		}
	}
	if !alg.known() {
		return nil, fmt.Errorf("algorithm %s is not accepted", quote(string(alg)))
	}
	return nil, fmt.Errorf("%T is no public key for %s", public, alg)
}

func cleanEd25519(key ed25519.PublicKey) (any, error) {
	if len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%d bytes, want %d", len(key), ed25519.PublicKeySize)
	}
	if smallOrder(key) {
		return nil, errors.New("a point of small order")
	}
	return slices.Clone(key), nil
}

// smallOrder reports whether a key is one of the points whose order divides 8, in any
// encoding. An all-zero key is one. Signatures for them need no private key.
func smallOrder(key ed25519.PublicKey) bool {
	y := bytes.Clone(key)
	y[31] &= 0x7f // the sign of x
	switch hex.EncodeToString(y) {
	case "0000000000000000000000000000000000000000000000000000000000000000", // y = 0, order 4
		"0100000000000000000000000000000000000000000000000000000000000000", // y = 1, the identity
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // order 8
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = -1, order 2
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // y = p, which is 0
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f": // y = p+1, which is 1
		return true
	}
	return false
}

func cleanECDSA(key *ecdsa.PublicKey) (any, error) {
	if key == nil || key.Curve != elliptic.P256() {
		return nil, errors.New("not on P-256")
	}
	//lint:ignore SA1019 Bytes panics on a missing coordinate
	if key.X == nil || key.Y == nil {
		return nil, errors.New("not a point of P-256")
	}
	point, err := key.Bytes()
	if err != nil {
		return nil, errors.New("not a point of P-256")
	}
	clean, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, errors.New("not a point of P-256")
	}
	return clean, nil
}

func cleanRSA(key *rsa.PublicKey) (any, error) {
	switch {
	case key == nil || key.N == nil:
		return nil, errors.New("no modulus")
	case key.N.Sign() <= 0 || key.N.BitLen() < minRSABits || key.N.BitLen() > maxRSABits:
		return nil, fmt.Errorf("an RSA modulus of %d bits, %d to %d are accepted", key.N.BitLen(), minRSABits, maxRSABits)
	case key.N.Bit(0) == 0:
		return nil, errors.New("an even RSA modulus")
	case key.E < 3 || key.E%2 == 0 || key.E > 1<<31-1:
		return nil, errors.New("the RSA exponent is not odd and from 3 to 2^31-1")
	case roca(key.N):
		return nil, errors.New("an RSA modulus that can be factored, CVE-2017-15361")
	}
	return &rsa.PublicKey{N: new(big.Int).Set(key.N), E: key.E}, nil
}

func cleanSecret(secret []byte) (any, error) {
	switch {
	case len(secret) < minSecret:
		return nil, fmt.Errorf("a secret of %d bytes, at least %d are required", len(secret), minSecret)
	case subtle.ConstantTimeCompare(secret, bytes.Repeat(secret[:1], len(secret))) == 1:
		return nil, errors.New("a secret of one byte repeated")
	case bytes.Contains(secret, []byte("-----BEGIN ")):
		return nil, errors.New("a PEM text is no secret")
	}
	return bytes.Clone(secret), nil
}
