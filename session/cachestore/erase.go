package cachestore

import (
	"context"
	"iter"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// EraseUser implements [session.Store]. Copies that instances keep of the user's sessions are
// served no more, and gives way to others.
func (c *Store) EraseUser(ctx context.Context, t tenant.ID, u session.UserID) error {
	if !t.IsZero() && !u.IsZero() {
		defer c.outdate(session.ScopeUser, session.Ref{Tenant: t, User: u})
	}
	return c.store.EraseUser(ctx, t, u)
}

// EraseTenant implements [session.Store]. See EraseUser.
func (c *Store) EraseTenant(ctx context.Context, t tenant.ID, users iter.Seq2[session.UserID, error]) error {
	if !t.IsZero() {
		defer c.outdate(session.ScopeTenant, session.Ref{Tenant: t})
	}
	return c.store.EraseTenant(ctx, t, users)
}
