package redisstore

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Revoke implements [session.Store].
func (s *Store) Revoke(ctx context.Context, ref session.Ref) error {
	if err := ref.Validate(); err != nil {
		return wrap("revoke", err)
	}
	user, keys := s.names.ref(ref)
	by, err := s.sealActor(ctx, user.events)
	if err != nil {
		return wrap("revoke", err)
	}
	if err := s.change(ctx, "revoke", revokeScript, revokeKeys(user, keys), keys.member, by); err != nil {
		return err
	}
	s.memory.ended(keys.record)
	return nil
}

// End implements [session.Store].
func (s *Store) End(ctx context.Context, ref session.Ref, version uint64) error {
	if err := s.end(ctx, ref, version); err != nil {
		return wrap("end", err)
	}
	return nil
}

func (s *Store) end(ctx context.Context, ref session.Ref, version uint64) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	l, err := s.read(ctx, ref)
	if err != nil {
		return err
	}
	if l.session.Version != version {
		return session.ErrConflict
	}
	by, err := s.sealActor(ctx, l.user.events)
	if err != nil {
		return err
	}
	v, err := s.revoke(ctx, endScript, append(revokeKeys(l.user, l.keys), l.user.epoch), l.keys.member, l.issued.user, version, by)
	if err != nil {
		return err
	}
	if _, err := outcome(v, 1); err != nil {
		return err
	}
	s.memory.ended(l.keys.record)
	return nil
}

// RevokeOthers implements [session.Store].
func (s *Store) RevokeOthers(ctx context.Context, keep session.Ref) error {
	if err := s.revokeOthers(ctx, keep); err != nil {
		return wrap("revoke others", err)
	}
	return nil
}

func (s *Store) revokeOthers(ctx context.Context, keep session.Ref) error {
	if err := keep.Validate(); err != nil {
		return err
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	l, err := s.read(ctx, keep)
	if err != nil {
		return err
	}
	by, err := s.sealActor(ctx, l.user.events)
	if err != nil {
		return err
	}
	v, err := s.revoke(ctx, othersScript,
		[]string{l.keys.record, l.keys.seen, l.user.epoch, l.user.index, l.user.order, l.user.events, l.user.acts},
		l.keys.member, l.issued.user, by)
	if err != nil {
		return err
	}
	if list, ok := v.([]any); ok && len(list) == 1 && list[0] == "gone" {
		return session.ErrNotFound
	}
	others, err := members(v)
	if err != nil {
		return err
	}
	s.ended(ctx, l.user, others)
	return nil
}

// RevokeUser implements [session.Store]. The records stay, dead, until they expire.
func (s *Store) RevokeUser(ctx context.Context, t tenant.ID, u session.UserID) error {
	if err := checkOwner(t, u); err != nil {
		return wrap("revoke user", err)
	}
	user := s.names.user(t, u)
	epoch, err := s.bump(ctx, "revoke user", bumpScript,
		[]string{user.epoch, user.events, user.index, user.order, user.acts}, string(session.EventUserRevoked))
	if err != nil {
		return err
	}
	s.memory.userRevoked(user.epoch, epoch)
	return nil
}

// RevokeTenant implements [session.Store].
func (s *Store) RevokeTenant(ctx context.Context, t tenant.ID) error {
	if err := checkTenant(t); err != nil {
		return wrap("revoke tenant", err)
	}
	epoch, err := s.bump(ctx, "revoke tenant", tenantRevokeScript, []string{s.names.tenant(t), s.names.tenantEvents(t)})
	if err != nil {
		return err
	}
	s.memory.ofShared(s.names.tenant(t), epoch)
	return nil
}

// RevokeAll implements [session.Store].
func (s *Store) RevokeAll(ctx context.Context) error {
	epoch, err := s.bump(ctx, "revoke all", bumpScript, []string{s.names.global(), s.names.globalEvents()}, string(session.EventAllRevoked))
	if err != nil {
		return err
	}
	s.memory.ofShared(s.names.global(), epoch)
	return nil
}

// TenantStatus implements [session.Store].
func (s *Store) TenantStatus(ctx context.Context, t tenant.ID) (tenant.Status, error) {
	const op = "tenant status"
	if err := checkTenant(t); err != nil {
		return tenant.Unknown, wrap(op, err)
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		return []*call{tenantReadScript.call(ctx, eval, []string{s.names.tenant(t)})}
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

// bump runs a script that moves an epoch on and is a whole method, and returns the epoch, 0
// when there is none. The second key is of the events.
func (s *Store) bump(ctx context.Context, op string, sc script, keys []string, args ...any) (uint64, error) {
	by, err := s.sealActor(ctx, keys[1])
	if err != nil {
		return 0, wrap(op, err)
	}
	args = append(args, by)
	ctx, cancel := s.within(ctx)
	defer cancel()
	v, err := s.revoke(ctx, sc, keys, args...)
	if err != nil {
		return 0, wrap(op, err)
	}
	r := newReply(v, 2)
	if r.must() != "ok" {
		r.corrupt("unexpected answer")
	}
	epoch, _ := r.number()
	if r.err != nil {
		return 0, wrap(op, r.err)
	}
	return epoch, nil
}

// change runs a script that is a whole method.
func (s *Store) change(ctx context.Context, op string, sc script, keys []string, args ...any) error {
	ctx, cancel := s.within(ctx)
	defer cancel()
	v, err := s.revoke(ctx, sc, keys, args...)
	if err == nil && v != "ok" {
		err = fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
	}
	if err != nil {
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
