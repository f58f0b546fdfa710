package authz_test

import (
	"context"
	"errors"
	"testing"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/authztest"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/tenant"
)

type noteRow struct {
	ID    int64     `authz:"id"`
	Org   tenant.ID `authz:"tenant" db:"org"`
	Owner string    `authz:"owner"`
}

// permissive allows whatever it is asked, and knows nothing of rows.
type permissive struct{ asked int }

func (p *permissive) Decide(context.Context, policy.Request) (policy.Decision, error) {
	p.asked++
	return policy.Decision{Effect: policy.Allow}, nil
}
func (*permissive) Revision() string      { return "" }
func (*permissive) Routes() policy.Routes { return nil }

// A row of which nobody knows what was selected is a mistake of the service, whoever decides.
func TestARowThatCannotBeOneObjectIsMisuse(t *testing.T) {
	notes := authz.Must(authz.NewMapper[noteRow]("note"))
	row := noteRow{ID: 1, Org: acme, Owner: "alice"}
	anybody := &permissive{}
	for name, ctx := range map[string]context.Context{
		"the engine":      authztest.As(t, engine(t, rules), authztest.Caller{Tenant: "acme", User: "alice", Roles: []string{"editor"}}),
		"another Decider": authztest.As(t, anybody, authztest.Caller{Tenant: "acme", User: "alice"}),
	} {
		anybody.asked = 0
		for what, obj := range map[string]authz.Object{"no columns": notes.Object(&row), "no id": notes.Object(&row, "org", "owner"), "no tenant": notes.Object(&row, "id", "owner"), "no row": notes.Object(nil, "id")} {
			if _, err := authz.Check(ctx, "update", obj); !errors.Is(err, middleware.ErrMisused) || !errors.Is(err, policy.ErrMisused) {
				t.Errorf("%s, %s: %v", name, what, err)
			}
			if authz.Can(ctx, "update", obj) {
				t.Errorf("%s, %s: Can says yes", name, what)
			}
		}
		if anybody.asked != 0 {
			t.Errorf("a decider was asked about no object %d times", anybody.asked)
		}
		if _, err := authz.Check(ctx, "update", notes.Object(&row, "id", "org", "owner")); err != nil {
			t.Errorf("%s: the whole row: %v", name, err)
		}
	}
	ctx := authztest.As(t, engine(t, rules), authztest.Caller{Tenant: "acme", User: "alice", Roles: []string{"editor"}})
	if _, err := authz.Check(ctx, "update", notes.Object(&row, "id", "org")); !errors.Is(err, authz.ErrDenied) {
		t.Errorf("an owner who was not selected: %v", err)
	}
	plural := authz.Must(authz.NewMapper[noteRow]("notes"))
	if _, err := authz.Check(ctx, "read", plural.Object(&row, "id", "org", "owner")); !errors.Is(err, middleware.ErrMisused) {
		t.Errorf("a type that no file names: %v", err)
	}
}
