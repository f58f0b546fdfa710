package authz

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Sessions is what a [Watch] asks. [session.Manager] is one. Neither method counts as a
// use of a session, or an open stream would keep its session from ever being idle.
type Sessions interface {
	// Peek returns those sessions of a user that have one of the ids and are live, whatever
	// the status of the tenant.
	Peek(ctx context.Context, t tenant.ID, u session.UserID, ids []session.ID) ([]session.Session, error)

	// TenantStatus returns the status of a tenant; Unknown is no error.
	TenantStatus(ctx context.Context, t tenant.ID) (tenant.Status, error)
}

// Defaults and limits of [WatchOptions].
const (
	DefaultWatchInterval    = 400 * time.Millisecond
	MaxWatchInterval        = 500 * time.Millisecond
	DefaultWatchGrace       = 5 * time.Second
	MaxWatchGrace           = time.Minute
	DefaultWatchConcurrency = 8
)

// WatchOptions configures a [Watch]. The zero WatchOptions has every default.
type WatchOptions struct {
	// Interval is how long after a check a user's sessions are checked again, however many
	// streams they have, less a random part of up to a quarter. From 10 ms to
	// [MaxWatchInterval]. Default [DefaultWatchInterval].
	Interval time.Duration

	// Grace is how long a stream goes on while its session cannot be checked; then it is
	// ended, because nothing is known about it. At least four times Interval and at most
	// [MaxWatchGrace]. Default [DefaultWatchGrace].
	Grace time.Duration

	// Concurrency is how many checks run at once, of one tenant three quarters of them while
	// others have streams too; each of which holds a connection to the
	// store for two or three round trips. From 1 to 64. Default
	// [DefaultWatchConcurrency].
	Concurrency int
}

// checkTimeout bounds a check, in case the store's own limit does not.
const checkTimeout = time.Second

// Watch ends the contexts of requests whose session ends while they run. Streams of one
// user are checked together, at the cost of the sessions that have streams, by Concurrency goroutines whatever the number of streams.
// Whoever makes a Watch closes it. Its methods are safe for concurrent use.
//
//	watch, err := authz.NewWatch(manager, authz.WatchOptions{})
//	defer watch.Close()
//	e.Use(authz.Middleware(authz.Config{…, Watch: watch}))
type Watch struct {
	sessions Sessions
	opts     WatchOptions

	ctx  context.Context // of the checks; Close ends it
	stop context.CancelFunc
	done sync.WaitGroup

	mu      sync.Mutex
	some    sync.Cond // queue is not empty, or closed
	queue   []*watched
	ready   []*watched // whose turn it was when their tenant had its share of checks
	users   map[owner]*watched
	tenants map[tenant.ID]*watchedTenant
	streams int
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
	known   time.Time // as of when the last check that succeeded speaks
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

// NewWatch starts a watch that asks sessions. Every wrong field of opts is named in the
// error.
func NewWatch(sessions Sessions, opts WatchOptions) (*Watch, error) {
	opts, err := opts.withDefaults()
	if isNil(sessions) {
		err = errors.Join(errors.New("sessions: required, for example session.NewManager(…)"), err)
	}
	if err != nil {
		return nil, fmt.Errorf("authz: NewWatch: %w", err)
	}
	w := &Watch{
		sessions: sessions, opts: opts,
		users: map[owner]*watched{}, tenants: map[tenant.ID]*watchedTenant{},
	}
	w.some.L = &w.mu
	w.ctx, w.stop = context.WithCancel(context.Background())
	for range opts.Concurrency {
		w.done.Go(w.work)
	}
	w.done.Go(w.guard)
	return w, nil
}

func (o WatchOptions) withDefaults() (WatchOptions, error) {
	if o.Interval == 0 {
		o.Interval = DefaultWatchInterval
	}
	if o.Grace == 0 {
		o.Grace = DefaultWatchGrace
	}
	if o.Concurrency == 0 {
		o.Concurrency = DefaultWatchConcurrency
	}
	var problems []error
	if o.Interval < 10*time.Millisecond || o.Interval > MaxWatchInterval {
		problems = append(problems, fmt.Errorf("Interval: %v is not between 10ms and %v", o.Interval, MaxWatchInterval))
	}
	if o.Grace < 4*o.Interval || o.Grace > MaxWatchGrace {
		problems = append(problems, fmt.Errorf("Grace: %v is not between four intervals and %v", o.Grace, MaxWatchGrace))
	}
	if o.Concurrency < 1 || o.Concurrency > 64 {
		problems = append(problems, fmt.Errorf("Concurrency: %d is not between 1 and 64", o.Concurrency))
	}
	return o, errors.Join(problems...)
}

// Close ends every stream with [ErrWatchClosed] and stops the checks. From then on no
// stream begins. It returns when no goroutine of the watch is left, and always nil.
func (w *Watch) Close() error {
	w.mu.Lock()
	w.closed = true
	streams := w.all()
	w.some.Broadcast()
	w.mu.Unlock()
	w.stop()
	for _, l := range streams {
		l.end(ErrWatchClosed)
	}
	w.done.Wait()
	return nil
}

// Len returns the number of streams that are watched.
func (w *Watch) Len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.streams
}

// all returns the streams that are watched. The lock is held.
func (w *Watch) all() []*lifetime {
	var streams []*lifetime
	for _, u := range w.users {
		for l := range u.streams {
			streams = append(streams, l)
		}
	}
	return streams
}

// add watches l until remove. It returns false when the watch is closed.
func (w *Watch) add(l *lifetime) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	key := owner{l.caller.Tenant(), l.caller.User()}
	u := w.users[key]
	if u == nil {
		if w.tenants[key.tenant] == nil {
			w.tenants[key.tenant] = &watchedTenant{}
		}
		u = &watched{owner: key, of: w.tenants[key.tenant], streams: map[*lifetime]struct{}{}, known: l.since}
		w.users[key] = u
		u.of.users++
		w.schedule(u)
	}
	u.streams[l] = struct{}{}
	w.streams++
	return true
}

func (w *Watch) remove(l *lifetime) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := owner{l.caller.Tenant(), l.caller.User()}
	u := w.users[key]
	if u == nil {
		return
	}
	if _, there := u.streams[l]; !there {
		return
	}
	delete(u.streams, l)
	w.streams--
	if len(u.streams) > 0 {
		return
	}
	delete(w.users, key)
	t := w.tenants[key.tenant]
	if t.users--; t.users == 0 {
		delete(w.tenants, key.tenant)
	}
}

// schedule puts u at the end of the queue. Since all wait about as long, the first of the
// queue is the first that is due, but for the random part, which spreads those that came
// together. The lock is held.
func (w *Watch) schedule(u *watched) {
	u.due = time.Now().Add(w.opts.Interval - rand.N(w.opts.Interval/4)) // spreads load, guards nothing
	w.queue = append(w.queue, u)
	w.some.Signal()
}
