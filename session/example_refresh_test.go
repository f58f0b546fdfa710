package session_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/session"
)

// Each refresh token is exchanged once. Somebody who uses one after its successor was used has
// stolen it, or was stolen from: the session ends.
func ExampleManager_Refresh() {
	ctx := context.Background()
	manager := exampleManager(session.Config{RefreshGrace: -1})
	_, first := exampleSignIn(manager)
	s, second, err := manager.Refresh(ctx, first.Reveal())
	fmt.Println(s.User, err)

	_, _, err = manager.Refresh(ctx, first.Reveal())
	fmt.Println(errors.Is(err, session.ErrRefreshReused))
	_, _, err = manager.Refresh(ctx, second.Reveal())
	fmt.Println(errors.Is(err, session.ErrRefreshInvalid))
	// Output:
	// alice <nil>
	// true
	// true
}
