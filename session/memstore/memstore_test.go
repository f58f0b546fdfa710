package memstore_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/sessiontest"
)

func TestStoreKeepsTheContract(t *testing.T) {
	for _, c := range sessiontest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.Run(t, sessiontest.Harness{Store: memstore.New(), Advance: time.Sleep, Full: !testneed.Race || testneed.Soak()})
			})
		})
	}
}

// The same suite as a store sees it that has a clock of its own. The test above has proved the
// cases that are slow there.
func TestStoreKeepsTheContractOnARealClock(t *testing.T) {
	for _, c := range sessiontest.Cases() {
		if c.Slow {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Run(t, sessiontest.Harness{Store: memstore.New()})
		})
	}
}
