package memstore

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// List implements [session.Store].
func (st *Store) List(ctx context.Context, t tenant.ID, u session.UserID) ([]session.Session, error) {
	if err := validateOwner(t, u); err != nil {
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
	return liveOnes(state.users[u], time.Now()), nil
}

// liveOnes returns the live ones of a user's sessions, oldest first.
func liveOnes(sessions map[session.ID]*record, now time.Time) []session.Session {
	var live []session.Session
	for _, r := range sessions {
		if isLive(r.session, now) {
			live = append(live, r.session)
		}
	}
	slices.SortFunc(live, func(a, b session.Session) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), bytes.Compare(a.ID.Bytes(), b.ID.Bytes()))
	})
	return live
}
