package insecureedge

import (
	"time"

	"github.com/reevehq/reeve/session"
)

// listener gets the reports of the feed.
type listener struct{ of *Publisher }

var _ session.Listener = listener{}

// Reset implements [session.Listener]: the news that was heard is no longer all.
func (l listener) Reset() {
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	clear(l.of.changes)
	l.of.since, l.of.heard, l.of.wall, l.of.all = time.Time{}, time.Time{}, time.Time{}, time.Time{}
}

// Changed implements [session.Listener].
func (l listener) Changed(scope session.Scope, name string) {
	p := l.of
	now := p.at(p.clock())
	p.mu.Lock()
	defer p.mu.Unlock()
	switch scope {
	case session.ScopeSession, session.ScopeUser, session.ScopeTenant:
		p.changes[topic{scope, name}] = now
	default:
		p.all = now
	}
	if len(p.changes) > 2*p.cfg.MaxChanges {
		p.forget(now)
	}
}

// Heartbeat implements [session.Listener]. The first one after a reset says from when on all
// changes are heard.
func (l listener) Heartbeat(sent, _ time.Time) {
	p := l.of
	at := p.at(instant{mono: sent.Sub(p.start)})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.IsZero() {
		p.since = at
	}
	if at.After(p.heard) {
		p.heard, p.wall = at, sent.Round(0)
	}
}
