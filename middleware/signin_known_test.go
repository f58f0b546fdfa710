package middleware_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/middleware"
)

// TestGuessersAtManyAddressesDoNotShutOutWhoWasRightBefore: a host with a /48 has 65,536
// clients, each with guesses of its own. The account's user, at an address from which they have
// signed in, is served at once; that address buys no more guesses than any other.
func TestGuessersAtManyAddressesDoNotShutOutWhoWasRightBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newSignInLimit(t, middleware.SignInConfig{})
		try := func(client, account string, right bool) error {
			ok, err := l.Check(t.Context(), addr(client), account, func() bool { return right })
			if err == nil && ok != right {
				t.Errorf("%s: got %v", client, ok)
			}
			return err
		}
		const home = "2001:db8:1:1::7"
		if err := try(home, "acme/alice", true); err != nil {
			t.Fatal(err)
		}
		flood := func() {
			for n := range 60 {
				_ = try(fmt.Sprintf("2001:db8:2:%x::1", n), "acme/alice", false)
				_ = try(fmt.Sprintf("2001:db8:2:%x::1", n), "acme/bob", false)
			}
		}
		for range 5 {
			flood()
			if err := try("192.0.2.9", "acme/alice", true); !errors.Is(err, middleware.ErrOverloaded) {
				t.Errorf("a stranger's address: got %v", err)
			}
			if err := try(home, "acme/bob", true); !errors.Is(err, middleware.ErrOverloaded) {
				t.Errorf("another account: got %v", err)
			}
			if err := try("2001:db8:1:1:ffff::8", "acme/alice", true); err != nil {
				t.Errorf("the user: got %v", err)
			}
			time.Sleep(time.Hour)
		}
		served := 0
		for range 40 {
			flood()
			if try(home, "acme/alice", false) == nil {
				served++
			}
		}
		if served > 5 {
			t.Errorf("%d guesses in no time from an address that was right once", served)
		}
		time.Sleep(31 * 24 * time.Hour)
		flood()
		if err := try(home, "acme/alice", true); !errors.Is(err, middleware.ErrOverloaded) {
			t.Errorf("after a month: got %v", err)
		}
	})
}
