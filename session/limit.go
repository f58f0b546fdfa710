package session

import (
	"fmt"
	"time"
)

// MaxSessionLimit is the highest [Limit] of live sessions.
const MaxSessionLimit = 1000

// Creation says how [Store.Create] stores a session.
type Creation struct {
	Lifetime time.Duration // until ExpiresAt
	Until    time.Time     // ExpiresAt is not later; zero means no such bound
	Refresh  Digest        // of the session's first refresh secret; the zero digest means none
	Limit    Limit
}

// Limit bounds how many live sessions a user has in one tenant at once (ASVS 7.1.2). The
// zero Limit is none.
type Limit struct {
	// Sessions is how many, the new one included: 1 to [MaxSessionLimit].
	Sessions int

	// Policy says what a sign-in beyond that does.
	Policy LimitPolicy
}

// LimitPolicy says what becomes of a sign-in when the user has as many sessions as the
// [Limit] allows.
type LimitPolicy uint8

// The policies.
const (
	// NoLimit allows any number. It is the default.
	NoLimit LimitPolicy = iota

	// RejectNew refuses the sign-in with [ErrTooManySessions]. Somebody who knows the
	// password can keep the user out with it, so offer a way to end sessions.
	RejectNew

	// EvictOldest ends the sessions that were created first, as many as are too many.
	EvictOldest
)

// Validate returns nil for a limit that can be kept to, and an error wrapping [ErrInvalid]
// for one that is half set or out of range.
func (l Limit) Validate() error {
	switch {
	case l == Limit{}:
		return nil
	case l.Policy != RejectNew && l.Policy != EvictOldest:
		return fmt.Errorf("%w: limit of %d sessions with policy %d, which is neither RejectNew nor EvictOldest", ErrInvalid, l.Sessions, l.Policy)
	case l.Sessions < 1 || l.Sessions > MaxSessionLimit:
		return fmt.Errorf("%w: limit of %d sessions, 1 to %d are allowed", ErrInvalid, l.Sessions, MaxSessionLimit)
	}
	return nil
}
