package session

import (
	"context"

	"github.com/reevehq/reeve/tenant"
)

// outdate makes what this instance keeps of the parts of ref outdated. It is called when
// the store has answered, also with an error: the change may have been made.
func (c *Cache) outdate(scope Scope, ref Ref) {
	topics := c.feed.Topics(ref)
	switch scope {
	case ScopeSession:
		c.stamps.advance(scope, topics.Session)
	case ScopeUser:
		c.stamps.advance(scope, topics.User)
	case ScopeTenant:
		c.stamps.advance(scope, topics.Tenant)
	default:
		c.stamps.advance(ScopeAll, "")
	}
}

// Create implements [Store]. The limit may have ended other sessions of the user.
func (c *Cache) Create(ctx context.Context, s Session, n CreateOptions) (Session, error) {
	if err := s.Ref().Validate(); err != nil {
		return Session{}, err
	}
	defer c.outdate(ScopeUser, s.Ref())
	return c.store.Create(ctx, s, n)
}

// Update implements [Store].
func (c *Cache) Update(ctx context.Context, s Session) (Session, error) {
	if err := s.Ref().Validate(); err != nil {
		return Session{}, err
	}
	defer c.outdate(ScopeSession, s.Ref())
	return c.store.Update(ctx, s)
}

// Rotate implements [Store].
func (c *Cache) Rotate(ctx context.Context, old Ref, next Session, refresh Digest) (Session, error) {
	if err := old.Validate(); err != nil {
		return Session{}, err
	}
	defer c.outdate(ScopeSession, old)
	return c.store.Rotate(ctx, old, next, refresh)
}

// Touch implements [Store].
func (c *Cache) Touch(ctx context.Context, ref Ref) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	defer c.outdate(ScopeSession, ref)
	return c.store.Touch(ctx, ref)
}

// Refresh implements [Store].
func (c *Cache) Refresh(ctx context.Context, ref Ref, step RefreshStep) (RefreshOutcome, error) {
	if err := ref.Validate(); err != nil {
		return RefreshOutcome{}, err
	}
	defer c.outdate(ScopeSession, ref)
	return c.store.Refresh(ctx, ref, step)
}

// Revoke implements [Store].
func (c *Cache) Revoke(ctx context.Context, ref Ref) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	defer c.outdate(ScopeSession, ref)
	return c.store.Revoke(ctx, ref)
}

// End implements [Store].
func (c *Cache) End(ctx context.Context, ref Ref, version uint64) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	defer c.outdate(ScopeSession, ref)
	return c.store.End(ctx, ref, version)
}

// RevokeOthers implements [Store].
func (c *Cache) RevokeOthers(ctx context.Context, keep Ref) error {
	if err := keep.Validate(); err != nil {
		return err
	}
	defer c.outdate(ScopeUser, keep)
	return c.store.RevokeOthers(ctx, keep)
}

// RevokeUser implements [Store].
func (c *Cache) RevokeUser(ctx context.Context, t tenant.ID, u UserID) error {
	if !t.IsZero() && !u.IsZero() {
		defer c.outdate(ScopeUser, Ref{Tenant: t, User: u})
	}
	return c.store.RevokeUser(ctx, t, u)
}

// RevokeTenant implements [Store].
func (c *Cache) RevokeTenant(ctx context.Context, t tenant.ID) error {
	if !t.IsZero() {
		defer c.outdate(ScopeTenant, Ref{Tenant: t})
	}
	return c.store.RevokeTenant(ctx, t)
}

// RevokeAll implements [Store].
func (c *Cache) RevokeAll(ctx context.Context) error {
	defer c.outdate(ScopeAll, Ref{})
	return c.store.RevokeAll(ctx)
}

// List implements [Store]. It asks the store.
func (c *Cache) List(ctx context.Context, t tenant.ID, u UserID) ([]Session, error) {
	return c.store.List(ctx, t, u)
}

// Peek implements [Store]. It asks the store: to answer from memory would show sessions that
// the store has ended since.
func (c *Cache) Peek(ctx context.Context, t tenant.ID, u UserID, ids []ID) ([]Session, error) {
	return c.store.Peek(ctx, t, u, ids)
}

// Events implements [Store]. It asks the store.
func (c *Cache) Events(ctx context.Context, t tenant.ID, u UserID) ([]Event, error) {
	return c.store.Events(ctx, t, u)
}

// TenantStatus implements [Store]. It asks the store.
func (c *Cache) TenantStatus(ctx context.Context, t tenant.ID) (tenant.Status, error) {
	return c.store.TenantStatus(ctx, t)
}

// SetTenantStatus implements [Store].
func (c *Cache) SetTenantStatus(ctx context.Context, t tenant.ID, status tenant.Status) error {
	if !t.IsZero() {
		defer c.outdate(ScopeTenant, Ref{Tenant: t})
	}
	return c.store.SetTenantStatus(ctx, t, status)
}
