package session_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/session"
)

// A user may be signed in on two devices. The third sign-in ends the oldest session.
func ExampleSessionLimit() {
	manager := exampleManager(session.Config{Limit: session.SessionLimit{Sessions: 2, Policy: session.EvictOldest}})
	oldest, _ := exampleSignIn(manager)
	exampleSignIn(manager)
	newest, _ := exampleSignIn(manager)
	_, err := manager.Load(context.Background(), oldest.Ref())
	fmt.Println(errors.Is(err, session.ErrNotFound))
	_, err = manager.Load(context.Background(), newest.Ref())
	fmt.Println(err)
	// Output:
	// true
	// <nil>
}
