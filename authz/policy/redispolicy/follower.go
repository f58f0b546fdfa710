package redispolicy

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz/policy"
)

// FollowerOptions of a [Follower].
type FollowerOptions struct {
	// Name is that of the [PublisherOptions]. Required.
	Name string

	// Keys are those whose records are believed. At least one is required. For a change of
	// keys, give both until everything is published with the new one.
	Keys []ed25519.PublicKey

	// Poll is how often Redis is asked without an announcement, give or take a fifth, so
	// that a fleet does not ask in step. Default: 10 s.
	Poll time.Duration

	// Pause is the least time between two looks, however many announcements arrive. The
	// first announcement after a quiet time is followed at once. Default: 200 ms.
	Pause time.Duration

	// Timeout ends each look. Default: 2 s.
	Timeout time.Duration

	// MaxSize is the largest bundle in bytes. Default: 8 MiB.
	MaxSize int

	// Logger gets a record when a look begins to fail, when one is refused and when all is
	// well again. The engine logs what it loads. Nil logs nothing.
	Logger *slog.Logger
}

// Stats are what a [Follower] has done, for metrics and readiness.
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
	// all is well. It wraps [policy.ErrTenantHeld] when all but some tenants' own files
	// decides.
	Err error
}

// Follower keeps an engine at the published policy. Its methods are safe for concurrent use.
type Follower struct {
	client redis.UniversalClient
	engine *policy.Engine
	opts   FollowerOptions
	keys   keys

	wake   chan struct{} // has room for one: many announcements are one look
	cancel context.CancelFunc
	wg     sync.WaitGroup

	look    sync.Mutex // held during a look; guards what follows
	holds   record     // zero before the first
	held    error      // what of it is not in effect: some tenants' own files
	failed  brokenBundle
	allowed bool // whether the user of Redis was found to lack nothing

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

// NewFollower returns a follower that is not started. The engine keeps the policy it was
// loaded with until another is published; it should have no other source of policies. The
// client stays the caller's to close. The error names every option that is wrong.
func NewFollower(client redis.UniversalClient, engine *policy.Engine, opts FollowerOptions) (*Follower, error) {
	if opts.Poll <= 0 {
		opts.Poll = DefaultPoll
	}
	if opts.Pause <= 0 {
		opts.Pause = DefaultPause
	}
	if opts.Timeout <= 0 {
		opts.Timeout = DefaultTimeout
	}
	if opts.MaxSize <= 0 {
		opts.MaxSize = DefaultMaxSize
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	problems := []error{checkClient(client), checkKeys("Keys", opts.Keys)}
	if engine.Revision() == "" {
		problems = append(problems, errors.New("engine: one that was made by policy.Load is required"))
	}
	if !validName(opts.Name) {
		problems = append(problems, errors.New("Name: 1 to 64 of [a-z0-9_-] are required"))
	}
	if len(opts.Keys) == 0 {
		problems = append(problems, errors.New("Keys: at least one is required"))
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("redispolicy: invalid options: %w", err)
	}
	return &Follower{client: client, engine: engine, opts: opts, keys: newKeys(opts.Name), wake: make(chan struct{}, 1)}, nil
}

// Start begins to follow, until ctx is over or Close is called. It does not wait for Redis:
// to serve nothing before the published policy is there, call Sync first. The error is
// [ErrStarted], the second time.
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

// Close stops following and waits until it has stopped. The last policy keeps deciding. A
// closed follower is not started again.
func (f *Follower) Close() {
	f.mu.Lock()
	f.started = true
	if f.cancel != nil {
		f.cancel()
	}
	f.mu.Unlock()
	f.wg.Wait()
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
		if !sleep(ctx, f.opts.Pause, nil) {
			return
		}
		spread := f.opts.Poll / 5
		sleep(ctx, f.opts.Poll-spread+rand.N(2*spread+1)-f.opts.Pause, f.wake)
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

// listen keeps a subscription. Whatever was announced while there was none is found by the
// look that each new one causes.
func (f *Follower) listen(ctx context.Context) {
	for ctx.Err() == nil {
		f.receive(ctx)
		f.subscribed(false)
		sleep(ctx, f.opts.Pause+rand.N(f.opts.Pause), nil)
	}
}

// receive listens until the connection is lost, or silent although it is asked.
func (f *Follower) receive(ctx context.Context) {
	sub := f.client.Subscribe(ctx, f.keys.channel)
	defer sub.Close()
	defer context.AfterFunc(ctx, func() { _ = sub.Close() })() // ends a Receive that waits
	for silent := false; ; {
		message, err := sub.ReceiveTimeout(ctx, f.opts.Poll)
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

// awake asks for a look. What an announcement says does not matter: only Redis's keys do.
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
