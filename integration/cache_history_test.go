//go:build unix

package integration_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
)

// history is what several instances did, each call from its invocation to its return by
// the monotonic clock of this process.
type history struct {
	began time.Time
	mu    sync.Mutex
	calls []call
	holes []hole
}

// call is one call that said something: a load that was allowed, or a change that was
// acknowledged. Calls that ended in an outage allow nothing and promise nothing.
type call struct {
	kind             callKind
	who              string // the instance
	session          session.ID
	version          uint64 // that was returned by a load or made by an update
	invoke, returned time.Duration
}

type callKind string

const (
	allowed callKind = "load"
	revoked callKind = "revoke"
	updated callKind = "update"
)

// hole is a time in which an instance could ask nobody: it must allow nothing.
type hole struct {
	who        string // "" is every instance
	from, till time.Duration
}

func newHistory() *history { return &history{began: time.Now()} }

func (h *history) now() time.Duration { return time.Since(h.began) }

func (h *history) add(c call) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, c)
}

// hole notes that who could ask nobody from then until now.
func (h *history) hole(who string, from time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.holes = append(h.holes, hole{who, from, h.now()})
}

// check returns the loads that were invoked later than bound after a revocation or an
// update had returned, and saw the session as it was before; and those that were invoked
// later than bound into a hole. latest is the latest that such a load was invoked, within
// the bound or not.
func (h *history) check(bound time.Duration) (violations []string, latest time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	changes := map[session.ID][]call{}
	for _, c := range h.calls {
		if c.kind != allowed {
			changes[c.session] = append(changes[c.session], c)
		}
	}
	for _, load := range h.calls {
		if load.kind != allowed {
			continue
		}
		for _, change := range changes[load.session] {
			if change.kind == updated && load.version >= change.version {
				continue
			}
			late := load.invoke - change.returned
			latest = max(latest, late)
			if late > bound {
				violations = append(violations, fmt.Sprintf("%s allowed a session %v after a %s had returned", load.who, late, change.kind))
			}
		}
		for _, hole := range h.holes {
			if (hole.who == "" || hole.who == load.who) && load.invoke > hole.from+bound && load.returned < hole.till {
				violations = append(violations, fmt.Sprintf("%s allowed a session %v after it was cut off", load.who, load.invoke-hole.from))
			}
		}
	}
	return violations, latest
}

func (h *history) count(kind callKind) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.calls {
		if c.kind == kind {
			n++
		}
	}
	return n
}

// A checker that finds nothing proves nothing: it must find what is planted.
func TestTheHistoryCheckerFindsStaleLoads(t *testing.T) {
	const ms = time.Millisecond
	id, other := session.NewID(), session.NewID()
	load := func(id session.ID, version uint64, at time.Duration) call {
		return call{allowed, "a", id, version, at, at + ms}
	}
	change := func(kind callKind, version uint64, at time.Duration) call {
		return call{kind, "b", id, version, at - ms, at}
	}
	for name, c := range map[string]struct {
		calls []call
		holes []hole
		found int
	}{
		"a load after the bound":                    {[]call{change(revoked, 0, 10*ms), load(id, 1, 61*ms)}, nil, 1},
		"a load within the bound":                   {[]call{change(revoked, 0, 10*ms), load(id, 1, 60*ms)}, nil, 0},
		"a load before the revocation":              {[]call{load(id, 1, 5*ms), change(revoked, 0, 10*ms)}, nil, 0},
		"a load of another session":                 {[]call{change(revoked, 0, 10*ms), load(other, 1, 900*ms)}, nil, 0},
		"an old version after the bound":            {[]call{change(updated, 2, 10*ms), load(id, 1, 61*ms)}, nil, 1},
		"the new version after the bound":           {[]call{change(updated, 2, 10*ms), load(id, 2, 61*ms)}, nil, 0},
		"a load in a hole":                          {[]call{load(id, 1, 80*ms)}, []hole{{"", 10 * ms, 100 * ms}}, 1},
		"a load in the hole of another":             {[]call{load(id, 1, 80*ms)}, []hole{{"b", 10 * ms, 100 * ms}}, 0},
		"a load that returned after the hole ended": {[]call{load(id, 1, 80*ms)}, []hole{{"a", 10 * ms, 80 * ms}}, 0},
	} {
		h := newHistory()
		h.calls, h.holes = c.calls, c.holes
		if violations, _ := h.check(50 * ms); len(violations) != c.found {
			t.Errorf("%s: found %v, want %d", name, violations, c.found)
		}
	}
}

// stalls measures for how long this process was not run when it should have been, which no
// bound on a time can leave out on a busy machine.
type stalls struct {
	mu    sync.Mutex
	worst time.Duration
	stop  chan struct{}
}

func watchStalls(t *testing.T) *stalls {
	t.Helper()
	s := &stalls{stop: make(chan struct{})}
	var done sync.WaitGroup
	done.Go(func() {
		for {
			began := time.Now()
			select {
			case <-s.stop:
				return
			case <-time.After(time.Millisecond):
			}
			late := time.Since(began) - time.Millisecond
			s.mu.Lock()
			s.worst = max(s.worst, late)
			s.mu.Unlock()
		}
	})
	t.Cleanup(func() { close(s.stop); done.Wait() })
	return s
}

// take returns the worst stall since the last call, and begins anew.
func (s *stalls) take() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	worst := s.worst
	s.worst = 0
	return worst
}

// slack is what a bound must leave out: the worst stall, twice, since what is measured
// waits for the server's process too.
func (s *stalls) slack() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return 2 * s.worst
}
