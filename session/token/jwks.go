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

	"github.com/go-json-experiment/json/jsontext"
)

// ParseJWKS reads a JSON Web Key Set (RFC 7517) of at most 1 MiB and 100 entries.
//
// Refused as a whole is a document that is not strict JSON or not a key set, one that
// publishes a secret (a private member such as d, or a symmetric k, whatever else is wrong
// with the entry), since its issuer has lost control of its keys, and one without any
// usable key, so that an empty or broken answer never takes the place of good keys.
//
// Left out and listed by [KeySet.Ignored], as RFC 7517 §5 has it, is an entry that is no
// object, repeats a member or has one of the wrong type, null among them; one that is not
// for verifying signatures alone (use other than sig, key_ops other than verify), has no kid, is
// for an algorithm or a curve not accepted here, or that [NewKey] would refuse, such as one
// whose alg does not fit its curve. Without an alg member Ed25519 is for EdDSA, P-256, P-384
// and P-521 are for ES256, ES384 and ES512, and RSA is for RS256; any other algorithm of RSA
// must be spelled out.
//
// One key in several entries of one id and algorithm counts once. Different keys of one id
// and algorithm are all left out: which of them verifies must not be chance. The order of
// the entries makes no difference.
func ParseJWKS(document []byte) (*KeySet, error) {
	if len(document) > maxJWKS {
		return nil, fmt.Errorf("token: jwks: longer than %d bytes", maxJWKS)
	}
	entries, err := readKeySet(document)
	if err != nil {
		return nil, fmt.Errorf("token: jwks: %w", err)
	}
	return usableKeys(entries)
}

// usableKeys makes the set of the entries that can be used.
func usableKeys(entries []jwkEntry) (*KeySet, error) {
	type name struct {
		id        string
		algorithm Algorithm
	}
	nameOf := func(k Key) name { return name{k.ID(), k.Algorithm()} }
	s := &KeySet{byID: map[string][]Key{}}
	leave := func(i int, reason error) {
		s.ignored = append(s.ignored, fmt.Sprintf("key %d (%s): %v", i, quote(entries[i].kid), reason))
	}
	keys, count := make([]Key, len(entries)), map[name]int{} // how many different ones
	for i, e := range entries {
		if e.err != nil {
			continue
		}
		key, err := e.key()
		if err == nil && offCurve(key) {
			err = errors.New("not a point of Ed25519")
		}
		if err != nil { // nor does it count beside another key of its kid
			entries[i].err = err
			continue
		}
		keys[i] = key
		if !slices.ContainsFunc(keys[:i], key.same) {
			count[nameOf(key)]++
		}
	}
	for i, key := range keys {
		switch {
		case entries[i].err != nil:
			leave(i, entries[i].err)
		case count[nameOf(key)] > 1:
			leave(i, fmt.Errorf("one of %d different keys of this kid for %s", count[nameOf(key)], key.Algorithm()))
		default:
			s.add(key)
		}
	}
	switch {
	case len(s.ordered) > 0:
		return s, nil
	case len(s.ignored) > 0:
		return nil, fmt.Errorf("token: jwks: no usable key; %s", s.ignored[0])
	}
	return nil, errors.New("token: jwks: no usable key: the set is empty")
}

// JWKS returns the set as a document for other services to read with [ParseJWKS] or its
// like, of media type application/jwk-set+json. A set with a symmetric key is an error: it must
// not be published.
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
	common := []string{"kid", k.ID(), "use", "sig", "alg", string(k.get().algorithm)}
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
