package authz

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// SessionLister answers a [StreamGuard]. [session.Manager] is one. Neither method counts as a use
// of a session, or an open stream would keep its session from ever being idle.
type SessionLister interface {
	// Peek returns those sessions of a user that have one of the ids and are live, whatever
	// the status of the tenant.
	Peek(ctx context.Context, t tenant.ID, u session.UserID, ids []session.ID) ([]session.Session, error)

	// TenantStatus returns the status of a tenant; Unknown is no error.
	TenantStatus(ctx context.Context, t tenant.ID) (tenant.Status, error)
}

// Defaults and limits of [StreamGuardConfig].
const (
	defaultInterval    = 400 * time.Millisecond
	maxInterval        = 500 * time.Millisecond
	defaultGrace       = 5 * time.Second
	maxGrace           = time.Minute
	defaultConcurrency = 8
)

// StreamGuardConfig configures a [StreamGuard]. Sessions is required.
type StreamGuardConfig struct {
	// Sessions is asked whether sessions are live. Required: a [session.Manager].
	Sessions SessionLister

	// Interval is how long after a check a user's sessions are checked again, however many
	// streams they have, less a random part of up to a quarter. From 10 ms to 500 ms. Default:
	// 400 ms.
	Interval time.Duration

	// Grace is how long a stream goes on while its session cannot be checked; then it is
	// ended, because nothing is known about it. At least four times Interval and at most a
	// minute. Default: 5 s.
	Grace time.Duration

	// Concurrency is how many checks run at once, three quarters of them for one tenant while
	// others have streams too. Each holds a connection to the store for two or three round
	// trips. From 1 to 64. Default: 8.
	Concurrency int
}

// checkTimeout bounds a check, in case the store's own limit does not.
const checkTimeout = time.Second

// StreamGuard ends the contexts of requests whose session ends while they run. Streams of one
// user are checked together: the cost is that of the sessions that have streams, by Concurrency
// goroutines whatever the number of streams. Its methods are safe for concurrent use.
//
//	streams, err := authz.NewStreamGuard(authz.StreamGuardConfig{Sessions: manager})
//	err = streams.Start(ctx)
//	defer streams.Close()
//	e.Use(authz.Middleware(authz.Config{…, Streams: streams}))
type StreamGuard struct {
	sessions SessionLister
	cfg      StreamGuardConfig

	stop context.CancelFunc // ends the checks; nil before Start
	done sync.WaitGroup

	mu      sync.Mutex
	some    sync.Cond // queue is not empty, or closed
	queue   []*watched
	ready   []*watched // whose turn it was when their tenant had its share of checks
	users   map[owner]*watched
	tenants map[tenant.ID]*watchedTenant
	streams int
	started bool
	closed  bool
}

type owner struct {
	tenant tenant.ID
	user   session.UserID
}

// watched is a user with streams. It is in the queue or being checked until its last
// stream is gone and its turn comes.
type watched struct {
	owner   owner
	of      *watchedTenant
	streams map[*lifetime]struct{}
	due     time.Time
	checked time.Time // when the last check that succeeded began
	err     error     // of the last check
}

// watchedTenant is the status of a tenant with streams, shared by the checks of its users, and
// its share of the checks that run at once.
type watchedTenant struct {
	users   int
	running int        // checks
	parked  []*watched // wait for one of these to end

	status tenant.Status
	as     time.Time // as of when; zero for not known
}

// StreamGuardStats are those of a [StreamGuard] now, for metrics.
type StreamGuardStats struct {
	Streams int // that are watched
	Users   int // whose sessions are checked
}

// ErrStarted means that something was started twice.
var ErrStarted = fmt.Errorf("authz: started before: %w", middleware.ErrMisused)

// NewStreamGuard returns a stream guard that is not started. The error names every invalid
// field.
func NewStreamGuard(cfg StreamGuardConfig) (*StreamGuard, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	g := &StreamGuard{
		sessions: cfg.Sessions, cfg: cfg,
		users: map[owner]*watched{}, tenants: map[tenant.ID]*watchedTenant{},
	}
	g.some.L = &g.mu
	return g, nil
}

func (cfg StreamGuardConfig) withDefaults() (StreamGuardConfig, error) {
	if cfg.Interval == 0 {
		cfg.Interval = defaultInterval
	}
	if cfg.Grace == 0 {
		cfg.Grace = defaultGrace
	}
	if cfg.Concurrency == 0 {
		cfg.Concurrency = defaultConcurrency
	}
	var problems configerr.Problems
	problems.Require("Sessions", cfg.Sessions, "for example session.NewManager(…)")
	if cfg.Interval < 10*time.Millisecond || cfg.Interval > maxInterval {
		problems.Add("Interval", "%v is not between 10ms and %v", cfg.Interval, maxInterval)
	}
	if cfg.Grace < 4*max(cfg.Interval, 0) || cfg.Grace > maxGrace {
		problems.Add("Grace", "%v is not between four intervals and %v", cfg.Grace, maxGrace)
	}
	if cfg.Concurrency < 1 || cfg.Concurrency > 64 {
		problems.Add("Concurrency", "%d is not between 1 and 64", cfg.Concurrency)
	}
	return cfg, problems.Err("authz", nil)
}

// Start begins to check, until Close is called or ctx is over, which ends every stream as Close
// does. Before Start no stream begins. The error is [ErrStarted] the second time, and
// [ErrStreamGuardClosed] after Close.
func (g *StreamGuard) Start(ctx context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.closed:
		return ErrStreamGuardClosed
	case g.started:
		return ErrStarted
	}
	g.started = true
	ctx, g.stop = context.WithCancel(ctx)
	for range g.cfg.Concurrency {
		g.done.Go(func() { g.work(ctx) })
	}
	g.done.Go(func() { g.patrol(ctx) })
	return nil
}

// Close ends every stream with [ErrStreamGuardClosed] and stops the checks. From then on no
// stream begins. It returns when no goroutine of the guard is left, and always nil.
func (g *StreamGuard) Close() error {
	g.end()
	g.done.Wait()
	return nil
}

// end ends every stream and the checks.
func (g *StreamGuard) end() {
	g.mu.Lock()
	g.closed = true
	streams := g.all()
	g.some.Broadcast()
	if g.stop != nil {
		g.stop()
	}
	g.mu.Unlock()
	for _, l := range streams {
		l.end(ErrStreamGuardClosed)
	}
}

// Stats returns what is watched now.
func (g *StreamGuard) Stats() StreamGuardStats {
	g.mu.Lock()
	defer g.mu.Unlock()
	return StreamGuardStats{Streams: g.streams, Users: len(g.users)}
}

// all returns the streams that are watched. The lock is held.
func (g *StreamGuard) all() []*lifetime {
	var streams []*lifetime
	for _, u := range g.users {
		for l := range u.streams {
			streams = append(streams, l)
		}
	}
	return streams
}

// add watches l until remove. It returns false when the guard is closed or not started.
func (g *StreamGuard) add(l *lifetime) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || !g.started {
		return false
	}
	key := owner{l.caller.Tenant(), l.caller.User()}
	u := g.users[key]
	if u == nil {
		if g.tenants[key.tenant] == nil {
			g.tenants[key.tenant] = &watchedTenant{}
		}
		u = &watched{owner: key, of: g.tenants[key.tenant], streams: map[*lifetime]struct{}{}, checked: l.since}
		g.users[key] = u
		u.of.users++
		g.schedule(u)
	}
	u.streams[l] = struct{}{}
	g.streams++
	return true
}

func (g *StreamGuard) remove(l *lifetime) {
	g.mu.Lock()
	defer g.mu.Unlock()
	key := owner{l.caller.Tenant(), l.caller.User()}
	u := g.users[key]
	if u == nil {
		return
	}
	if _, there := u.streams[l]; !there {
		return
	}
	delete(u.streams, l)
	g.streams--
	if len(u.streams) > 0 {
		return
	}
	delete(g.users, key)
	t := g.tenants[key.tenant]
	if t.users--; t.users == 0 {
		delete(g.tenants, key.tenant)
	}
}

// schedule puts u at the end of the queue. Since all wait about as long, the first of the
// queue is the first that is due, but for the random part, which spreads those that came
// together. The lock is held.
func (g *StreamGuard) schedule(u *watched) {
	u.due = time.Now().Add(g.cfg.Interval - rand.N(g.cfg.Interval/4)) // spreads load, guards nothing
	g.queue = append(g.queue, u)
	g.some.Signal()
}
