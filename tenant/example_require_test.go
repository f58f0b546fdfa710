package tenant_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/tenant"
)

// Data access begins with the tenant of the request, and without one reads nothing.
func ExampleRequire() {
	invoices := func(ctx context.Context) (string, error) {
		id, err := tenant.Require(ctx)
		if err != nil {
			return "", err
		}
		return "SELECT … WHERE tenant = '" + id.String() + "'", nil
	}
	_, err := invoices(context.Background())
	fmt.Println(errors.Is(err, tenant.ErrNoScope))

	// Requests are bound by the middleware; tests and jobs bind their own context.
	ctx, err := tenant.BindUnchecked(context.Background(), tenant.MustParse("acme"))
	if err != nil {
		panic(err)
	}
	fmt.Println(invoices(ctx))
	// Output:
	// true
	// SELECT … WHERE tenant = 'acme' <nil>
}
