//go:build unix

package integration_test

import (
	"sync"
	"testing"
	"time"
)

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

// slack is the time that a bound must leave out: the worst stall, twice, since what is measured
// waits for the server's process too.
func (s *stalls) slack() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return 2 * s.worst
}

// retries is how often a test may ask again because this machine did not run us for so long that
// the time of the service was lost: three times in all. Any other outage that nobody wants is a
// failure, and no test asks until it gets another answer.
type retries struct {
	stalls *stalls
	used   int
}

func newRetries(t *testing.T) *retries {
	t.Helper()
	return &retries{stalls: watchStalls(t)}
}

// ask calls do, which reports whether it was answered by an outage, and once more where that may
// be the machine's. what says who asks. It is not for concurrent use.
func (r *retries) ask(tb testing.TB, what string, do func() (outage bool)) {
	tb.Helper()
	r.stalls.take()
	if !do() {
		return
	}
	if stalled := r.stalls.take(); stalled > 20*time.Millisecond && r.used < 3 {
		r.used++
		tb.Logf("%s: an outage while the machine stalled for %v, asked again", what, stalled)
		do()
	}
}
