package session_test

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/session"
)

// A page shows users where they are signed in, and lets them end what they do not know.
func ExampleManager_Devices() {
	ctx := context.Background()
	manager := exampleManager(session.Config{})
	unknown, _ := exampleSignIn(manager)
	here, _ := exampleSignIn(manager)
	devices, err := manager.Devices(ctx, here.Ref())
	if err != nil {
		panic(err)
	}
	for _, d := range devices {
		fmt.Println(d.UserAgent, d.Address, d.Current)
	}
	// The page posts the digest of a device.
	if err := manager.RevokeDevice(ctx, here.Ref(), unknown.ID.Fingerprint()); err != nil {
		panic(err)
	}
	devices, err = manager.Devices(ctx, here.Ref())
	fmt.Println(len(devices), err)
	// Output:
	// Firefox on Linux 192.0.2.7 false
	// Firefox on Linux 192.0.2.7 true
	// 1 <nil>
}
