package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Two tenants that differ by case alone are two tenants, of which a policy has one: a deny for
// the other would be nobody's.
func TestTenantsThatDifferByCaseAloneAreRefusedInOnePolicy(t *testing.T) {
	const acme, upper = "tenants/acme.csv", "tenants/=acme.csv"
	row := func(id string) string { return "p, role:a, " + id + ", doc, read, true, deny\n" }
	for name, c := range map[string]struct {
		rows  string
		files map[string]string
	}{
		"two rows":         {row("Acme") + row("acme"), nil},
		"a row and a g":    {row("Acme") + "g, user:b, role:a, aCme\n", nil},
		"a row and a file": {row("acme"), map[string]string{upper: row("Acme")}},
		"two files":        {"", map[string]string{upper: row("Acme"), acme: row("acme")}},
	} {
		_, err := policy.Load(tenantsOf(fine+c.rows, c.files), policy.Options{})
		if !errors.Is(err, policy.ErrInvalid) || !strings.Contains(err.Error(), "differ by case alone") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := policy.Load(tenantsOf(fine+row("Acme")+row("globex"), map[string]string{upper: row("Acme")}), policy.Options{}); err == nil {
		t.Error("a row twice is no error")
	}
	if _, err := policy.Load(tenantsOf(fine+row("globex"), map[string]string{upper: row("Acme")}), policy.Options{}); err != nil {
		t.Error(err)
	}
}

// The file of a tenant with upper-case letters is the same file wherever it lies.
func TestTheFileOfATenantInMixedCaseIsReadUnderAnEncodedName(t *testing.T) {
	const id = "org_2abcDEF"
	e, err := policy.Load(tenantsOf(fine, map[string]string{"tenants/" + tenant.MustParse(id).FileName() + ".csv": "p, role:viewer, " + id + ", report, read, true, allow\n"}), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(in string) policy.Effect {
		d, err := e.Decide(t.Context(), policy.Request{
			Tenant: tenant.MustParse(in), Subject: policy.Subject{ID: "f:1:bob", Roles: session.MustRoles("viewer")}, Action: "read", Object: policy.Object{Type: "report"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return d.Effect
	}
	if ask(id) != policy.Allow || ask(strings.ToLower(id)) != policy.Deny || ask("org_2abcDEf") != policy.Deny {
		t.Error("a row of one tenant counts in another, or nowhere")
	}
	for _, name := range []string{"tenants/org_2abcDEF.csv", "tenants/=.csv", "tenants/==a.csv", "tenants/a=.csv", "tenants/=1.csv"} {
		_, err := policy.Load(tenantsOf(fine, map[string]string{name: "p, role:viewer, x, report, read, true, allow\n"}), policy.Options{})
		if err == nil || !strings.Contains(err.Error(), "not a tenant's file") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Users as identity providers name them stand in rows, and each is one user.
func TestARowNamesUsersAsProvidersDo(t *testing.T) {
	rows := fine
	ids := []string{"f:9b1d:bob", "system:serviceaccount:prod:web", "spiffe://example.org/billing", "{7B0F}", "auth0|5f7c"}
	for _, id := range ids {
		rows += "p, user:" + id + ", acme, report, read, true, allow\n"
	}
	e, err := policy.Load(tenantsOf(rows, nil), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range append(ids, "a", "b", "bob", "f:9b1d", "*") {
		d, err := e.Decide(t.Context(), policy.Request{
			Tenant: tenant.MustParse("acme"), Subject: policy.Subject{ID: id}, Action: "read", Object: policy.Object{Type: "report"},
		})
		named := strings.ContainsAny(id, ":{|") && id != "f:9b1d"
		if err != nil || (d.Effect == policy.Allow) != named {
			t.Errorf("%s: %v, %v", id, d.Effect, err)
		}
	}
}
