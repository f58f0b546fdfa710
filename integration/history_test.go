//go:build unix

package integration_test

import (
	"os"
	"sync"
	"testing"

	"github.com/reevehq/reeve/integration/history"
	"github.com/reevehq/reeve/internal/testneed"
)

// TestNothingIsAllowedByAnOlderState drives two instances through faults of Redis and of the
// network, and judges every call by a model of what may be allowed: a few faults here, all of
// them in the long proof below.
func TestNothingIsAllowedByAnOlderState(t *testing.T) {
	if testneed.Soak() {
		t.Skip("the long proof has all faults")
	}
	t.Parallel()
	for _, c := range []struct {
		trial  string
		roles  authority
		cached bool
	}{
		{"none", ofSession, true},
		{"none", ofSession, false},
		{"SIGSTOP for 2 s", ofSession, true},
		{"kill -9, AOF always", ofSession, false},
		{"CLIENT KILL pubsub", ofSession, true},
		{"an instance in a black hole", ofSession, true},
		{"an instance with half-open connections", ofSession, false},
		{"none", ofService, true},
		{"none", ofUser, false},
		{"kill -9, AOF always", ofUser, true},
		{"CLIENT KILL pubsub", ofService, true},
		{"an instance with half-open connections", ofService, false},
	} {
		t.Run(c.trial+", "+storeName(c.roles, c.cached), func(t *testing.T) {
			t.Parallel()
			judged(t, trialNamed(t, c.trial).run(t, c.roles, c.cached, 500))
		})
	}
}

// soakRequests is how many requests the long proof makes at least, of all faults.
const soakRequests = 200_000

func trialNamed(t *testing.T, name string) trial {
	t.Helper()
	for _, f := range trials {
		if f.name == name {
			return f
		}
	}
	t.Fatalf("there is no fault %q", name)
	return trial{}
}

// TestNothingIsAllowedByAnOlderStateUnderAnyFault prints the table of the documentation:
//
//	cd integration
//	REEVE_SOAK=1 go test -timeout 60m -run TestNothingIsAllowedByAnOlderStateUnderAnyFault .
//
// A row that is not as it must be is an error.
func TestNothingIsAllowedByAnOlderStateUnderAnyFault(t *testing.T) {
	if !testneed.Soak() {
		t.Skip("set REEVE_SOAK")
	}
	var mu sync.Mutex
	var rows []history.Row
	requests := 0
	for _, f := range append(trials, storm()) {
		for _, in := range []struct {
			roles  authority
			cached bool
		}{{ofSession, false}, {ofSession, true}, {ofUser, false}, {ofService, true}} {
			t.Run(f.name+", "+storeName(in.roles, in.cached), func(t *testing.T) {
				row := f.run(t, in.roles, in.cached, soakRequests/(4*len(trials))+1)
				judged(t, row)
				mu.Lock()
				defer mu.Unlock()
				rows = append(rows, row)
				requests += row.Requests
			})
		}
	}
	if err := history.Table(os.Stdout, rows); err != nil {
		t.Fatal(err)
	}
	if all := 4 * (len(trials) + 1); len(rows) == all && requests < soakRequests {
		t.Errorf("there were %d requests, want at least %d", requests, soakRequests)
	}
}
