package token_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/reevehq/reeve/session/token"
)

// attack is a token that must be refused, and for which reason: a row refused for another
// reason tests nothing.
type attack struct {
	name, raw, cause string
}

// refuses runs the rows. After each, a good token is still accepted.
func refuses(t *testing.T, v *token.Verifier, persistent string, rows []attack) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			got, err := v.Verify(context.Background(), row.raw)
			if !errors.Is(err, token.ErrInvalid) || errors.Is(err, token.ErrUnavailable) || got != nil {
				t.Fatalf("got %v, %v; want ErrInvalid alone", got, err)
			}
			if !strings.Contains(err.Error(), row.cause) {
				t.Errorf("refused for %q, want %q", err, row.cause)
			}
			accepts(t, v, persistent)
		})
	}
}

func TestTextThatIsNoTokenIsRefused(t *testing.T) {
	g := good(token.EdDSA)
	part := strings.Split(g, ".")
	// The last character of 64 bytes in base64url carries four spare bits.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	spare := g[:len(g)-1] + string(alphabet[strings.IndexByte(alphabet, g[len(g)-1])|1])
	rows := []attack{
		{"empty text", "", "empty"},
		{"a token of more than 8 KiB, correctly signed", good(token.EdDSA, "x", `"`+strings.Repeat("a", 8<<10)+`"`), "longer than 8 KiB"},
		{"a million dots", strings.Repeat(".", 1e6), "longer than 8 KiB"},
		{"eight thousand dots", strings.Repeat(".", 8000), "three segments"},
		{"two dots", "..", "three segments"},
		{"one segment", part[0], "three segments"},
		{"two segments", part[0] + "." + part[1], "three segments"},
		{"four segments", g + ".x", "three segments"},
		{"five segments, a JWE", g + ".x.y", "three segments"},
		{"a trailing dot", g + ".", "three segments"},
		{"a leading dot", "." + g, "three segments"},
		{"an empty header", "." + part[1] + "." + part[2], "three segments"},
		{"an empty payload", part[0] + ".." + part[2], "not strict JSON"},
		{"an empty signature", part[0] + "." + part[1] + ".", "three segments"},
		{"JSON serialization", `{"payload":"` + part[1] + `","protected":"` + part[0] + `","signature":"` + part[2] + `"}`, "outside base64url"},
		{"a polyglot of JSON and compact", `{"a":"` + g + `"}`, "outside base64url"},
		{"a space before", " " + g, "outside base64url"},
		{"a space after", g + " ", "outside base64url"},
		{"padding", g + "==", "outside base64url"},
		{"the other base64 alphabet", part[0] + "+/." + part[1] + "." + part[2], "outside base64url"},
		{"CR and LF inside the signature", g[:len(g)-4] + "\r\n" + g[len(g)-4:], "outside base64url"},
		{"LF inside the header", part[0][:4] + "\n" + part[0][4:] + "." + part[1] + "." + part[2], "outside base64url"},
		{"NUL", g + "\x00", "outside base64url"},
		{"letters of another script", strings.Replace(g, "e", "е", 1), "outside base64url"},
		{"spare bits set in the signature", spare, "not base64url"},
		{"a segment of impossible length", part[0] + "." + part[1] + ".AAAAA", "not base64url"},
	}
	refuses(t, verifier(t, trust(t, token.EdDSA)), g, rows)
}

func TestHostileHeadersAreRefused(t *testing.T) {
	edit := func(edits ...string) string {
		return ours().forge(token.EdDSA, headerOf(token.EdDSA, edits...), claimsOf())
	}
	text := func(header string) string { return ours().forge(token.EdDSA, header, claimsOf()) }
	rows := []attack{
		{"header is an array", text(`[]`), "not an object"},
		{"header is null", text(`null`), "not an object"},
		{"header is a string", text(`"x"`), "not an object"},
		{"header is an empty object", text(`{}`), "alg"},
		{"header begins with a byte order mark", text("\ufeff" + headerOf(token.EdDSA)), "not strict JSON"},
		{"header has something after it", text(headerOf(token.EdDSA) + `{}`), "not strict JSON"},
		{"header is cut short", text(`{"alg":"EdDSA"`), "not strict JSON"},
		{"header is not UTF-8", text("{\"alg\":\"EdDSA\",\"kid\":\"k1\xff\",\"typ\":\"at+jwt\"}"), "not strict JSON"},
		{"alg is missing", edit("alg", ""), "alg is not accepted"},
		{"alg is a number", edit("alg", "1"), "not a string"},
		{"alg is null", edit("alg", "null"), "not a string"},
		{"alg is an array", edit("alg", `["EdDSA"]`), "not a string"},
		{"alg in lower case", edit("alg", `"eddsa"`), "alg is not accepted"},
		{"ALG in place of alg", edit("alg", "", "ALG", `"EdDSA"`), "alg is not accepted"},
		{"alg twice", text(`{"alg":"none","alg":"EdDSA","kid":"k1","typ":"at+jwt"}`), "not strict JSON"},
		{"alg twice, once escaped", text(`{"alg":"EdDSA","\u0061lg":"EdDSA","kid":"k1","typ":"at+jwt"}`), "not strict JSON"},
		{"kid twice", text(`{"alg":"EdDSA","kid":"k1","kid":"k1","typ":"at+jwt"}`), "not strict JSON"},
		{"ES256K", edit("alg", `"ES256K"`), "alg is not accepted"},
		{"kid is missing", edit("kid", ""), "kid"},
		{"kid is empty", edit("kid", `""`), "kid"},
		{"kid is a number", edit("kid", "1"), "not a string"},
		{"kid is null", edit("kid", "null"), "not a string"},
		{"kid is an object", edit("kid", "{}"), "not a string"},
		{"kid of 4 KiB", edit("kid", `"`+strings.Repeat("k", 4096)+`"`), "kid"},
		{"kid with NUL", edit("kid", `"k1\u0000"`), "kid"},
		{"kid with CR and LF", edit("kid", `"k1\r\nlevel=info"`), "kid"},
		{"kid is a path", edit("kid", `"../../../../dev/null"`), `key "../../../../dev/null" is unknown`},
		{"kid is SQL", edit("kid", `"x' UNION SELECT '1';--"`), "is unknown"},
		{"kid is a shell command", edit("kid", `"|sleep 10"`), "is unknown"},
		{"kid is a substitution", edit("kid", `"$(curl)"`), "is unknown"},
		{"kid in another case", edit("kid", `"K1"`), "is unknown"},
		{"typ is missing", edit("typ", ""), "typ is missing"},
		{"typ is empty", edit("typ", `""`), "typ is missing"},
		{"typ is a number", edit("typ", "1"), "not a string"},
		{"typ of an ID token", edit("typ", `"JWT"`), "typ is not accepted"},
		{"typ of a DPoP proof", edit("typ", `"dpop+jwt"`), "typ is not accepted"},
		{"typ of a logout token", edit("typ", `"logout+jwt"`), "typ is not accepted"},
		{"typ of a security event", edit("typ", `"secevent+jwt"`), "typ is not accepted"},
		{"typ with a parameter", edit("typ", `"at+jwt; a=b"`), "typ is not accepted"},
		{"cty of a nested token", edit("cty", `"JWT"`), "member cty"},
		{"an empty crit", edit("crit", "[]"), "member crit"},
		{"crit of something unknown", edit("crit", `["x"]`), "member crit"},
		{"crit of something known", edit("crit", `["exp"]`), "member crit"},
		{"crit with b64", edit("crit", `["b64"]`, "b64", "false"), "is not accepted"},
		{"b64 alone", edit("b64", "false"), "member b64"},
		{"a compressed payload", edit("zip", `"DEF"`), "member zip"},
		{"enc of a JWE", edit("enc", `"A128GCM"`), "member enc"},
		{"jku to a server", edit("jku", `"http://127.0.0.1:1/"`), "member jku"},
		{"x5u to a server", edit("x5u", `"http://127.0.0.1:1/"`), "member x5u"},
		{"a certificate chain", edit("x5c", `["MIIB"]`), "member x5c"},
		{"deep nesting in a member that nobody knows", edit("x", strings.Repeat("[", 2000)+strings.Repeat("]", 2000)), "nested too deep"},
		{"nine levels in a member that nobody knows", edit("x", strings.Repeat("[", 8)+strings.Repeat("]", 8)), "nested too deep"},
		{"a name twice in a member that nobody knows", edit("x", `{"a":[{"b":1,"b":2}]}`), "not strict JSON"},
		{"a member that nobody knows twice", text(strings.Replace(headerOf(token.EdDSA), "{", `{"cat":1,"cat":2,`, 1)), "not strict JSON"},
		{"a number that overflows in a member that nobody knows", edit("x", "1e400"), "out of range"},
		{"half of a surrogate pair in a member that nobody knows", edit("x", `"\ud800"`), "not strict JSON"},
	}
	for _, alg := range []string{"none", "None", "NONE", "nOnE", ""} {
		header, payload := b64(headerOf(token.EdDSA, "alg", fmt.Sprintf("%q", alg))), b64(claimsOf())
		rows = append(rows,
			attack{"alg " + alg + " with a signature kept", edit("alg", fmt.Sprintf("%q", alg)), "alg is not accepted"},
			attack{"alg " + alg + " without a signature", header + "." + payload + ".", "three segments"},
			attack{"alg " + alg + " with some signature", header + "." + payload + ".AA", "alg is not accepted"})
	}
	// CVE-2018-0114: the token brings the key it is signed with.
	x := b64(string(theirs().public(token.EdDSA).(ed25519.PublicKey)))
	rows = append(rows, attack{"an embedded key that signed it",
		theirs().forge(token.EdDSA, headerOf(token.EdDSA, "jwk", `{"kty":"OKP","crv":"Ed25519","x":"`+x+`"}`), claimsOf()), "member jwk"})
	refuses(t, verifier(t, trust(t, token.EdDSA)), good(token.EdDSA), rows)
}

func TestForgedSignaturesAreRefused(t *testing.T) {
	const cause = "signature does not verify"
	for _, alg := range allAlgorithms {
		t.Run(string(alg), func(t *testing.T) {
			text := b64(headerOf(alg)) + "." + b64(claimsOf())
			with := func(sig []byte) string { return text + "." + b64(string(sig)) }
			genuine := ours().signature(alg, text)
			flipped := append([]byte(nil), genuine...)
			flipped[7] ^= 1
			rows := []attack{
				{"signed by another key", theirs().forge(alg, headerOf(alg), claimsOf()), cause},
				{"one bit flipped", with(flipped), cause},
				{"one byte short", with(genuine[:len(genuine)-1]), cause},
				{"one byte long", with(append(append([]byte(nil), genuine...), 0)), cause},
				{"one zero byte", with([]byte{0}), cause},
				{"all zero", with(make([]byte, len(genuine))), cause},
				{"of another payload", b64(headerOf(alg)) + "." + b64(claimsOf("sub", `"bob"`)) + "." + b64(string(genuine)), cause},
				{"of another header", b64(headerOf(alg)+" ") + "." + b64(claimsOf()) + "." + b64(string(genuine)), cause},
			}
			switch key := ours().private(alg).(type) {
			case *ecdsa.PrivateKey:
				rs := func(r, s *big.Int) string { return with(twoNumbers(key.Curve, r, s)) }
				half, order := len(genuine)/2, key.Params().N
				r, s := new(big.Int).SetBytes(genuine[:half]), new(big.Int).SetBytes(genuine[half:])
				der, _ := ecdsa.SignASN1(rand.Reader, key, digestOf(alg, text))
				zero, one := new(big.Int), big.NewInt(1)
				rows = append(rows,
					attack{"r = 0 and s = 0, CVE-2022-21449", rs(zero, zero), cause},
					attack{"r = n", rs(order, one), cause},
					attack{"s = n", rs(one, order), cause},
					attack{"r = n and s = n", rs(order, order), cause},
					attack{"r = 0", rs(zero, s), cause},
					attack{"s = 0", rs(r, zero), cause},
					attack{"r = 1 and s = 0", rs(one, zero), cause},
					attack{"r = 1 and s = 1", rs(one, one), cause},
					attack{"r and s swapped", rs(s, r), cause},
					attack{"DER instead of two numbers", with(der), cause},
					attack{"two numbers of a byte more", with(slices.Concat([]byte{0}, genuine[:half], []byte{0}, genuine[half:])), cause},
					attack{"one number alone", with(genuine[:half]), cause})
			case *rsa.PrivateKey:
				if family(alg) == "RS" {
					break
				}
				rows = append(rows,
					attack{"a salt of no bytes", with(pssWithoutSalt(key, alg, text)), cause},
					attack{"a salt of ten bytes", with(pss(key, alg, text, 10)), cause},
					attack{"a salt of one byte less", with(pss(key, alg, text, hashOf(alg).Size()-1)), cause},
					attack{"a salt of one byte more", with(pss(key, alg, text, hashOf(alg).Size()+1)), cause},
					attack{"the longest salt", with(pss(key, alg, text, rsa.PSSSaltLengthAuto)), cause})
				for _, other := range []int{32, 48, 64} {
					if other != hashOf(alg).Size() {
						rows = append(rows, attack{fmt.Sprintf("a salt of %d bytes", other), with(pss(key, alg, text, other)), cause})
					}
				}
			case []byte:
				rows = append(rows, attack{"an empty secret", with(macOf(alg, nil, text)), cause},
					attack{"the secret \"secret\"", with(macOf(alg, []byte("secret"), text)), cause},
					attack{"half of it", with(genuine[:len(genuine)/2]), cause})
			}
			refuses(t, verifier(t, trust(t, alg)), good(alg), rows)
		})
	}
}

func TestAKeyOfAnotherAlgorithmOfTheIssuerDoesNotServe(t *testing.T) {
	both, err := token.NewKeySet(
		key(t, "k1", token.ES256, ours().public(token.ES256)),
		key(t, "rsa", token.RS256, ours().public(token.RS256)))
	if err != nil {
		t.Fatal(err)
	}
	onlyES := trust(t, token.ES256, func(i *token.Issuer) { i.Keys = both })
	rs := ours().forge(token.RS256, headerOf(token.RS256, "kid", `"rsa"`), claimsOf())
	refuses(t, verifier(t, onlyES), good(token.ES256), []attack{
		{"an ES256 issuer's RS256 key", rs, "alg is not one of the issuer's"},
		{"the id of its RS256 key under ES256", ours().forge(token.ES256, headerOf(token.ES256, "kid", `"rsa"`), claimsOf()), "is unknown"},
	})
}

// TestAlgorithmConfusionIsRefused is about every pair: what one of them signs, with a key of
// its own or, where that can be, with the other's, is refused by an issuer whose key is for
// the other, whatever the header says.
func TestAlgorithmConfusionIsRefused(t *testing.T) {
	for _, alg := range allAlgorithms {
		t.Run(string(alg), func(t *testing.T) {
			k1 := key(t, "k1", alg, ours().public(alg))
			var rows, allowed, careless []attack
			for _, other := range allAlgorithms {
				if other == alg {
					continue
				}
				own, text := b64(headerOf(alg))+"."+b64(claimsOf()), b64(headerOf(other))+"."+b64(claimsOf())
				withSame := "" // by the issuer's key, as the other algorithm signs
				if kindOf(ours().private(alg)) == kindOf(ours().private(other)) {
					sign := func(text string) string {
						return text + "." + b64(string(signatureBy(ours().private(alg), other, text)))
					}
					withSame = sign(text)
					rows = append(rows, attack{"the key signs as " + string(other) + " and says so", withSame, "alg is not one of the issuer's"},
						attack{"the key signs as " + string(other), sign(own), "signature does not verify"})
				}
				rows = append(rows, attack{string(other) + " by its own key", good(other), "alg is not one of the issuer's"},
					attack{string(other) + " under this header", own + "." + b64(string(ours().signature(other, own))), "signature does not verify"})
				for name, public := range publicForms(t, ours().public(alg)) {
					if family(other) == "HS" {
						sig := b64(string(macOf(other, public, text)))
						rows = append(rows, attack{string(other) + " with the public key as " + name, text + "." + sig, "alg is not one of the issuer's"},
							attack{string(other) + " with the public key as " + name + " under this header", own + "." + b64(string(macOf(other, public, own))), "signature does not verify"})
					}
				}
				if family(alg) == "HS" || family(other) == "HS" {
					continue // no issuer may use both
				}
				for _, raw := range []string{good(other), withSame} {
					if raw != "" {
						allowed = append(allowed, attack{string(other) + " of the issuer, by a key that is not for it", raw, "is unknown"})
						careless = append(careless, attack{string(other) + " of the issuer, and a source that returns any key", raw, "another key"})
					}
				}
			}
			refuses(t, verifier(t, trust(t, alg)), good(alg), rows)
			if family(alg) == "HS" {
				return
			}
			every := func(i *token.Issuer) { i.Algorithms = publicAlgorithms }
			refuses(t, verifier(t, trust(t, alg, every)), good(alg), allowed)
			refuses(t, verifier(t, trust(t, alg, every, func(i *token.Issuer) {
				i.Keys = sourceFunc(func(context.Context, string, token.Algorithm) (token.Key, error) { return k1, nil })
			})), good(alg), careless)
		})
	}
}

func kindOf(key any) string { return fmt.Sprintf("%T", key) }

// publicForms are a public key as it is found lying about, none of a secret.
func publicForms(t *testing.T, public any) map[string][]byte {
	t.Helper()
	if _, secret := public.([]byte); secret {
		return nil
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	forms := map[string][]byte{"DER": der, "PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}
	switch key := public.(type) {
	case ed25519.PublicKey:
		forms["its bytes"] = key
	case *ecdsa.PublicKey:
		forms["a point"], _ = key.Bytes()
	case *rsa.PublicKey:
		forms["the modulus"] = key.N.Bytes()
	}
	return forms
}

func TestATokenOf1MBCostsNothing(t *testing.T) {
	v, ctx := verifier(t, trust(t, token.EdDSA)), context.Background()
	for name, raw := range map[string]string{
		"letters": strings.Repeat("A", 1<<20), "dots": strings.Repeat(".", 1<<20), "nothing": "", "a byte outside": "A\n",
	} {
		var err error
		if n := testing.AllocsPerRun(100, func() { _, err = v.Verify(ctx, raw) }); n != 0 {
			t.Errorf("%s: %v allocations, want none", name, n)
		}
		if !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestTheLongestHostileTextCostsLittle is about texts that are within the size limit and
// made to be expensive before any signature is verified.
func TestTheLongestHostileTextCostsLittle(t *testing.T) {
	v, ctx := verifier(t, trust(t, token.EdDSA)), context.Background()
	fill := func(header, payload string) string {
		raw := b64(header) + "." + b64(payload) + "."
		return raw + strings.Repeat("A", (token.MaxLength-len(raw))/4*4)
	}
	names := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"%x":0`, i)
		}
		return b.String()
	}
	for name, raw := range map[string]string{
		"letters":              strings.Repeat("A", token.MaxLength),
		"a header of letters":  fill(strings.Repeat("a", 6000), "{}"),
		"many members":         fill(headerOf(token.EdDSA), `{"iss":"x"`+names(600)+`}`),
		"many elements":        fill(headerOf(token.EdDSA), `{"iss":"x","x":[0`+strings.Repeat(",0", 2500)+`]}`),
		"many escapes":         fill(headerOf(token.EdDSA), `{"iss":"`+strings.Repeat(`\u0061`, 900)+`"}`),
		"deep nesting":         fill(headerOf(token.EdDSA), `{"iss":"x","x":`+strings.Repeat("[", 5000)),
		"a signature of 8 KiB": fill(headerOf(token.EdDSA), claimsOf()),
	} {
		if _, err := v.Verify(ctx, raw); !errors.Is(err, token.ErrInvalid) || len(raw) > token.MaxLength {
			t.Fatalf("%s: %v, %d bytes", name, err, len(raw))
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		n := testing.AllocsPerRun(50, func() { v.Verify(ctx, raw) })
		runtime.ReadMemStats(&after)
		bytes := (after.TotalAlloc - before.TotalAlloc) / 51
		if limit := 50.0; n > limit || bytes > 128<<10 {
			t.Errorf("%s: %v allocations and %d bytes, at most %v and 128 KiB are allowed", name, n, bytes, limit)
		}
	}
}
