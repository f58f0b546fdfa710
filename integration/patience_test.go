package integration_test

import (
	"errors"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
)

// patience is how long a test waits for what a server does sooner or later, and how long a
// call is repeated. It is far more than any of that takes, also on a busy machine: what it
// bounds is a test that would wait for ever.
const patience = 30 * time.Second

// soon waits until a condition holds.
func soon(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(patience); !holds(); <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("it never came about that %s", what)
		}
	}
}

// eventually repeats do while it reports an outage: a busy machine may spend the budget
// of a call.
func eventually(tb testing.TB, what string, do func() error) {
	tb.Helper()
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		if err = do(); err == nil || !errors.Is(err, session.ErrUnavailable) {
			break
		}
	}
	if err != nil {
		tb.Fatalf("%s: %v", what, err)
	}
}
