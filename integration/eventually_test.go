package integration_test

import (
	"errors"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
)

// eventually repeats do while it reports an outage: a busy machine may spend the budget
// of a call.
func eventually(tb testing.TB, what string, do func() error) {
	tb.Helper()
	var err error
	for deadline := time.Now().Add(testwait.Limit); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		if err = do(); err == nil || !errors.Is(err, session.ErrUnavailable) {
			break
		}
	}
	if err != nil {
		tb.Fatalf("%s: %v", what, err)
	}
}
