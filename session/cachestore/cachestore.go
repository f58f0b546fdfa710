// Package cachestore keeps sessions of another store in the memory of this process, so that
// most loads send nothing.
//
// For most uses a [session.Manager] on redisstore alone is fast enough: a load is one round
// trip. Put a [Store] of this package between the two when Redis is far away, or when requests
// must be served for a moment while it does not answer. It needs a feed of the store that it
// caches, which redisstore has and memstore needs not: a store in memory gains nothing by it.
//
//	cache, err := cachestore.New(cachestore.Config{Store: store, Feed: redisstore.NewFeed(store)})
//	err = cache.Start(ctx)
//	defer cache.Close()
//	manager, err := session.NewManager(cache, session.Config{Key: key})
package cachestore

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/internal/nearcache"
	"github.com/reevehq/reeve/session"
)

// ErrStarted means that a [Store] was started before or is closed.
var ErrStarted = errors.New("cachestore: started before")

// Store is a [session.Store] that serves sessions of another store from memory. It does so
// only while all of this holds; otherwise it asks the store, and returns the store's answer:
//
//   - The lease is fresh: a heartbeat that the feed sent at most Lease ago came back on the
//     connection that announcements come by. So an instance that hears nothing, for whatever
//     reason, allows nothing longer than that without asking.
//   - No change of the session, its user, its tenant or everyone was announced since
//     before it was read. A change by this Store counts as announced before the method
//     returns.
//   - By the latest the store's clock can be, it is neither expired nor idle.
//   - It was read within the last 30 seconds, whatever was announced.
//
// Only live sessions are kept, never that there is none. Loads of one session at the same
// time ask the store once, on behalf of all of them and bound to the context of none.
//
// A use is recorded as [session.Store] says, at most once in [session.TouchInterval], but in
// the background of the load that was served from memory. A Store is safe for concurrent use.
type Store struct {
	store   session.Store
	feed    session.Feed
	limit   time.Duration // of the lease
	entries nearcache.Cache[entryKey, *entry]
	signIns nearcache.Cache[signInKey, session.ID]
	stamps  *stamps
	lease   atomic.Pointer[lease]
	count   counters
	began   time.Time // from which entries count when they were read
	number  uint32    // which Store of this process, from 1

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	running sync.WaitGroup
	pending chan pendingRead // to a goroutine that waits for one

	mu      sync.Mutex
	started bool
	closed  bool
	reads   map[session.Ref]*read
}

var _ session.Store = (*Store)(nil)

// made counts the Stores of this process.
var made atomic.Uint32

// New returns a cache, or every problem of cfg. Until [Store.Start] it keeps nothing and asks
// the store each time.
func New(cfg Config) (*Store, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	c := &Store{
		store: cfg.Store, feed: cfg.Feed, limit: cfg.Lease,
		entries: nearcache.NewWithGone[entryKey](cfg.MaxEntries, dropped),
		signIns: nearcache.New[signInKey, session.ID](cfg.MaxEntries),
		stamps:  newStamps(cfg.MaxEntries),
		reads:   map[session.Ref]*read{}, pending: make(chan pendingRead), began: time.Now(), number: made.Add(1),
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// Start begins to listen to the feed, until ctx is done or Close is called. It does not wait
// for the feed: until the first heartbeat every load asks the store, and so does every load
// after ctx is done. The second call
// returns [ErrStarted], and so does a call after Close.
func (c *Store) Start(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.started || c.closed {
		return ErrStarted
	}
	c.started = true
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(c.ctx, cancel)
	c.running.Go(func() {
		defer cancel()
		defer stop()
		c.feed.Listen(ctx, listener{c})
		c.reset()
	})
	return nil
}

// Close stops listening, forgets what is kept, and returns when nothing runs in the
// background. The store stays open; loads after Close ask it. Close returns nil.
func (c *Store) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.running.Wait()
	c.reset()
	c.entries.InvalidateAll()
	c.signIns.InvalidateAll()
	return nil
}
