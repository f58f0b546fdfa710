package token_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// TestAnIssuerOfOneTenantSpeaksOfNoOther: a customer's identity provider signs whatever it
// likes, and no other customer's session can be what it names.
func TestAnIssuerOfOneTenantSpeaksOfNoOther(t *testing.T) {
	acme := tenant.MustParse("acme")
	v := verifier(t, trust(t, token.EdDSA, func(i *token.Issuer) { i.Tenant = acme }))
	const foreign, invalid, missing = "the tenant is not the issuer's", "the tenant is not a tenant id", "the tenant is missing"
	refuses(t, v, good(token.EdDSA), []attack{
		{"another tenant", good(token.EdDSA, "tenant", `"globex"`), foreign},
		{"the tenant of all", good(token.EdDSA, "tenant", `"*"`), invalid},
		{"no name", good(token.EdDSA, "tenant", `""`), missing},
		{"another case", good(token.EdDSA, "tenant", `"Acme"`), ""},
		{"null", good(token.EdDSA, "tenant", `null`), ""},
		{"two", good(token.EdDSA, "tenant", `["acme","globex"]`), ""},
	})
	accepts(t, v, good(token.EdDSA, "tenant", "")) // wantRef is of acme

	both := verifier(t, trust(t, token.EdDSA)) // an issuer that is believed of every tenant
	refuses(t, both, good(token.EdDSA), []attack{{"no tenant", good(token.EdDSA, "tenant", ""), missing}})
	got, err := both.Verify(context.Background(), good(token.EdDSA, "tenant", `"globex"`))
	if err != nil || got.Ref().Tenant != tenant.MustParse("globex") {
		t.Errorf("got %v, %v", got.Ref(), err)
	}
}

// TestATenantTakenFromAnIssuerIsNoneOfItsTokens, of those that are remembered too.
func TestATenantTakenFromAnIssuerIsNoneOfItsTokens(t *testing.T) {
	i := trust(t, token.EdDSA)
	v := verifier(t, i)
	raw := good(token.EdDSA)
	accepts(t, v, raw)
	i.Tenant = tenant.MustParse("globex")
	if err := v.Replace(i); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(context.Background(), raw); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("got %v", err)
	}
}

func TestTheTenantOfAnIssuerIsThatOfItsLogouts(t *testing.T) {
	acme := tenant.MustParse("acme")
	v := verifier(t, trust(t, token.EdDSA, trustLogout, func(i *token.Issuer) { i.Tenant = acme }))
	logsOut(t, v, goodLogout())
	logsOut(t, v, goodLogout("tenant", ""))
	if _, err := v.VerifyLogout(context.Background(), goodLogout("tenant", `"globex"`)); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	i := trust(t, token.EdDSA, trustLogout)
	i.Tenant, i.Logout.Tenant = acme, tenant.MustParse("globex")
	if _, err := token.NewVerifier(i); err == nil || !strings.Contains(err.Error(), "Logout.Tenant: another than the issuer's Tenant") {
		t.Errorf("two tenants are accepted: %v", err)
	}
}

// TestATenantInAnotherCaseIsAnotherTenant: nothing is folded, so that two customers whose ids
// differ by case are not one.
func TestATenantInAnotherCaseIsAnotherTenant(t *testing.T) {
	v := verifier(t, trust(t, token.EdDSA))
	for _, name := range []string{"ACME", "Acme", "acmE"} {
		got, err := v.Verify(context.Background(), good(token.EdDSA, "tenant", `"`+name+`"`))
		if err != nil || got.Ref().Tenant.String() != name || got.Ref().Tenant == tenant.MustParse("acme") {
			t.Errorf("%s is %v, %v", name, got.Ref().Tenant, err)
		}
	}
}
