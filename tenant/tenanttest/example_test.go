package tenanttest_test

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/tenant/tenanttest"
)

func ExampleCheck() {
	s := service(&shop{leak: "read by id alone"})
	s.Requests = []tenanttest.Request{{Method: "GET", Path: "/items/{item}"}}
	findings, err := tenanttest.Check(context.Background(), s)
	if err != nil {
		fmt.Println(err)
	}
	for _, f := range findings {
		fmt.Println(f.Kind, "at", f.Request, "by a request", f.Probe)
	}
	// Output:
	// reads-foreign at GET /items/{item} by a request as a user of acme, with the other's item
	// tells-existence at GET /items/{item} by a request as a user of acme, with the other's item
}
