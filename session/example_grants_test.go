package session_test

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/tenant"
)

// The service is the one authority on roles: a change of its database and one call, and the next
// request of every session has the new ones.
func ExampleManager_Stale() {
	roles := map[session.UserID]string{alice: "admin"} // the database
	store := memstore.New()
	if err := store.SetTenantStatus(context.Background(), acme, tenant.Active); err != nil {
		fmt.Println(err)
	}
	manager, err := session.NewManager(store, session.Config{
		Key: key('k'),
		Grants: func(_ context.Context, _ tenant.ID, u session.UserID) (session.Grants, error) {
			granted, err := session.NewRoles(roles[u])
			return session.Grants{Roles: granted}, err
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	s, _, err := manager.Create(context.Background(), session.SignIn{Tenant: acme, User: alice})
	fmt.Println(s.Roles.Names(), err)

	roles[alice] = "guest"
	fmt.Println(manager.Stale(context.Background(), acme, alice))
	s, err = manager.Load(context.Background(), s.Ref())
	fmt.Println(s.Roles.Names(), err)
	// Output:
	// [admin] <nil>
	// <nil>
	// [guest] <nil>
}

// A sign-in that has read the role before a demotion begins again.
func ExampleManager_Begin() {
	ctx := context.Background()
	store := memstore.New()
	if err := store.SetTenantStatus(ctx, acme, tenant.Active); err != nil {
		fmt.Println(err)
	}
	manager, err := session.NewManager(store, session.Config{Key: key('k')})
	if err != nil {
		fmt.Println(err)
		return
	}
	ticket, err := manager.Begin(ctx, acme, alice) // before the role is read
	fmt.Println(err)
	role := session.MustRoles("admin") // from the database

	guest := session.MustRoles("guest") // another request takes it away
	fmt.Println(manager.UpdateUser(ctx, acme, alice, session.UserChange{Roles: &guest}))

	_, _, err = manager.Create(ctx, session.SignIn{Tenant: acme, User: alice, Roles: role, Ticket: ticket})
	fmt.Println(err)
	// Output:
	// <nil>
	// <nil>
	// session: stale: the user has changed since the ticket
}
