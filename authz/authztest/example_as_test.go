package authztest_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/authztest"
	"github.com/reevehq/reeve/authz/policy"
)

// A handler's unit test needs no store, no token and no server.
func ExampleAs() {
	var t *testing.T // the test's own
	engine := authz.Must(policy.Load(os.DirFS("../../policies"), policy.Options{}))
	approve := func(ctx context.Context, owner string) error { // the code under test
		_, err := authz.Check(ctx, "update", invoice(owner))
		return err
	}

	ctx := authztest.As(t, engine, authztest.Caller{Tenant: "acme", User: "alice", Roles: []string{"editor"}})
	if err := approve(ctx, "alice"); err != nil {
		t.Error(err)
	}
	if err := approve(ctx, "bob"); !errors.Is(err, authz.ErrDenied) {
		t.Errorf("got %v", err)
	}
}
