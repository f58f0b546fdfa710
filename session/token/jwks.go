package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// JWKSContentType is the media type of a key set (RFC 7517 §8.5.2).
const JWKSContentType = "application/jwk-set+json"

const (
	maxJWKS     = 1 << 20 // bytes of a document
	maxJWKSKeys = 100
)

// ParseJWKS reads a JSON Web Key Set (RFC 7517) of at most 1 MiB and 100 keys.
//
// Refused as a whole is a document that is not strict JSON or not a key set, one that
// publishes a secret (a private member such as d, or a symmetric k), since its issuer has
// lost control of its keys, one with two usable keys of one id, and one without any
// usable key, so that an empty answer never takes the place of good keys.
//
// Left out and listed by [KeySet.Ignored], as RFC 7517 §5 has it, is a key that is not for
// verifying signatures (use other than sig, key_ops without verify), has no kid, is for
// an algorithm or a curve not accepted here, or that [NewKey] would refuse, such as one
// whose alg does not fit its curve. Without an alg member Ed25519 is for EdDSA, P-256, P-384
// and P-521 are for ES256, ES384 and ES512, and RSA is for RS256; any other algorithm of RSA
// must be spelled out.
func ParseJWKS(document []byte) (*KeySet, error) {
	if len(document) > maxJWKS {
		return nil, fmt.Errorf("token: jwks: longer than %d bytes", maxJWKS)
	}
	var entries []jwk
	found := false
	err := readObject(document, func(r reader, name string) error {
		if name != "keys" {
			return r.skip()
		}
		found = true
		return r.array(func(r reader) error {
			if len(entries) == maxJWKSKeys {
				return malformed("too many keys")
			}
			var e jwk
			err := r.object(e.member)
			entries = append(entries, e)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("token: jwks: %w", err)
	}
	if !found {
		return nil, errors.New("token: jwks: no member keys")
	}
	return usableKeys(entries)
}

func usableKeys(entries []jwk) (*KeySet, error) {
	var keys []Key
	var ignored []string
	for i, e := range entries {
		key, err := e.key()
		if err != nil {
			ignored = append(ignored, fmt.Sprintf("key %d (%s): %v", i, quote(e.kid), err))
			continue
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 && len(ignored) > 0 {
		return nil, fmt.Errorf("token: jwks: no usable key; %s", ignored[0])
	}
	set, err := NewKeySet(keys...)
	if err != nil {
		return nil, err
	}
	set.ignored = ignored
	return set, nil
}

// jwk is one entry of a key set, as it was written.
type jwk struct {
	kty, crv, kid, alg, use string
	n, e, x, y              string
	ops                     []string
	hasUse, hasOps          bool
}

func (j *jwk) member(r reader, name string) (err error) {
	switch name {
	case "d", "p", "q", "dp", "dq", "qi", "oth", "k":
		return malformed("a private or symmetric key is published")
	case "kty":
		j.kty, err = r.string()
	case "crv":
		j.crv, err = r.string()
	case "kid":
		j.kid, err = r.string()
	case "alg":
		j.alg, err = r.string()
	case "use":
		j.hasUse = true
		j.use, err = r.string()
	case "key_ops":
		j.hasOps = true
		err = r.strings(func(op string) { j.ops = append(j.ops, op) })
	case "n":
		j.n, err = r.string()
	case "e":
		j.e, err = r.string()
	case "x":
		j.x, err = r.string()
	case "y":
		j.y, err = r.string()
	default:
		err = r.skip()
	}
	return err
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

// JWKS returns the set as a document for other services to read with [ParseJWKS] or its
// like, of [JWKSContentType]. A set with a symmetric key is an error: it must not be
// published.
func (s *KeySet) JWKS() ([]byte, error) {
	doc := []byte(`{"keys":[`)
	for i, k := range s.ordered {
		if i > 0 {
			doc = append(doc, ',')
		}
		members, err := k.members()
		if err != nil {
			return nil, err
		}
		doc = append(appendObject(doc, members...), '}')
	}
	return append(doc, "]}"...), nil
}

// members returns the key's public members as names and values in turn.
func (k Key) members() ([]string, error) {
	b64 := base64.RawURLEncoding.EncodeToString
	common := []string{"kid", k.ID(), "use", "sig", "alg", string(k.Algorithm())}
	switch public := k.get().public.(type) {
	case ed25519.PublicKey:
		return append(common, "kty", "OKP", "crv", "Ed25519", "x", b64(public)), nil
	case *ecdsa.PublicKey:
		x, y, err := coordinates(public)
		if err != nil {
			return nil, fmt.Errorf("token: jwks: %w", err)
		}
		return append(common, "kty", "EC", "crv", public.Params().Name, "x", b64(x), "y", b64(y)), nil
	case *rsa.PublicKey:
		return append(common, "kty", "RSA", "n", b64(public.N.Bytes()), "e", b64(big.NewInt(int64(public.E)).Bytes())), nil
	}
	return nil, fmt.Errorf("token: jwks: key %s is symmetric and must not be published", quote(k.ID()))
}

// coordinates returns those of a point, each of the full length.
func coordinates(public *ecdsa.PublicKey) (x, y []byte, err error) {
	point, err := public.Bytes()
	if err != nil {
		return nil, nil, err
	}
	size := coordinate(public.Curve)
	return point[1 : 1+size], point[1+size:], nil
}

// appendObject appends an object of string members and leaves it open for more.
func appendObject(b []byte, members ...string) []byte {
	b = append(b, '{')
	for i := 0; i < len(members); i += 2 {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuoted(b, members[i])
		b = append(b, ':')
		b = appendQuoted(b, members[i+1])
	}
	return b
}

// appendQuoted appends valid UTF-8 as a JSON string.
func appendQuoted(b []byte, s string) []byte {
	b, _ = jsontext.AppendQuote(b, s) // fails only for invalid UTF-8, which no validated value is
	return b
}
