package token_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/session/token"
)

// hasPoint solves the equation of the curve for y, -x² + y² = 1 + dx²y².
func hasPoint(key []byte) bool {
	text := slices.Clone(key)
	text[31] &= 0x7f
	slices.Reverse(text)
	p, _ := new(big.Int).SetString("57896044618658097711785492504343953926634992332820282019728792003956564819949", 10)
	d := new(big.Int).Mul(big.NewInt(-121665), new(big.Int).ModInverse(big.NewInt(121666), p))
	y2 := new(big.Int).Exp(new(big.Int).SetBytes(text), big.NewInt(2), p)
	v := new(big.Int).Add(new(big.Int).Mul(d, y2), big.NewInt(1))
	x2 := new(big.Int).Mul(new(big.Int).Sub(y2, big.NewInt(1)), new(big.Int).ModInverse(v.Mod(v, p), p))
	return new(big.Int).ModSqrt(x2.Mod(x2, p), p) != nil
}

// A set of nothing but texts that are no points verifies nothing, and takes the place of none.
func TestAKeyOfEd25519InASetIsAPoint(t *testing.T) {
	counts := map[bool]int{}
	for n := range 300 {
		seed := sha256.Sum256([]byte{byte(n), byte(n >> 8)})
		for name, x := range map[string][]byte{"any text": seed[:], "a key": ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey)} {
			want := hasPoint(x)
			if name == "a key" && !want {
				t.Fatalf("%x is a key", x)
			}
			if name == "any text" {
				counts[want]++
			}
			_, err := token.ParseJWKS([]byte(setOf(jwkOf(token.EdDSA, "x", `"`+b64(string(x))+`"`))))
			if (err == nil) != want || err != nil && !strings.Contains(err.Error(), "not a point of Ed25519") {
				t.Errorf("%s, %x: %v, and it has a point: %v", name, x, err, want)
			}
		}
	}
	if counts[true] < 100 || counts[false] < 100 {
		t.Errorf("no even test: %v", counts)
	}
}
