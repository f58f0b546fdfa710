package authztest

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"
)

// Which key, and what counts as its signature.
var keyRows = []row{
	{21, "the public key taken for a secret", aKey, func(a *attack) {
		for _, secret := range append(public(a.key), nil, []byte("secret"), []byte(a.claim("iss"))) {
			for _, alg := range secretAlgorithms {
				a.tokens(badToken, alg, by(secret, alg, a.header("alg", quote(alg)), a.claims()))
			}
		}
	}},
	{22, "another algorithm under the same key id", 0, func(a *attack) {
		for alg, key := range a.attacker.keys() {
			a.tokens(badToken, alg, by(key, alg, a.header("alg", quote(alg)), a.claims()), by(key, alg, a.header(), a.claims()))
		}
		for _, alg := range secretAlgorithms { // with the very secret
			if secret, ok := a.key.([]byte); ok && alg != a.alg {
				a.tokens(badToken, alg, by(secret, alg, a.header("alg", quote(alg)), a.claims()), by(secret, alg, a.header(), a.claims()))
			}
		}
	}},
	{23, "the other RSA padding or hash by the same key", anRSAKey, func(a *attack) {
		for _, alg := range rsaAlgorithms {
			if alg != a.alg {
				header := a.header("alg", quote(alg))
				a.tokens(badToken, alg, by(a.key, alg, header, a.claims()), by(a.key, alg, a.header(), a.claims()), a.seal(header, a.claims()))
			}
		}
		a.tokens(badToken, "RS1", a.signed("alg", `"RS1"`))
	}},
	{24, "another curve", 0, func(a *attack) {
		for _, key := range []*ecdsa.PrivateKey{a.attacker.ec, a.attacker.p384, a.attacker.p521} {
			for _, alg := range []string{"ES256", "ES384", "ES512", "ES256K", "EdDSA", "Ed448"} {
				a.tokens(badToken, alg, by(key, alg, a.header("alg", quote(alg)), a.claims()))
			}
		}
		for alg := range ecAlgorithms {
			if alg == a.alg {
				continue
			}
			a.tokens(badToken, alg, a.signed("alg", quote(alg)))
			if _, ok := a.key.(*ecdsa.PrivateKey); ok {
				a.tokens(badToken, alg+" by the same key", by(a.key, alg, a.header("alg", quote(alg)), a.claims()), by(a.key, alg, a.header(), a.claims()))
			}
		}
	}},
	{25, "signatures of zeros and of the curve's order", 0, func(a *attack) {
		zero, one := new(big.Int), big.NewInt(1)
		for alg, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()} {
			n := curve.Params().N
			for _, pair := range [][2]*big.Int{{zero, zero}, {n, n}, {zero, one}, {one, zero}, {n, one}, {one, n}, {one, one}} {
				sig := b64(twoNumbers(curve, pair[0], pair[1]))
				a.tokens(badToken, "psychic", a.text[0]+"."+a.text[1]+"."+sig, b64(a.header("alg", quote(alg)))+"."+a.text[1]+"."+sig)
			}
		}
		for _, size := range []int{1, 32, 64, 96, 132, 256, 512} {
			a.tokens(badToken, "zeros", a.text[0]+"."+a.text[1]+"."+b64(make([]byte, size)))
		}
	}},
	{26, "an ECDSA signature in DER, too short or too long", anECKey, func(a *attack) {
		k, text := a.key.(*ecdsa.PrivateKey), a.text[0]+"."+a.text[1]
		der, _ := ecdsa.SignASN1(rand.Reader, k, digest(hashOf(a.alg), text))
		raw := sign(k, a.alg, text)
		half, zero := len(raw)/2, []byte{0}
		for _, sig := range [][]byte{
			der, raw[:len(raw)-1], slices.Concat(raw, zero), slices.Concat(zero, raw), slices.Concat(zero, raw[:half], zero, raw[half:]),
		} {
			a.tokens(badToken, "signature", text+"."+b64(sig))
		}
		// (r, n-s) is a second signature of the same text, which ECDSA allows (RFC 7518
		// §3.4). It says nothing else, so it may be served; no list of tokens relies on
		// their text.
		r, s := new(big.Int).SetBytes(raw[:half]), new(big.Int).SetBytes(raw[half:])
		got := a.send(bearer(text + "." + b64(twoNumbers(k.Curve, r, s.Sub(k.Params().N, s)))))
		if got == nil || got.status >= 500 {
			a.Error("a malleated signature breaks the service")
		}
	}},
	{27, "weak RSA keys in a key set", anotherSuite, nil},
	{28, "weak secrets", anotherSuite, nil},
	{29, "a PSS salt of another length", anRSAKey, func(a *attack) {
		k := a.key.(*rsa.PrivateKey)
		for _, alg := range []string{"PS256", "PS384", "PS512"} {
			text, hash := b64(a.header("alg", quote(alg)))+"."+b64(a.claims()), hashOf(alg)
			for _, salt := range []int{rsa.PSSSaltLengthAuto, 10, 20, 32, 48, 64, hash.Size() + 1} {
				if salt == hash.Size() {
					continue
				}
				sig, err := rsa.SignPSS(rand.Reader, k, hash, digest(hash, text), &rsa.PSSOptions{SaltLength: salt})
				if err != nil {
					a.Fatal(err)
				}
				a.tokens(badToken, alg+" salt", text+"."+b64(sig))
			}
		}
	}},
	{30, "PKCS #1 padding that is not exact", anRSAKey, func(a *attack) {
		for _, alg := range []string{"RS256", "RS384", "RS512"} {
			text := b64(a.header("alg", quote(alg))) + "." + b64(a.claims())
			for _, em := range paddings(a.key.(*rsa.PrivateKey).Size(), hashOf(alg), text) {
				a.tokens(badToken, alg+" padding", text+"."+b64(power(a.key.(*rsa.PrivateKey), em)))
			}
		}
	}},
	{31, "crit", aKey, func(a *attack) {
		many := "[" + strings.TrimSuffix(strings.Repeat(`"x",`, 1000), ",") + "]"
		for _, crit := range []string{"[]", `["x"]`, `["exp"]`, `["alg"]`, `["x","x"]`, `"x"`, "null", many} {
			a.tokens(badToken, "crit", a.signed("crit", crit), a.signed("crit", crit, "x", "1"))
		}
	}},
	{32, "an unencoded payload", aKey, func(a *attack) {
		header := a.header("crit", `["b64"]`, "b64", "false")
		raw := b64(header) + "." + a.claims()
		a.tokens(badToken, "b64", a.seal(header, a.claims()), a.signed("b64", "false"), a.signed("b64", "true"),
			b64(header)+"."+b64(a.claims())+"."+b64(sign(a.key, a.alg, raw)))
	}},
	{33, "a key in the token itself", 0, func(a *attack) {
		for alg, key := range a.attacker.keys() {
			forms := public(key)
			if len(forms) == 0 {
				continue
			}
			own := string(forms[len(forms)-1])
			a.tokens(badToken, "jwk", by(key, alg, a.header("alg", quote(alg), "jwk", own), a.claims()),
				by(key, alg, a.header("alg", quote(alg), "jwk", own, "kid", ""), a.claims()))
		}
		if a.key != nil {
			for _, value := range empties {
				a.tokens(badToken, "jwk by the issuer", a.signed("jwk", value), a.signed("x5c", value))
			}
		}
	}},
	{34, "an address to fetch the key from", 0, func(a *attack) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			a.Fatal(err)
		}
		connected := make(chan struct{}, 1)
		go func() {
			for {
				c, err := listener.Accept()
				if err != nil {
					close(connected)
					return
				}
				connected <- struct{}{}
				c.Close()
			}
		}()
		address := quote("http://" + listener.Addr().String() + "/jwks.json")
		for alg, key := range a.attacker.keys() {
			for _, name := range []string{"jku", "x5u"} {
				a.tokens(badToken, name, by(key, alg, a.header("alg", quote(alg), name, address), a.claims()), a.signed(name, address),
					by(key, alg, a.header("alg", quote(alg), "kid", address), a.claims("iss", address)))
			}
		}
		if a.key != nil {
			for _, value := range empties {
				a.tokens(badToken, "an address that is empty", a.signed("jku", value), a.signed("x5u", value))
			}
		}
		time.Sleep(20 * time.Millisecond) // for a fetch in the background to begin
		listener.Close()
		if _, fetched := <-connected; fetched {
			a.Error("the service connects to an address from a token")
		}
	}},
	{35, "a certificate of the attacker's own", 0, func(a *attack) {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
		for alg, key := range a.attacker.keys() {
			signer, ok := key.(crypto.Signer)
			if !ok {
				continue
			}
			der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), key)
			if err != nil {
				a.Fatal(err)
			}
			chain := `["` + base64.StdEncoding.EncodeToString(der) + `"]`
			a.tokens(badToken, "x5c", by(key, alg, a.header("alg", quote(alg), "x5c", chain), a.claims()))
		}
	}},
	{36, "a kid that is a path, with the key found there", 0, func(a *attack) {
		for _, kid := range []string{"../../../../../../dev/null", "/dev/null", "/invalid_path", ""} {
			for _, alg := range secretAlgorithms { // to HMAC no bytes are as many zeros as it likes
				a.tokens(badToken, kid, by([]byte(nil), alg, a.header("alg", quote(alg), "kid", quote(kid)), a.claims()))
			}
		}
	}},
	{37, "a kid that is a command, a query or a line of a log", 0, func(a *attack) {
		for _, kid := range []string{`x' UNION SELECT '1';--`, "|sleep 10", "$(curl 127.0.0.1)", "a\r\nlevel=info msg=ok", "a\nb", "\x1b[2J", "../*", "k?", "{k}"} {
			a.tokens(badToken, kid, a.signed("kid", quote(kid)))
			for _, alg := range secretAlgorithms {
				a.tokens(badToken, kid, by([]byte("1"), alg, a.header("alg", quote(alg), "kid", quote(kid)), a.claims()))
			}
		}
	}},
	{38, "a kid of another type or size", 0, func(a *attack) {
		for _, kid := range []string{"1", "null", "{}", "[]", "true", string(a.head["kid"]) + "0", quote(strings.Repeat("k", 4096)), quote("\x00"), quote("k\x00"), `"\ud800"`} {
			a.tokens(badToken, "kid", a.signed("kid", kid))
		}
	}},
	{39, "no kid", 0, func(a *attack) {
		a.tokens(badToken, "no kid", a.signed("kid", ""), a.signed("kid", `""`))
	}},
	{40, "no kid, where every key would be tried", anotherSuite, nil},
}

// empties are values that say nothing. A header member that is refused is refused with them
// too: a reader that takes it for absent and one that does not would disagree.
var empties = []string{"null", `""`, "{}", "[]", "0", "false"}

// digestInfo is the DER in front of a digest in PKCS #1 (RFC 8017 §9.2): the length of it
// all, that of the algorithm, its object identifier, NULL, and the length of the digest.
func digestInfo(hash crypto.Hash) []byte {
	size := byte(hash.Size())
	last := map[crypto.Hash]byte{crypto.SHA256: 1, crypto.SHA384: 2, crypto.SHA512: 3}[hash]
	return []byte{0x30, 17 + size, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last, 0x05, 0x00, 0x04, size}
}

// padding fills up what is between a start and the rest.
func padding(size int, start []byte, fill byte, rest []byte) []byte {
	return slices.Concat(start, bytes.Repeat([]byte{fill}, size-len(start)-len(rest)), rest)
}

// paddings are encoded messages that a lenient verifier takes for PKCS #1.
func paddings(size int, hash crypto.Hash, text string) [][]byte {
	sum, info := digest(hash, text), digestInfo(hash)
	build := func(start []byte, fill byte, info, tail []byte) []byte {
		return padding(size, start, fill, slices.Concat([]byte{0}, info, sum, tail))
	}
	garbage := make([]byte, size/2) // Bleichenbacher's forgery of 2006
	noNull := slices.Concat([]byte{0x30, info[1] - 2, 0x30, 0x0b}, info[4:15], info[17:])
	return [][]byte{
		build([]byte{0, 1}, 0xff, info, garbage),
		build([]byte{0, 1}, 0xff, info, []byte{0}),
		build([]byte{0, 1}, 0xfe, info, nil),
		build([]byte{0, 1}, 0x00, info, nil),
		build([]byte{0, 2}, 0xff, info, nil),
		build([]byte{0, 0}, 0xff, info, nil),
		build([]byte{0, 1}, 0xff, nil, nil),
		build([]byte{0, 1}, 0xff, noNull, nil),
	}
}

// power applies the private key to em as it stands, which no library offers.
func power(k *rsa.PrivateKey, em []byte) []byte {
	return new(big.Int).Exp(new(big.Int).SetBytes(em), k.D, k.N).FillBytes(make([]byte, k.Size()))
}
