package middleware_test

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/reevehq/reeve/middleware"
)

// A sign-in handler hashes the password where the limit says so. account.matches stands for
// the service's own hash, which takes as long for an account that does not exist.
func ExampleSignInLimit() {
	limit, err := middleware.NewSignInLimit(middleware.SignInConfig{})
	if err != nil {
		panic(err)
	}
	signIn := func(ctx context.Context, client netip.Addr, user, password string) string {
		ok, err := limit.Check(ctx, client, user, func() bool { return user == "alice" && password == "right" })
		switch {
		case err != nil:
			return "503, with Retry-After" // return err: the middleware answers it
		case !ok:
			return "401, for no such user too"
		}
		return "signed in"
	}
	client := netip.MustParseAddr("192.0.2.1")
	fmt.Println(signIn(context.Background(), client, "alice", "right"))
	for range 6 {
		fmt.Println(signIn(context.Background(), client, "mallory", "guess"))
	}
	// Output:
	// signed in
	// 401, for no such user too
	// 401, for no such user too
	// 401, for no such user too
	// 401, for no such user too
	// 401, for no such user too
	// 503, with Retry-After
}
