// Package testwait waits for what a test is sure to see sooner or later.
package testwait

import (
	"testing"
	"time"
)

// Limit is how long a test waits for what must come about. It is far more than any of that
// takes, also on a busy machine: it bounds a test that would wait for ever.
const Limit = 30 * time.Second

// Until waits until a condition holds, which what says: "the session is refused". The test
// ends when it does not within [Limit].
func Until(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(Limit); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatalf("it never came about that %s", what)
		}
	}
}
