package insecureedge

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
)

// PublisherConfig configures a [Publisher]. Feed and Key are required.
type PublisherConfig struct {
	// Feed reports what changes in the store. Required: a redisstore.Feed.
	Feed session.Feed

	// Key signs lists. Required: an Ed25519 key, which no node has.
	Key session.SecretKey

	// Lifetime is how long a list is good. From 5 s to [MaxListLifetime]. Default: 60 s.
	Lifetime time.Duration

	// Horizon is how long a change stays in the lists: nodes decide about no session that they
	// loaded earlier. From one minute to one day. Default: 15 minutes.
	Horizon time.Duration

	// MaxChanges is how many changes a list has. With more, the oldest go, and with them the
	// sessions that were loaded before. From 100 to 1,000,000. Default: 100,000.
	MaxChanges int
}

func (cfg PublisherConfig) withDefaults() (PublisherConfig, error) {
	var problems configerr.Problems
	problems.Require("Feed", cfg.Feed, "for example redisstore.NewFeed(…)")
	if err := validKey(cfg.Key); err != nil {
		problems.Add("Key", "%w", err)
	}
	if cfg.Lifetime == 0 {
		cfg.Lifetime = MaxListLifetime
	}
	if cfg.Lifetime < 5*time.Second || cfg.Lifetime > MaxListLifetime {
		problems.Add("Lifetime", "%v is not between 5s and %v", cfg.Lifetime, MaxListLifetime)
	}
	if cfg.Horizon == 0 {
		cfg.Horizon = 15 * time.Minute
	}
	if cfg.Horizon < time.Minute || cfg.Horizon > 24*time.Hour {
		problems.Add("Horizon", "%v is not between 1m and 24h", cfg.Horizon)
	}
	if cfg.MaxChanges == 0 {
		cfg.MaxChanges = 100_000
	}
	if cfg.MaxChanges < 100 || cfg.MaxChanges > 1_000_000 {
		problems.Add("MaxChanges", "%d is not between 100 and 1,000,000", cfg.MaxChanges)
	}
	return cfg, problems.Err("insecureedge", nil)
}

// Publisher hears what changes in the store and signs lists of it. Its methods are safe for
// concurrent use.
type Publisher struct {
	cfg  PublisherConfig
	stop context.CancelFunc
	done sync.WaitGroup

	clock func() instant
	start time.Time // from which its monotonic clock counts

	// The times are those of a clock that began right at start and that nobody has set since: a
	// change that was heard while the system's was wrong is not before those that came earlier.
	mu      sync.Mutex
	closed  bool
	changes map[topic]time.Time
	all     time.Time
	since   time.Time // from when on changes are complete, zero for not known
	heard   time.Time // every change before it was heard
	wall    time.Time // of heard, by the system's clock
}

// ErrStarted means that a [Publisher] or a [Fetcher] was started before or is closed.
var ErrStarted = fmt.Errorf("insecureedge: started before: %w", middleware.ErrMisused)

// NewPublisher returns a publisher that is not started. The error names every invalid field.
func NewPublisher(cfg PublisherConfig) (*Publisher, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Publisher{cfg: cfg, start: time.Now(), changes: map[topic]time.Time{}}
	p.clock = func() instant {
		now := time.Now()
		return instant{now.Round(0), now.Sub(p.start)}
	}
	return p, nil
}

// Start begins to listen, until Close is called or ctx is over. The second call returns
// [ErrStarted], and so does a call after Close.
func (p *Publisher) Start(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stop != nil || p.closed {
		return ErrStarted
	}
	ctx, p.stop = context.WithCancel(ctx)
	p.done.Go(func() { p.cfg.Feed.Listen(ctx, listener{p}) })
	return nil
}

// Close stops listening. It returns when no goroutine of the publisher is left, and always nil.
func (p *Publisher) Close() error {
	p.mu.Lock()
	p.closed = true
	if p.stop != nil {
		p.stop()
	}
	p.mu.Unlock()
	p.done.Wait()
	return nil
}

// PublisherStats are those of a [Publisher] now, by the system's clock.
type PublisherStats struct {
	Changes int       // that are known
	Since   time.Time // from when on they are complete, zero while changes are not heard
	Heard   time.Time // until when every change was heard, zero likewise
}

// Stats returns what is known. It may be called at any time.
func (p *Publisher) Stats() PublisherStats {
	clock := p.clock()
	p.mu.Lock()
	defer p.mu.Unlock()
	return PublisherStats{len(p.changes), p.tell(p.since, clock), p.tell(p.heard, clock)}
}

// heardWithin is how old the last proof may be that all changes were heard.
const heardWithin = 2 * time.Second

// Revocations returns a signed list of what has changed, as of the last moment at which every
// change was heard. While changes are not heard, the error is [ErrNotHeard].
func (p *Publisher) Revocations() ([]byte, error) {
	clock := p.clock()
	now := p.at(clock)
	p.mu.Lock()
	if p.closed || p.since.IsZero() || p.heard.Before(p.since) || now.Sub(p.heard) >= heardWithin || clock.wall.Sub(p.wall).Abs() >= heardWithin {
		p.mu.Unlock()
		return nil, ErrNotHeard
	}
	p.forget(now)
	tell := func(at time.Time) time.Time { return p.tell(at, clock) }
	text := listText{Store: storeOf(p.cfg.Feed), Since: tell(p.since), Issued: tell(p.heard), Expires: tell(p.heard).Add(p.cfg.Lifetime), All: tell(p.all)}
	for t, at := range p.changes {
		text.Changes = append(text.Changes, change{t.scope, t.name, tell(at)})
	}
	p.mu.Unlock()
	slices.SortFunc(text.Changes, func(a, b change) int { return strings.Compare(a.Topic, b.Topic) })
	return sign(p.cfg.Key, kindRevocations, text)
}

// at is the time of a moment, by the clock that nobody sets.
func (p *Publisher) at(i instant) time.Time { return p.start.Round(0).Add(i.mono) }

// tell is a time of the publisher's clock by the system's, as it is now.
func (p *Publisher) tell(at time.Time, now instant) time.Time {
	if at.IsZero() {
		return at
	}
	return now.wall.Add(at.Sub(p.at(now))).UTC()
}

// forget drops changes beyond the horizon, and the oldest where there are too many.
func (p *Publisher) forget(now time.Time) {
	after := now.Add(-p.cfg.Horizon)
	if n := len(p.changes) - p.cfg.MaxChanges; n > 0 {
		var times []time.Time
		for _, at := range p.changes {
			times = append(times, at)
		}
		slices.SortFunc(times, time.Time.Compare)
		if oldest := times[n-1]; oldest.After(after) {
			after = oldest
		}
	}
	if !after.After(p.since) {
		return
	}
	p.since = after.Add(time.Nanosecond)
	for t, at := range p.changes {
		if !at.After(after) {
			delete(p.changes, t)
		}
	}
}
