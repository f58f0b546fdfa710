package tenant_test

import (
	"context"
	"errors"
	"testing"

	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/tenant"
)

var (
	acme   = tenant.MustParse("acme")
	globex = tenant.MustParse("globex")
)

// otherKey is a key of somebody else's, which equals ours but for its type.
type otherKey uint8

func TestAContextIsBoundToOneTenantOnce(t *testing.T) {
	bound, err := tenant.NewContext(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := tenant.Require(bound); err != nil || id != acme {
		t.Errorf("Require = %q, %v", id, err)
	}
	below, cancel := context.WithCancel(context.WithValue(bound, otherKey(9), "v"))
	defer cancel()
	for name, ctx := range map[string]context.Context{"itself": bound, "one below": below} {
		if escaped, err := tenant.NewContext(ctx, globex); !errors.Is(err, tenant.ErrMismatch) || escaped != nil {
			t.Errorf("%s was bound to another tenant: %v", name, err)
		}
		if again, err := tenant.NewContext(ctx, acme); err != nil || again != ctx {
			t.Errorf("%s was not bound to its tenant again: %v", name, err)
		}
		if id, ok := tenant.FromContext(ctx); !ok || id != acme {
			t.Errorf("FromContext of %s = %q, %v", name, id, ok)
		}
	}
	if ctx, err := tenant.NewContext(t.Context(), tenant.ID{}); !errors.Is(err, tenant.ErrInvalidID) || ctx != nil {
		t.Errorf("bound to no tenant: %v", err)
	}
	if ctx, err := tenant.NewContext(bound, tenant.ID{}); !errors.Is(err, tenant.ErrInvalidID) || ctx != nil {
		t.Errorf("bound to no tenant below a tenant: %v", err)
	}
}

func TestACodePathBelowARequestStaysInItsTenant(t *testing.T) {
	id := acme
	request := &reqctx.Node{Context: t.Context(), Tenant: &id}
	if got, err := tenant.Require(request); err != nil || got != acme {
		t.Errorf("Require = %q, %v", got, err)
	}
	if _, err := tenant.NewContext(request, globex); !errors.Is(err, tenant.ErrMismatch) {
		t.Errorf("NewContext: %v", err)
	}
}

func TestAContextThatNamesNoTenantHasNone(t *testing.T) {
	var typedNil *tenant.ID
	id := acme
	request := &reqctx.Node{Context: t.Context(), Tenant: &id}
	for name, ctx := range map[string]context.Context{
		"plain":                     t.Context(),
		"anonymous":                 &reqctx.Node{Context: t.Context()},
		"anonymous below a request": &reqctx.Node{Context: request},
		"typed nil":                 &reqctx.Node{Context: t.Context(), Tenant: typedNil},
		"zero tenant":               &reqctx.Node{Context: t.Context(), Tenant: new(tenant.ID)},
		"another type":              &reqctx.Node{Context: t.Context(), Tenant: acme},
		"text":                      &reqctx.Node{Context: t.Context(), Tenant: "acme"},
		"somebody else's key":       context.WithValue(t.Context(), otherKey(1), &id),
	} {
		if got, err := tenant.Require(ctx); !errors.Is(err, tenant.ErrNoScope) || !got.IsZero() {
			t.Errorf("%s: Require = %q, %v", name, got, err)
		}
		if got, ok := tenant.FromContext(ctx); ok || !got.IsZero() {
			t.Errorf("%s: FromContext = %q, %v", name, got, ok)
		}
	}
}
