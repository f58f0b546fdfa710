package session_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/session"
)

// After a second factor the session has it among its methods, and a new id: the old one, which
// was signed in with less, is dead.
func ExampleManager_StepUp() {
	ctx := context.Background()
	manager := exampleManager(session.Config{})
	s, _ := exampleSignIn(manager)
	otp, err := session.NewMethods("otp")
	if err != nil {
		panic(err)
	}
	stronger, _, err := manager.StepUp(ctx, s.Ref(), otp)
	fmt.Println(stronger.AMR.Names(), err)
	_, err = manager.Load(ctx, s.Ref())
	fmt.Println(errors.Is(err, session.ErrNotFound))
	// Output:
	// [otp] <nil>
	// true
}
