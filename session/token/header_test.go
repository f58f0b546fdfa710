package token_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/reevehq/reeve/session/token"
)

// understoodByNobody are header members that issuers add, or may. RFC 7515 §4: what is not
// understood must be ignored.
var understoodByNobody = [][]string{
	{"cat", `"cl_B7d4PD111AAA"`, "oiat", "1760000000"}, // Clerk
	{"pi.atm", `"r4"`}, // PingFederate
	{"jid", `"x"`},     // SAP XSUAA, beside its jku
	{"signer", `"arn:aws:elasticloadbalancing"`, "client", `"c"`, "exp", "1", "iss", `"x"`}, // AWS ALB
	{"tnk", `"core/prod"`, "ver", `"1.0"`, "tty", `"sfdc-core-token"`},                      // Salesforce
	{"version", `"4"`}, // SuperTokens
	{"nonce", `"n"`, "client_id", `"x"`, "sub", `"root"`, "tenant", `"evil"`, "sid", `"evil"`}, // replicated claims, RFC 7519 §5.3
	{"x5t", "null", "x5t#S256", `["a"]`},
	{"ALG", `"none"`, "Kid", `"k2"`, "JWK", `{}`, "CRIT", `["x"]`, " jwk", "1"}, // names are exact
	{"p2c", "2147483647", "p2s", `"x"`, "epk", `{"kty":"EC"}`, "iv", `"x"`, "tag", `"x"`},
	{"__proto__", `{"alg":"none"}`, "", `""`},
	{"x", `{"a":[{"b":{"c":[1.5,null,true]}}]}`},
}

func TestHeaderMembersThatAreNotUnderstoodAreIgnored(t *testing.T) {
	v, p := verifier(t, trust(t, token.EdDSA, trustLogout)), proofs(t)
	for _, edits := range understoodByNobody {
		accepts(t, v, ours().forge(token.EdDSA, headerOf(token.EdDSA, edits...), claimsOf()))
		logsOut(t, v, ours().forge(token.EdDSA, logoutHeader(edits...), logoutClaims()))
		if _, err := p.Verify(ours().forge(token.EdDSA, proofHeader(ours(), token.EdDSA, edits...), proofClaims()), wantRequest); err != nil {
			t.Errorf("a proof with %q: %v", edits, err)
		}
	}
}

// The cause names the member, for whoever has to find out which of an issuer's it is.
func TestAHeaderMemberThatChangesTheKeyOrThePayloadIsRefusedEvenWhenEmpty(t *testing.T) {
	v, p := verifier(t, trust(t, token.EdDSA, trustLogout)), proofs(t)
	for _, name := range []string{"jwk", "jku", "x5u", "x5c", "crit", "b64", "zip", "enc", "cty"} {
		for _, value := range []string{"null", `""`, `"x"`, "[]", `["x"]`, "{}", "0", "true", "false", `{"a":1,"a":2}`, strings.Repeat("[", 50) + strings.Repeat("]", 50)} {
			want := "header: member " + name + " is not accepted"
			_, err := v.Verify(context.Background(), ours().forge(token.EdDSA, headerOf(token.EdDSA, name, value), claimsOf()))
			if !errors.Is(err, token.ErrInvalid) || !strings.Contains(err.Error(), want) {
				t.Errorf("a token with %s %s: %v", name, value, err)
			}
			_, err = v.VerifyLogout(context.Background(), ours().forge(token.EdDSA, logoutHeader(name, value), logoutClaims()))
			if !errors.Is(err, token.ErrInvalid) || !strings.Contains(err.Error(), want) {
				t.Errorf("a logout token with %s %s: %v", name, value, err)
			}
			if name == "jwk" {
				continue
			}
			_, err = p.Verify(ours().forge(token.EdDSA, proofHeader(ours(), token.EdDSA, name, value), proofClaims()), wantRequest)
			if !errors.Is(err, token.ErrInvalidProof) || !strings.Contains(err.Error(), want) {
				t.Errorf("a proof with %s %s: %v", name, value, err)
			}
		}
	}
}

func TestAnIgnoredMemberOfAProofIsStrictJSON(t *testing.T) {
	for name, edits := range map[string][2]string{
		"a name twice":            {"x", `{"a":1,"a":2}`},
		"nine levels":             {"x", strings.Repeat("[", 8) + strings.Repeat("]", 8)},
		"a number that overflows": {"x", "1e400"},
	} {
		raw := ours().forge(token.EdDSA, proofHeader(ours(), token.EdDSA, edits[0], edits[1]), proofClaims())
		if got, err := proofs(t).Verify(raw, wantRequest); got != nil || !errors.Is(err, token.ErrInvalidProof) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
