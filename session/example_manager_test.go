package session_test

import (
	"context"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/tenant"
)

// exampleManager returns a manager on a store in memory, with the tenants acme and globex.
func exampleManager(cfg session.Config) *session.Manager {
	cfg.Key = session.MustParseSecretKey("g0Jp5vCQk0yW0m1l2c1mH7b9bK0oZ8t5c1sV7uQxJ3E=")
	manager, err := session.NewManager(memstore.New(), cfg)
	if err != nil {
		panic(err)
	}
	for _, id := range []string{"acme", "globex"} {
		if err := manager.SetTenantStatus(context.Background(), tenant.MustParse(id), tenant.Active); err != nil {
			panic(err)
		}
	}
	return manager
}

// exampleSignIn signs alice in to acme.
func exampleSignIn(manager *session.Manager, roles ...string) (session.Session, session.RefreshToken) {
	s, refresh, err := manager.Create(context.Background(), session.SignIn{
		Tenant: tenant.MustParse("acme"), User: session.MustParseUserID("alice"), Roles: session.MustRoles(roles...),
		UserAgent: "Firefox on Linux", Address: "192.0.2.7",
	})
	if err != nil {
		panic(err)
	}
	return s, refresh
}
