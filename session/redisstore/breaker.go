package redisstore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// probeInterval is how often an open breaker asks whether Redis is back.
	probeInterval = 250 * time.Millisecond

	// In a window with at least so many calls, half of them outages open the breaker.
	breakerWindow      = time.Second
	breakerWindowCalls = 20

	// callerShare is the least time that a call must have had before the end of its
	// caller's own deadline counts against Redis.
	callerShare = 50 * time.Millisecond
)

// errBreakerOpen is the error of calls that were refused. It becomes an outage as every
// other error of the client does.
var errBreakerOpen = errors.New("redis did not answer lately, and is not asked")

// Stats is the state of a store's breaker and its counts since the store was made.
type Stats struct {
	BreakerOpen   bool
	BreakerOpened uint64 // times that it opened
	Refused       uint64 // calls that failed without asking Redis
	Probes        uint64 // questions whether Redis is back
}

// Stats returns the state of the breaker. It opens after 5 outages in a row, or when half
// of the calls of a second are outages. While it is open every call fails at once with
// session.ErrUnavailable, and every 250 ms one probe, which no caller waits for, asks
// whether Redis is back; the first that succeeds closes it. An answer of Redis, also that
// a session is gone or memory is short, is no outage, and neither is a caller that went
// away. On a cluster it opens after 64 in a row, when no master is left that answers.
func (s *Store) Stats() Stats { return s.client.breaker.stats() }

// breakerSettings configure a breaker.
type breakerSettings struct {
	consecutive int                             // outages in a row that open it
	ratio       bool                            // half of the calls open it as well
	probe       func(ctx context.Context) error // asks whether Redis is back
	onChange    func(open bool)                 // optional
}

// breaker keeps calls from waiting for a Redis that does not answer. Its zero value is not
// usable.
type breaker struct {
	breakerSettings
	open                    atomic.Bool
	opened, refused, probes atomic.Uint64

	ctx     context.Context // ends with close
	cancel  context.CancelFunc
	probing sync.WaitGroup

	mu     sync.Mutex // guards what follows, and changes of open
	row    int        // outages since the last answer
	since  time.Time  // when the window began
	calls  int        // of the window
	failed int        // of the window
}

func newBreaker(settings breakerSettings) *breaker {
	b := &breaker{breakerSettings: settings}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

// allow returns why a call must not be made, or nil. The call is then reported.
func (b *breaker) allow() error {
	if !b.open.Load() {
		return nil
	}
	b.refused.Add(1)
	return errBreakerOpen
}

// report says how a call ended and how long it took.
func (b *breaker) report(ctx context.Context, err error, took time.Duration) {
	outage := isSilence(err)
	if outage && !isRedis(ctx, took) {
		return // says nothing about Redis
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open.Load() || b.ctx.Err() != nil {
		return // began before it opened
	}
	now := time.Now()
	if now.Sub(b.since) > breakerWindow {
		b.since, b.calls, b.failed = now, 0, 0
	}
	b.calls++
	if !outage {
		b.row = 0
		return
	}
	b.row++
	b.failed++
	if b.row >= b.consecutive || b.ratio && b.calls >= breakerWindowCalls && 2*b.failed >= b.calls {
		b.trip()
	}
}

// trip opens the breaker and begins to probe. The caller holds the lock.
func (b *breaker) trip() {
	b.open.Store(true)
	b.opened.Add(1)
	b.notify(true)
	b.probing.Go(b.probeLoop)
}

// probeLoop asks until Redis is back, and closes the breaker.
func (b *breaker) probeLoop() {
	ticks := time.NewTicker(probeInterval)
	defer ticks.Stop()
	for {
		select {
		case <-b.ctx.Done():
			return
		case <-ticks.C:
		}
		b.probes.Add(1)
		err := b.probe(b.ctx)
		if errors.Is(err, redis.ErrClosed) {
			return // the client is closed: no call will ever be answered
		}
		if isSilence(err) {
			continue
		}
		b.mu.Lock()
		b.row, b.since = 0, time.Time{}
		b.open.Store(false)
		b.notify(false)
		b.mu.Unlock()
		return
	}
}

func (b *breaker) notify(open bool) {
	if b.onChange != nil {
		b.onChange(open)
	}
}

// close ends the probes. A breaker that is open stays so.
func (b *breaker) close() {
	b.mu.Lock() // no probe begins after this
	b.cancel()
	b.mu.Unlock()
	b.probing.Wait()
}

func (b *breaker) stats() Stats {
	return Stats{BreakerOpen: b.open.Load(), BreakerOpened: b.opened.Load(), Refused: b.refused.Load(), Probes: b.probes.Load()}
}

// silent are the errors by which a server says that it answers nothing for now. Others,
// such as a lack of memory or of permission for one command, are answers: reads and
// revocations may work all the same.
var silent = []string{"LOADING", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "NOAUTH", "WRONGPASS", "Protocol error: unauthenticated", "max number of clients"}

// isSilence reports whether an error means that Redis did not answer.
func isSilence(err error) bool {
	if err == nil || errors.Is(err, redis.Nil) || errors.Is(err, errForeign) {
		return false
	}
	var answer redis.Error
	if !errors.As(err, &answer) {
		return true
	}
	for _, prefix := range silent {
		if redis.HasErrorPrefix(err, prefix) {
			return true
		}
	}
	return false
}

// isRedis reports whether a call without an answer is the fault of Redis, rather than of
// a caller that went away or left it no time.
func isRedis(ctx context.Context, took time.Duration) bool {
	switch cause := context.Cause(ctx); {
	case cause == nil, errors.Is(cause, errBudget):
		return true
	case errors.Is(cause, context.DeadlineExceeded):
		return took >= callerShare
	}
	return false
}
