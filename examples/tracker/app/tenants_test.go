package app_test

import (
	"context"
	"testing"

	"github.com/reevehq/reeve/authz/authztest"
	"github.com/reevehq/reeve/examples/tracker/app"
	"github.com/reevehq/reeve/examples/tracker/trackertest"
	"github.com/reevehq/reeve/tenant/tenanttest"
)

func TestTenantsAreApart(t *testing.T) {
	a, err := app.New(t.Context(), app.Config{Data: t.TempDir(), Unchecked: authztest.Unchecked(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	tenanttest.Run(t, trackertest.Service(t, a, func(ctx context.Context, tenant string) ([]string, error) {
		return app.Rows(ctx, a, tenant)
	}))
}
