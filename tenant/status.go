package tenant

import (
	"errors"
	"fmt"
)

// Errors about a tenant as a whole. Each refuses; none is an outage.
var (
	// ErrUnknown means that no tenant of that name was ever set up here.
	ErrUnknown = errors.New("tenant: unknown")
	// ErrAlike means that no tenant of that name was set up, and that none is: another one that
	// differs from it by the case of letters alone is known here, and one of the two is a mistake.
	// It is an ErrUnknown.
	ErrAlike = fmt.Errorf("%w: a tenant whose name differs by case alone is known", ErrUnknown)
	// ErrSuspended means that the tenant exists and may not be served now.
	ErrSuspended = errors.New("tenant: suspended")
	// ErrMismatch means that two sources name different tenants for one request.
	ErrMismatch = errors.New("tenant: mismatch")
)

// Status says whether a tenant may be served. The zero Status is Unknown, which is
// not served: a tenant works only after someone has set it up.
type Status uint8

const (
	Unknown   Status = iota // never set up, or lost by the store: no reason to set it up again
	Active                  // served
	Suspended               // known, refused until it is active again
)

// Err returns nil for Active, [ErrSuspended] for Suspended, and [ErrUnknown] for
// everything else.
func (s Status) Err() error {
	switch s {
	case Active:
		return nil
	case Suspended:
		return ErrSuspended
	}
	return ErrUnknown
}

// String returns the status in lower case.
func (s Status) String() string {
	switch s {
	case Active:
		return "active"
	case Suspended:
		return "suspended"
	}
	return "unknown"
}

// ParseStatus reads what [Status.String] writes. Anything else is Unknown and an error.
func ParseStatus(s string) (Status, error) {
	switch s {
	case "active":
		return Active, nil
	case "suspended":
		return Suspended, nil
	case "unknown":
		return Unknown, nil
	}
	return Unknown, fmt.Errorf("tenant: %q is not a status (active, suspended)", s)
}
