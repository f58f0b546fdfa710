package authz_test

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// A worker asks as the user whose job it runs, with the roles that they have now.
func ExampleGuard_As() {
	s := newExampleService(invoiceRules)
	guard := authz.Must(authz.NewGuard(authz.Config{Tokens: s.tokens, Sessions: s.sessions, Policy: s.policy}))

	ctx, err := guard.As(context.Background(), authz.Principal{
		Tenant: tenant.MustParse("acme"), User: session.MustParseUserID("alice"), Roles: session.MustRoles("editor"),
	})
	if err != nil {
		panic(err)
	}
	_, err = authz.Check(ctx, "update", loadInvoice("1"))
	fmt.Println(err)
	fmt.Println(authz.Can(ctx, "update", loadInvoice("2")))
	// Output:
	// <nil>
	// false
}
