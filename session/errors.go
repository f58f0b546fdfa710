package session

import "errors"

// Errors of stores and of the [Manager]. Every store returns these, wrapped with what it
// was doing, and the tenant package's ErrUnknown and ErrSuspended for the tenant's state.
var (
	// ErrNotFound means that there is no such live session: it never was, it expired, or
	// it was revoked. The three are not told apart.
	ErrNotFound = errors.New("session: not found")

	// ErrConflict means that the session changed between read and write. The write was
	// not made; read again.
	ErrConflict = errors.New("session: conflict")

	// ErrExists means that a session of that id is stored already.
	ErrExists = errors.New("session: exists")

	// ErrTooManySessions means that the user has as many live sessions as [Limit] allows.
	// Nobody was signed in or out.
	ErrTooManySessions = errors.New("session: too many sessions")

	// ErrImpersonating means that the session is somebody acting as the user, who cannot
	// prove to be that user nor become him in another tenant.
	ErrImpersonating = errors.New("session: not while impersonating")

	// ErrInvalid means that a value is malformed or over its limit. Nothing was sent.
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
