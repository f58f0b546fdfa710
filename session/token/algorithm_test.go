package token_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/session/token"
)

// RFC 9864 names Ed25519 what RFC 8037 calls EdDSA on that curve: whichever of the two a
// key set, an issuer's entry, a key and a header say, they mean one algorithm.
func TestEd25519IsASecondNameOfEdDSA(t *testing.T) {
	names := []token.Algorithm{token.EdDSA, token.Ed25519}
	for _, inSet := range append(names, "") {
		edit := ""
		if inSet != "" {
			edit = fmt.Sprintf("%q", inSet)
		}
		set, err := token.ParseJWKS([]byte(setOf(jwkOf(token.EdDSA, "alg", edit))))
		if err != nil {
			t.Fatalf("a JWK with alg %q: %v", inSet, err)
		}
		if got := set.Keys()[0].Algorithm(); got != token.EdDSA {
			t.Errorf("the key of a JWK with alg %q is for %q", inSet, got)
		}
		for _, allowed := range [][]token.Algorithm{{token.EdDSA}, {token.Ed25519}, {token.EdDSA, token.Ed25519}, {token.Ed25519, token.EdDSA}} {
			v := verifier(t, trust(t, token.EdDSA, trustLogout, func(i *token.Issuer) { i.Algorithms, i.Keys = allowed, set }))
			for _, inHeader := range names {
				alg := fmt.Sprintf("%q", inHeader)
				for range 2 { // the second time from memory
					got := accepts(t, v, ours().forge(token.EdDSA, headerOf(token.EdDSA, "alg", alg), claimsOf()))
					if got.Algorithm() != token.EdDSA {
						t.Errorf("a token of %s is of %s", inHeader, got.Algorithm())
					}
				}
				logsOut(t, v, ours().forge(token.EdDSA, logoutHeader("alg", alg), logoutClaims()))
			}
			refuses(t, v, good(token.EdDSA), []attack{
				{"Ed448", ours().forge(token.EdDSA, headerOf(token.EdDSA, "alg", `"Ed448"`), claimsOf()), "alg is not accepted"},
				{"in lower case", ours().forge(token.EdDSA, headerOf(token.EdDSA, "alg", `"ed25519"`), claimsOf()), "alg is not accepted"},
				{"by another key", theirs().forge(token.EdDSA, headerOf(token.EdDSA, "alg", `"Ed25519"`), claimsOf()), "signature"},
			})
		}
	}
	for _, name := range names {
		for _, alg := range []token.Algorithm{token.ES256, token.RS256, token.HS256} {
			if _, err := token.NewKey("k", name, ours().public(alg)); err == nil {
				t.Errorf("a key of %s is one for %s", alg, name)
			}
		}
		i := trust(t, token.EdDSA, func(i *token.Issuer) { i.Algorithms = []token.Algorithm{name, name} })
		if _, err := token.NewVerifier(i); err == nil || !strings.Contains(err.Error(), "twice") {
			t.Errorf("%s twice: %v", name, err)
		}
	}
	es := verifier(t, trust(t, token.ES256))
	refuses(t, es, good(token.ES256), []attack{{"to an issuer of ES256",
		ours().forge(token.EdDSA, headerOf(token.EdDSA, "alg", `"Ed25519"`), claimsOf()), "alg is not one of the issuer's"}})
}

func TestAProofMayNameEd25519(t *testing.T) {
	for _, row := range []struct {
		configured []token.Algorithm
		advertised string
	}{
		{nil, "ES256 EdDSA"},
		{[]token.Algorithm{token.Ed25519}, "Ed25519"},
		{[]token.Algorithm{token.ES256, token.EdDSA, token.Ed25519}, "ES256 EdDSA Ed25519"},
	} {
		v := proofs(t, func(c *token.DPoPConfig) { c.Algorithms = row.configured })
		if got := v.Algorithms(); got != row.advertised {
			t.Errorf("%v is advertised as %q", row.configured, got)
		}
		for _, inHeader := range []string{`"EdDSA"`, `"Ed25519"`} {
			for _, inKey := range []string{"", `"EdDSA"`, `"Ed25519"`} {
				raw := ours().forge(token.EdDSA, proofHeader(ours(), token.EdDSA, "alg", inHeader, "jwk", ours().publicJWK(token.EdDSA, "alg", inKey)), proofClaims())
				if p, err := v.Verify(raw, wantRequest); err != nil || p.Thumbprint() != thumbprint() {
					t.Errorf("%v, alg %s, jwk alg %s: %v", row.configured, inHeader, inKey, err)
				}
			}
		}
	}
	only := proofs(t, func(c *token.DPoPConfig) { c.Algorithms = []token.Algorithm{token.ES256} })
	if _, err := only.Verify(ours().forge(token.EdDSA, proofHeader(ours(), token.EdDSA, "alg", `"Ed25519"`), proofClaims()), wantRequest); err == nil {
		t.Error("Ed25519 is accepted where ES256 alone is")
	}
}

// A signer writes the name that it was given, in tokens and in its key set alike, since
// there are readers that compare the two.
func TestASignerWritesTheNameItWasGiven(t *testing.T) {
	for _, alg := range []token.Algorithm{token.EdDSA, token.Ed25519} {
		s := signer(t, config(token.EdDSA, func(c *token.SignerConfig) { c.Algorithm = alg }))
		signed, err := s.Sign(sess(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		head, _ := base64.RawURLEncoding.DecodeString(strings.Split(signed.Reveal(), ".")[0])
		var h struct{ Alg token.Algorithm }
		var set struct {
			Keys []struct{ Alg token.Algorithm }
		}
		doc, err := s.JWKS()
		if err != nil || json.Unmarshal(head, &h) != nil || json.Unmarshal(doc, &set) != nil {
			t.Fatal(err)
		}
		if h.Alg != alg || set.Keys[0].Alg != alg {
			t.Errorf("%s: the header says %s, the set %s", alg, h.Alg, doc)
		}
		if _, err := verifier(t, s.Issuer()).Verify(context.Background(), signed.Reveal()); err != nil {
			t.Errorf("%s: %v", alg, err)
		}
	}
}
