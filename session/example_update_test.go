package session_test

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/session"
)

// A role that is taken away is gone with the next request.
func ExampleManager_Update() {
	ctx := context.Background()
	manager := exampleManager(session.Config{})
	s, _ := exampleSignIn(manager, "admin", "viewer")
	if _, err := manager.Update(ctx, s.Ref(), func(s *session.Session) error {
		s.Roles = session.MustRoles("viewer")
		return nil
	}); err != nil {
		panic(err)
	}
	now, err := manager.Load(ctx, s.Ref())
	fmt.Println(now.Roles.Names(), err)
	// Output: [viewer] <nil>
}
