package middleware

import (
	"context"
	"errors"
	"fmt"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// Refresher exchanges refresh tokens and ends sessions. [session.Manager] is one.
type Refresher interface {
	Refresh(ctx context.Context, raw string) (session.Session, session.RefreshToken, error)
	Revoke(ctx context.Context, ref session.Ref) error
}

// Refresh exchanges a refresh token for a client that proves the key its session is bound
// to, so that a stolen one is of no use without it:
//
//	s, next, err := dpop.Refresh(c, sessions, raw)
//	signed, err := signer.SignBound(s, s.BoundKey())
//
// A client of a session without the attribute sends no proof. Every other combination ends
// the session, since the token is then in the hands of somebody else, and is
// [session.ErrRefreshInvalid]. A proof that is not good, or was used before, is refused before
// the token is looked at, and ends nothing. It is marked as used only when the token was good,
// so that strangers write nothing to the store. Refreshes with a proof that are refused are
// paced for each client as [DPoP.Bind] is; those of good tokens are neither counted nor slowed,
// unless others of the same address use up its turns.
func (d *DPoP) Refresh(c echo.Context, sessions Refresher, raw string) (session.Session, session.RefreshToken, error) {
	if d == nil || len(c.Request().Header.Values(HeaderDPoP)) == 0 {
		return d.refresh(c, sessions, raw)
	}
	client := clientAddress(c)
	if err := d.refreshes.open(c.Request().Context(), client); err != nil {
		return session.Session{}, session.RefreshToken{}, err
	}
	s, next, err := d.refresh(c, sessions, raw)
	if isRefused(err) {
		d.refreshes.spend(client)
	}
	return s, next, err
}

// isRefused reports whether a refresh was refused for what the client has shown.
func isRefused(err error) bool {
	return errors.Is(err, token.ErrInvalidProof) || errors.Is(err, session.ErrRefreshInvalid) || errors.Is(err, session.ErrRefreshReused)
}

func (d *DPoP) refresh(c echo.Context, sessions Refresher, raw string) (session.Session, session.RefreshToken, error) {
	ctx := c.Request().Context()
	proof, err := d.shown(ctx, c)
	if err != nil {
		return session.Session{}, session.RefreshToken{}, err
	}
	s, next, err := sessions.Refresh(ctx, raw)
	if err != nil {
		return session.Session{}, session.RefreshToken{}, undecided(err)
	}
	if s.BoundKey() != proof.Thumbprint() {
		if err := sessions.Revoke(ctx, s.Ref()); err != nil {
			return session.Session{}, session.RefreshToken{}, undecided(err)
		}
		return session.Session{}, session.RefreshToken{}, fmt.Errorf("%w: not from the holder of its session's key", session.ErrRefreshInvalid)
	}
	if proof != nil {
		if err := d.once(ctx, c, proof, proof.Thumbprint()); err != nil {
			return session.Session{}, session.RefreshToken{}, err
		}
	}
	return s, next, nil
}

// shown returns the proof that came with a request for a token, verified and not used until
// now, and nil for a request without one.
func (d *DPoP) shown(ctx context.Context, c echo.Context) (*token.DPoPProof, error) {
	if len(c.Request().Header.Values(HeaderDPoP)) == 0 {
		return nil, nil
	}
	proof, err := d.verify(c, "")
	if err != nil {
		return nil, err
	}
	used, err := d.Replay.Used(ctx, proof.ReplayKey(), proof.ReplayTTL())
	if err != nil {
		return nil, fmt.Errorf("%w: replay store: %w", ErrUnavailable, err)
	}
	if used {
		return nil, fmt.Errorf("%w: it was used before", token.ErrInvalidProof)
	}
	return proof, nil
}
