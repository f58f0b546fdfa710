package session_test

import (
	"context"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
)

// Support acts as a customer for a quarter of an hour, and then goes on as before.
func ExampleManager_Impersonate() {
	ctx := context.Background()
	manager := exampleManager(session.Config{})
	own, _ := exampleSignIn(manager, "support")
	acting, err := manager.Impersonate(ctx, own.Ref(), session.Impersonation{
		User: session.MustParseUserID("bob"), Roles: session.MustRoles("viewer"), Reason: "ticket 4711", MaxAge: 15 * time.Minute,
	})
	if err != nil {
		panic(err)
	}
	actor, _ := acting.Actors.Current()
	fmt.Println(actor.User, "acts as", acting.User, "because of", actor.Reason)

	back, _, err := manager.StopImpersonating(ctx, acting.Ref(), func(own session.Session) (session.Roles, session.Attributes, error) {
		return session.MustRoles("support"), own.Attributes, nil // what the user has now
	})
	fmt.Println(back.User, back.Actors.Len(), err)
	// Output:
	// alice acts as bob because of ticket 4711
	// alice 0 <nil>
}
