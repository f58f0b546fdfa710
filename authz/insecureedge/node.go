package insecureedge

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/internal/configerr"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
)

// NodeConfig configures a [Node]. Feed, Keys and Routes are required.
type NodeConfig struct {
	// Feed says under which topics sessions are announced. Required: a redisstore.Feed, of the
	// same keys and prefix as that of the publisher. The node does not listen to it.
	Feed session.Feed

	// Keys are those whose signatures count, of policies and of lists. Required.
	Keys []ed25519.PublicKey

	// Routes are those that may be decided in an outage, as rules name them: "GET /notes/:id".
	// Required; GET alone, without patterns.
	Routes []string

	// MaxSessions is how many sessions are remembered. From 1 to 1,000,000. Default: 10,000.
	MaxSessions int
}

func (cfg NodeConfig) withDefaults() (NodeConfig, error) {
	var problems configerr.Problems
	problems.Require("Feed", cfg.Feed, "for example redisstore.NewFeed(…)")
	if len(cfg.Keys) == 0 {
		problems.Add("Keys", "required")
	}
	for i, key := range cfg.Keys {
		if len(key) != ed25519.PublicKeySize {
			problems.Add(fmt.Sprintf("Keys[%d]", i), "not an Ed25519 public key")
		}
	}
	if len(cfg.Routes) == 0 {
		problems.Add("Routes", "required: what may be decided in an outage")
	}
	for _, route := range cfg.Routes {
		if path, get := strings.CutPrefix(route, "GET "); !get || !strings.HasPrefix(path, "/") {
			problems.Add("Routes", "%q is not GET and a route", route)
		}
	}
	if cfg.MaxSessions == 0 {
		cfg.MaxSessions = 10_000
	}
	if cfg.MaxSessions < 1 || cfg.MaxSessions > 1_000_000 {
		problems.Add("MaxSessions", "%d is not between 1 and 1,000,000", cfg.MaxSessions)
	}
	cfg.Keys, cfg.Routes = slices.Clone(cfg.Keys), slices.Clone(cfg.Routes)
	return cfg, problems.Err("insecureedge", nil)
}

// Node decides in an outage of the session store. It remembers the sessions that it has seen
// loaded, starts no goroutine and is safe for concurrent use. The zero Node decides nothing.
type Node struct {
	cfg   NodeConfig
	clock func() instant

	mu     sync.Mutex
	memory memory
	policy *heldPolicy
	list   *heldList
	floor  floor
	lost   *instant // when the store first failed since it last answered
	stats  Stats
}

var _ authz.Edge = (*Node)(nil)

// Stats are those of a [Node].
type Stats struct {
	Remembered uint64 // loads that were answered from memory
	Refused    uint64 // loads in an outage that were not
	Sessions   int    // in memory
	Revision   string // of the signed policy, "" for none
	ListIssued time.Time
}

// NewNode returns a node that knows no policy, no list and no session. The error names every
// invalid field.
func NewNode(cfg NodeConfig) (*Node, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	return &Node{cfg: cfg, clock: newClock(), memory: newMemory(cfg.MaxSessions)}, nil
}

// Stats returns the counts, and what the node knows. It may be called at any time.
func (n *Node) Stats() Stats {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.stats
	s.Sessions = len(n.memory.sessions)
	if n.policy != nil {
		s.Revision = n.policy.engine.Revision()
	}
	if n.list != nil {
		s.ListIssued = n.list.issued
	}
	return s
}

// Routes implements [authz.Edge].
func (n *Node) Routes() []string { return slices.Clone(n.cfg.Routes) }

// Permits implements [authz.Edge].
func (n *Node) Permits(method, route string) bool {
	return slices.Contains(n.cfg.Routes, method+" "+route)
}

// Decide implements [authz.Edge]: it asks the signed policy.
func (n *Node) Decide(ctx context.Context, r policy.Request) (policy.Decision, error) {
	n.mu.Lock()
	held, now := n.policy, n.clock()
	n.mu.Unlock()
	if !held.goodAt(now) {
		return policy.Decision{}, fmt.Errorf("%w: the signed policy", ErrExpired)
	}
	return held.engine.Decide(ctx, r)
}

// Load implements [authz.Edge].
func (n *Node) Load(ctx context.Context, ref session.Ref, load func(context.Context) (session.Session, error)) (session.Session, bool, error) {
	n.mu.Lock()
	began := n.clock()
	n.mu.Unlock()

	s, err := load(ctx)
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case err == nil:
		n.lost = nil
		n.floor.raise(s.LastSeenAt, began)
		if s.Ref() == ref && eligible(s) {
			n.memory.put(ref, remembered{s, began})
		} else {
			n.memory.refuse(ref, n.clock())
		}
		return s, false, nil
	case !middleware.IsOutage(err):
		n.memory.end(ref, err, n.clock())
		return s, false, err
	case session.Answered(err):
		n.memory.refuse(ref, n.clock()) // the memory is from before
		return s, false, err
	case !lostStore(err):
		return s, false, err
	}
	now := n.clock()
	if n.lost == nil {
		n.lost = &now
	}
	kept, why := n.remember(ref, now)
	if why != nil {
		n.stats.Refused++
		return session.Session{}, false, fmt.Errorf("%w (%w)", err, why)
	}
	n.stats.Remembered++
	return kept, true, nil
}

// lostStore reports whether an outage is that the store could not be asked. A record that is not
// what it should be and a request that found no slot are outages too, and no reason to go on.
func lostStore(err error) bool {
	return errors.Is(err, session.ErrUnavailable) && !errors.Is(err, session.ErrCorrupt) && !errors.Is(err, middleware.ErrOverloaded)
}

// Why a session is not decided on in an outage.
var (
	errNoList    = errors.New("insecureedge: no list of revocations that is good now")
	errNoPolicy  = errors.New("insecureedge: no signed policy that is good now")
	errTooLong   = errors.New("insecureedge: the store was lost for too long")
	errClock     = errors.New("insecureedge: the clock was moved")
	errForgotten = errors.New("insecureedge: not a session that was loaded here")
	errChanged   = errors.New("insecureedge: the session may have changed")
	errOver      = errors.New("insecureedge: the session may have expired")
)

// remember returns the session of ref if it may be decided on now. The order is that of the
// argument: what this node may do at all, then what it knows of the session.
func (n *Node) remember(ref session.Ref, now instant) (session.Session, error) {
	switch {
	case !n.list.goodAt(now):
		return session.Session{}, errNoList
	case !n.policy.goodAt(now):
		return session.Session{}, errNoPolicy
	case now.since(*n.lost) >= MaxListLifetime:
		return session.Session{}, errTooLong
	case !n.lost.steady(now) || !n.floor.holds(now):
		return session.Session{}, errClock
	}
	r, ok := n.memory.get(ref)
	if !ok {
		return session.Session{}, errForgotten
	}
	switch latest := n.floor.latest(now); {
	case !r.at.steady(now):
		return session.Session{}, errClock
	case !n.list.clears(r.at.wall, n.cfg.Feed.Topics(ref)):
		return session.Session{}, errChanged
	case !latest.Before(r.session.ExpiresAt) || latest.Sub(r.session.LastSeenAt) >= r.session.IdleTimeout:
		return session.Session{}, errOver
	}
	return r.session, nil
}

// eligible reports whether a session may be decided on in an outage: it is nobody's who acts as
// another, bound to no key, as it was at sign-in, and not a provider's.
func eligible(s session.Session) bool {
	return s.Actors.Len() == 0 && s.Acting.IsZero() && s.MovedTo.IsZero() && !s.Stale &&
		s.BoundKey() == "" && s.Provider.IsZero() && !s.AuthTime.After(s.CreatedAt)
}
