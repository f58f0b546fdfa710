package authztest

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"slices"
	"testing"
)

// TestAPaddingWithNothingWrongIsASignature: what row 30 sends is refused for the one thing
// that is wrong with each padding, so with nothing wrong it has to be what the standard
// library signs.
func TestAPaddingWithNothingWrongIsASignature(t *testing.T) {
	s, err := newAttackerKeys()
	if err != nil {
		t.Fatal(err)
	}
	for _, alg := range []string{"RS256", "RS384", "RS512"} {
		hash := hashOf(alg)
		exact := padding(s.rsa.Size(), []byte{0, 1}, 0xff, slices.Concat([]byte{0}, digestInfo(hash), digest(hash, "text")))
		if !bytes.Equal(power(s.rsa, exact), sign(s.rsa, alg, "text")) {
			t.Errorf("%s: another signature", alg)
		}
		for n, em := range paddings(s.rsa.Size(), hash, "text") {
			if len(em) != s.rsa.Size() || bytes.Equal(em, exact) {
				t.Errorf("%s: padding %d is of %d bytes, or has nothing wrong", alg, n, len(em))
			}
		}
	}
}

// TestTheForgerSignsForItsAlgorithms: a forgery of a wrong hash or length would be refused
// for that, and show nothing.
func TestTheForgerSignsForItsAlgorithms(t *testing.T) {
	s, err := newAttackerKeys()
	if err != nil {
		t.Fatal(err)
	}
	sizes := map[string]int{"EdDSA": 64, "ES256": 64, "ES384": 96, "ES512": 132, "HS256": 32, "HS384": 48, "HS512": 64}
	hashes := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}
	keys := s.keys()
	if len(keys) != 13 {
		t.Errorf("%d algorithms", len(keys))
	}
	for alg, key := range keys {
		if !slices.Contains(algorithms(key), alg) {
			t.Errorf("the key for %s is for %v", alg, algorithms(key))
		}
		sig := sign(key, alg, "text")
		if k, ok := key.(*rsa.PrivateKey); ok {
			hash := hashes[alg[2:]]
			err := rsa.VerifyPKCS1v15(&k.PublicKey, hash, digest(hash, "text"), sig)
			if alg[:2] == "PS" {
				err = rsa.VerifyPSS(&k.PublicKey, hash, digest(hash, "text"), sig, &rsa.PSSOptions{SaltLength: hash.Size()})
			}
			if err != nil {
				t.Errorf("%s: %v", alg, err)
			}
			continue
		}
		if len(sig) != sizes[alg] {
			t.Errorf("%s: %d bytes", alg, len(sig))
		}
	}
}
