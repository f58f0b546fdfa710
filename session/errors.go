package session

import (
	"errors"
	"fmt"
)

// Errors of stores and of the [Manager]. Every store returns these, wrapped with what it
// was doing, and the tenant package's ErrUnknown and ErrSuspended for the tenant's state.
var (
	// ErrNotFound means that there is no such live session: it never was, it expired, or
	// it was revoked. The three are not told apart. From a Manager it comes as a [GoneError],
	// which says which session that is.
	ErrNotFound = errors.New("session: not found")

	// ErrNoDevice means that the user has no session of that digest; see
	// [Manager.RevokeDevice]. It says nothing about the session that asked.
	ErrNoDevice = fmt.Errorf("session: no such device: %w", ErrNotFound)

	// ErrConflict means that the session changed between read and write. The write was
	// not made; read again.
	ErrConflict = errors.New("session: conflict")

	// ErrStale means that the data read of a user is out of date: a [Ticket], since when the user
	// was demoted or signed out, or a stored session whose roles have to be asked anew. Nothing was
	// changed; begin again.
	ErrStale = errors.New("session: stale")

	// ErrExists means that a session of that id is stored already.
	ErrExists = errors.New("session: exists")

	// ErrTooManySessions means that the user has as many live sessions as [SessionLimit] allows.
	// Nobody was signed in or out.
	ErrTooManySessions = errors.New("session: too many sessions")

	// ErrImpersonating means that somebody acts as the user by the session. They cannot step
	// up as that user, nor move to another tenant.
	ErrImpersonating = errors.New("session: not while impersonating")

	// ErrNotSuspended means that a tenant cannot be erased, since somebody might sign in to it
	// meanwhile. Nothing was erased; see [Manager.EraseTenant].
	ErrNotSuspended = errors.New("session: the tenant is not suspended")

	// ErrInvalid means that a value is malformed or over its limit. Nothing was sent. A
	// handler may return it as it is: the middleware answers 400.
	ErrInvalid = errors.New("session: invalid")

	// ErrRefreshInvalid means that a refresh token is malformed, forged, or of a session
	// that is gone.
	ErrRefreshInvalid = errors.New("session: invalid refresh token")

	// ErrRefreshReused means that a refresh token was used after its successor, or after
	// the grace window. The session is revoked by the time this is returned.
	ErrRefreshReused = errors.New("session: refresh token reused")

	// ErrUnavailable means that the store could not be asked or did not answer in time.
	// It is an outage: nothing is known, so nothing is allowed, and nobody is signed out.
	ErrUnavailable = errors.New("session: store unavailable")

	// ErrCorrupt means that the store answered with a record that is not the one asked
	// for, or that does not authenticate. It is an outage and an alarm, never a sign-in.
	ErrCorrupt = errors.New("session: corrupt record")
)

// GoneError is the [ErrNotFound] of one session. By its Ref the middleware tells the caller
// whose own session has ended, who has to sign in again, from one who named another session.
type GoneError struct {
	Ref   Ref
	cause error
}

// Error implements error. It names the session by its digest.
func (e *GoneError) Error() string { return fmt.Sprintf("%v: %v", e.cause, e.Ref.ID) }

// Unwrap returns what the store said, which wraps [ErrNotFound].
func (e *GoneError) Unwrap() error { return e.cause }

// gone says of an [ErrNotFound] that it is about the session of ref.
func gone(ref Ref, err error) error {
	var known *GoneError
	if !errors.Is(err, ErrNotFound) || errors.Is(err, ErrUnavailable) || errors.As(err, &known) {
		return err
	}
	return &GoneError{ref, err}
}
