package token_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/session/token"
)

// badEntries are entries that cannot be used, each with its kid and a part of the reason.
func badEntries() []struct{ name, entry, kid, why string } {
	type row = struct{ name, entry, kid, why string }
	rows := []row{
		{"null", "null", "", "not an object"},
		{"a number", "7", "", "not an object"},
		{"text", `"x"`, "", "not an object"},
		{"true", "true", "", "not an object"},
		{"an array", `[{"kid":"b"}]`, "", "not an object"},
		{"an empty object", "{}", "", "kty and crv"},
		{"an unknown kty", `{"kid":"b","kty":"AKP","alg":"ML-DSA-44","pub":"AA"}`, "b", "kty and crv"},
		{"an unknown crv", jwkOf(token.EdDSA, "kid", `"b"`, "crv", `"Ed448"`), "b", "kty and crv"},
		{"an unknown alg", jwkOf(token.EdDSA, "kid", `"b"`, "alg", `"x"`), "b", `algorithm "x"`},
		{"an unknown use", jwkOf(token.EdDSA, "kid", `"b"`, "use", `"jwt-svid"`), "b", "use is not sig"},
		{"bad base64", jwkOf(token.EdDSA, "kid", `"b"`, "x", `"?"`), "b", "base64url"},
		{"a name twice", strings.Replace(jwkOf(token.EdDSA, "kid", `"b"`), "{", `{"alg":"ES256",`, 1), "b", "a member twice"},
		{"kid twice", strings.Replace(jwkOf(token.EdDSA, "kid", `"a"`), "{", `{"kid":"b",`, 1), "b", "a member twice"},
		{"a name twice inside", jwkOf(token.EdDSA, "kid", `"b"`, "ext", `{"a":1,"a":2}`), "b", "a member twice"},
		{"text that is not UTF-8", jwkOf(token.EdDSA, "kid", `"b"`, "ext", "\"\xff\""), "b", "not UTF-8"},
		{"half of a surrogate pair", jwkOf(token.EdDSA, "kid", `"b"`, "ext", `"\ud800"`), "b", "not UTF-8"},
		{"deep nesting", jwkOf(token.EdDSA, "kid", `"b"`, "ext", strings.Repeat("[", 500)+strings.Repeat("]", 500)), "b", "nested too deep"},
		{"a number that overflows", jwkOf(token.EdDSA, "kid", `"b"`, "ext", "1e400"), "b", "out of range"},
		{"a point off the curve", jwkOf(token.EdDSA, "kid", `"b"`, "x", `"`+b64("\x02"+string(make([]byte, 31)))+`"`), "b", "not a point of Ed25519"},
		{"a point of P-256 off the curve", jwkOf(token.ES256, "kid", `"b"`, "y", `"`+b64(string(make([]byte, 32)))+`"`), "b", "not a point of P-256"},
		{"31 bytes of Ed25519", jwkOf(token.EdDSA, "kid", `"b"`, "x", `"`+b64(string(make([]byte, 31)))+`"`), "b", "31 bytes, want 32"},
		{"57 bytes, as of Ed448", jwkOf(token.EdDSA, "kid", `"b"`, "x", `"`+b64(string(make([]byte, 57)))+`"`), "b", "57 bytes, want 32"},
		{"alg Ed448 on Ed25519", jwkOf(token.EdDSA, "kid", `"b"`, "alg", `"Ed448"`), "b", `algorithm "Ed448"`},
		{"alg ed25519 in lower case", jwkOf(token.EdDSA, "kid", `"b"`, "alg", `"ed25519"`), "b", `algorithm "ed25519"`},
		{"alg Ed25519 on P-256", jwkOf(token.ES256, "kid", `"b"`, "alg", `"Ed25519"`), "b", "no public key for Ed25519"},
		{"crv X25519", jwkOf(token.EdDSA, "kid", `"b"`, "crv", `"X25519"`), "b", "kty and crv"},
		{"e of 1", jwkOf(token.RS256, "kid", `"b"`, "e", `"AQ"`), "b", "exponent"},
		{"an even e", jwkOf(token.RS256, "kid", `"b"`, "e", `"BA"`), "b", "exponent"},
		{"e with a leading zero", jwkOf(token.RS256, "kid", `"b"`, "e", `"AAEAAQ"`), "b", "zero byte"},
		{"an even modulus", jwkOf(token.RS256, "kid", `"b"`, "n", `"`+b64(strings.Repeat("\xff", 255)+"\xfe")+`"`), "b", "even RSA modulus"},
		{"a modulus of 8200 bits", jwkOf(token.RS256, "kid", `"b"`, "n", `"`+b64(strings.Repeat("\xff", 1025))+`"`), "b", "too long"},
		{"a kid of 10 KB", jwkOf(token.EdDSA, "kid", `"`+strings.Repeat("b", 10_000)+`"`), "bbbb", "kid is not"},
		{"a kid of another script", jwkOf(token.EdDSA, "kid", `"ключ"`), `\u043a`, "kid is not"},
	}
	for _, alg := range []token.Algorithm{token.EdDSA, token.ES256, token.RS256} {
		for _, member := range []string{"kty", "crv", "kid", "alg", "use", "key_ops", "n", "e", "x", "y"} {
			for _, value := range []string{"null", "7", "{}", "true", `[7]`} {
				kid := "b"
				if member == "kid" {
					kid = ""
				}
				rows = append(rows, row{fmt.Sprintf("%s with %s %s", alg, member, value), jwkOf(alg, "kid", `"b"`, member, value), kid, member + ": not a"})
			}
		}
	}
	return rows
}

// One bad entry is no reason to refuse the others: it is left out, and its kid and the
// reason are told. Alone, it makes a bad set.
func TestABadEntryOfAKeySetIsLeftOutAlone(t *testing.T) {
	good1, good2 := jwkOf(token.EdDSA, "kid", `"good"`), jwkOf(token.ES256, "kid", `"other"`)
	for _, row := range badEntries() {
		for _, doc := range []string{setOf(row.entry, good1, good2), setOf(good1, row.entry, good2), setOf(good1, good2, row.entry)} {
			set, err := token.ParseJWKS([]byte(doc))
			if err != nil {
				t.Errorf("%s: %v", row.name, err)
				continue
			}
			lines := set.Ignored()
			if set.Len() != 2 || len(lines) != 1 || !strings.Contains(lines[0], row.kid) || !strings.Contains(lines[0], row.why) {
				t.Errorf("%s: %d keys, and %q; want %q and %q in it", row.name, set.Len(), lines, row.kid, row.why)
			}
			if text := strings.Join(lines, ""); len(text) > 500 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%s: not fit for a log: %q", row.name, text)
			}
		}
		if set, err := token.ParseJWKS([]byte(setOf(row.entry))); err == nil || set != nil || !strings.Contains(err.Error(), row.why) {
			t.Errorf("%s, alone: %v", row.name, err)
		}
	}
}

// A secret in a published set means that its issuer has lost control of its keys, whatever
// else is wrong with the entry that holds it.
func TestAPublishedSecretRefusesTheWholeSet(t *testing.T) {
	good := jwkOf(token.EdDSA, "kid", `"good"`)
	for _, member := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"} {
		for _, value := range []string{`"AQ"`, "null", `""`, "7", "{}", "[]"} {
			for name, entry := range map[string]string{
				"a good key":          jwkOf(token.RS256, member, value),
				"an unknown kty":      `{"kty":"AKP","` + member + `":` + value + `}`,
				"nothing else":        `{"` + member + `":` + value + `}`,
				"for encryption":      jwkOf(token.RS256, "use", `"enc"`, member, value),
				"a member twice":      strings.Replace(jwkOf(token.RS256, member, value), "{", `{"kid":"x","kid":"y",`, 1),
				"kid null":            jwkOf(token.RS256, "kid", "null", member, value),
				"not UTF-8":           strings.Replace(jwkOf(token.RS256, member, value), "{", "{\"a\":\"\xff\",", 1),
				"too deep":            strings.Replace(jwkOf(token.RS256, member, value), "{", `{"a":`+strings.Repeat("[", 20)+strings.Repeat("]", 20)+",", 1),
				"an escaped name":     fmt.Sprintf(`{"kty":"x","\u%04x%s":%s}`, member[0], member[1:], value),
				"inside of an array":  `[` + jwkOf(token.RS256, member, value) + `]`,
				"inside of an array²": `[[1,` + jwkOf(token.RS256, member, value) + `]]`,
			} {
				for _, doc := range []string{setOf(good, entry), setOf(entry, good)} {
					if set, err := token.ParseJWKS([]byte(doc)); set != nil || err == nil || !strings.Contains(err.Error(), "private or symmetric") {
						t.Errorf("%s with %s %s: %v", name, member, value, err)
					}
				}
			}
		}
	}
	// A member inside a value of the key is none of the key itself.
	if _, err := token.ParseJWKS([]byte(setOf(jwkOf(token.EdDSA, "ext", `{"d":1}`, "D", "1", "x5c", `["d"]`)))); err != nil {
		t.Error(err)
	}
}

func TestIdenticalEntriesCountOnceAndDifferentOnesOfOneNameNotAtAll(t *testing.T) {
	other := func(edits ...string) string { // another key of the same kid
		return jwkOf(token.EdDSA, append([]string{"x", `"` + b64(string(theirs().ed[32:])) + `"`}, edits...)...)
	}
	spare := jwkOf(token.RS512, "kid", `"good"`)
	type names = []string // "kid alg"
	for _, row := range []struct {
		name    string
		entries []string
		usable  names
		ignored int
	}{
		{"one key twice", []string{jwkOf(token.EdDSA), jwkOf(token.EdDSA)}, names{"k1 EdDSA"}, 0},
		{"one key twice, with other things said of it", []string{jwkOf(token.EdDSA), jwkOf(token.EdDSA, "use", "", "x5c", `["a"]`)}, names{"k1 EdDSA"}, 0},
		{"one key twice, once without alg", []string{jwkOf(token.EdDSA), jwkOf(token.EdDSA, "alg", "")}, names{"k1 EdDSA"}, 0},
		{"one key under both names of its algorithm", []string{jwkOf(token.EdDSA), jwkOf(token.EdDSA, "alg", `"Ed25519"`)}, names{"k1 EdDSA"}, 0},
		{"two keys of one kid", []string{jwkOf(token.EdDSA), other()}, nil, 2},
		{"two keys of one kid, one without alg", []string{jwkOf(token.EdDSA), other("alg", "")}, nil, 2},
		{"two keys of one kid under both names", []string{jwkOf(token.EdDSA), other("alg", `"Ed25519"`)}, nil, 2},
		{"one key twice and another", []string{jwkOf(token.EdDSA), other(), jwkOf(token.EdDSA)}, nil, 3},
		{"one key for two algorithms", []string{jwkOf(token.RS256), jwkOf(token.PS256)}, names{"k1 PS256", "k1 RS256"}, 0},
		{"two keys of one kid for two algorithms", []string{jwkOf(token.EdDSA), jwkOf(token.ES256)}, names{"k1 ES256", "k1 EdDSA"}, 0},
		{"one key under two kids", []string{jwkOf(token.EdDSA), jwkOf(token.EdDSA, "kid", `"k2"`)}, names{"k1 EdDSA", "k2 EdDSA"}, 0},
		{"a bad one of the same kid", []string{jwkOf(token.EdDSA), other("use", `"enc"`)}, names{"k1 EdDSA"}, 1},
		{"a point off the curve of the same kid", []string{jwkOf(token.EdDSA), jwkOf(token.EdDSA, "x", `"`+b64("\x02"+string(make([]byte, 31)))+`"`)}, names{"k1 EdDSA"}, 1},
		{"a key of an algorithm that it does not fit, of the same kid", []string{jwkOf(token.ES256), jwkOf(token.RS256, "alg", `"ES256"`)}, names{"k1 ES256"}, 1},
		{"a bad one of the same kid, without alg", []string{jwkOf(token.EdDSA), other("y", "null")}, names{"k1 EdDSA"}, 1},
	} {
		set, err := token.ParseJWKS([]byte(setOf(append(row.entries, spare)...)))
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		var got names
		for _, k := range set.Keys() {
			if k.ID() != "good" {
				got = append(got, k.ID()+" "+string(k.Algorithm()))
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, row.usable) || len(set.Ignored()) != row.ignored {
			t.Errorf("%s: %q, and left out %q", row.name, got, set.Ignored())
		}
		for _, line := range set.Ignored() {
			if !strings.Contains(line, `"k1"`) {
				t.Errorf("%s: %q names no kid", row.name, line)
			}
		}
	}
	if set, err := token.ParseJWKS([]byte(setOf(jwkOf(token.EdDSA), other()))); set != nil || err == nil || !strings.Contains(err.Error(), "no usable key") {
		t.Errorf("nothing is left: %v", err)
	}
	// Each key verifies what it is for, and nothing else.
	set, err := token.ParseJWKS([]byte(setOf(jwkOf(token.EdDSA), jwkOf(token.ES256), jwkOf(token.RS256), jwkOf(token.PS256))))
	if err != nil {
		t.Fatal(err)
	}
	for _, alg := range []token.Algorithm{token.EdDSA, token.ES256, token.RS256, token.PS256} {
		v := verifier(t, trust(t, alg, func(i *token.Issuer) { i.Keys = set }))
		accepts(t, v, good(alg))
		if _, err := set.Key(context.Background(), "k1", token.ES384); !errors.Is(err, token.ErrUnknownKey) {
			t.Errorf("a key of another algorithm: %v", err)
		}
	}
}

// TestTheOrderOfAKeySetMakesNoDifference: whatever good, bad, repeated and contradictory
// entries there are, shuffled they give the same keys and leave out as many.
func TestTheOrderOfAKeySetMakesNoDifference(t *testing.T) {
	pool := []string{setOf()} // not an entry's shape either
	for _, alg := range []token.Algorithm{token.EdDSA, token.ES256, token.RS256} {
		for _, kid := range []string{`"a"`, `"b"`, "null"} {
			pool = append(pool, jwkOf(alg, "kid", kid), jwkOf(alg, "kid", kid, "alg", ""), jwkOf(alg, "kid", kid, "use", `"enc"`))
		}
	}
	for _, kid := range []string{`"a"`, `"b"`} {
		pool = append(pool, jwkOf(token.EdDSA, "kid", kid, "x", `"`+b64(string(theirs().ed[32:]))+`"`),
			jwkOf(token.EdDSA, "kid", kid, "alg", `"Ed25519"`), jwkOf(token.RS256, "kid", kid, "alg", `"PS256"`))
	}
	read := func(entries []string) (keys []string, ignored int) {
		set, err := token.ParseJWKS([]byte(setOf(entries...)))
		if err != nil {
			return []string{"none"}, 0
		}
		for _, k := range set.Keys() {
			keys = append(keys, k.ID()+" "+string(k.Algorithm())+" "+k.Thumbprint())
		}
		slices.Sort(keys)
		return keys, len(set.Ignored())
	}
	rapid.Check(t, func(rt *rapid.T) {
		entries := rapid.SliceOfN(rapid.SampledFrom(pool), 1, 8).Draw(rt, "entries")
		shuffled := rapid.Permutation(entries).Draw(rt, "shuffled")
		keys, ignored := read(entries)
		again, ignoredAgain := read(shuffled)
		if !slices.Equal(keys, again) || ignored != ignoredAgain {
			rt.Fatalf("%q and %d, shuffled %q and %d", keys, ignored, again, ignoredAgain)
		}
	})
}
