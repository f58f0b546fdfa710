package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/subtle"
	"errors"
	"fmt"
	"math/big"

	"github.com/reevehq/reeve/session"
)

const (
	maxKeyID   = 128
	minRSABits = 2048
	maxRSABits = 8192 // a larger modulus makes each verification a denial of service
)

// Key verifies the signatures of one algorithm. Only [NewKey] and [ParseJWKS] make one;
// the zero Key verifies nothing. A Key redacts itself in every printer, since that of
// HMAC is a secret. It is safe for concurrent use.
type Key struct {
	redact
	sealed[keyMaterial]
}

type keyMaterial struct {
	id        string
	algorithm Algorithm // as it was named
	public    any
}

// NewKey returns the key named kid for one algorithm. kid is 1 to 128 bytes of printable
// ASCII. public is copied and must be
//
//   - EdDSA, Ed25519: an [ed25519.PublicKey] that is not of small order, for which anybody can sign;
//   - ES256, ES384, ES512: an *[ecdsa.PublicKey] that is a point of P-256, P-384, P-521;
//   - RS256 to RS512, PS256 to PS512: an *[rsa.PublicKey] of 2048 to 8192 bits with an odd
//     exponent of at least 3, and not one of the keys that can be factored by CVE-2017-15361;
//   - HS256, HS384, HS512: a [session.SecretKey] of at least 32, 48, 64 random bytes (RFC 7518
//     §3.2). A PEM text, and one byte repeated, are refused: the first is a public key that
//     strayed, the second was never filled in.
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

// Algorithm returns the one algorithm the key is for, [EdDSA] for both of its names, and ""
// for the zero Key.
func (k Key) Algorithm() Algorithm {
	if m := k.get(); m != nil {
		return m.algorithm.canonical()
	}
	return ""
}

func (k Key) verify(signed string, signature []byte) bool {
	m := k.get()
	return m != nil && m.algorithm.scheme().method.Verify(signed, signature, m.public) == nil
}

// same reports whether two keys are one: the same id, algorithm and material.
func (k Key) same(other Key) bool {
	a, b := k.get(), other.get()
	switch {
	case a == nil || b == nil:
		return false
	case a == b:
		return true
	case a.id != b.id || a.algorithm.canonical() != b.algorithm.canonical():
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
	s := alg.scheme()
	if s == nil {
		return nil, fmt.Errorf("algorithm %s is not accepted", quote(string(alg)))
	}
	switch key := public.(type) {
	case ed25519.PublicKey:
		if s.kind == ed25519Key {
			return cleanEd25519(key)
		}
	case *ecdsa.PublicKey:
		if s.kind == ecdsaKey {
			return cleanECDSA(key, s.curve)
		}
	case *rsa.PublicKey:
		if s.kind == rsaKey {
			return cleanRSA(key)
		}
	case session.SecretKey:
		if s.kind == secretKey {
			return cleanSecret(key, s.hash.Size())
		}
	case []byte:
		if s.kind == secretKey {
			return nil, errors.New("a []byte is no key, write session.NewSecretKey(secret)")
		}
	}
	return nil, fmt.Errorf("%T is no public key for %s", public, alg)
}

func cleanECDSA(key *ecdsa.PublicKey, curve elliptic.Curve) (any, error) {
	if key == nil || key.Curve != curve {
		return nil, fmt.Errorf("not on %s", curve.Params().Name)
	}
	offCurve := fmt.Errorf("not a point of %s", curve.Params().Name)
	//lint:ignore SA1019 Bytes panics on a missing coordinate
	if key.X == nil || key.Y == nil {
		return nil, offCurve
	}
	point, err := key.Bytes()
	if err != nil {
		return nil, offCurve
	}
	clean, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, offCurve
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

func cleanSecret(secret session.SecretKey, least int) (any, error) {
	if err := secret.Validate(least); err != nil {
		return nil, fmt.Errorf("a secret of %w", err)
	}
	return secret.Bytes(), nil
}
