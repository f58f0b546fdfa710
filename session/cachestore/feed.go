package cachestore

import (
	"time"

	"github.com/reevehq/reeve/session"
)

// listener gets the reports of the feed. It is a type of its own, so that nobody but the feed
// can tell a [Store] that it hears.
type listener struct{ store *Store }

var _ session.Listener = listener{}

// Reset implements [session.Listener].
func (l listener) Reset() { l.store.reset() }

// Changed implements [session.Listener].
func (l listener) Changed(scope session.Scope, topic string) {
	l.store.stamps.advance(scope, topic)
	l.store.count.changes.Add(1)
}

// Heartbeat implements [session.Listener].
func (l listener) Heartbeat(sent, store time.Time) {
	if held := l.store.lease.Load(); held == nil || sent.After(held.sent) {
		l.store.lease.Store(&lease{sent, store})
	}
}

// reset outdates everything, and ends the lease.
func (c *Store) reset() {
	c.lease.Store(nil)
	c.stamps.advance(session.ScopeAll, "")
	c.count.resets.Add(1)
}

// lease is the last heartbeat that arrived.
type lease struct{ sent, store time.Time }

// fresh reports whether the lease holds at now. It is measured by both of the system's
// clocks: the monotonic one stands still while a machine is suspended, and the other one
// jumps when it is set. Either way nothing is served until the next heartbeat.
func (l *lease) fresh(now time.Time, limit time.Duration) bool {
	if l == nil {
		return false
	}
	age, wall := now.Sub(l.sent), now.Round(0).Sub(l.sent.Round(0))
	return age >= 0 && age < limit && wall >= 0 && wall < limit
}

// latest is the latest that the store's clock can be at now.
func (l *lease) latest(now time.Time) time.Time { return l.store.Add(now.Sub(l.sent)) }
