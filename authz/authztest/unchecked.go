package authztest

import (
	"context"
	"log/slog"
	"sync"
	"testing"

	"github.com/reevehq/reeve/authz"
)

// Unchecked returns the Unchecked of a service under test, for [authz.Config].Unchecked. The test
// fails for each answer of success that a handler gives on a route about objects without having
// asked about one: see [authz.Unchecked]. params are the parameters that name no object.
//
//	cfg.Unchecked = authztest.Unchecked(t, "tenant", "*")
//
// A request that is still running when the test ends is not reported.
func Unchecked(t testing.TB, params ...string) *authz.Unchecked {
	onlyInTests()
	var mu sync.Mutex
	ended := false
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		ended = true
	})
	return authz.NewUnchecked(authz.UncheckedConfig{
		Params: params,
		Logger: slog.New(slog.DiscardHandler),
		Report: func(_ context.Context, a authz.UncheckedAnswer) {
			mu.Lock()
			defer mu.Unlock()
			if !ended {
				t.Errorf("authztest: %s %s answered %d and asked about no object: call authz.Check, or authz.NoObject where there is none", a.Method, a.Route, a.Status)
			}
		},
	})
}
