package redisstore

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Revoke implements [session.Store].
func (s *Store) Revoke(ctx context.Context, ref session.Ref) error {
	if err := ref.Validate(); err != nil {
		return wrap("revoke", err)
	}
	user, keys := s.names.ref(ref)
	return s.change(ctx, "revoke", revokeScript,
		[]string{keys.record, keys.seen, keys.refresh, user.index}, keys.member)
}

// RevokeUser implements [session.Store]. The records stay, dead, until they expire.
func (s *Store) RevokeUser(ctx context.Context, t tenant.ID, u session.UserID) error {
	if err := checkOwner(t, u); err != nil {
		return wrap("revoke user", err)
	}
	user := s.names.user(t, u)
	return s.change(ctx, "revoke user", bumpScript, []string{user.epoch, user.index})
}

// RevokeTenant implements [session.Store].
func (s *Store) RevokeTenant(ctx context.Context, t tenant.ID) error {
	if err := checkTenant(t); err != nil {
		return wrap("revoke tenant", err)
	}
	return s.change(ctx, "revoke tenant", tenantRevokeScript, []string{s.names.tenant(t)})
}

// RevokeAll implements [session.Store].
func (s *Store) RevokeAll(ctx context.Context) error {
	return s.change(ctx, "revoke all", bumpScript, []string{s.names.global()})
}

// TenantStatus implements [session.Store].
func (s *Store) TenantStatus(ctx context.Context, t tenant.ID) (tenant.Status, error) {
	const op = "tenant status"
	if err := checkTenant(t); err != nil {
		return tenant.Unknown, wrap(op, err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	answers, err := batch(ctx, s.client, func(eval bool) []*redis.Cmd {
		return []*redis.Cmd{tenantReadScript.command(ctx, eval, []string{s.names.tenant(t)})}
	})
	if err != nil {
		return tenant.Unknown, wrap(op, failed(err))
	}
	state, err := parseTenant(answers[0])
	if err != nil {
		return tenant.Unknown, wrap(op, err)
	}
	return state.status, nil
}

// SetTenantStatus implements [session.Store].
func (s *Store) SetTenantStatus(ctx context.Context, t tenant.ID, status tenant.Status) error {
	const op = "set tenant status"
	if err := checkTenant(t); err != nil {
		return wrap(op, err)
	}
	if status != tenant.Active && status != tenant.Suspended {
		return wrap(op, fmt.Errorf("%w: status %v, only active and suspended can be set", session.ErrInvalid, status))
	}
	return s.change(ctx, op, tenantStatusScript, []string{s.names.tenant(t)}, status.String())
}

// change runs a script that is a whole method.
func (s *Store) change(ctx context.Context, op string, sc script, keys []string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if err := s.expect(ctx, sc, keys, args...); err != nil {
		return wrap(op, err)
	}
	return nil
}

func checkTenant(t tenant.ID) error {
	if t.IsZero() {
		return fmt.Errorf("%w: no tenant", session.ErrInvalidID)
	}
	return nil
}

func checkOwner(t tenant.ID, u session.UserID) error {
	if err := checkTenant(t); err != nil {
		return err
	}
	if u.IsZero() {
		return fmt.Errorf("%w: no user", session.ErrInvalidID)
	}
	return nil
}
