package session

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
)

// Defaults and limits of [CacheOptions].
const (
	DefaultCacheEntries = 1 << 16
	MaxCacheEntries     = 1 << 24
	DefaultLease        = time.Second
	MinLease            = 100 * time.Millisecond
	MaxLease            = 5 * time.Second
)

// CacheOptions configures a [Cache]. The zero value is the defaults.
type CacheOptions struct {
	// MaxEntries is how many sessions are kept at most; those that are rarely used give
	// way. A session of a few roles and attributes takes under 600 bytes. Default
	// [DefaultCacheEntries], at most [MaxCacheEntries].
	MaxEntries int

	// Lease is for how long a session is served after the feed last proved that it hears
	// the store, and so how late a revocation can be for an instance that is cut off.
	// Default [DefaultLease]; from [MinLease] to [MaxLease], and several times the
	// interval at which the feed beats.
	Lease time.Duration
}

func (o CacheOptions) withDefaults() (CacheOptions, error) {
	if o.MaxEntries == 0 {
		o.MaxEntries = DefaultCacheEntries
	}
	if o.Lease == 0 {
		o.Lease = DefaultLease
	}
	var problems []error
	if o.MaxEntries < 0 || o.MaxEntries > MaxCacheEntries {
		problems = append(problems, fmt.Errorf("%w: CacheOptions.MaxEntries: %d is not between 1 and %d", ErrInvalid, o.MaxEntries, MaxCacheEntries))
	}
	if o.Lease < MinLease || o.Lease > MaxLease {
		problems = append(problems, fmt.Errorf("%w: CacheOptions.Lease: %v is not between %v and %v", ErrInvalid, o.Lease, MinLease, MaxLease))
	}
	return o, errors.Join(problems...)
}

// Cache is a [Store] that keeps sessions of another store in this process, so that most
// loads send nothing. Put it between a [Manager] and a store that is far away:
//
//	cache, err := session.NewCache(store, feed, session.CacheOptions{})
//	cache.Start()
//	defer cache.Close()
//	manager, err := session.NewManager(cache, options)
//
// A session is served from memory only while all of this holds; otherwise the store is
// asked, and what it answers is the answer:
//
//   - The lease is fresh: a beat that the feed sent at most Lease ago came back on the
//     connection that announcements come by. So an instance that hears nothing, of
//     whatever reason, allows nothing longer than that without asking.
//   - No change of the session, its user, its tenant or everyone was announced since
//     before it was read. What this Cache changes itself is as good as announced before
//     the method returns.
//   - By the latest the store's clock can be, it is neither expired nor idle.
//   - It was read within the last 30 seconds, whatever was announced.
//
// Only live sessions are kept, never that there is none. Loads of one session at the same
// time ask the store once, on behalf of all of them and bound to the context of none.
//
// A use is recorded as [Store] says, at most once in [TouchInterval], but in the
// background of the load that was served from memory.
type Cache struct {
	store   Store
	feed    Feed
	opts    CacheOptions
	entries *otter.Cache[entryKey, *entry]
	stamps  *stamps
	lease   atomic.Pointer[lease]
	count   counters
	began   time.Time // from which entries count when they were read

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup
	jobs    chan job // to a goroutine that waits for one

	mu      sync.Mutex
	started bool
	closed  bool
	flights map[Ref]*flight
}

var (
	_ Store    = (*Cache)(nil)
	_ Listener = (*Cache)(nil)
)

// NewCache returns a cache of store that hears of changes from feed. Until [Cache.Start]
// it keeps nothing and asks the store each time.
func NewCache(store Store, feed Feed, opts CacheOptions) (*Cache, error) {
	if store == nil || feed == nil {
		return nil, fmt.Errorf("%w: a cache needs a Store and a Feed", ErrInvalid)
	}
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	entries, err := otter.New(&otter.Options[entryKey, *entry]{
		MaximumSize: opts.MaxEntries,
		Executor:    func(task func()) { task() }, // no goroutine that Close does not end
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	c := &Cache{store: store, feed: feed, opts: opts, entries: entries, stamps: newStamps(opts.MaxEntries), flights: map[Ref]*flight{}, jobs: make(chan job), began: time.Now()}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Start begins to listen to the feed. Only the first call does something, and none after
// Close.
func (c *Cache) Start() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started || c.closed {
		return
	}
	c.started = true
	c.running.Go(func() { c.feed.Listen(c.ctx, c) })
}

// Close stops listening, forgets what is kept, and returns when nothing runs in the
// background. The store stays open; loads after Close ask it. Close returns nil.
func (c *Cache) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.running.Wait()
	c.Reset()
	c.entries.InvalidateAll()
	return nil
}

// Reset implements [Listener]. Only the feed calls it.
func (c *Cache) Reset() {
	c.lease.Store(nil)
	c.stamps.advance(ScopeAll, "")
	c.count.resets.Add(1)
}

// Changed implements [Listener]. Only the feed calls it.
func (c *Cache) Changed(scope Scope, topic string) {
	c.stamps.advance(scope, topic)
	c.count.changes.Add(1)
}

// Heartbeat implements [Listener]. Only the feed calls it.
func (c *Cache) Heartbeat(sent, store time.Time) {
	if held := c.lease.Load(); held == nil || sent.After(held.sent) {
		c.lease.Store(&lease{sent, store})
	}
}

// lease is the last beat that arrived.
type lease struct{ sent, store time.Time }

// fresh reports whether the lease holds at now. It is measured by both of the system's
// clocks: the monotonic one stands still while a machine is suspended, and the other one
// jumps when it is set. Either way nothing is served until the next beat.
func (l *lease) fresh(now time.Time, limit time.Duration) bool {
	if l == nil {
		return false
	}
	age, wall := now.Sub(l.sent), now.Round(0).Sub(l.sent.Round(0))
	return age >= 0 && age < limit && wall >= 0 && wall < limit
}

// latest is the latest that the store's clock can be at now.
func (l *lease) latest(now time.Time) time.Time { return l.store.Add(now.Sub(l.sent)) }
