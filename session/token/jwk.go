package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// jwk is one entry of a key set, as it was written.
type jwk struct {
	kty, crv, kid, alg, use string
	n, e, x, y              string
	ops                     []string
	hasUse, hasOps          bool
}

// privateMember reports whether a member makes a key private or symmetric: of EC, OKP and RSA
// (RFC 7518 §6.2.2, §6.3.2), of oct (§6.4), and of AKP, the post-quantum keys (RFC 9964 §3), which
// are not accepted here and may stand beside others.
func privateMember(name string) bool {
	switch name {
	case "d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv":
		return true
	}
	return false
}

// read reads the object of a key.
func (j *jwk) read(r *reader) {
	for r.open('{'); r.next(); {
		j.member(r, r.name)
	}
}

func (j *jwk) member(r *reader, name string) {
	switch name {
	case "kty":
		j.kty = r.string()
	case "crv":
		j.crv = r.string()
	case "kid":
		j.kid = r.string()
	case "alg":
		j.alg = r.string()
	case "use":
		j.hasUse = true
		j.use = r.string()
	case "key_ops":
		j.hasOps = true
		r.strings(func(op string) { j.ops = append(j.ops, op) })
	case "n":
		j.n = r.string()
	case "e":
		j.e = r.string()
	case "x":
		j.x = r.string()
	case "y":
		j.y = r.string()
	default:
		if privateMember(name) {
			r.fail(errPublished)
		}
		r.skip()
		return
	}
	r.failIn(name) // one of the names above, so ours
}

func (j *jwk) key() (Key, error) {
	if j.hasUse && j.use != "sig" {
		return Key{}, errors.New("use is not sig")
	}
	if j.hasOps && !slices.Equal(j.ops, []string{"verify"}) {
		return Key{}, errors.New("key_ops is not verify alone")
	}
	on := schemeOn(j.crv)
	switch {
	case j.kty == "OKP" && j.crv == "Ed25519":
		return j.ed25519()
	case j.kty == "EC" && on != nil:
		return j.ecdsa(on)
	case j.kty == "RSA" && j.crv == "":
		return j.rsa()
	}
	return Key{}, errors.New("the kty and crv are not accepted")
}

func (j *jwk) algorithm(derived Algorithm) Algorithm {
	if j.alg == "" {
		return derived
	}
	return Algorithm(j.alg)
}

func (j *jwk) ed25519() (Key, error) {
	x, ok := decodeMember(j.x)
	if !ok {
		return Key{}, errors.New("x is not base64url")
	}
	return newKey(j.kid, j.algorithm(EdDSA), ed25519.PublicKey(x))
}

func (j *jwk) ecdsa(on *scheme) (Key, error) {
	x, okX := decodeMember(j.x)
	y, okY := decodeMember(j.y)
	if size := coordinate(on.curve); !okX || !okY || len(x) != size || len(y) != size {
		return Key{}, fmt.Errorf("x or y is not %d bytes of base64url", size)
	}
	point, err := ecdsa.ParseUncompressedPublicKey(on.curve, slices.Concat([]byte{4}, x, y))
	if err != nil {
		return Key{}, fmt.Errorf("not a point of %s", j.crv)
	}
	return newKey(j.kid, j.algorithm(on.name), point)
}

func (j *jwk) rsa() (Key, error) {
	n, okN := decodeMember(j.n)
	e, okE := decodeMember(j.e)
	if !okN || !okE || len(n) > maxRSABits/8 || len(e) > 4 {
		return Key{}, errors.New("n or e is not base64url or too long")
	}
	// RFC 7518 §6.3.1: as many bytes as the number needs, so no leading zero.
	if len(n) == 0 || len(e) == 0 || n[0] == 0 || e[0] == 0 {
		return Key{}, errors.New("n or e is empty or begins with a zero byte")
	}
	exponent := new(big.Int).SetBytes(e).Uint64()
	return newKey(j.kid, j.algorithm(RS256), &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(exponent)})
}

// decodeMember decodes base64url strictly. The decoder itself skips CR and LF.
func decodeMember(s string) ([]byte, bool) {
	b, err := strictBase64.DecodeString(s)
	return b, err == nil && !strings.ContainsAny(s, "\r\n")
}
