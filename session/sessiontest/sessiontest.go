// Package sessiontest is the conformance suite of [session.Store]. A store that passes it
// keeps what the contract promises; one that does not is not safe behind the middleware.
//
//	func TestStore(t *testing.T) {
//		sessiontest.Run(t, func(t *testing.T) sessiontest.Harness {
//			return sessiontest.Harness{Store: open(t)}
//		})
//	}
//
// For most uses [Run] is enough; [Cases] is for a test that runs each case in a synctest bubble.
// [RunReplay] does the same for a token.ReplayStore.
//
// With -short the suite plays fewer rounds of the concurrent cases and leaves out the one
// that must wait longer than session.TouchInterval on a real clock. With Harness.Full it
// plays as many as it takes to say "never".
package sessiontest

import (
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
)

// Harness is one store under test and its clock.
type Harness struct {
	// Store is empty and shared with no other case: the suite revokes everything in it.
	Store session.Store

	// Advance makes the store's clock pass d. Nil means that the clock is real: the suite
	// then works with lifetimes of some hundred milliseconds and waits.
	Advance func(d time.Duration)

	// Full plays the concurrent cases in full: 10,000 interleavings of revocations and
	// writes, 64 times 100 updates, 1,000 times 100 refreshes. In memory these are
	// seconds, over a network minutes.
	Full bool
}

// Case is one sentence of the contract. Run calls neither t.Run nor t.Parallel, so that a
// case may run in a testing/synctest bubble.
type Case struct {
	Name string
	Slow bool // waits longer than session.TouchInterval on a real clock
	Run  func(t *testing.T, h Harness)
}

// Run runs every case as a subtest, each with a harness of its own from open.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			h := open(t)
			if c.Slow && h.Advance == nil && testing.Short() {
				t.Skip("waits longer than session.TouchInterval on a real clock")
			}
			c.Run(t, h)
		})
	}
}

// Cases returns the whole suite, for callers that run each case in surroundings of their
// own. [Run] is for everyone else.
func Cases() []Case {
	var all []Case
	for _, group := range [][]scene{records(), expiry(), updates(), rotations(), refreshes(), revocations(), lists(), tenants(), races(), isolation(), limits(), bounds(), peeks(), events(), impersonations(), adoptions(), signOuts(), blocks(), erasures(), grants(), graces(), adoptedGrants()} {
		for _, s := range group {
			all = append(all, Case{s.name, s.slow, func(t *testing.T, h Harness) { s.play(newKit(t, h)) }})
		}
	}
	return all
}

type scene struct {
	name string
	play func(k *kit)
	slow bool
}
