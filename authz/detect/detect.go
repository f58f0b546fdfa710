// Package detect watches the decisions of a service for what no rule can see: bursts of denials, a
// session that comes from many addresses, refresh tokens that are used again, and users in a tenant
// where they were never seen.
//
//	detector, err := detect.New(detect.Config{Alert: func(a detect.Alert) { logger.Warn("alert", "alert", a) }})
//	e.Use(authz.Middleware(authz.Config{…, Observer: detector.Observe}))
//	…
//	s, refresh, err := manager.Refresh(ctx, presented)
//	detector.Refreshed(ctx, err)
//
// It tells and counts, and refuses nobody: the service decides what follows from an alert. It knows
// this process alone, forgets the longest unused where it knows too many, and begins anew with each
// start. Decisions that were asked for a menu ([authz.Can]) do not count. A client with many
// networks of IPv6 stays below the limit of addresses; the limits of users and sessions still see
// it.
package detect

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Config configures a [Detector]. Alert is required.
type Config struct {
	// Alert is told of what was noticed, in the request: it must be quick and safe for
	// concurrent use. Its panics are swallowed. Required.
	Alert func(Alert)

	// MaxDenials is how many denials within Window are an alert. From 2 to 1000. Default: 30.
	MaxDenials int

	// MaxAddresses is how many addresses of one session within Window are an alert; those of
	// one /64 of IPv6 are one. From 2 to 100. Default: 5.
	MaxAddresses int

	// Window is how long denials and addresses count. From 1 s to 24 h. Default: 5 minutes.
	Window time.Duration

	// Quiet is how long there is no second alert of a kind about the same user, session or
	// address. At most 24 h. Default: 10 minutes.
	Quiet time.Duration

	// MaxAlerts is how many alerts of a kind Alert is told within a minute. Those beyond are
	// counted alone: an attacker who can cause alerts about many users cannot flood those who read
	// them. From 1 to 10,000. Default: 60.
	MaxAlerts int

	// MaxTracked is how many users, sessions and addresses are known of each kind. From 10 to
	// 1,000,000. Default: 10,000, which is 40 MB at most.
	MaxTracked int
}

func (cfg Config) withDefaults() (Config, error) {
	var problems configerr.Problems
	if cfg.Alert == nil {
		problems.Add("Alert", "required")
	}
	number := func(field string, value *int, standard, least, most int) {
		if *value == 0 {
			*value = standard
		}
		if *value < least || *value > most {
			problems.Add(field, "%d is not between %d and %d", *value, least, most)
		}
	}
	number("MaxDenials", &cfg.MaxDenials, 30, 2, 1000)
	number("MaxAddresses", &cfg.MaxAddresses, 5, 2, 100)
	number("MaxAlerts", &cfg.MaxAlerts, 60, 1, 10_000)
	number("MaxTracked", &cfg.MaxTracked, 10_000, 10, 1_000_000)
	if cfg.Window == 0 {
		cfg.Window = 5 * time.Minute
	}
	if cfg.Window < time.Second || cfg.Window > 24*time.Hour {
		problems.Add("Window", "%v is not between 1s and 24h", cfg.Window)
	}
	if cfg.Quiet == 0 {
		cfg.Quiet = 10 * time.Minute
	}
	if cfg.Quiet < 0 || cfg.Quiet > 24*time.Hour {
		problems.Add("Quiet", "%v is not between 0 and 24h", cfg.Quiet)
	}
	return cfg, problems.Err("detect", nil)
}

// Detector notices. It starts no goroutine, and its methods are safe for concurrent use.
type Detector struct {
	cfg Config

	mu        sync.Mutex
	denials   *lru[caller, *recent]
	unknown   *lru[netip.Prefix, *recent] // denials of nobody, who pushes out no user
	sessions  *lru[string, *addresses]
	users     *lru[session.UserID, *tenants]
	alerts    [kinds]uint64
	untold    uint64
	throttles [kinds]throttle
}

// caller is a user of a tenant.
type caller struct {
	tenant tenant.ID
	user   session.UserID
}

// throttle counts the alerts of a kind that were told within a minute.
type throttle struct {
	began time.Time
	told  int
}

// may reports whether there may be one more, and counts it.
func (p *throttle) may(now time.Time, most int) bool {
	if p.began.IsZero() || now.Sub(p.began) >= time.Minute {
		*p = throttle{began: now}
	}
	p.told++
	return p.told <= most
}

// Stats are those of a [Detector].
type Stats struct {
	Alerts    map[Kind]uint64 // since it was made, of each kind, told or not
	Untold    uint64          // those of them beyond Config.MaxAlerts
	Tracked   int             // users, sessions and addresses that are known now
	Forgotten uint64          // that gave way to others, since it was made
}

// New returns a detector that knows nobody. The error names every invalid field.
func New(cfg Config) (*Detector, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Detector{
		cfg:      cfg,
		denials:  newLRU[caller, *recent](cfg.MaxTracked),
		unknown:  newLRU[netip.Prefix, *recent](cfg.MaxTracked),
		sessions: newLRU[string, *addresses](cfg.MaxTracked),
		users:    newLRU[session.UserID, *tenants](cfg.MaxTracked),
	}, nil
}

// Stats returns the counts. It may be called at any time.
func (d *Detector) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := Stats{
		Alerts:    map[Kind]uint64{},
		Untold:    d.untold,
		Tracked:   d.denials.len() + d.unknown.len() + d.sessions.len() + d.users.len(),
		Forgotten: d.denials.forgotten + d.unknown.forgotten + d.sessions.forgotten + d.users.forgotten,
	}
	for _, k := range Kinds() {
		s.Alerts[k] = d.alerts[k]
	}
	return s
}

// Observe is an [authz.Observer]. A service that has another one calls both.
func (d *Detector) Observe(ctx context.Context, e authz.Event) {
	var from netip.Addr
	if caller, ok := authz.FromContext(ctx); ok {
		from = caller.Address()
	}
	d.note(e, from, time.Now())
}

// Refreshed is told what came of a refresh token: the error of session.Manager.Refresh.
func (d *Detector) Refreshed(ctx context.Context, err error) {
	if !errors.Is(err, session.ErrRefreshReused) {
		return
	}
	a := Alert{Kind: RefreshReplay, Count: 1}
	if caller, ok := authz.FromContext(ctx); ok {
		a.Address = caller.Address()
	}
	d.tell(d.counted([]Alert{a}, time.Now()))
}

// counted counts alerts, and returns those that are to be told.
func (d *Detector) counted(alerts []Alert, now time.Time) []Alert {
	if len(alerts) == 0 {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	var told []Alert
	for _, a := range alerts {
		d.alerts[a.Kind]++
		if d.throttles[a.Kind].may(now, d.cfg.MaxAlerts) {
			told = append(told, a)
		} else {
			d.untold++
		}
	}
	return told
}

// note is Observe with its surroundings as parameters.
func (d *Detector) note(e authz.Event, from netip.Addr, now time.Time) {
	d.mu.Lock()
	alerts := d.notice(e, from, now)
	d.mu.Unlock()
	d.tell(d.counted(alerts, now))
}

// notice returns the alerts that an event is cause for. The lock is held.
func (d *Detector) notice(e authz.Event, from netip.Addr, now time.Time) (alerts []Alert) {
	about := Alert{Tenant: e.Tenant, User: e.User, Address: from}
	if actor, acts := e.Actors.Current(); acts {
		about.Actor = actor.User
	}
	if e.Outcome() == "deny" && !e.Advisory {
		about.Kind = Denials
		if n := d.denied(e, from, now); n > 0 {
			about.Count = n
			alerts = append(alerts, about)
		}
	}
	if e.Kind != authz.RouteDecision || e.User.IsZero() || e.Principal {
		return alerts
	}
	if n := d.seenFrom(e.Session, from, now); n > 0 {
		about.Kind, about.Session, about.Count = Addresses, e.Session, n
		alerts = append(alerts, about)
	}
	if n := d.seenIn(e.User, e.Tenant, now); n > 0 {
		about.Kind, about.Session, about.Count = NewTenant, "", n
		alerts = append(alerts, about)
	}
	return alerts
}

// tell calls Alert, without the lock.
func (d *Detector) tell(alerts []Alert) {
	for _, a := range alerts {
		func() {
			defer func() { _ = recover() }() // an alert that fails refuses nobody
			d.cfg.Alert(a)
		}()
	}
}
