package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"slices"
)

// proofRefusal is an [ErrInvalidProof] with its cause, as refusal is an [ErrInvalid].
type proofRefusal string

func (r proofRefusal) Error() string { return "token: invalid DPoP proof: " + string(r) }

func (r proofRefusal) Unwrap() error { return ErrInvalidProof }

// proofKeyID stands for the id that a proof's key does not have.
const proofKeyID = "dpop"

// readProofHeader reads the JOSE header of a proof strictly and returns the public key in
// it, which must fit one of the accepted algorithms. Members that it does not know are
// ignored (RFC 9449 §4.2), but for those that a token's header must not have either; jwk is
// the one exception. A kid, which some clients add, is never looked at.
func readProofHeader(text string, accepted []Algorithm) (Key, error) {
	var typ string
	var alg Algorithm
	var key jwk
	hasKey := false
	r := readerOf(text)
	for r.open('{'); r.next(); {
		switch {
		case r.name == "typ":
			typ = asciiLower(r.view())
		case r.name == "alg":
			alg = Algorithm(r.string()).canonical()
		case r.name == "jwk":
			hasKey = true
			key.read(&r)
		case r.name == "kid":
			r.view()
		case refusedMember(r.name):
			r.fail(malformed("member " + r.name + " is not accepted"))
		default:
			r.skip()
		}
	}
	err := r.end()
	switch {
	case err != nil:
		return Key{}, proofRefusal("header: " + err.Error())
	case trimApplication(typ) != "dpop+jwt":
		return Key{}, proofRefusal("header: typ is not dpop+jwt")
	case alg.symmetric() || !slices.Contains(accepted, alg):
		return Key{}, proofRefusal("header: alg is not accepted")
	case !hasKey:
		return Key{}, proofRefusal("header: jwk is missing")
	case key.alg != "" && Algorithm(key.alg).canonical() != alg:
		return Key{}, proofRefusal("header: the jwk is for another alg")
	}
	key.kid, key.alg = proofKeyID, string(alg)
	k, err := key.key()
	if err != nil {
		return Key{}, proofRefusal("header: jwk: " + err.Error())
	}
	return k, nil
}

// Thumbprint returns the SHA-256 thumbprint of a public key (RFC 7638) as 43 characters of
// base64url, and "" for a symmetric or the zero Key.
func (k Key) Thumbprint() string {
	m := k.get()
	if m == nil {
		return ""
	}
	b64 := base64.RawURLEncoding.EncodeToString
	var doc []byte // the required members, in the order of their names
	switch public := m.public.(type) {
	case ed25519.PublicKey:
		doc = appendObject(nil, "crv", "Ed25519", "kty", "OKP", "x", b64(public))
	case *ecdsa.PublicKey:
		x, y, err := coordinates(public)
		if err != nil {
			return ""
		}
		doc = appendObject(nil, "crv", public.Params().Name, "kty", "EC", "x", b64(x), "y", b64(y))
	case *rsa.PublicKey:
		doc = appendObject(nil, "e", b64(big.NewInt(int64(public.E)).Bytes()), "kty", "RSA", "n", b64(public.N.Bytes()))
	default:
		return ""
	}
	sum := sha256.Sum256(append(doc, '}'))
	return b64(sum[:])
}

// isThumbprint reports whether s can be a SHA-256 thumbprint, in its one spelling.
func isThumbprint(s string) bool {
	b, ok := decodeMember(s)
	return ok && len(b) == sha256.Size
}
