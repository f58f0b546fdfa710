package detect_test

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/detect"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// A user who is refused again and again is told of once. In a service the detector is the Observer of
// authz.Config.
func ExampleNew() {
	detector, err := detect.New(detect.Config{
		MaxDenials: 3,
		Alert:      func(a detect.Alert) { fmt.Println(a.Kind, a.Tenant, a.User, a.Count) },
	})
	if err != nil {
		panic(err)
	}
	for range 5 {
		detector.Observe(context.Background(), authz.Event{
			Kind: authz.RouteDecision, Tenant: tenant.MustParse("acme"), User: session.MustParseUserID("mallory"),
			Err: authz.ErrDenied,
		})
	}
	fmt.Println(detector.Stats().Alerts[detect.Denials])
	// Output:
	// denials acme mallory 3
	// 1
}
