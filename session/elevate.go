package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/reevehq/reeve/tenant"
)

// undoLimit bounds the attempt to end a session that nobody was given.
const undoLimit = 2 * time.Second

// StepUp records that the user of ref proved again who they are, by methods: AuthTime is
// now and AMR has the methods too. The session moves to a new id, see [Manager.Rotate].
// Verify the second factor before calling it. [ErrImpersonating] when somebody else acts as
// the user.
func (m *Manager) StepUp(ctx context.Context, ref Ref, methods Methods) (Session, RefreshToken, error) {
	if len(methods.names) == 0 {
		return Session{}, RefreshToken{}, fmt.Errorf("%w: a step-up by no method", ErrInvalid)
	}
	return m.Rotate(ctx, ref, func(s *Session) error {
		if s.Actors.Len() > 0 {
			return ErrImpersonating
		}
		amr, err := NewMethods(slices.Compact(slices.Sorted(slices.Values(append(s.AMR.Names(), methods.names...))))...)
		if err != nil {
			return err
		}
		s.AMR, s.AuthTime = amr, time.Time{} // the store's now
		return nil
	})
}

// SwitchTenant moves a user to another tenant in which the same id means the same person,
// with roles and attributes that he has there: check that he is a member first. It is a new
// session of a new id; AuthTime, AMR, device and ExpiresAt are those of the old one, which
// is dead before the new one is returned. [Config].Limit applies in the other tenant.
//
// The two tenants are in two places, and what fails in between ends the session that nobody
// was given, or says that it could not. So there is never a second session that anybody
// could use; when Redis fails in the middle, there may be none. tenant.ErrUnknown and
// tenant.ErrSuspended when the other tenant is not active: then the old session is as it
// was. [ErrImpersonating] when somebody else acts as the user.
func (m *Manager) SwitchTenant(ctx context.Context, ref Ref, to tenant.ID, roles Roles, attributes Attributes) (Session, RefreshToken, error) {
	if to.IsZero() {
		return Session{}, RefreshToken{}, fmt.Errorf("%w: no tenant", ErrInvalidID)
	}
	if to == ref.Tenant {
		return Session{}, RefreshToken{}, fmt.Errorf("%w: the session is of that tenant", ErrInvalid)
	}
	var first refreshClaims
	s, err := m.replaceSession(ctx, ref, func(old Session) (Session, CreateOptions, error) {
		if old.Actors.Len() > 0 {
			return Session{}, CreateOptions{}, ErrImpersonating
		}
		s := old
		if dropsBinding(old.Attributes, attributes) {
			return Session{}, CreateOptions{}, errKeyLost
		}
		s.ID, s.Tenant, s.Roles, s.Attributes = NewID(), to, roles, attributes
		first = firstClaims(s.Ref())
		return s, CreateOptions{Lifetime: m.cfg.Lifetime, Until: old.ExpiresAt, Refresh: first.digest(), Limit: m.cfg.Limit}, nil
	}, func(old Session) error { return gone(ref, classify(m.store.End(ctx, ref, old.Version))) })
	if err != nil {
		return Session{}, RefreshToken{}, err
	}
	return s, first.seal(m.keys[0]), nil
}

// replaceSession replaces the session of ref by one of another tenant or user, which change makes
// of it. The new one is stored first, under an id that nobody has, and handed out when leave
// has made certain that the old one signs nobody in; of several at once leave lets one win. On
// any failure the new one is ended.
func (m *Manager) replaceSession(ctx context.Context, ref Ref, change func(old Session) (Session, CreateOptions, error), leave func(old Session) error) (Session, error) {
	for attempt := 0; ; attempt++ {
		old, err := m.Load(ctx, ref)
		if err != nil {
			return Session{}, err
		}
		next, how, err := change(old)
		if err != nil {
			return Session{}, err
		}
		created, err := m.store.Create(ctx, next, how)
		created, err = checkAnswer(next.Ref(), created, err)
		if err != nil && !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrCorrupt) {
			return Session{}, err // nothing was stored
		}
		if err == nil {
			err = leave(old)
		}
		if err == nil {
			return created, nil
		}
		if failed := m.undo(ctx, next.Ref()); failed != nil {
			return Session{}, fmt.Errorf("%w: %w; %v, which nobody was given, may be left: %w", ErrUnavailable, err, next.ID, failed)
		}
		if !errors.Is(err, ErrConflict) || attempt == maxAttempts-1 {
			return Session{}, err
		}
		if err := backOff(ctx, attempt); err != nil {
			return Session{}, err
		}
	}
}

// undo ends a session that nobody was given. It does so also for a caller that went away,
// and after a Create that was not answered.
func (m *Manager) undo(ctx context.Context, ref Ref) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoLimit)
	defer cancel()
	return m.store.Revoke(ctx, ref)
}
