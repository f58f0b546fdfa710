package token

import "math/big"

// rocaPrimes are the odd primes up to 167. They divide the modulus M of every key length
// in the paper below.
var rocaPrimes = []int64{
	3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
	101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
}

// roca reports whether an RSA modulus has the fingerprint of the keys that some smart
// cards made and that can be factored (CVE-2017-15361: Nemec and others, "The Return of
// Coppersmith's Attack", CCS 2017). Both primes of such a key are a power of 65537 modulo
// M, so the modulus is one too: there is one exponent that fits modulo every prime of M.
// For a random modulus there is none, but for one in more than 2^100.
func roca(n *big.Int) bool {
	type class struct{ exponent, order int64 } // the exponent, modulo the order of 65537
	classes := make([]class, 0, len(rocaPrimes))
	rest := new(big.Int)
	for _, p := range rocaPrimes {
		want := rest.Mod(n, big.NewInt(p)).Int64()
		found := class{exponent: -1}
		power := int64(1)
		for {
			if power == want {
				found.exponent = found.order
			}
			found.order++
			power = power * (65537 % p) % p
			if power == 1 {
				break
			}
		}
		if found.exponent < 0 {
			return false // no power of 65537 modulo p
		}
		for _, c := range classes {
			if (found.exponent-c.exponent)%gcd(found.order, c.order) != 0 {
				return false // no exponent fits both primes
			}
		}
		classes = append(classes, found)
	}
	return true
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
