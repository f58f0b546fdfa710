package middleware

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
)

// Adopter returns the session of somebody whom another identity provider has signed in, and
// makes it at their first token. [session.Manager] is one. It is asked in place of [Loader] for
// tokens of issuers with token.Issuer.Foreign, on the same terms. Errors that mean that the
// sign-in was ended or may not be used are those of Manager.Adopt; any other is an outage.
type Adopter interface {
	Adopt(ctx context.Context, who session.Stranger) (session.Session, error)
}

var _ Adopter = (*session.Manager)(nil)

// foreignVerifier is a Verifier that knows whether its tokens name strangers, as a
// [token.Verifier] does.
type foreignVerifier interface {
	HasForeign() bool
}

// adopt returns the session of a stranger within the limits of loads. It is a stage of its
// request as a load is.
func (a *Authenticator) adopt(ctx context.Context, who session.Stranger) (s session.Session, err error) {
	err = trace(ctx, a.tracer, StageLoad, func(ctx context.Context) error {
		s, err = a.adoptLimited(ctx, who)
		return err
	})
	return s, err
}

func (a *Authenticator) adoptLimited(ctx context.Context, who session.Stranger) (session.Session, error) {
	if a.adopter == nil {
		return session.Session{}, fmt.Errorf("%w: the issuer has Foreign and Sessions has no method Adopt, as a session.Manager has", ErrMisused)
	}
	slot, err := a.limits.loads.Acquire(ctx, who.Tenant)
	if err != nil {
		return session.Session{}, limited(err)
	}
	defer a.limits.loads.Release(slot)
	s, err := a.adopter.Adopt(ctx, who)
	if err != nil {
		return session.Session{}, err
	}
	if s.Tenant != who.Tenant || s.User != who.User || s.ID.IsZero() {
		return session.Session{}, fmt.Errorf("%w: another session than the stranger's", session.ErrCorrupt)
	}
	return withoutSignIn(s, who), nil
}

// withoutSignIn leaves the AuthTime of a session zero, which no maximal age accepts, where the
// provider does not say when the user signed in: then it is the time of a token, and a refresh
// makes a token of an old sign-in. A step-up of our own, which is later than the session, counts.
func withoutSignIn(s session.Session, who session.Stranger) session.Session {
	if who.AuthTime.IsZero() && !s.AuthTime.After(s.CreatedAt.Add(session.MaxSkew)) {
		s.AuthTime = time.Time{}
	}
	return s
}

// notAdopted classifies an error about the session of a stranger, as ended does for one that
// the token names.
func notAdopted(err error) error {
	if errors.Is(err, ErrMisused) || errors.Is(err, session.ErrTooManySessions) && !IsOutage(err) {
		return err
	}
	return ended(err)
}
