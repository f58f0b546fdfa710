package session

import (
	"context"
	"errors"

	"github.com/reevehq/reeve/tenant"
)

// Revoke ends one session. It is no error when there is none. With the session of somebody
// who acts as another ends their own, out of which they act: they are signed out. With one that
// is MovedTo another ends that one, also when it moves at the same time. Without [Config].RotateGrace
// an id that a session has left ends nothing: somebody who has planted or stolen it holds nothing.
func (m *Manager) Revoke(ctx context.Context, ref Ref) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	if m.cfg.RotateGrace > 0 {
		return m.revokeWithSuccessor(ctx, ref)
	}
	s, _ := FromContext(ctx) // as for most who sign out
	if s.Ref() != ref {
		// A session that cannot be read is ended all the same.
		s, _ = m.store.Load(ctx, ref)
	}
	return m.end(ctx, ref, s)
}

// End is [Manager.Revoke] that reports whether the session was live until then. When it was
// not, it may have moved: [Manager.Rotate] and the like leave a session of another id, and
// a call with the old one ends nothing. Of an End and such a move at the same time exactly
// one succeeds. It works in every status of the tenant.
func (m *Manager) End(ctx context.Context, ref Ref) (live bool, err error) {
	if err := ref.Validate(); err != nil {
		return false, err
	}
	for attempt := 0; ; attempt++ {
		sessions, err := m.store.Peek(ctx, ref.Tenant, ref.User, []ID{ref.ID})
		if err != nil {
			return false, classify(err)
		}
		if len(sessions) == 0 {
			return false, classify(m.store.Revoke(ctx, ref)) // a session that cannot be read is ended all the same
		}
		s, err := checkAnswer(ref, sessions[0], nil)
		if err != nil {
			return false, err
		}
		err = classify(m.store.End(ctx, ref, s.Version))
		switch {
		case err == nil:
			return true, m.endOrigins(ctx, s)
		case errors.Is(err, tenant.ErrSuspended), errors.Is(err, tenant.ErrUnknown):
			// In a tenant that is not served no session moves, and only Revoke ends one.
			return true, m.end(ctx, ref, s)
		case errors.Is(err, ErrNotFound) && !errors.Is(err, ErrUnavailable):
			return false, nil
		case !errors.Is(err, ErrConflict) || attempt == maxAttempts-1:
			return false, err
		}
		if err := backOff(ctx, attempt); err != nil {
			return false, err
		}
	}
}

// end ends the session of ref, and those out of which somebody acts by s, if s is that session.
func (m *Manager) end(ctx context.Context, ref Ref, s Session) error {
	if err := classify(m.store.Revoke(ctx, ref)); err != nil || s.Ref() != ref {
		return err
	}
	if err := m.endSuccessor(ctx, s); err != nil {
		return err
	}
	return m.endOrigins(ctx, s)
}

// endOrigins ends the sessions out of which somebody acts by s.
func (m *Manager) endOrigins(ctx context.Context, s Session) error {
	origin := s.originRef()
	if s.Actors.Len() == 0 || origin.Validate() != nil {
		return nil // nobody does, or it was made before sessions had origins
	}
	own, _ := m.store.Load(ctx, origin)
	if own.Actors.Len() >= s.Actors.Len() {
		own = Session{} // it cannot be, and would never end
	}
	return m.end(ctx, origin, own)
}

// RevokeUser ends every session of a user in a tenant, at the cost of one.
func (m *Manager) RevokeUser(ctx context.Context, t tenant.ID, u UserID) error {
	return classify(m.store.RevokeUser(ctx, t, u))
}

// RevokeTenant ends every session of a tenant, at the cost of one.
func (m *Manager) RevokeTenant(ctx context.Context, t tenant.ID) error {
	return classify(m.store.RevokeTenant(ctx, t))
}

// RevokeAll ends every session of every tenant, at the cost of one.
func (m *Manager) RevokeAll(ctx context.Context) error {
	return classify(m.store.RevokeAll(ctx))
}
