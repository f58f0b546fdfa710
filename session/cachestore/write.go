package cachestore

import (
	"context"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// outdate makes what this instance keeps of the parts of ref outdated. It is called when
// the store has answered, also with an error: the change may have been made.
func (c *Store) outdate(scope session.Scope, ref session.Ref) {
	topics := c.feed.Topics(ref)
	switch scope {
	case session.ScopeSession:
		c.stamps.advance(scope, topics.Session)
	case session.ScopeUser:
		c.stamps.advance(scope, topics.User)
	case session.ScopeTenant:
		c.stamps.advance(scope, topics.Tenant)
	default:
		c.stamps.advance(session.ScopeAll, "")
	}
}

// Create implements [session.Store]. The limit may have ended other sessions of the user.
func (c *Store) Create(ctx context.Context, s session.Session, n session.CreateOptions) (session.Session, error) {
	if err := s.Ref().Validate(); err != nil {
		return session.Session{}, err
	}
	defer c.outdate(session.ScopeUser, s.Ref())
	return c.store.Create(ctx, s, n)
}

// Update implements [session.Store].
func (c *Store) Update(ctx context.Context, s session.Session) (session.Session, error) {
	if err := s.Ref().Validate(); err != nil {
		return session.Session{}, err
	}
	defer c.outdate(session.ScopeSession, s.Ref())
	return c.store.Update(ctx, s)
}

// Rotate implements [session.Store].
func (c *Store) Rotate(ctx context.Context, old session.Ref, next session.Session, refresh session.Digest) (session.Session, error) {
	if err := old.Validate(); err != nil {
		return session.Session{}, err
	}
	defer c.outdate(session.ScopeSession, old)
	return c.store.Rotate(ctx, old, next, refresh)
}

// RotateWithGrace implements [session.Store].
func (c *Store) RotateWithGrace(ctx context.Context, old session.Ref, next session.Session, refresh session.Digest, grace time.Duration) (session.Session, error) {
	if err := old.Validate(); err != nil {
		return session.Session{}, err
	}
	defer c.outdate(session.ScopeSession, old)
	return c.store.RotateWithGrace(ctx, old, next, refresh, grace)
}

// Retire implements [session.Store].
func (c *Store) Retire(ctx context.Context, ref session.Ref, version uint64, to session.Ref, grace time.Duration) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	defer c.outdate(session.ScopeSession, ref)
	return c.store.Retire(ctx, ref, version, to, grace)
}

// Touch implements [session.Store].
func (c *Store) Touch(ctx context.Context, ref session.Ref) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	defer c.outdate(session.ScopeSession, ref)
	return c.store.Touch(ctx, ref)
}

// Refresh implements [session.Store].
func (c *Store) Refresh(ctx context.Context, ref session.Ref, step session.RefreshStep) (session.RefreshOutcome, error) {
	if err := ref.Validate(); err != nil {
		return session.RefreshOutcome{}, err
	}
	defer c.outdate(session.ScopeSession, ref)
	return c.store.Refresh(ctx, ref, step)
}

// Revoke implements [session.Store].
func (c *Store) Revoke(ctx context.Context, ref session.Ref) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	defer c.outdate(session.ScopeSession, ref)
	return c.store.Revoke(ctx, ref)
}

// End implements [session.Store].
func (c *Store) End(ctx context.Context, ref session.Ref, version uint64) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	defer c.outdate(session.ScopeSession, ref)
	return c.store.End(ctx, ref, version)
}

// RevokeOthers implements [session.Store].
func (c *Store) RevokeOthers(ctx context.Context, keep session.Ref) error {
	if err := keep.Validate(); err != nil {
		return err
	}
	defer c.outdate(session.ScopeUser, keep)
	return c.store.RevokeOthers(ctx, keep)
}

// RevokeUser implements [session.Store].
func (c *Store) RevokeUser(ctx context.Context, t tenant.ID, u session.UserID) error {
	if !t.IsZero() && !u.IsZero() {
		defer c.outdate(session.ScopeUser, session.Ref{Tenant: t, User: u})
	}
	return c.store.RevokeUser(ctx, t, u)
}

// RevokeTenant implements [session.Store].
func (c *Store) RevokeTenant(ctx context.Context, t tenant.ID) error {
	if !t.IsZero() {
		defer c.outdate(session.ScopeTenant, session.Ref{Tenant: t})
	}
	return c.store.RevokeTenant(ctx, t)
}

// RevokeAll implements [session.Store].
func (c *Store) RevokeAll(ctx context.Context) error {
	defer c.outdate(session.ScopeAll, session.Ref{})
	return c.store.RevokeAll(ctx)
}

// Begin implements [session.Store]. It asks the store.
func (c *Store) Begin(ctx context.Context, t tenant.ID, u session.UserID) (session.Ticket, error) {
	return c.store.Begin(ctx, t, u)
}

// Stale implements [session.Store].
func (c *Store) Stale(ctx context.Context, t tenant.ID, u session.UserID) error {
	switch {
	case t.IsZero():
	case u.IsZero():
		defer c.outdate(session.ScopeTenant, session.Ref{Tenant: t})
	default:
		defer c.outdate(session.ScopeUser, session.Ref{Tenant: t, User: u})
	}
	return c.store.Stale(ctx, t, u)
}

// UpdateUser implements [session.Store].
func (c *Store) UpdateUser(ctx context.Context, t tenant.ID, u session.UserID, change session.UserChange) error {
	if !t.IsZero() && !u.IsZero() {
		defer c.outdate(session.ScopeUser, session.Ref{Tenant: t, User: u})
	}
	return c.store.UpdateUser(ctx, t, u, change)
}

// Regrant implements [session.Store].
func (c *Store) Regrant(ctx context.Context, s session.Session, under session.Ticket) (session.Session, error) {
	if err := s.Ref().Validate(); err != nil {
		return session.Session{}, err
	}
	defer c.outdate(session.ScopeSession, s.Ref())
	return c.store.Regrant(ctx, s, under)
}

// List implements [session.Store]. It asks the store.
func (c *Store) List(ctx context.Context, t tenant.ID, u session.UserID) ([]session.Session, error) {
	return c.store.List(ctx, t, u)
}

// Peek implements [session.Store]. It asks the store: to answer from memory would show sessions that
// the store has ended since.
func (c *Store) Peek(ctx context.Context, t tenant.ID, u session.UserID, ids []session.ID) ([]session.Session, error) {
	return c.store.Peek(ctx, t, u, ids)
}

// Events implements [session.Store]. It asks the store.
func (c *Store) Events(ctx context.Context, t tenant.ID, u session.UserID) ([]session.Event, error) {
	return c.store.Events(ctx, t, u)
}

// TenantStatus implements [session.Store]. It asks the store.
func (c *Store) TenantStatus(ctx context.Context, t tenant.ID) (tenant.Status, error) {
	return c.store.TenantStatus(ctx, t)
}

// SetTenantStatus implements [session.Store].
func (c *Store) SetTenantStatus(ctx context.Context, t tenant.ID, status tenant.Status) error {
	if !t.IsZero() {
		defer c.outdate(session.ScopeTenant, session.Ref{Tenant: t})
	}
	return c.store.SetTenantStatus(ctx, t, status)
}
