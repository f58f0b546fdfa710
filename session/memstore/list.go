package memstore

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// List implements [session.Store].
func (st *Store) List(ctx context.Context, t tenant.ID, u session.UserID) ([]session.Session, error) {
	if err := (session.Ref{Tenant: t, User: u}).ValidateOwner(); err != nil {
		return nil, err
	}
	if err := st.enter(ctx, "list"); err != nil {
		return nil, err
	}
	defer st.mu.Unlock()
	state, ok := st.tenants[t]
	if !ok {
		return nil, nil
	}
	return youngest(liveOnes(state.users[u], time.Now())), nil
}

// youngest leaves out the oldest of more sessions than a user can have.
func youngest(live []session.Session) []session.Session {
	if len(live) <= session.MaxImpersonations {
		return live
	}
	own, acting := session.MaxSessionLimit, session.MaxImpersonations
	var kept []session.Session
	for _, s := range slices.Backward(live) {
		left := &own
		if s.Actors.Len() > 0 {
			left = &acting
		}
		if *left > 0 {
			*left--
			kept = append(kept, s)
		}
	}
	slices.Reverse(kept)
	return kept
}

// Peek implements [session.Store].
func (st *Store) Peek(ctx context.Context, t tenant.ID, u session.UserID, ids []session.ID) ([]session.Session, error) {
	if err := (session.Ref{Tenant: t, User: u}).ValidateOwner(); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(ids, session.ID.IsZero) {
		return nil, fmt.Errorf("%w: no session", session.ErrInvalidID)
	}
	if err := st.enter(ctx, "peek"); err != nil {
		return nil, err
	}
	defer st.mu.Unlock()
	state, ok := st.tenants[t]
	if !ok {
		return nil, nil
	}
	var live []session.Session
	now := time.Now()
	for _, id := range ids {
		if r, ok := state.users[u][id]; ok && listed(r.session, now) {
			live = append(live, r.session)
		}
	}
	return live, nil
}

// liveOnes returns the live ones of a user's sessions, oldest first.
func liveOnes(sessions map[session.ID]*record, now time.Time) []session.Session {
	var live []session.Session
	for _, r := range sessions {
		if listed(r.session, now) {
			live = append(live, r.session)
		}
	}
	slices.SortFunc(live, func(a, b session.Session) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), bytes.Compare(a.ID.Bytes(), b.ID.Bytes()))
	})
	return live
}
