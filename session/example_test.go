package session_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/tenant"
)

func Example() {
	ctx := context.Background()
	acme, alice := tenant.MustParse("acme"), session.MustParseUserID("alice")
	store := memstore.New()
	manager, err := session.NewManager(store, session.Config{Key: session.MustParseSecretKey("g0Jp5vCQk0yW0m1l2c1mH7b9bK0oZ8t5c1sV7uQxJ3E=")})
	if err != nil {
		panic(err)
	}
	if err := manager.SetTenantStatus(ctx, acme, tenant.Active); err != nil {
		panic(err)
	}

	s, refresh, err := manager.Create(ctx, session.SignIn{Tenant: acme, User: alice, Roles: session.MustRoles("editor")})
	if err != nil {
		panic(err)
	}
	fmt.Println("signed in as", s.User, s.Roles.Names(), refresh)

	if err := manager.RevokeUser(ctx, acme, alice); err != nil {
		panic(err)
	}
	_, err = manager.Load(ctx, s.Ref())
	fmt.Println("signed out:", errors.Is(err, session.ErrNotFound))
	// Output:
	// signed in as alice [editor] session.RefreshToken([redacted])
	// signed out: true
}
