package session_test

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// A handler that has checked a password signs the user in, and says which factor that was.
func ExampleManager_Create() {
	manager := exampleManager(session.Config{})
	password, err := session.NewMethods("pwd")
	if err != nil {
		panic(err)
	}
	s, refresh, err := manager.Create(context.Background(), session.SignIn{
		Tenant: tenant.MustParse("acme"), User: session.MustParseUserID("alice"),
		Roles: session.MustRoles("editor"), AMR: password,
	})
	fmt.Println(s.Tenant, s.User, s.Roles.Names(), s.AMR.Names(), err)
	fmt.Println(refresh) // only Reveal shows it, for the client
	// Output:
	// acme alice [editor] [pwd] <nil>
	// session.RefreshToken([redacted])
}
