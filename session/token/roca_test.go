package token_test

import (
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	mathrand "math/rand"
	"strings"
	"testing"

	"github.com/reevehq/reeve/session/token"
)

// TestKeysThatCanBeFactoredAreRefused makes moduli as the faulty library did, a power of
// 65537 modulo the product M of the first primes, and their neighbours, which differ from
// such a power modulo one prime alone.
func TestKeysThatCanBeFactoredAreRefused(t *testing.T) {
	m := big.NewInt(2)
	for p := int64(3); p <= 701; p += 2 { // M of 2048 bit keys: the first 126 primes
		if big.NewInt(p).ProbablyPrime(10) {
			m.Mul(m, big.NewInt(p))
		}
	}
	check := func(n *big.Int) error {
		_, err := token.NewKey("k", token.RS256, &rsa.PublicKey{N: n, E: 65537})
		return err
	}
	source := mathrand.New(mathrand.NewSource(1)) // the same moduli in each run
	neighbours, apart := 0, 0
	for range 20 {
		exponent := new(big.Int).Rand(source, m)
		high := new(big.Int).Rand(source, new(big.Int).Lsh(big.NewInt(1), 2046))
		high.SetBit(high, 2047, 1)
		n := new(big.Int).Exp(big.NewInt(65537), exponent, m)
		n.Add(n, high.Sub(high, new(big.Int).Mod(high, m)))
		if n.BitLen() < 2048 {
			n.Add(n, m)
		}
		if err := check(n); err == nil || !strings.Contains(err.Error(), "CVE-2017-15361") {
			t.Fatalf("a modulus of the faulty kind: %v", err)
		}
		for _, p := range []int64{11, 37, 41, 73, 97, 109, 151, 163} {
			neighbours++
			if check(new(big.Int).Add(n, new(big.Int).Div(m, big.NewInt(p)))) == nil {
				apart++
			}
		}
	}
	// Some neighbours are powers of 65537 themselves, by another exponent.
	if apart < neighbours*8/10 {
		t.Errorf("of %d neighbours only %d are told apart", neighbours, apart)
	}
	for range 5 {
		private, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		if err := check(private.N); err != nil {
			t.Errorf("a genuine modulus: %v", err)
		}
	}
}
