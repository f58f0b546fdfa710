package session

import (
	"context"
	"time"
)

// Feed reports to a [Cache] what changes in its store, whichever process changes it. A
// store that several processes share comes with one.
type Feed interface {
	// Topics returns what changes to the session of ref are announced under. Topics of
	// parts that are zero in ref mean nothing.
	Topics(ref Ref) Topics

	// Listen reports to l until ctx is done, one call at a time. It reconnects by itself,
	// and calls l.Reset whenever something may have gone unheard.
	Listen(ctx context.Context, l Listener)
}

// Topics are the names under which a feed announces changes of one session, of its user
// and of its tenant.
type Topics struct{ Session, User, Tenant string }

// Scope says whom an announcement concerns. The zero Scope concerns everyone.
type Scope uint8

// The scopes. Any other value concerns everyone.
const (
	ScopeAll Scope = iota
	ScopeSession
	ScopeUser
	ScopeTenant
)

// Listener is told what a [Feed] hears.
type Listener interface {
	// Reset says that announcements may have been missed: anything that was read before must not
	// be served, and nothing from now until the next Heartbeat.
	Reset()

	// Changed says that sessions announced under topic changed or ended.
	Changed(scope Scope, topic string)

	// Heartbeat says that every change which the store made before sent, by the clock of this
	// process, was reported. The store's own clock is at most store plus the time that has
	// passed since sent.
	Heartbeat(sent, store time.Time)
}
