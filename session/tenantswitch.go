package session

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/tenant"
)

// SwitchTenant moves a user to another tenant in which the same id means the same person, with
// the roles and attributes that they have there: check that they are a member first. The session
// gets a new id; AuthTime, AMR, device and ExpiresAt are those of the old one, which is dead
// before the new one is returned. [Config].Limit applies in the other tenant. Where [Config].Grants
// is set, roles and attributes are zero, and it is asked for those in the other tenant. The old one
// loads for [Config].RotateGrace, where that is set.
//
// The two tenants cannot be changed in one step: on failure the new session is revoked before
// the error is returned, or the error says that it may be left. So nobody ever has a second
// session; when Redis fails halfway, the user may have none. tenant.ErrUnknown and
// tenant.ErrSuspended mean that the other tenant is not active, and that the old session is as
// it was. [ErrImpersonating] means that somebody else acts as the user.
func (m *Manager) SwitchTenant(ctx context.Context, ref Ref, to tenant.ID, roles Roles, attributes Attributes) (Session, RefreshToken, error) {
	if to.IsZero() {
		return Session{}, RefreshToken{}, fmt.Errorf("%w: no tenant", ErrInvalidID)
	}
	if to == ref.Tenant {
		return Session{}, RefreshToken{}, fmt.Errorf("%w: the session is of that tenant", ErrInvalid)
	}
	if err := m.checkOwnGrants(roles, attributes); err != nil {
		return Session{}, RefreshToken{}, err
	}
	var first refreshClaims
	s, err := m.replaceSession(ctx, ref, func(old Session) (Session, CreateOptions, error) {
		if old.Actors.Len() > 0 {
			return Session{}, CreateOptions{}, ErrImpersonating
		}
		s, ticket := old, Ticket{}
		if m.cfg.Grants != nil {
			grants, asked, err := m.ask(ctx, to, old.User)
			if err != nil {
				return Session{}, CreateOptions{}, err
			}
			if s, err = grants.give(old); err != nil {
				return Session{}, CreateOptions{}, err
			}
			ticket = asked
		} else {
			if dropsBinding(old.Attributes, attributes) {
				return Session{}, CreateOptions{}, errKeyLost
			}
			s.Roles, s.Attributes = roles, attributes
		}
		s.ID, s.Tenant = NewID(), to
		s.Provider = Provider{} // whose tokens are of the tenant that they name
		first = firstClaims(s.Ref())
		return s, CreateOptions{Lifetime: m.cfg.Lifetime, Until: old.ExpiresAt, Refresh: first.digest(), Limit: m.cfg.Limit, Ticket: ticket}, nil
	}, func(old Session) error { return gone(ref, m.leave(ctx, old, first.ref)) })
	if err != nil {
		return Session{}, RefreshToken{}, err
	}
	return s, first.seal(m.keys[0]), nil
}
