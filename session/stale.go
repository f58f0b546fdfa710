package session

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/tenant"
)

// Stale says that the roles or attributes of a user in a tenant are others now: the next load of
// each of their sessions asks [Config].Grants and stores the answer before it returns. It is one
// step at the cost of one, and holds for sessions whose sign-in is under way: one that has read
// its roles before asks again, or fails with [ErrStale] where the caller gave a ticket. Call it
// after the change is in your database. Sessions by which somebody else acts as the user end.
//
// The zero UserID is every user of the tenant. [ErrInvalid] where Config.Grants is not set: call
// [Manager.UpdateUser].
func (m *Manager) Stale(ctx context.Context, t tenant.ID, u UserID) error {
	if m.cfg.Grants == nil {
		return fmt.Errorf("%w: Stale asks Config.Grants, which is not set", ErrInvalid)
	}
	return classify(m.store.Stale(ctx, t, u))
}

// UserChange says what [Manager.UpdateUser] replaces. A field that is nil stays as it is in each
// session.
type UserChange struct {
	Roles      *Roles
	Attributes *Attributes // but for [KeyAttribute], which each session keeps
}

// Validate returns an error wrapping [ErrInvalid] for a change of nothing, and for attributes that
// name the key of a session or leave no room for it. Stores check it before they send anything.
func (c UserChange) Validate() error {
	switch {
	case c.Roles == nil && c.Attributes == nil:
		return fmt.Errorf("%w: a change of neither roles nor attributes", ErrInvalid)
	case c.Attributes == nil:
		return nil
	case c.Attributes.Len() >= MaxAttributes:
		return fmt.Errorf("%w: %d attributes, at most %d are allowed beside the key of a session", ErrInvalid, c.Attributes.Len(), MaxAttributes-1)
	}
	if _, named := c.Attributes.Get(KeyAttribute); named {
		return fmt.Errorf("%w: the attribute %s is of each session", ErrInvalid, KeyAttribute)
	}
	return nil
}

// Apply returns s as the change leaves it, for stores. Its version is the caller's to count.
func (c UserChange) Apply(s Session) (Session, error) {
	if c.Roles != nil {
		s.Roles = *c.Roles
	}
	if c.Attributes != nil {
		attributes, err := keepKey(s.Attributes, *c.Attributes)
		if err != nil {
			return Session{}, err
		}
		s.Attributes = attributes
	}
	return s, nil
}

// UpdateUser replaces the roles, the attributes or both in every session of a user in a tenant,
// in one step whatever their number: no request that begins after it returns has the old ones.
// It holds for sessions whose sign-in is under way, if that has a ticket: see [Manager.Begin].
// Sessions by which somebody else acts as the user end, and so does what the user does as
// somebody else. Where a provider's tokens name the roles, as [ProviderClaims] says, its next token
// says them again. [ErrInvalid] where [Config].Grants is set, which is the one authority then: call
// [Manager.Stale].
func (m *Manager) UpdateUser(ctx context.Context, t tenant.ID, u UserID, change UserChange) error {
	if m.cfg.Grants != nil {
		return fmt.Errorf("%w: roles and attributes are those that Config.Grants returns: call Stale", ErrInvalid)
	}
	if err := change.Validate(); err != nil {
		return err
	}
	return classify(m.store.UpdateUser(ctx, t, u, change))
}
