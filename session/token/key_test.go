package token_test

//lint:file-ignore SA1019 malformed keys can only be made by hand

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

func TestUnsafeKeysAreRefused(t *testing.T) {
	n := ours().rsa.N
	p224, _ := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	short := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 2047), big.NewInt(1))
	ed := ours().public(token.EdDSA)
	for _, row := range []struct {
		name   string
		kid    string
		alg    token.Algorithm
		public any
		want   string
	}{
		{"no kid", "", token.EdDSA, ed, "kid"},
		{"a kid of 129 bytes", strings.Repeat("k", 129), token.EdDSA, ed, "kid"},
		{"a kid that does not print", "k\n", token.EdDSA, ed, "kid"},
		{"a kid in another script", "ключ", token.EdDSA, ed, "kid"},
		{"an unknown algorithm", "k", "none", ed, `"none" is not accepted`},
		{"no algorithm", "k", "", ed, "is not accepted"},
		{"no key", "k", token.EdDSA, nil, "no public key"},
		{"a key of another algorithm", "k", token.ES256, ed, "no public key for ES256"},
		{"a public key as a secret", "k", token.HS256, ed, "no public key for HS256"},
		{"a secret as a public key", "k", token.EdDSA, session.NewSecretKey(make([]byte, 32)), "no public key for EdDSA"},
		{"a private key", "k", token.EdDSA, ours().ed, "no public key"},
		{"an RSA key by value", "k", token.RS256, ours().rsa.PublicKey, "no public key"},
		{"Ed25519 of 31 bytes", "k", token.EdDSA, ed.(ed25519.PublicKey)[:31], "31 bytes"},
		{"Ed25519, nil", "k", token.EdDSA, ed25519.PublicKey(nil), "0 bytes"},
		{"P-384 under ES256", "k", token.ES256, &ours().p384.PublicKey, "not on P-256"},
		{"P-384 that says it is P-256", "k", token.ES256, &ecdsa.PublicKey{Curve: elliptic.P256(), X: ours().p384.X, Y: ours().p384.Y}, "point"},
		{"P-256 that says it is P-384", "k", token.ES384, &ecdsa.PublicKey{Curve: elliptic.P384(), X: ours().ec.X, Y: ours().ec.Y}, "not a point of P-384"},
		{"a curve that only bears the name", "k", token.ES384, &ecdsa.PublicKey{Curve: elliptic.P384().Params(), X: ours().p384.X, Y: ours().p384.Y}, "not on P-384"},
		{"P-224", "k", token.ES256, &p224.PublicKey, "not on P-256"},
		{"ECDSA on P-521, nil", "k", token.ES512, (*ecdsa.PublicKey)(nil), "not on P-521"},
		{"ECDSA, nil", "k", token.ES256, (*ecdsa.PublicKey)(nil), "P-256"},
		{"ECDSA without coordinates", "k", token.ES256, &ecdsa.PublicKey{Curve: elliptic.P256()}, "point"},
		{"a point off the curve", "k", token.ES256, &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(1), Y: big.NewInt(1)}, "point"},
		{"the point at infinity", "k", token.ES256, &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int), Y: new(big.Int)}, "point"},
		{"a negative coordinate", "k", token.ES256, &ecdsa.PublicKey{Curve: elliptic.P256(), X: big.NewInt(-1), Y: big.NewInt(1)}, "point"},
		{"RSA, nil", "k", token.RS256, (*rsa.PublicKey)(nil), "modulus"},
		{"RSA without a modulus", "k", token.PS256, &rsa.PublicKey{E: 65537}, "modulus"},
		{"RSA of 2047 bits", "k", token.RS256, &rsa.PublicKey{N: short, E: 65537}, "2047 bits"},
		{"RSA of 2047 bits under RS512", "k", token.RS512, &rsa.PublicKey{N: short, E: 65537}, "2047 bits"},
		{"RSA of 2047 bits under PS384", "k", token.PS384, &rsa.PublicKey{N: short, E: 65537}, "2047 bits"},
		{"RSA of 8193 bits", "k", token.RS256, &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 8192), E: 65537}, "8193 bits"},
		{"RSA with a negative modulus", "k", token.RS256, &rsa.PublicKey{N: new(big.Int).Neg(n), E: 65537}, "modulus"},
		{"RSA with an even modulus", "k", token.RS256, &rsa.PublicKey{N: new(big.Int).Add(n, big.NewInt(1)), E: 65537}, "even"},
		{"RSA with e = 1", "k", token.RS256, &rsa.PublicKey{N: n, E: 1}, "exponent"},
		{"RSA with e = 0", "k", token.RS256, &rsa.PublicKey{N: n}, "exponent"},
		{"RSA with an even exponent", "k", token.RS256, &rsa.PublicKey{N: n, E: 65536}, "exponent"},
		{"RSA with a negative exponent", "k", token.RS256, &rsa.PublicKey{N: n, E: -3}, "exponent"},
		{"an empty secret", "k", token.HS256, session.SecretKey{}, "0 bytes"},
		{"a secret that is no SecretKey", "k", token.HS256, ours().plain, "write session.NewSecretKey"},
		{"a private key as a secret", "k", token.HS256, session.NewPrivateKey(ours().ed), "random bytes"},
		{"a secret of 31 bytes", "k", token.HS256, session.NewSecretKey(ours().plain[:31]), "31 bytes, at least 32"},
		{"a secret of 47 bytes under HS384", "k", token.HS384, session.NewSecretKey(ours().plain[:47]), "47 bytes, at least 48"},
		{"a secret of 63 bytes under HS512", "k", token.HS512, session.NewSecretKey(ours().plain[:63]), "63 bytes, at least 64"},
		{"a secret that was never filled", "k", token.HS256, session.NewSecretKey(make([]byte, 32)), "one byte repeated"},
		{"a secret that is a public key", "k", token.HS256, session.NewSecretKey([]byte("-----BEGIN PUBLIC KEY-----\nMIIB\n")), "PEM"},
	} {
		t.Run(row.name, func(t *testing.T) {
			k, err := token.NewKey(row.kid, row.alg, row.public)
			if err == nil || k.ID() != "" || k.Algorithm() != "" {
				t.Fatalf("accepted: %v", err)
			}
			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %q, want %q in it", err, row.want)
			}
		})
	}
}

// TestKeysOfSmallOrderAreRefused first shows that each is dangerous: for some message the
// signature that anybody can write verifies. An all-zero key is among them.
func TestKeysOfSmallOrderAreRefused(t *testing.T) {
	forged := make([]byte, 64)
	forged[0] = 1 // R is the identity, S is zero
	for _, y := range []string{
		"00" + strings.Repeat("00", 30) + "00", "01" + strings.Repeat("00", 30) + "00",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"ec" + strings.Repeat("ff", 30) + "7f", "ed" + strings.Repeat("ff", 30) + "7f", "ee" + strings.Repeat("ff", 30) + "7f",
	} {
		for _, sign := range []byte{0, 0x80} {
			public, err := hex.DecodeString(y)
			if err != nil {
				t.Fatal(err)
			}
			public[31] |= sign
			if !forgeable(public, forged) {
				t.Errorf("%x is not of small order: the test is wrong", public)
			}
			if _, err := token.NewKey("k", token.EdDSA, ed25519.PublicKey(public)); err == nil {
				t.Errorf("%x is accepted", public)
			}
		}
	}
	if forgeable(ours().public(token.EdDSA).(ed25519.PublicKey), forged) {
		t.Error("a genuine key is forgeable: the test is wrong")
	}
}

func forgeable(public ed25519.PublicKey, signature []byte) bool {
	for n := range 200 {
		if ed25519.Verify(public, []byte{byte(n)}, signature) {
			return true
		}
	}
	return false
}

func TestAKeyIsCopied(t *testing.T) {
	for _, alg := range []token.Algorithm{token.EdDSA, token.RS256, token.HS256} {
		p := newPair()
		raw := p.forge(alg, headerOf(alg), claimsOf())
		public := p.public(alg)
		set, err := token.NewKeySet(key(t, "k1", alg, public))
		if err != nil {
			t.Fatal(err)
		}
		switch public := public.(type) {
		case ed25519.PublicKey:
			public[0] ^= 1
		case *rsa.PublicKey:
			public.E = 3
		case []byte:
			public[0] ^= 1
		}
		accepts(t, verifier(t, trust(t, alg, func(i *token.Issuer) { i.Keys = set })), raw)
	}
}

// TestAKeyFitsItsAlgorithms: every key with every algorithm. A curve is for one, a modulus
// is for all of RSA, and a secret for those whose hash is no longer.
func TestAKeyFitsItsAlgorithms(t *testing.T) {
	fits := func(own, other token.Algorithm) bool {
		switch family(own) + family(other) {
		case "RSRS", "RSPS", "PSRS", "PSPS":
			return true
		case "HSHS":
			return hashOf(other).Size() <= hashOf(own).Size()
		}
		return own == other
	}
	for _, own := range allAlgorithms {
		for _, other := range allAlgorithms {
			public := ours().public(own)
			if raw, ok := public.([]byte); ok {
				public = secret(raw)
			}
			if _, err := token.NewKey("k", other, public); (err == nil) != fits(own, other) {
				t.Errorf("a key of %s for %s: %v", own, other, err)
			}
			if family(own) == "HS" {
				continue
			}
			set, err := token.ParseJWKS([]byte(setOf(jwkOf(own, "alg", fmt.Sprintf("%q", other)))))
			if (err == nil) != fits(own, other) || err == nil && set.Keys()[0].Algorithm() != other {
				t.Errorf("a JWK of %s that says %s: %v", own, other, err)
			}
		}
	}
}

func TestKeySetRefuses(t *testing.T) {
	k := key(t, "k1", token.EdDSA, ours().public(token.EdDSA))
	es := key(t, "k1", token.ES256, ours().public(token.ES256))
	for name, keys := range map[string][]token.Key{
		"no key": nil, "the zero Key": {k, {}}, "one id twice": {k, k}, "one id for two algorithms": {k, es},
	} {
		if _, err := token.NewKeySet(keys...); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

// jwkOf is a published key with edited members, of an algorithm that has one.
func jwkOf(alg token.Algorithm, edits ...string) string {
	enc := func(b []byte) string { return `"` + base64.RawURLEncoding.EncodeToString(b) + `"` }
	base := map[string]string{"kid": `"k1"`, "use": `"sig"`, "alg": fmt.Sprintf("%q", alg)}
	switch public := ours().public(alg).(type) {
	case ed25519.PublicKey:
		base["kty"], base["crv"], base["x"] = `"OKP"`, `"Ed25519"`, enc(public)
	case *ecdsa.PublicKey:
		point, _ := public.Bytes()
		size := len(point) / 2
		base["kty"], base["crv"], base["x"], base["y"] = `"EC"`, `"`+curves[alg]+`"`, enc(point[1:1+size]), enc(point[1+size:])
	case *rsa.PublicKey:
		base["kty"], base["n"], base["e"] = `"RSA"`, enc(public.N.Bytes()), `"AQAB"`
	}
	return object(base, edits...)
}

func setOf(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

func TestKeySetsAreRead(t *testing.T) {
	type row struct {
		name string
		alg  token.Algorithm
		key  string
	}
	var rows []row
	for _, alg := range publicAlgorithms {
		rows = append(rows, row{string(alg), alg, jwkOf(alg)})
	}
	for _, row := range append(rows, []row{
		{"EdDSA by curve", token.EdDSA, jwkOf(token.EdDSA, "alg", "")},
		{"ES256 by curve", token.ES256, jwkOf(token.ES256, "alg", "")},
		{"ES384 by curve", token.ES384, jwkOf(token.ES384, "alg", "")},
		{"ES512 by curve", token.ES512, jwkOf(token.ES512, "alg", "")},
		{"RS256 for want of another name", token.RS256, jwkOf(token.RS256, "alg", "")},
		{"without use", token.EdDSA, jwkOf(token.EdDSA, "use", "")},
		{"key_ops verify", token.EdDSA, jwkOf(token.EdDSA, "key_ops", `["verify"]`)},
		{"members nobody reads", token.EdDSA, jwkOf(token.EdDSA, "x5c", `["a"]`, "x5t", `"b"`, "ext", "true")},
	}...) {
		t.Run(row.name, func(t *testing.T) {
			set, err := token.ParseJWKS([]byte(setOf(row.key)))
			if err != nil {
				t.Fatal(err)
			}
			accepts(t, verifier(t, trust(t, row.alg, func(i *token.Issuer) { i.Keys = set })), good(row.alg))
		})
	}
}

func TestAKeyThatIsNotForUsIsLeftOutAndListed(t *testing.T) {
	enc := base64.RawURLEncoding.EncodeToString
	weak := enc(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 1024), big.NewInt(1)).Bytes())
	for _, row := range []struct{ name, key, want string }{
		{"use enc", jwkOf(token.RS256, "use", `"enc"`), "use is not sig"},
		{"an empty use", jwkOf(token.RS256, "use", `""`), "use is not sig"},
		{"key_ops without verify", jwkOf(token.EdDSA, "key_ops", `["encrypt"]`), "key_ops"},
		{"key_ops empty", jwkOf(token.EdDSA, "key_ops", `[]`), "key_ops"},
		{"key_ops sign and verify", jwkOf(token.EdDSA, "key_ops", `["sign","verify"]`), "key_ops"},
		{"no kid", jwkOf(token.EdDSA, "kid", ""), "kid"},
		{"an algorithm of encryption", jwkOf(token.RS256, "alg", `"RSA-OAEP"`), "is not accepted"},
		{"an algorithm of RSA that nobody defined", jwkOf(token.RS256, "alg", `"RS1"`), "is not accepted"},
		{"alg none", jwkOf(token.EdDSA, "alg", `"none"`), "is not accepted"},
		{"an algorithm of another key type", jwkOf(token.RS256, "alg", `"ES256"`), "no public key for ES256"},
		{"HS256 on a public key", jwkOf(token.EdDSA, "alg", `"HS256"`), "no public key for HS256"},
		{"an unknown key type", jwkOf(token.EdDSA, "kty", `"AKP"`), "kty"},
		{"a symmetric type without its secret", jwkOf(token.EdDSA, "kty", `"oct"`, "crv", ""), "kty"},
		{"secp256k1", jwkOf(token.ES256, "crv", `"secp256k1"`, "alg", `"ES256K"`), "kty"},
		{"P-224", jwkOf(token.ES256, "crv", `"P-224"`), "kty"},
		{"a curve in lower case", jwkOf(token.ES256, "crv", `"p-256"`), "kty"},
		{"an RSA key on a curve", jwkOf(token.RS256, "crv", `"P-256"`), "kty"},
		{"a key on P-384 for ES256", jwkOf(token.ES384, "alg", `"ES256"`), "not on P-256"},
		{"a key on P-521 for ES384", jwkOf(token.ES512, "alg", `"ES384"`), "not on P-384"},
		{"a key on P-256 for ES512", jwkOf(token.ES256, "alg", `"ES512"`), "not on P-521"},
		{"a key on P-256 that says P-384", jwkOf(token.ES256, "crv", `"P-384"`), "48 bytes"},
		{"a key on P-384 that says P-256", jwkOf(token.ES384, "crv", `"P-256"`), "32 bytes"},
		{"a point off P-384", jwkOf(token.ES384, "y", `"`+enc(make([]byte, 48))+`"`), "not a point of P-384"},
		{"a point off P-521", jwkOf(token.ES512, "y", `"`+enc(make([]byte, 66))+`"`), "not a point of P-521"},
		{"a coordinate of P-384 of 47 bytes", jwkOf(token.ES384, "y", `"`+enc(make([]byte, 47))+`"`), "48 bytes"},
		{"a coordinate of P-521 of 65 bytes", jwkOf(token.ES512, "x", `"`+enc(make([]byte, 65))+`"`), "66 bytes"},
		{"a coordinate of P-521 of 67 bytes", jwkOf(token.ES512, "x", `"`+enc(make([]byte, 67))+`"`), "66 bytes"},
		{"an X25519 key", jwkOf(token.EdDSA, "crv", `"X25519"`), "kty"},
		{"a point off the curve", jwkOf(token.ES256, "y", `"`+enc(make([]byte, 32))+`"`), "point"},
		{"a coordinate of 31 bytes", jwkOf(token.ES256, "y", `"`+enc(make([]byte, 31))+`"`), "32 bytes"},
		{"an all-zero Ed25519 key", jwkOf(token.EdDSA, "x", `"`+enc(make([]byte, 32))+`"`), "small order"},
		{"padding", jwkOf(token.RS256, "e", `"AQAB="`), "base64url"},
		{"a line break in the base64", jwkOf(token.RS256, "e", `"AQ\nAB"`), "base64url"},
		{"RSA of 1024 bits", jwkOf(token.RS256, "n", `"`+weak+`"`), "1024 bits"},
		{"RSA with e = 1", jwkOf(token.RS256, "e", `"AQ"`), "exponent"},
		{"RSA with an even exponent", jwkOf(token.RS256, "e", `"AQAA"`), "exponent"},
		{"RSA with an exponent of 2^32", jwkOf(token.RS256, "e", `"AQAAAAE"`), "too long"},
		{"RSA with e beyond int32", jwkOf(token.RS256, "e", `"_____w"`), "exponent"},
		{"RSA with a leading zero", jwkOf(token.RS256, "e", `"AAEAAQ"`), "zero byte"},
		{"RSA without a modulus", jwkOf(token.RS256, "n", ""), "empty"},
	} {
		t.Run(row.name, func(t *testing.T) {
			set, err := token.ParseJWKS([]byte(setOf(row.key, jwkOf(token.EdDSA, "kid", `"good"`))))
			if err != nil {
				t.Fatal(err)
			}
			if got := set.Ignored(); set.Len() != 1 || len(got) != 1 || !strings.Contains(got[0], row.want) {
				t.Errorf("%d keys, ignored %q, want %q in it", set.Len(), got, row.want)
			}
			if _, err := token.ParseJWKS([]byte(setOf(row.key))); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("alone in its set: %v, want an error with %q", err, row.want)
			}
		})
	}
}

func TestKeySetsThatAreRefusedAsAWhole(t *testing.T) {
	ed := jwkOf(token.EdDSA)
	var many []string
	for n := range 101 {
		many = append(many, jwkOf(token.EdDSA, "kid", fmt.Sprintf(`"k%d"`, n)))
	}
	rows := []struct{ name, doc, want string }{
		{"nothing", "", "not strict JSON"},
		{"null", "null", "not an object"},
		{"an array", "[" + ed + "]", "not an object"},
		{"no keys", "{}", "no member keys"},
		{"an error page as JSON", `{"error":"not found"}`, "no member keys"},
		{"KEYS", `{"KEYS":[` + ed + `]}`, "no member keys"},
		{"an empty set", setOf(), "no usable key"},
		{"keys is an object", `{"keys":{}}`, "not an array"},
		{"a key is a string", `{"keys":["x"]}`, "not an object"},
		{"kid is a number", setOf(jwkOf(token.EdDSA, "kid", "1")), "not a string"},
		{"key_ops is a string", setOf(jwkOf(token.EdDSA, "key_ops", `"verify"`)), "not an array"},
		{"keys twice", `{"keys":[` + ed + `],"keys":[]}`, "not strict JSON"},
		{"keys twice, once escaped", `{"keys":[` + ed + `],"\u006beys":[]}`, "not strict JSON"},
		{"another member twice", `{"x":1,"keys":[` + ed + `],"x":2}`, "not strict JSON"},
		{"a name twice in another member", `{"x":{"a":[{"b":1,"b":2}]},"keys":[` + ed + `]}`, "not strict JSON"},
		{"another member that is not UTF-8", "{\"x\":\"\xff\",\"keys\":[" + ed + `]}`, "not strict JSON"},
		{"the name of another member that is not UTF-8", "{\"\xff\":1,\"keys\":[" + ed + `]}`, "not strict JSON"},
		{"keys is null", `{"keys":null}`, "not an array"},
		{"an entry that is cut short", `{"keys":[` + ed + `,{"kid":`, "not strict JSON"},
		{"entries without a comma", `{"keys":[` + ed + " " + ed + `]}`, "not strict JSON"},
		{"something after it", setOf(ed) + "x", "not strict JSON"},
		{"HTML", "<html>", "not strict JSON"},
		{"deep nesting", `{"x":` + strings.Repeat("[", 5000), "nested too deep"},
		{"two keys of one kid and no other", setOf(ed, jwkOf(token.EdDSA, "x", `"`+b64(string(theirs().ed[32:]))+`"`)), "one of 2 different keys"},
		{"101 keys", setOf(many...), "too many keys"},
		{"more than 1 MiB", setOf(ed) + strings.Repeat(" ", 1<<20), "longer than"},
		{"a symmetric key", setOf(ed, `{"kty":"oct","kid":"s","k":"c2VjcmV0"}`), "private or symmetric"},
	}
	for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		rows = append(rows, struct{ name, doc, want string }{
			"the private member " + member, setOf(ed, jwkOf(token.RS256, "kid", `"r"`, member, `"AQ"`)), "private or symmetric"})
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			set, err := token.ParseJWKS([]byte(row.doc))
			if err == nil || set != nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %q, want %q in it", err, row.want)
			}
		})
	}
}

func TestJWKSRoundTrip(t *testing.T) {
	var keys []token.Key
	for _, alg := range publicAlgorithms {
		keys = append(keys, key(t, string(alg)+` "\`, alg, ours().public(alg)))
	}
	set, err := token.NewKeySet(keys...)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := set.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(doc) {
		t.Fatalf("not JSON: %s", doc)
	}
	read, err := token.ParseJWKS(doc)
	if err != nil {
		t.Fatal(err)
	}
	again, err := read.JWKS()
	if err != nil || !bytes.Equal(doc, again) {
		t.Errorf("%v\n%s\n%s", err, doc, again)
	}

	for _, alg := range secretAlgorithms {
		secret, _ := token.NewKeySet(keys[0], key(t, "s", alg, ours().public(alg)))
		if doc, err := secret.JWKS(); err == nil || doc != nil {
			t.Errorf("a secret of %s is published: %s", alg, doc)
		}
	}
}
