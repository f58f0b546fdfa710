package memstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/reevehq/reeve/session"
)

// Create implements [session.Store].
func (st *Store) Create(ctx context.Context, s session.Session, c session.CreateOptions) (session.Session, error) {
	if err := s.Validate(); err != nil {
		return session.Session{}, err
	}
	if c.Lifetime <= 0 || s.IdleTimeout <= 0 {
		return session.Session{}, fmt.Errorf("%w: lifetime %v, idle timeout %v", session.ErrInvalid, c.Lifetime, s.IdleTimeout)
	}
	if err := c.Limit.Validate(); err != nil {
		return session.Session{}, err
	}
	if err := st.enter(ctx, "create"); err != nil {
		return session.Session{}, err
	}
	defer st.mu.Unlock()
	return st.begin(ctx, s, c, nil, time.Now())
}

// begin stores a new session, of a sign-in if there is one.
func (st *Store) begin(ctx context.Context, s session.Session, c session.CreateOptions, of *signIn, now time.Time) (session.Session, error) {
	state, err := st.active(s.Tenant)
	if err != nil {
		return session.Session{}, err
	}
	if st.signIns.blocked[owner{s.Tenant, s.User}] {
		return session.Session{}, session.ErrBlocked
	}
	if _, ok := state.users[s.User][s.ID]; ok {
		return session.Session{}, session.ErrExists
	}
	if err := st.holds(state, c.Ticket, s.Tenant, s.User); err != nil {
		return session.Session{}, err
	}
	s.Stale = false
	expires := now.Add(c.Lifetime)
	if !c.Until.IsZero() && c.Until.Before(expires) {
		expires = c.Until
	}
	if !now.Before(expires) {
		return session.Session{}, fmt.Errorf("%w: it would end before it begins", session.ErrInvalid)
	}
	if err := st.makeRoom(ctx, state, s, c.Limit, now); err != nil {
		return session.Session{}, err
	}
	s.CreatedAt, s.LastSeenAt, s.ExpiresAt, s.Version = now, now, expires, 1
	if s.AuthTime.IsZero() {
		s.AuthTime = now
	}
	st.insert(&record{session: s, refresh: family{current: c.Refresh}, signIn: of}, now)
	actor, _ := s.Actors.Current()
	kind := session.EventCreated
	if of != nil {
		of.session, of.end, kind = s.ID, time.Time{}, of.kind
	}
	st.happened(ctx, s, session.Event{Kind: kind, At: now, Reason: actor.Reason})
	return s, nil
}

// makeRoom applies the limit to the live sessions of the owner of s: their own, or where somebody
// acts as them those by which others do, which have a limit of their own.
func (st *Store) makeRoom(ctx context.Context, state *tenantState, s session.Session, limit session.SessionLimit, now time.Time) error {
	acts := s.Actors.Len() > 0
	limit = limit.OrDefault()
	if acts {
		limit = session.SessionLimit{Sessions: session.MaxImpersonations, Policy: session.EvictOldest}
	}
	among := func(other session.Session) bool { return other.Actors.Len() > 0 == acts && listed(other, now) }
	over := 1 - limit.Sessions
	for _, r := range state.users[s.User] {
		if among(r.session) {
			over++
		}
	}
	if over <= 0 {
		return nil
	}
	if limit.Policy == session.RejectNew {
		return session.ErrTooManySessions
	}
	live := slices.DeleteFunc(liveOnes(state.users[s.User], now), func(other session.Session) bool { return !among(other) })
	for _, oldest := range live[:over] {
		st.forget(oldest.Ref(), now)
		if over <= session.MaxEvictions {
			st.happened(ctx, oldest, session.Event{Kind: session.EventEvicted, At: now})
		}
	}
	if over > session.MaxEvictions {
		st.happened(ctx, s, session.Event{Kind: session.EventLimited, At: now})
	}
	return nil
}

// Load implements [session.Store].
func (st *Store) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	if err := ref.Validate(); err != nil {
		return session.Session{}, err
	}
	r, now, err := st.enterLive(ctx, "load", ref)
	if err != nil {
		return session.Session{}, err
	}
	defer st.mu.Unlock()
	if now.Sub(r.session.LastSeenAt) >= session.TouchInterval && r.session.MovedTo.IsZero() {
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
	r, now, err := st.enterLive(ctx, "update", s.Ref())
	if err != nil {
		return session.Session{}, err
	}
	defer st.mu.Unlock()
	if r.session.Stale {
		return session.Session{}, session.ErrStale
	}
	if r.session.Version != s.Version {
		return session.Session{}, session.ErrConflict
	}
	if !r.session.Acting.IsZero() && s.Acting != r.session.Acting {
		return session.Session{}, fmt.Errorf("%w: an update keeps as whom the user acts", session.ErrInvalid)
	}
	event := session.Event{Kind: session.EventUpdated, At: now}
	if s.Acting != r.session.Acting {
		event.Kind, event.Reason = session.EventImpersonated, s.Acting.Reason()
		r.refresh = family{}
	}
	r.session = changed(r.session, s)
	st.happened(ctx, r.session, event)
	return r.session, nil
}

// changed is stored with the fields that a caller may change, one version on.
func changed(stored, s session.Session) session.Session {
	stored.Roles, stored.Attributes = s.Roles, s.Attributes
	stored.AuthTime, stored.AMR = s.AuthTime, s.AMR
	stored.IdleTimeout, stored.Acting = s.IdleTimeout, s.Acting
	stored.Version++
	return stored
}

// Rotate implements [session.Store].
func (st *Store) Rotate(ctx context.Context, old session.Ref, next session.Session, refresh session.Digest) (session.Session, error) {
	return st.rotate(ctx, old, next, refresh, 0)
}

// RotateWithGrace implements [session.Store].
func (st *Store) RotateWithGrace(ctx context.Context, old session.Ref, next session.Session, refresh session.Digest, grace time.Duration) (session.Session, error) {
	if err := session.CheckGrace(grace); err != nil {
		return session.Session{}, err
	}
	return st.rotate(ctx, old, next, refresh, grace)
}

// rotate is Rotate after which the old id loads for the grace.
func (st *Store) rotate(ctx context.Context, old session.Ref, next session.Session, refresh session.Digest, grace time.Duration) (session.Session, error) {
	if err := old.Validate(); err != nil {
		return session.Session{}, err
	}
	if err := next.Ref().Validate(); err != nil {
		return session.Session{}, err
	}
	if next.Tenant != old.Tenant || next.User != old.User || !next.Acting.IsZero() {
		return session.Session{}, fmt.Errorf("%w: a rotation keeps tenant and user, who acts as nobody else after it", session.ErrInvalid)
	}
	if next.IdleTimeout <= 0 {
		return session.Session{}, fmt.Errorf("%w: idle timeout %v", session.ErrInvalid, next.IdleTimeout)
	}
	r, now, err := st.enterLive(ctx, "rotate", old)
	if err != nil {
		return session.Session{}, err
	}
	defer st.mu.Unlock()
	if r.session.Stale {
		return session.Session{}, session.ErrStale
	}
	if r.session.Version != next.Version {
		return session.Session{}, session.ErrConflict
	}
	if _, ok := st.tenants[next.Tenant].users[next.User][next.ID]; ok {
		return session.Session{}, session.ErrExists
	}
	rotated := changed(r.session, next)
	rotated.ID, rotated.LastSeenAt = next.ID, now
	if next.AuthTime.IsZero() {
		rotated.AuthTime = now
	}
	event := session.Event{Kind: session.EventRotated, At: now, Next: next.ID.Fingerprint()}
	if !r.session.Acting.IsZero() {
		event.Kind = session.EventImpersonationEnded
	}
	if r.signIn != nil {
		r.signIn.session = rotated.ID
	}
	st.happened(ctx, r.session, event)
	if grace > 0 {
		r.retire(next.Ref(), now.Add(grace))
	} else {
		st.forget(old, now)
	}
	st.insert(&record{session: rotated, refresh: family{current: refresh}, signIn: r.signIn}, now)
	return rotated, nil
}

// Touch implements [session.Store].
func (st *Store) Touch(ctx context.Context, ref session.Ref) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	r, now, err := st.enterLive(ctx, "touch", ref)
	if err != nil {
		return err
	}
	defer st.mu.Unlock()
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
	r, now, err := st.enterLive(ctx, "refresh", ref)
	if err != nil {
		return session.RefreshOutcome{}, err
	}
	defer st.mu.Unlock()
	if !r.session.Acting.IsZero() {
		return session.RefreshOutcome{}, session.ErrNotFound
	}
	if r.session.Stale {
		return session.RefreshOutcome{}, session.ErrStale
	}
	if out, err := r.behind(step, now); out {
		if errors.Is(err, session.ErrNotFound) {
			st.forget(ref, now)
			st.happened(ctx, r.session, session.Event{Kind: session.EventStoreBehind, At: now})
		}
		return session.RefreshOutcome{}, err
	}
	f := r.refresh
	switch {
	case step.Presented == f.current:
		r.refresh = family{current: step.Next, previous: f.current, salt: step.Salt, steppedAt: now, steps: max(f.steps, step.Generation) + 1}
		r.session.LastSeenAt = now
		st.happened(ctx, r.session, session.Event{Kind: session.EventRefreshed, At: now})
		return session.RefreshOutcome{Session: r.session, Salt: step.Salt}, nil
	case f.repeats(step, now):
		return session.RefreshOutcome{Session: r.session, Repeated: true, Salt: f.salt}, nil
	case f.current == none:
		return session.RefreshOutcome{}, fmt.Errorf("%w: the session has no refresh family", session.ErrNotFound)
	}
	st.forget(ref, now)
	st.happened(ctx, r.session, session.Event{Kind: session.EventRefreshReused, At: now})
	return session.RefreshOutcome{}, session.ErrRefreshReused
}

// repeats reports whether a step is the last one again, within its grace.
func (f family) repeats(step session.RefreshStep, now time.Time) bool {
	return step.Presented == f.previous && step.Grace > 0 && now.Sub(f.steppedAt) <= step.Grace
}

// behind reports whether nobody takes a step of the family any more, because somebody has
// proved that it had taken more steps than it knows of, and what to answer. Memory is never set
// back, so that here only a caller's mistake gets there.
func (r *record) behind(step session.RefreshStep, now time.Time) (bool, error) {
	f := &r.refresh
	if f.behindSince.IsZero() {
		if step.Presented == f.current || f.repeats(step, now) || step.Generation <= f.steps {
			return false, nil
		}
		f.behindSince = now
	}
	if now.Sub(f.behindSince) <= session.BehindLimit {
		return true, fmt.Errorf("%w: the store is behind", session.ErrUnavailable)
	}
	return true, fmt.Errorf("%w: the store stayed behind", session.ErrNotFound)
}
