package session

import "errors"

// answered is an error of a load whose session the store did return: it is Stale, moved or an
// impersonation, and the look-up which that needs has failed.
type answered struct{ error }

func (a *answered) Unwrap() error { return a.error }

// Answered reports whether err is that of a [Manager.Load] whose session the store did return, and
// which was not to be used as it is. Such an outage is not one of the store, and earlier knowledge
// of the session holds no longer.
func Answered(err error) bool {
	var a *answered
	return errors.As(err, &a)
}
