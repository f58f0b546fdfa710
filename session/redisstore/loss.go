package redisstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
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

// canary is an instance's state of one server.
type canary struct {
	key     string
	id      string    // "" before the first answer
	loss    uint64    // µs by the server, 0 for none
	askedAt time.Time // before it was asked for the last answer
	check   *checking // under way, or nil
}

// checking is a check that several calls wait for.
type checking struct {
	done chan struct{}
	err  error // set before done is closed
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

// fresh reports whether the last answer is young enough by both of the system's clocks: the
// monotonic one stands still while a machine is suspended.
func (c *canary) fresh(now time.Time, limit time.Duration) bool {
	age, wall := now.Sub(c.askedAt), now.Round(0).Sub(c.askedAt.Round(0))
	return c.id != "" && age >= 0 && age < limit && wall >= 0 && wall < limit
}

// canaryOf returns the canary of the server that has a key.
func (s *Store) canaryOf(ctx context.Context, key string) (*canary, error) {
	cluster, ok := s.client.raw.(*redis.ClusterClient)
	if !ok {
		return s.losses.at(s.names.canary(0)), nil
	}
	master, err := cluster.MasterForKey(ctx, key)
	if err != nil {
		return nil, err
	}
	s.losses.mu.Lock()
	known := s.losses.masters[master]
	s.losses.mu.Unlock()
	if known != nil {
		if still, err := cluster.MasterForKey(ctx, known.key); err == nil && still == master {
			return known, nil
		}
	}
	name, err := s.canaryAt(ctx, cluster, master)
	if err != nil {
		return nil, err
	}
	if name == "" {
		return nil, errors.New("a master of the cluster has too few slots to be watched")
	}
	found := s.losses.at(name)
	s.losses.mu.Lock()
	defer s.losses.mu.Unlock()
	s.losses.masters[master] = found
	return found, nil
}

// canaryAt returns the name of a canary in a slot of a master, "" when it has next to none.
func (s *Store) canaryAt(ctx context.Context, cluster *redis.ClusterClient, master *redis.Client) (string, error) {
	for n := range maxCanaries {
		name := s.names.canary(n)
		holder, err := cluster.MasterForKey(ctx, name)
		if err != nil {
			return "", err
		}
		if holder == master {
			return name, nil
		}
	}
	return "", nil
}

// at returns the canary of that name.
func (l *losses) at(key string) *canary {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.canaries[key]
	if c == nil {
		c = &canary{key: key}
		l.canaries[key] = c
	}
	return c
}

// canary is the name of the nth canary. The first is where every read looks.
func (n names) canary(i int) string {
	if i == 0 {
		return n.global() + ":c"
	}
	return n.prefix + ":{c-" + strconv.Itoa(i) + "}"
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

func (s *Store) check(ctx context.Context, c *canary, limit time.Duration) error {
	f, err := s.checking(c, limit)
	if f == nil {
		return err
	}
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return failed(context.Cause(ctx))
	}
}

// checking returns the check of a server that is under way or begins, and nil where its last answer
// is younger than limit.
func (s *Store) checking(c *canary, limit time.Duration) (*checking, error) {
	l := s.losses
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.fresh(time.Now(), limit) {
		return nil, nil
	}
	if c.check == nil {
		if l.ctx.Err() != nil {
			return nil, fmt.Errorf("%w: the store is closed", session.ErrUnavailable)
		}
		f := &checking{done: make(chan struct{})}
		c.check = f
		l.running.Go(func() { s.ask(c, f) })
	}
	return c.check, nil
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

// ask asks one server, on behalf of all who wait and bound to the context of none.
func (s *Store) ask(c *canary, f *checking) {
	ctx, cancel := s.within(s.losses.ctx)
	defer cancel()
	askedAt := time.Now()
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		return []*call{s.checkCall(ctx, eval, c)}
	})
	if err != nil {
		f.err = failed(err)
	} else {
		_, f.err = s.heed(c, askedAt, answers[0])
	}
	s.losses.mu.Lock()
	c.check = nil
	s.losses.mu.Unlock()
	close(f.done)
}

func (s *Store) checkCall(ctx context.Context, eval bool, c *canary) *call {
	s.losses.mu.Lock()
	known := c.id
	s.losses.mu.Unlock()
	return checkScript.call(ctx, eval, []string{c.key}, known, rand.Text())
}

// heed takes an answer of check.lua, and returns the id of the server's replication.
func (s *Store) heed(c *canary, askedAt time.Time, answer any) (data string, err error) {
	if answer == "denied" {
		return "", fmt.Errorf("%w: %w: the user of Redis lacks +info, without which no loss of keys is seen", session.ErrUnavailable, ErrMisconfigured)
	}
	r := newReply(answer, 7)
	now := r.mustNumber()
	id := r.must()
	loss, _ := r.number()
	why, policy := r.must(), r.must()
	limit, err := strconv.ParseUint(r.must(), 10, 64)
	data = r.must()
	if r.err == nil && (err != nil || id == "" || policy == "") {
		r.corrupt("check")
	}
	if r.err != nil {
		return "", r.err
	}
	s.note(c, askedAt, finding{id: id, now: now, loss: loss, why: why, policy: policy, limit: limit})
	s.reassert.pushOwed(time.Now(), push{Store: s}.putBack)
	return data, nil
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
