package token_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/reevehq/reeve/session/token"
)

// A claim that is not there and one that is not what it has to be are two causes, and the log
// names the claim by the name that the issuer's entry gives it. None repeats what the token
// holds.
func TestAClaimThatIsMissingIsToldFromOneThatIsWrong(t *testing.T) {
	const (
		user    = "sub is not a user id, which has at most 255 bytes that print and no space"
		org     = `the tenant is not a tenant id, which has 1 to 63 letters, digits, - and _ (the claim "tenant")`
		session = `the session is not a session id, which the store of the sessions makes (the claim "sid")`
	)
	v := verifier(t, trust(t, token.EdDSA))
	for name, c := range map[string]struct{ raw, want string }{
		"no sub":                      {good(token.EdDSA, "sub", ""), "sub is missing"},
		"an empty sub":                {good(token.EdDSA, "sub", `""`), "sub is missing"},
		"a user that shows nothing":   {good(token.EdDSA, "sub", `"\u3164"`), user},
		"a user of two words":         {good(token.EdDSA, "sub", `"bob smith"`), user},
		"no tenant":                   {good(token.EdDSA, "tenant", ""), `the tenant is missing (the claim "tenant")`},
		"an organisation's path":      {good(token.EdDSA, "tenant", `"org/01EHWN"`), org},
		"a domain":                    {good(token.EdDSA, "tenant", `"acme.example.com"`), org},
		"no session":                  {good(token.EdDSA, "sid", ""), `the session is missing (the claim "sid")`},
		"a provider's own session":    {good(token.EdDSA, "sid", `"08a5019c-17e1-4977-8f42-65a12843ea02"`), session},
		"an id of an access token":    {good(token.EdDSA, "jti", ""), "jti is missing: a token without jti or client_id is no at+jwt"},
		"a client of an access token": {good(token.EdDSA, "client_id", ""), "client_id is missing: a token without jti or client_id is no at+jwt"},
	} {
		_, err := v.Verify(context.Background(), c.raw)
		if !errors.Is(err, token.ErrInvalid) || !strings.HasSuffix(err.Error(), "claims: "+c.want) {
			t.Errorf("%s\ngot  %v\nwant %s", name, err, c.want)
		}
	}
	renamed := verifier(t, trust(t, token.EdDSA, func(i *token.Issuer) { i.TenantClaim = "org" }))
	if _, err := renamed.Verify(context.Background(), good(token.EdDSA)); err == nil || !strings.HasSuffix(err.Error(), `the tenant is missing (the claim "org")`) {
		t.Errorf("%v", err)
	}
}
