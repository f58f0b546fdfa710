package session

import (
	"fmt"
	"time"
)

// How many live sessions a user may have in one tenant.
const (
	DefaultSessionLimit = 100  // of the zero [SessionLimit]
	MaxSessionLimit     = 1000 // the highest Limit

	// MaxImpersonations is how many sessions by which somebody acts as the user there may be
	// beside those, whatever the Limit. The ones that began first end for one more.
	MaxImpersonations = 100
)

// MaxEvictions is how many sessions a sign-in ends one by one, each with an event of its own,
// to keep the limit. More are too many only where the limit was lowered: they end together,
// with one event. See [EventLimited].
const MaxEvictions = 100

// CreateOptions says how [Store.Create] stores a session.
type CreateOptions struct {
	Lifetime time.Duration // until ExpiresAt
	Until    time.Time     // ExpiresAt is not later; zero means no such bound
	Refresh  Digest        // of the session's first refresh secret; the zero digest means none
	Limit    SessionLimit
	Ticket   Ticket // must still hold, and be of the session's user; the zero Ticket asks for nothing
}

// SessionLimit bounds how many live sessions a user has in one tenant at once (ASVS 7.1.2), and so
// what one user can cost everybody else. The zero Limit is [DefaultSessionLimit], of which the
// oldest give way.
type SessionLimit struct {
	// Sessions is how many, the new one included: 1 to [MaxSessionLimit].
	Sessions int

	// Policy says what a sign-in beyond that does.
	Policy LimitPolicy
}

// LimitPolicy says what becomes of a sign-in when the user has as many sessions as the
// [SessionLimit] allows.
type LimitPolicy uint8

// The policies. The zero LimitPolicy is none of them.
const (
	_ LimitPolicy = iota

	// RejectNew refuses the sign-in with [ErrTooManySessions]. Somebody who knows the
	// password can keep the user out with it, so offer a way to end sessions.
	RejectNew

	// EvictOldest ends the sessions that were created first, as many as are too many. Where
	// the limit was lowered, the next sign-in does that for all of them: a store may end some
	// before it stores the session.
	EvictOldest
)

// OrDefault returns the limit that is kept to: l, or that of the zero Limit.
func (l SessionLimit) OrDefault() SessionLimit {
	if l == (SessionLimit{}) {
		return SessionLimit{Sessions: DefaultSessionLimit, Policy: EvictOldest}
	}
	return l
}

// Validate returns nil for a limit that can be kept to, and an error wrapping [ErrInvalid]
// for one that is half set or out of range.
func (l SessionLimit) Validate() error {
	switch {
	case l == SessionLimit{}:
		return nil
	case l.Policy != RejectNew && l.Policy != EvictOldest:
		return fmt.Errorf("%w: limit of %d sessions with policy %d, which is neither RejectNew nor EvictOldest", ErrInvalid, l.Sessions, l.Policy)
	case l.Sessions < 1 || l.Sessions > MaxSessionLimit:
		return fmt.Errorf("%w: limit of %d sessions, 1 to %d are allowed", ErrInvalid, l.Sessions, MaxSessionLimit)
	}
	return nil
}
