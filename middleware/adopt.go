package middleware

import (
	"context"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/session"
)

// Adopter returns the session of somebody whom another identity provider has signed in, and
// makes it at their first token. [session.Manager] is one. It is asked in place of [Loader] for
// tokens of issuers with token.Issuer.Foreign, on the same terms. Errors that mean that the
// sign-in was ended or may not be used are those of Manager.Adopt; any other is an outage.
type Adopter interface {
	Adopt(ctx context.Context, stranger session.Stranger) (session.Session, error)
}

var _ Adopter = (*session.Manager)(nil)

// foreignVerifier is a Verifier that knows whether its tokens name strangers, as a
// [token.Verifier] does.
type foreignVerifier interface {
	HasForeign() bool
}

// adopt returns the session of a stranger within the limits of loads. It is a stage of its
// request as a load is.
func (a *Authenticator) adopt(ctx context.Context, stranger session.Stranger) (s session.Session, err error) {
	err = trace(ctx, a.tracer, StageLoad, func(ctx context.Context) error {
		s, err = a.adoptLimited(ctx, stranger)
		return err
	})
	return s, err
}

func (a *Authenticator) adoptLimited(ctx context.Context, stranger session.Stranger) (session.Session, error) {
	if a.adopter == nil {
		return session.Session{}, fmt.Errorf("%w: the issuer has Foreign and Sessions has no method Adopt, as a session.Manager has", ErrMisused)
	}
	slot, err := a.limits.loads.Acquire(ctx, stranger.Tenant)
	if err != nil {
		return session.Session{}, limited(err)
	}
	defer a.limits.loads.Release(slot)
	s, err := a.adopter.Adopt(ctx, stranger)
	if err != nil {
		return session.Session{}, err
	}
	if s.Tenant != stranger.Tenant || s.User != stranger.User || s.ID.IsZero() {
		return session.Session{}, fmt.Errorf("%w: another session than the stranger's", session.ErrCorrupt)
	}
	return signedInBy(s, stranger), nil
}

// signedInBy returns a session with what may be said of the sign-in that the request's token is of.
//
// Where tokens name no session, all sign-ins of the user at the provider have this one: it says how
// and when the latest was, and somebody who has the user's password alone has an older token, or the
// next one. Only the token's own claims count.
//
// Where the provider does not say when the user signed in, AuthTime is zero, which no maximal age
// accepts: it would be the time of a token, and a refresh makes a token of an old sign-in.
//
// A step-up of our own counts in either case.
func signedInBy(s session.Session, stranger session.Stranger) session.Session {
	latest := s.CreatedAt.Add(session.MaxSkew)
	if !stranger.AuthTime.IsZero() {
		latest = s.Provider.Claims().IssuedAt // no sign-in that a token has told of is later
	}
	stepped := s.AuthTime.After(latest)
	if stranger.Name == "" {
		s.Provider = s.Provider.By(stranger.ACR)
		if !stepped {
			s.AMR = stranger.Methods()
		}
	}
	if !stepped && (stranger.Name == "" || stranger.AuthTime.IsZero()) {
		s.AuthTime = stranger.AuthTime
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
