package integration_test

import (
	"errors"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
)

// serverLimit is for how long a set-up may find its server out, or a server that comes back be out to
// an instance, whose breaker asks ten times a second.
const serverLimit = 10 * time.Second

// eventually repeats do while it reports an outage: a busy machine may spend the budget
// of a call. It is for set-ups and for what comes after a fault, and says what it has repeated; what
// a test is about is asked once.
func eventually(tb testing.TB, what string, do func() error) {
	tb.Helper()
	var err error
	for began, outages := time.Now(), 0; ; <-time.After(5 * time.Millisecond) {
		if err = do(); !errors.Is(err, session.ErrUnavailable) || time.Since(began) > serverLimit {
			if outages > 0 {
				tb.Logf("%s: %d outages before it", what, outages)
			}
			break
		}
		outages++
	}
	if err != nil {
		tb.Fatalf("%s: %v", what, err)
	}
}

// nextSecond returns in another second than it was called in: times in tokens are in seconds.
func nextSecond() {
	for began := time.Now().Unix(); time.Now().Unix() == began; <-time.After(5 * time.Millisecond) {
	}
}
