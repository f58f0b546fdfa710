package middleware

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// Refresher exchanges refresh tokens and ends sessions. [session.Manager] is one.
type Refresher interface {
	Refresh(ctx context.Context, raw string) (session.Session, session.RefreshToken, error)
	Revoke(ctx context.Context, ref session.Ref) error
}

// ExchangeRefresh exchanges a refresh token for a client that proves the key its session is
// bound to (RFC 9449 §5): a stolen refresh token is useless without the key. A service binds a
// session by its attribute session.KeyAttribute, the thumbprint that [DPoP.Bind] returned when the
// user signed in; a change that leaves the attribute out is refused.
//
//	s, next, err := dpop.ExchangeRefresh(w, r, sessions, raw)
//	signed, err := signer.SignBound(s, s.BoundKey())
//
// A client of a session without the attribute sends no proof. Every other combination ends
// the session, since the token is then in the hands of somebody else, and is
// [session.ErrRefreshInvalid]. A proof that is not good, or was used before, is refused before
// the token is looked at, and ends nothing. It is marked as used only when the token was good,
// so that anonymous clients write nothing to the store. Refreshes with a proof that are refused are
// paced for each client as [DPoP.Bind] is; those of good tokens are neither counted nor slowed,
// unless others of the same address use up its turns.
func (d *DPoP) ExchangeRefresh(w http.ResponseWriter, r *http.Request, sessions Refresher, raw string) (session.Session, session.RefreshToken, error) {
	if d == nil || len(r.Header.Values(headerDPoP)) == 0 {
		return d.refresh(w, r, sessions, raw)
	}
	client := clientOf(clientIP(r))
	if err := d.refreshes.open(r.Context(), client); err != nil {
		return session.Session{}, session.RefreshToken{}, err
	}
	s, next, err := d.refresh(w, r, sessions, raw)
	if isRefused(err) {
		d.refreshes.spend(client)
	}
	return s, next, err
}

// isRefused reports whether a refresh was refused for what the client has shown.
func isRefused(err error) bool {
	return errors.Is(err, token.ErrInvalidProof) || errors.Is(err, session.ErrRefreshInvalid) || errors.Is(err, session.ErrRefreshReused)
}

func (d *DPoP) refresh(w http.ResponseWriter, r *http.Request, sessions Refresher, raw string) (session.Session, session.RefreshToken, error) {
	ctx := r.Context()
	proof, err := d.unusedProof(ctx, w, r)
	if err != nil {
		return session.Session{}, session.RefreshToken{}, err
	}
	s, next, err := sessions.Refresh(ctx, raw)
	if err != nil {
		return session.Session{}, session.RefreshToken{}, asOutage(err)
	}
	if s.BoundKey() != proof.Thumbprint() {
		if err := sessions.Revoke(ctx, s.Ref()); err != nil {
			return session.Session{}, session.RefreshToken{}, asOutage(err)
		}
		return session.Session{}, session.RefreshToken{}, fmt.Errorf("%w: not from the holder of its session's key", session.ErrRefreshInvalid)
	}
	if proof != nil {
		if err := d.once(ctx, w, proof, proof.Thumbprint()); err != nil {
			return session.Session{}, session.RefreshToken{}, err
		}
	}
	return s, next, nil
}

// unusedProof returns the proof that came with a request for a token, verified and not used until
// now, and nil for a request without one.
func (d *DPoP) unusedProof(ctx context.Context, w http.ResponseWriter, r *http.Request) (*token.DPoPProof, error) {
	if len(r.Header.Values(headerDPoP)) == 0 {
		return nil, nil
	}
	proof, err := d.verify(w, r, "")
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
