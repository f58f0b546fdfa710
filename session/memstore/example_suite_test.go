package memstore_test

import (
	"testing"

	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/sessiontest"
)

// A store of one's own is held to the contract by the suite. In a program this function is
// TestStore of the store's package.
func Example_conformance() {
	_ = func(t *testing.T) {
		sessiontest.Run(t, func(t *testing.T) sessiontest.Harness {
			return sessiontest.Harness{Store: memstore.New()}
		})
	}
}
