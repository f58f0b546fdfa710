package authz_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
)

// The request that is asked elsewhere as the caller is the one that Check asks.
func TestTheRequestOfACallerIsTheirs(t *testing.T) {
	w := newFixture(t)
	editor, _ := w.login(acme, alice, "editor")
	w.inside(editor, func(ctx context.Context) {
		r, err := authz.RequestOf(ctx)
		if err != nil || r.Tenant != acme || r.Subject.ID != alice.String() || r.Subject.Roles.Len() != 1 || r.Subject.Roles.At(0) != "editor" || r.Env == nil || r.Action != "" {
			t.Errorf("%+v, %v", r, err)
		}
		for _, owner := range []string{"alice", "bob"} {
			r.Action, r.Object = "update", note(owner)
			d, err := w.engine.Decide(ctx, r)
			if err != nil || d.Allowed() != authz.Can(ctx, "update", note(owner)) {
				t.Errorf("a note of %s: %v, %v", owner, d.Effect, err)
			}
		}
	})
	if r, err := authz.RequestOf(t.Context()); !errors.Is(err, authz.ErrNoCaller) || !r.Tenant.IsZero() {
		t.Errorf("without a caller: %+v, %v", r, err)
	}
	w.inside("", func(ctx context.Context) {
		r, err := authz.RequestOf(ctx)
		if problem, ok := middleware.FromError(err); !ok || problem.Status != http.StatusUnauthorized || !r.Tenant.IsZero() {
			t.Errorf("an anonymous caller: %+v, %v", r, err)
		}
	})
}
