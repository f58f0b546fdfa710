package crosstenant_test

import (
	"context"
	"fmt"
	"time"

	"github.com/reevehq/reeve/tenant"
	"github.com/reevehq/reeve/tenant/crosstenant"
)

// support stands for authz.CrossTenantGrants, for a table of records and for the session manager.
type support struct{}

func (support) CrossTenant(context.Context, tenant.ID) (string, error) { return "carol", nil }

func (support) Record(_ context.Context, r crosstenant.Record) error {
	fmt.Println("recorded:", r.Actor, "of", r.From, "enters", r.Tenant, "for", r.Reason)
	return nil
}

func (support) TenantStatus(context.Context, tenant.ID) (tenant.Status, error) {
	return tenant.Active, nil
}

// Support staff enter a customer's tenant for a reason and a time, once that is recorded.
func ExampleGate_Enter() {
	gate, err := crosstenant.NewGate(crosstenant.Config{From: tenant.MustParse("vendor"), Grants: support{}, Recorder: support{}, Statuses: support{}})
	if err != nil {
		panic(err)
	}
	home, err := tenant.BindUnchecked(context.Background(), tenant.MustParse("vendor"))
	if err != nil {
		panic(err)
	}
	ctx, leave, err := gate.Enter(home, crosstenant.Visit{Tenant: tenant.MustParse("acme"), Reason: "ticket 4711", For: 15 * time.Minute})
	if err != nil {
		panic(err)
	}
	fmt.Println(tenant.Require(ctx))
	leave()
	_, err = tenant.Require(ctx)
	fmt.Println(err)
	// Output:
	// recorded: carol of vendor enters acme for ticket 4711
	// acme <nil>
	// tenant: no tenant in the context
}
