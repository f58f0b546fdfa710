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
	bound, err := tenant.BindUnchecked(t.Context(), acme)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := tenant.Require(bound); err != nil || id != acme {
		t.Errorf("Require = %q, %v", id, err)
	}
	below, cancel := context.WithCancel(context.WithValue(bound, otherKey(9), "v"))
	defer cancel()
	for name, ctx := range map[string]context.Context{"itself": bound, "one below": below} {
		if escaped, err := tenant.BindUnchecked(ctx, globex); !errors.Is(err, tenant.ErrMismatch) || escaped != nil {
			t.Errorf("%s was bound to another tenant: %v", name, err)
		}
		if again, err := tenant.BindUnchecked(ctx, acme); err != nil || again != ctx {
			t.Errorf("%s was not bound to its tenant again: %v", name, err)
		}
		if id, ok := tenant.FromContext(ctx); !ok || id != acme {
			t.Errorf("FromContext of %s = %q, %v", name, id, ok)
		}
	}
	if ctx, err := tenant.BindUnchecked(t.Context(), tenant.ID{}); !errors.Is(err, tenant.ErrInvalidID) || ctx != nil {
		t.Errorf("bound to no tenant: %v", err)
	}
	if ctx, err := tenant.BindUnchecked(bound, tenant.ID{}); !errors.Is(err, tenant.ErrInvalidID) || ctx != nil {
		t.Errorf("bound to no tenant below a tenant: %v", err)
	}
}

// statuses answers for each tenant what a store would.
type statuses map[tenant.ID]tenant.Status

var errDown = errors.New("store down")

func (s statuses) TenantStatus(_ context.Context, id tenant.ID) (tenant.Status, error) {
	if s == nil {
		return tenant.Active, errDown // a status beside the error: it must not count
	}
	return s[id], nil
}

// A job must not do for a suspended tenant what a request could not.
func TestAJobIsBoundOnlyToATenantThatMayBeServed(t *testing.T) {
	initech := tenant.MustParse("initech")
	known := statuses{acme: tenant.Active, globex: tenant.Suspended, tenant.MustParse("odd"): 77}
	bound, err := tenant.Bind(t.Context(), acme, known)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := tenant.Require(bound); err != nil || id != acme {
		t.Errorf("Require = %q, %v", id, err)
	}
	for name, row := range map[string]struct {
		ctx  context.Context
		id   tenant.ID
		ask  tenant.Statuses
		want error
	}{
		"suspended":                             {t.Context(), globex, known, tenant.ErrSuspended},
		"never set up":                          {t.Context(), initech, known, tenant.ErrUnknown},
		"of a status that there is not":         {t.Context(), tenant.MustParse("odd"), known, tenant.ErrUnknown},
		"of a status that cannot be had":        {t.Context(), acme, statuses(nil), errDown},
		"nobody to ask":                         {t.Context(), acme, nil, tenant.ErrUnknown},
		"no tenant":                             {t.Context(), tenant.ID{}, known, tenant.ErrInvalidID},
		"another than the context's":            {bound, globex, known, tenant.ErrMismatch},
		"the context's, suspended meanwhile":    {bound, acme, statuses{acme: tenant.Suspended}, tenant.ErrSuspended},
		"below a request, suspended meanwhile":  {&reqctx.Node{Context: t.Context(), Tenant: &acme}, acme, statuses{}, tenant.ErrUnknown},
		"below a request, the tenant of others": {&reqctx.Node{Context: t.Context(), Tenant: &acme}, globex, statuses{globex: tenant.Active}, tenant.ErrMismatch},
	} {
		if ctx, err := tenant.Bind(row.ctx, row.id, row.ask); !errors.Is(err, row.want) || ctx != nil {
			t.Errorf("%s: %v, %v", name, ctx, err)
		}
	}
	if again, err := tenant.Bind(bound, acme, known); err != nil || again != bound {
		t.Errorf("it was not bound again: %v", err)
	}
	if ctx, err := tenant.BindUnchecked(t.Context(), globex); err != nil || ctx == nil {
		t.Errorf("the name that says that it does not ask: %v", err)
	}
}

func TestACodePathBelowARequestStaysInItsTenant(t *testing.T) {
	id := acme
	request := &reqctx.Node{Context: t.Context(), Tenant: &id}
	if got, err := tenant.Require(request); err != nil || got != acme {
		t.Errorf("Require = %q, %v", got, err)
	}
	if _, err := tenant.BindUnchecked(request, globex); !errors.Is(err, tenant.ErrMismatch) {
		t.Errorf("a handler left its tenant: %v", err)
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
