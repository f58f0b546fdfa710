package redispolicy

import (
	"context"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/tenant"
)

// Stats count the work of a [Follower], for metrics and readiness.
type Stats struct {
	Revision   string // that decides now
	Sequence   uint64 // of the record that holds, 0 before the first
	LoadedAt   time.Time
	Contact    time.Time // when Redis last answered, zero for never; the policy may be as old
	Subscribed bool      // whether announcements arrive

	Announcements int64
	Checks        int64 // looks at Redis
	Failures      int64 // looks that Redis did not answer
	Reloads       int64 // bundles that took effect
	Refused       int64 // records and bundles that were refused, each counted once

	// Err is why what Redis holds is not what decides, or why that is not known; nil when
	// all is well. It wraps [policy.ErrTenantHeld] when everything decides but some tenants'
	// own files.
	Err error

	// Tenants are those that publish their own rows by keys of their own, sorted.
	Tenants []TenantStats
}

// Follower keeps an engine at the published policy. Its methods are safe for concurrent use.
type Follower struct {
	client redis.UniversalClient
	engine *policy.Engine
	config FollowerConfig
	keys   keys

	wake   chan struct{} // has room for one: many announcements are one look
	cancel context.CancelFunc
	wg     sync.WaitGroup

	look    sync.Mutex // held during a look; guards what follows
	holds   record     // zero before the first
	held    error      // what of it is not in effect: some tenants' own files
	failed  brokenBundle
	bundle  *policy.Bundle                                                       // that the record names, nil before the first
	trusted map[tenant.ID][]ed25519.PublicKey                                    // of tenants, by the bundle
	tenants map[tenant.ID]tenantState                                            // also of those that are not trusted any more
	ask     func(known map[tenant.ID]string) (map[tenant.ID]tenantAnswer, error) // of Redis, during a look
	allowed bool                                                                 // whether the user of Redis was found to lack nothing

	mu      sync.Mutex
	started bool
	stats   Stats
	refused string // the refusal that was counted last
}

// brokenBundle is one that does not load. Since its bytes never change, it is not tried
// again.
type brokenBundle struct {
	hash string
	err  error
}

// NewFollower returns a follower that is not started. The error names every field of the
// config that is wrong.
func NewFollower(cfg FollowerConfig) (*Follower, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Follower{client: cfg.Client, engine: cfg.Engine, config: cfg, keys: newKeys(cfg.Name), wake: make(chan struct{}, 1)}, nil
}

// Start begins to follow, until ctx is over or Close is called. It does not wait for Redis:
// to serve nothing before the published policy is there, call Sync first. The second call
// returns [ErrStarted], and so does a call after Close.
func (f *Follower) Start(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.started {
		return ErrStarted
	}
	f.started = true
	ctx, f.cancel = context.WithCancel(ctx)
	f.wg.Go(func() { f.follow(ctx) })
	f.wg.Go(func() { f.listen(ctx) })
	return nil
}

// Close stops following and waits until that has stopped. The last policy keeps deciding. A
// closed follower cannot be started again. The error is nil.
func (f *Follower) Close() error {
	f.mu.Lock()
	f.started = true
	if f.cancel != nil {
		f.cancel()
	}
	f.mu.Unlock()
	f.wg.Wait()
	return nil
}

// Stats returns what has happened so far.
func (f *Follower) Stats() Stats {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.stats
	s.Revision = f.engine.Revision()
	return s
}

// follow looks when it is woken and otherwise from time to time, with a pause between.
func (f *Follower) follow(ctx context.Context) {
	for ctx.Err() == nil {
		_ = f.Sync(ctx) // noted in the stats; the next look is the retry
		if !sleep(ctx, f.config.Pause, nil) {
			return
		}
		spread := f.config.Poll / 5
		sleep(ctx, f.config.Poll-spread+rand.N(2*spread+1)-f.config.Pause, f.wake)
	}
}

// sleep waits for a time, or less when it is woken. It reports whether ctx still is.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-timer.C:
	}
	return true
}

// listen keeps a subscription. The look that each new one causes finds announcements that were
// missed while there was none.
func (f *Follower) listen(ctx context.Context) {
	for ctx.Err() == nil {
		f.receive(ctx)
		f.subscribed(false)
		sleep(ctx, f.config.Pause+rand.N(f.config.Pause), nil)
	}
}

// receive listens until the connection is lost, or silent although it is asked.
func (f *Follower) receive(ctx context.Context) {
	sub := f.client.Subscribe(ctx, f.keys.channel)
	defer sub.Close()
	defer context.AfterFunc(ctx, func() { _ = sub.Close() })() // ends a Receive that waits
	for silent := false; ; {
		message, err := sub.ReceiveTimeout(ctx, f.config.Poll)
		var timeout interface{ Timeout() bool }
		if errors.As(err, &timeout) && timeout.Timeout() && !silent {
			silent = true
			if sub.Ping(ctx) == nil {
				continue
			}
		}
		if err != nil {
			return
		}
		silent = false
		switch message.(type) {
		case *redis.Subscription:
			f.subscribed(true)
			f.awake()
		case *redis.Message:
			f.mu.Lock()
			f.stats.Announcements++
			f.mu.Unlock()
			f.awake()
		}
	}
}

// awake asks for a look. The text of an announcement does not matter: only Redis's keys do.
func (f *Follower) awake() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *Follower) subscribed(is bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stats.Subscribed = is
}
