package cachestore

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// signInKey is the digest of a provider's sign-in in one tenant.
type signInKey [sha256.Size]byte

func signInOf(stranger session.Stranger) signInKey {
	var text []byte
	for _, part := range []string{stranger.Issuer, stranger.Name, stranger.Tenant.String(), stranger.User.String()} {
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	return sha256.Sum256(text)
}

// Adopt implements [session.Store]. With a fresh lease, a stranger whose session is in memory costs
// no command, unless the token is newer than all that the store has seen, or names other roles than
// one of the same second.
func (c *Store) Adopt(ctx context.Context, a session.Adoption) (session.Session, error) {
	if err := a.Validate(); err != nil {
		return session.Session{}, err
	}
	if err := ctx.Err(); err != nil {
		return session.Session{}, fmt.Errorf("%w: adopt: %w", session.ErrUnavailable, err)
	}
	stranger := a.Stranger
	key := signInOf(stranger)
	if id, known := c.signIns.GetIfPresent(key); known {
		ref := session.Ref{Tenant: stranger.Tenant, User: stranger.User, ID: id}
		if s, err := c.Load(ctx, ref); err == nil && isSettled(a, s) {
			return s, nil
		}
		// The store decides everything else about the stranger.
	}
	s, err := c.store.Adopt(ctx, a)
	if err == nil {
		c.signIns.Set(key, s.ID)
	}
	if err != nil && !errors.Is(err, session.ErrNotFound) {
		c.signIns.Invalidate(key)
	}
	if err != nil || s.CreatedAt.After(s.LastSeenAt) || s.Version == 1 {
		// The limit may have ended other sessions of the user.
		c.outdate(session.ScopeUser, session.Ref{Tenant: stranger.Tenant, User: stranger.User})
	} else {
		c.outdate(session.ScopeSession, s.Ref())
	}
	return s, err
}

// isSettled reports whether the store has nothing to add to a session that was found: it has seen a
// token as new, and the sign-in is one of this session.
func isSettled(a session.Adoption, s session.Session) bool {
	claims := s.Provider.Claims()
	if !s.MovedTo.IsZero() { // its successor is the session of the sign-in
		return false
	}
	if claims.IssuedAt.Before(a.Stranger.IssuedAt) || claims.Issuer != a.Stranger.Issuer {
		return false
	}
	if _, changed := a.Roll(s); changed {
		return false
	}
	return a.Stranger.Name != "" || a.Stranger.Finds(claims.Since) == nil
}

// EndSignIn implements [session.Store]. Where the sign-in has sessions is for the store to know:
// everything is outdated here, and what the store announces elsewhere.
func (c *Store) EndSignIn(ctx context.Context, issuer, name string) error {
	defer c.outdate(session.ScopeAll, session.Ref{})
	return c.store.EndSignIn(ctx, issuer, name)
}

// RevokePerson implements [session.Store]. See EndSignIn.
func (c *Store) RevokePerson(ctx context.Context, issuer string, u session.UserID) error {
	defer c.outdate(session.ScopeAll, session.Ref{})
	return c.store.RevokePerson(ctx, issuer, u)
}

// Block implements [session.Store].
func (c *Store) Block(ctx context.Context, t tenant.ID, u session.UserID) error {
	if !t.IsZero() && !u.IsZero() {
		defer c.outdate(session.ScopeUser, session.Ref{Tenant: t, User: u})
	}
	return c.store.Block(ctx, t, u)
}

// Unblock implements [session.Store].
func (c *Store) Unblock(ctx context.Context, t tenant.ID, u session.UserID) error {
	return c.store.Unblock(ctx, t, u)
}

// AddTenant implements [session.Store].
func (c *Store) AddTenant(ctx context.Context, t tenant.ID) error {
	return c.store.AddTenant(ctx, t)
}
