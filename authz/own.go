package authz

import (
	"errors"
	"fmt"

	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// own tells what an error of a handler says of the caller's own session or token from what it
// says of others that the caller has named. Only the first is a reason to sign in again: a
// session that ended while its request was running has the answer of one that had ended
// before.
func (c *Caller) own(err error) error {
	if c.IsAnonymous() {
		return err // whose credential a handler is about, if any, came in the request's body
	}
	var ended *session.GoneError
	switch {
	case errors.As(err, &ended) && ended.Ref == c.ref():
		return fmt.Errorf("%w: %w", middleware.ErrInvalidCredential, err)
	case errors.Is(err, ErrTokenExpired), errors.Is(err, middleware.ErrInvalidCredential):
		return err
	case middleware.IsOutage(err):
		return err
	case errors.Is(err, session.ErrBlocked): // some other user, whom the caller has named
		return fmt.Errorf("%w: %v", middleware.ErrForbidden, err)
	case errors.Is(err, token.ErrInvalid), errors.Is(err, token.ErrUnknownKey), errors.Is(err, session.ErrSignedOut), errors.Is(err, session.ErrIssuedAhead):
		return fmt.Errorf("%w: %w", middleware.ErrInvalidValue, err)
	}
	return err
}
