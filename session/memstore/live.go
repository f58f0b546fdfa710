package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
)

// Create implements [session.Store].
func (st *Store) Create(ctx context.Context, s session.Session, lifetime time.Duration, refresh session.Digest) (session.Session, error) {
	if err := s.Ref().Validate(); err != nil {
		return session.Session{}, err
	}
	if lifetime <= 0 || s.IdleTimeout <= 0 {
		return session.Session{}, fmt.Errorf("%w: lifetime %v, idle timeout %v", session.ErrInvalid, lifetime, s.IdleTimeout)
	}
	if err := st.enter(ctx, "create"); err != nil {
		return session.Session{}, err
	}
	defer st.mu.Unlock()
	state, err := st.active(s.Tenant)
	if err != nil {
		return session.Session{}, err
	}
	if _, ok := state.users[s.User][s.ID]; ok {
		return session.Session{}, session.ErrExists
	}
	now := time.Now()
	s.CreatedAt, s.LastSeenAt, s.ExpiresAt, s.Version = now, now, now.Add(lifetime), 1
	if s.AuthTime.IsZero() {
		s.AuthTime = now
	}
	st.insert(&record{session: s, refresh: family{current: refresh}}, now)
	return s, nil
}

// Load implements [session.Store].
func (st *Store) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	if err := ref.Validate(); err != nil {
		return session.Session{}, err
	}
	if err := st.enter(ctx, "load"); err != nil {
		return session.Session{}, err
	}
	defer st.mu.Unlock()
	now := time.Now()
	r, err := st.live(ref, now)
	if err != nil {
		return session.Session{}, err
	}
	if now.Sub(r.session.LastSeenAt) >= session.TouchInterval {
		r.session.LastSeenAt = now
	}
	return r.session, nil
}

// Update implements [session.Store].
func (st *Store) Update(ctx context.Context, s session.Session) (session.Session, error) {
	if err := s.Ref().Validate(); err != nil {
		return session.Session{}, err
	}
	if s.IdleTimeout <= 0 {
		return session.Session{}, fmt.Errorf("%w: idle timeout %v", session.ErrInvalid, s.IdleTimeout)
	}
	if err := st.enter(ctx, "update"); err != nil {
		return session.Session{}, err
	}
	defer st.mu.Unlock()
	r, err := st.live(s.Ref(), time.Now())
	if err != nil {
		return session.Session{}, err
	}
	if r.session.Version != s.Version {
		return session.Session{}, session.ErrConflict
	}
	r.session = changed(r.session, s)
	return r.session, nil
}

// changed is stored with the fields that a caller may change, one version on.
func changed(stored, s session.Session) session.Session {
	stored.Roles, stored.Attributes = s.Roles, s.Attributes
	stored.AuthTime, stored.AMR = s.AuthTime, s.AMR
	stored.IdleTimeout = s.IdleTimeout
	stored.Version++
	return stored
}

// Rotate implements [session.Store].
func (st *Store) Rotate(ctx context.Context, old session.Ref, next session.Session, refresh session.Digest) (session.Session, error) {
	if err := old.Validate(); err != nil {
		return session.Session{}, err
	}
	if err := next.Ref().Validate(); err != nil {
		return session.Session{}, err
	}
	if next.Tenant != old.Tenant || next.User != old.User {
		return session.Session{}, fmt.Errorf("%w: a rotation keeps tenant and user", session.ErrInvalid)
	}
	if next.IdleTimeout <= 0 {
		return session.Session{}, fmt.Errorf("%w: idle timeout %v", session.ErrInvalid, next.IdleTimeout)
	}
	if err := st.enter(ctx, "rotate"); err != nil {
		return session.Session{}, err
	}
	defer st.mu.Unlock()
	now := time.Now()
	r, err := st.live(old, now)
	if err != nil {
		return session.Session{}, err
	}
	if r.session.Version != next.Version {
		return session.Session{}, session.ErrConflict
	}
	if _, ok := st.tenants[next.Tenant].users[next.User][next.ID]; ok {
		return session.Session{}, session.ErrExists
	}
	rotated := changed(r.session, next)
	rotated.ID, rotated.LastSeenAt = next.ID, now
	st.forget(old)
	st.insert(&record{session: rotated, refresh: family{current: refresh}}, now)
	return rotated, nil
}

// Touch implements [session.Store].
func (st *Store) Touch(ctx context.Context, ref session.Ref) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	if err := st.enter(ctx, "touch"); err != nil {
		return err
	}
	defer st.mu.Unlock()
	now := time.Now()
	r, err := st.live(ref, now)
	if err != nil {
		return err
	}
	r.session.LastSeenAt = now
	return nil
}

// Refresh implements [session.Store].
func (st *Store) Refresh(ctx context.Context, ref session.Ref, step session.RefreshStep) (session.RefreshOutcome, error) {
	if err := ref.Validate(); err != nil {
		return session.RefreshOutcome{}, err
	}
	var none session.Digest
	if step.Presented == none || step.Next == none {
		return session.RefreshOutcome{}, fmt.Errorf("%w: refresh step without a digest", session.ErrInvalid)
	}
	if err := st.enter(ctx, "refresh"); err != nil {
		return session.RefreshOutcome{}, err
	}
	defer st.mu.Unlock()
	now := time.Now()
	r, err := st.live(ref, now)
	if err != nil {
		return session.RefreshOutcome{}, err
	}
	f := r.refresh
	switch {
	case step.Presented == f.current:
		r.refresh = family{current: step.Next, previous: f.current, salt: step.Salt, steppedAt: now}
		r.session.LastSeenAt = now
		return session.RefreshOutcome{Session: r.session, Salt: step.Salt}, nil
	case step.Presented == f.previous && step.Grace > 0 && now.Sub(f.steppedAt) <= step.Grace:
		return session.RefreshOutcome{Session: r.session, Repeated: true, Salt: f.salt}, nil
	}
	st.forget(ref)
	return session.RefreshOutcome{}, session.ErrRefreshReused
}
