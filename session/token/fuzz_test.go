package token_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// FuzzVerify: no text makes Verify panic, every refusal is ErrInvalid, and the only
// accepted texts are those that were signed. Ed25519 has one signature for a text, so
// a token that differs in a single bit must be refused.
func FuzzVerify(f *testing.F) {
	genuine := map[string]bool{}
	for _, raw := range []string{good(token.EdDSA), good(token.EdDSA, "aud", `["`+audience+`"]`)} {
		genuine[raw] = true
		f.Add(raw)
	}
	for _, seed := range []string{
		"", "..", "a.b.c", strings.Repeat(".", 100), b64("{}") + "." + b64("{}") + ".AA",
		ours().forge("none", headerOf("none"), claimsOf()) + "AA",
		theirs().forge(token.EdDSA, headerOf(token.EdDSA), claimsOf()),
		good(token.HS256), good(token.EdDSA, "exp", "1e400"), good(token.EdDSA) + "\n",
	} {
		f.Add(seed)
	}
	v := verifier(f, trust(f, token.EdDSA))
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := v.Verify(context.Background(), raw)
		switch {
		case err == nil && !genuine[raw]:
			t.Fatalf("accepted what nobody signed: %q", raw)
		case err != nil && (got != nil || !errors.Is(err, token.ErrInvalid)):
			t.Fatalf("got %v, %v", got, err)
		case err != nil && len(err.Error()) > 300:
			t.Fatalf("a cause of %d bytes", len(err.Error()))
		}
	})
}

// FuzzClaims signs any payload, so that what is tested is the reading of it. An accepted payload
// must be strict JSON to jsontext too, and encoding/json, which knows nothing of our reader, must
// find the same tenant, user and session in it.
func FuzzClaims(f *testing.F) {
	for _, seed := range []string{
		claimsOf(), claimsOf("cnf", `{"jkt":"`+thumbprint()+`"}`), claimsOf("TENANT", `"evil"`), claimsOf("x", `{"a":1,"a":2}`), claimsOf("exp", "1e400"), claimsOf("nbf", "-0"),
		claimsOf("sub", `"\u0061lice"`), claimsOf("aud", `["`+audience+`"]`), claimsOf() + " ", claimsOf() + "{}", "{}", "null",
		strings.Replace(claimsOf(), "tenant", `ten\u0061nt`, 1), strings.Replace(claimsOf(), "{", `{"sub":"root",`, 1),
	} {
		f.Add(seed)
	}
	v := verifier(f, trust(f, token.EdDSA))
	f.Fuzz(func(t *testing.T, payload string) {
		got, err := v.Verify(context.Background(), ours().forge(token.EdDSA, headerOf(token.EdDSA), payload))
		if err != nil {
			if !errors.Is(err, token.ErrInvalid) {
				t.Fatalf("got %v", err)
			}
			return
		}
		if !jsontext.Value(payload).IsValid() {
			t.Fatalf("accepted what is not strict JSON: %q", payload)
		}
		var m map[string]any
		if err := json.Unmarshal([]byte(payload), &m); err != nil {
			t.Fatalf("accepted what encoding/json refuses: %v", err)
		}
		ref := got.Ref()
		if got.Thumbprint() != "" { // bound, and so without a session
			if ref != (session.Ref{}) || m["cnf"] == nil {
				t.Fatalf("read %v of %q", ref, payload)
			}
			return
		}
		if m["iss"] != issuerName || m["sub"] != ref.User.String() || m["tenant"] != ref.Tenant.String() || m["sid"] != ref.ID.Reveal() {
			t.Fatalf("read %v of %q", ref, payload)
		}
		if exp, ok := m["exp"].(float64); !ok || int64(exp) != got.ExpiresAt().Unix() {
			t.Fatalf("read exp %v of %q", got.ExpiresAt(), payload)
		}
	})
}

// FuzzParseJWKS: no document makes it panic, and what is read can be published and read
// again.
func FuzzParseJWKS(f *testing.F) {
	for _, alg := range publicAlgorithms {
		f.Add(setOf(jwkOf(alg)))
	}
	f.Add(setOf())
	f.Add(setOf(jwkOf(token.EdDSA), jwkOf(token.RS256, "use", `"enc"`)))
	f.Fuzz(func(t *testing.T, doc string) {
		set, err := token.ParseJWKS([]byte(doc))
		if err != nil {
			return
		}
		again, err := set.JWKS()
		if err != nil {
			t.Fatal(err)
		}
		if read, err := token.ParseJWKS(again); err != nil || read.Len() != set.Len() {
			t.Fatalf("%s: %v", again, err)
		}
	})
}
