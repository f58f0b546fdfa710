package redisstore

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
)

const (
	// checkInterval is how old the answer of a server to check.lua may be when something is
	// decided by it, and how often at most an instance asks.
	checkInterval = time.Second

	// maxCanaries bounds the search for a canary in a slot of each master of a cluster.
	maxCanaries = 1 << 12

	// longAgo is the age of a loss that matters to nobody who starts now: nothing that may be
	// used once lives as long.
	longAgo = 2 * time.Hour
)

// losses notices keys that an instance's servers have lost. Each server is asked by
// check.lua for a key of ours, the canary, in a slot of its own.
type losses struct {
	ctx     context.Context // ends with close
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu        sync.Mutex
	canaries  map[string]*canary // by key
	masters   map[*redis.Client]*canary
	listeners map[int]func()
	next      int // of listeners
	server    ServerStats
	lost      time.Time // local time before which the last loss was, with the monotonic clock
}

func newLosses() *losses {
	l := &losses{canaries: map[string]*canary{}, masters: map[*redis.Client]*canary{}, listeners: map[int]func(){}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

func (l *losses) close() {
	l.mu.Lock() // no check begins after this
	l.cancel()
	l.mu.Unlock()
	l.running.Wait()
}

// receive calls lost after each loss that this instance sees, until the returned function is
// called.
func (l *losses) onLoss(lost func()) (stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	n := l.next
	l.listeners[n] = lost
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.listeners, n)
	}
}

// held returns an error wrapping [session.ErrUnavailable] while uses within ttl may be among the
// keys that were lost.
func (l *losses) held(ttl time.Duration) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost.IsZero() {
		return nil
	}
	left := ttl - time.Since(l.lost)
	if left <= 0 {
		return nil
	}
	return fmt.Errorf("%w: what was used may be forgotten, %s: for %v more nothing is known to be unused",
		session.ErrUnavailable, l.server.LastLoss, left.Round(time.Second))
}

// checked returns nil when the server that has a key was asked less than checkInterval ago,
// and asks it otherwise. Calls at the same time share one question. A loss that it told of is
// in [losses.held] then.
func (s *Store) checked(ctx context.Context, key string) error {
	c, err := s.canaryOf(ctx, key)
	if err != nil {
		return failed(err)
	}
	return s.check(ctx, c, checkInterval)
}

// look is a check of the server by a load of a key, once in a second: a call that goes with it, or
// on a cluster, whose canary is in another slot, one of its own that nobody waits for.
type look struct {
	canary  *canary
	askedAt time.Time
}

// lookBy returns the call that goes with a load, and nil where none does. One that does is heeded.
func (s *Store) lookBy(ctx context.Context, eval bool, l *look, key string) *call {
	if !s.reassert.one {
		return primaryScript.call(ctx, eval, []string{key})
	}
	l.canary, l.askedAt = s.losses.at(s.names.canary(0)), time.Now()
	return s.checkCall(ctx, eval, l.canary)
}

// looked takes the answer to what lookBy returned.
func (s *Store) looked(ctx context.Context, l look, key string, answer any) {
	if l.canary == nil {
		s.meet(answer)
		if c, err := s.canaryOf(ctx, key); err == nil {
			_, _ = s.checking(c, checkInterval)
		}
		return
	}
	if data, err := s.heed(l.canary, l.askedAt, answer); err == nil {
		s.meet(data)
	}
}

// finding is the answer of check.lua about a server.
type finding struct {
	id          string // of the canary
	now, loss   uint64 // µs by the server
	why, policy string
	limit       uint64 // bytes
}

// note takes a finding, unless a later one was here first, which says more.
func (s *Store) note(c *canary, askedAt time.Time, f finding) {
	received := time.Now()
	age := max(0, time.Duration(int64(f.now)-int64(f.loss))*time.Microsecond) // both by the server's clock
	l := s.losses
	l.mu.Lock()
	if c.id != "" && !askedAt.After(c.askedAt) {
		l.mu.Unlock()
		return
	}
	first, news := c.id == "", f.loss != 0 && f.loss != c.loss
	before := l.server
	c.id, c.askedAt, c.loss = f.id, askedAt, f.loss
	l.server.CheckedAt, l.server.MaxMemoryPolicy, l.server.MaxMemory = received, f.policy, f.limit
	if news {
		if at := received.Add(-age); at.After(l.lost) {
			l.lost, l.server.LostAt, l.server.LastLoss = at, fromMicros(int64(f.loss)), f.why
		}
		l.server.Losses++
	}
	after, notify := l.server, slices.Collect(maps.Values(l.listeners))
	l.mu.Unlock()
	if news {
		s.reassert.owe()
		for _, lost := range notify {
			lost()
		}
		if !first || age < longAgo {
			s.logger.Warn("redis has lost keys: what is used once is refused for as long as it may live, and caches start anew",
				slog.String("cause", f.why), slog.Time("lost_at", fromMicros(int64(f.loss))))
		}
	}
	s.report(before, after)
}

// checkAll asks every server that was not asked lately, and returns when to ask again, so that
// no answer becomes as old as checkInterval.
func (s *Store) checkAll(ctx context.Context) (wait time.Duration) {
	const often = checkInterval * 19 / 20
	ctx, cancel := s.within(ctx)
	defer cancel()
	wait = often
	var mu sync.Mutex
	look := func(name string) {
		c := s.losses.at(name)
		err := s.check(ctx, c, often-checkInterval/20)
		s.losses.mu.Lock()
		next := often - time.Since(c.askedAt)
		s.losses.mu.Unlock()
		if err != nil {
			next = heartbeatInterval
		}
		mu.Lock()
		defer mu.Unlock()
		wait = min(wait, max(next, checkInterval/20))
	}
	cluster, ok := s.client.raw.(*redis.ClusterClient)
	if !ok {
		look(s.names.canary(0))
		return wait
	}
	_ = cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		if name, err := s.canaryAt(ctx, cluster, master); err == nil && name != "" {
			look(name)
		}
		return nil
	})
	return wait
}
