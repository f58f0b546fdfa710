package session_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// A user of two tenants goes to the other one, with the roles that they have there.
func ExampleManager_SwitchTenant() {
	ctx := context.Background()
	manager := exampleManager(session.Config{})
	s, _ := exampleSignIn(manager, "admin")
	there, _, err := manager.SwitchTenant(ctx, s.Ref(), tenant.MustParse("globex"), session.MustRoles("viewer"), session.Attributes{})
	fmt.Println(there.Tenant, there.User, there.Roles.Names(), err)
	_, err = manager.Load(ctx, s.Ref())
	fmt.Println(errors.Is(err, session.ErrNotFound))
	// Output:
	// globex alice [viewer] <nil>
	// true
}
