package session

import (
	"context"
	"fmt"
	"slices"

	"github.com/reevehq/reeve/tenant"
)

// List returns the live sessions of a user in a tenant, oldest first, as [Store].List does.
// Listing does not count as activity. Within a request it takes a slot of the tenant: see
// [Share]. The result has the sessions of others who act as the user, with Actors, and those
// out of which the user acts as another, which are Acting and sign nobody in.
func (m *Manager) List(ctx context.Context, t tenant.ID, u UserID) ([]Session, error) {
	leave, err := enter(ctx, t)
	if err != nil {
		return nil, err
	}
	defer leave()
	return m.list(ctx, t, u)
}

// list is List for what must not wait behind others.
func (m *Manager) list(ctx context.Context, t tenant.ID, u UserID) ([]Session, error) {
	sessions, err := m.store.List(ctx, t, u)
	if err != nil {
		return nil, classify(err)
	}
	if slices.ContainsFunc(sessions, func(s Session) bool { return s.Tenant != t || s.User != u || s.ID.IsZero() }) {
		return nil, fmt.Errorf("%w: the store listed a session of somebody else", ErrCorrupt)
	}
	return m.withoutOrphans(ctx, sessions)
}

// Peek returns those sessions of a user in a tenant that have one of the ids and are live, in
// the order of the ids. It does not count as activity, and costs as much as there are ids, however many
// sessions the user has. It returns what List would: also those that are Acting.
func (m *Manager) Peek(ctx context.Context, t tenant.ID, u UserID, ids []ID) ([]Session, error) {
	sessions, err := m.peek(ctx, t, u, ids)
	if err != nil {
		return nil, err
	}
	return m.withoutOrphans(ctx, sessions)
}

func (m *Manager) peek(ctx context.Context, t tenant.ID, u UserID, ids []ID) ([]Session, error) {
	asked := make(map[ID]bool, len(ids))
	for _, id := range ids {
		if err := (Ref{t, u, id}).Validate(); err != nil {
			return nil, err
		}
		asked[id] = true
	}
	if len(ids) == 0 {
		return nil, nil
	}
	sessions, err := m.store.Peek(ctx, t, u, ids)
	if err != nil {
		return nil, classify(err)
	}
	if slices.ContainsFunc(sessions, func(s Session) bool { return s.Tenant != t || s.User != u || !asked[s.ID] }) {
		return nil, fmt.Errorf("%w: the store returned another session than it was asked for", ErrCorrupt)
	}
	return sessions, nil
}

// withoutOrphans is checkOrigins for several sessions, and counts as use of none: it leaves out
// those whose origins do not stand. Each step looks up the next origin of all of them, for each
// actor once.
func (m *Manager) withoutOrphans(ctx context.Context, sessions []Session) ([]Session, error) {
	if !slices.ContainsFunc(sessions, func(s Session) bool { return s.Actors.Len() > 0 }) {
		return sessions, nil
	}
	at := slices.Clone(sessions) // how far the origins of each have been followed
	dead := make([]bool, len(sessions))
	for {
		wanted, origins := map[UserID][]ID{}, map[Ref]Session{}
		for i, s := range at {
			if s.Actors.Len() == 0 || dead[i] {
				continue
			}
			ref := s.originRef()
			if ref.Validate() != nil { // it was made before sessions had origins
				dead[i] = true
				continue
			}
			if _, twice := origins[ref]; !twice {
				origins[ref] = Session{}
				wanted[ref.User] = append(wanted[ref.User], ref.ID)
			}
		}
		if len(wanted) == 0 {
			break
		}
		clear(origins)
		for user, ids := range wanted {
			found, err := m.peek(ctx, sessions[0].Tenant, user, ids)
			if err != nil {
				return nil, err
			}
			for _, own := range found {
				origins[own.Ref()] = own
			}
		}
		for i, s := range at {
			if s.Actors.Len() == 0 || dead[i] {
				continue
			}
			own, live := origins[s.originRef()]
			dead[i] = !live || !s.actsOutOf(own)
			at[i] = own
		}
	}
	var kept []Session
	for i, s := range sessions {
		if !dead[i] {
			kept = append(kept, s)
		}
	}
	return kept, nil
}
