package memstore

import (
	"context"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Revoke implements [session.Store].
func (st *Store) Revoke(ctx context.Context, ref session.Ref) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	if err := st.enter(ctx, "revoke"); err != nil {
		return err
	}
	defer st.mu.Unlock()
	now := time.Now()
	st.revoke(ctx, ref, now)
	return nil
}

func (st *Store) revoke(ctx context.Context, ref session.Ref, now time.Time) {
	end := now
	if state, ok := st.tenants[ref.Tenant]; ok {
		if r, ok := state.users[ref.User][ref.ID]; ok {
			end = endOf(r.session, now)
			if listed(r.session, now) {
				st.happened(ctx, r.session, session.Event{Kind: session.EventRevoked, At: now})
			}
		}
	}
	st.forget(ref, end)
}

// End implements [session.Store].
func (st *Store) End(ctx context.Context, ref session.Ref, version uint64) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	r, now, err := st.enterLive(ctx, "end", ref)
	if err != nil {
		return err
	}
	defer st.mu.Unlock()
	if r.session.Version != version {
		return session.ErrConflict
	}
	st.forget(ref, now)
	st.happened(ctx, r.session, session.Event{Kind: session.EventRevoked, At: now})
	return nil
}

// RevokeOthers implements [session.Store].
func (st *Store) RevokeOthers(ctx context.Context, keep session.Ref) error {
	if err := keep.Validate(); err != nil {
		return err
	}
	kept, now, err := st.enterLive(ctx, "revoke others", keep)
	if err != nil {
		return err
	}
	defer st.mu.Unlock()
	if kept.session.Stale {
		return session.ErrStale
	}
	st.demoted(st.tenants[keep.Tenant], keep.User)
	users := st.tenants[keep.Tenant].users
	st.signIns.users[owner{keep.Tenant, keep.User}] = now
	st.stored -= len(users[keep.User]) - 1
	users[keep.User] = map[session.ID]*record{keep.ID: kept}
	kept.session.Version++
	st.happened(ctx, kept.session, session.Event{Kind: session.EventOthersRevoked, At: now})
	return nil
}

// RevokeUser implements [session.Store].
func (st *Store) RevokeUser(ctx context.Context, t tenant.ID, u session.UserID) error {
	if err := (session.Ref{Tenant: t, User: u}).ValidateOwner(); err != nil {
		return err
	}
	if err := st.enter(ctx, "revoke user"); err != nil {
		return err
	}
	defer st.mu.Unlock()
	st.revokeUser(ctx, t, u, session.EventUserRevoked, time.Now())
	return nil
}

func (st *Store) revokeUser(ctx context.Context, t tenant.ID, u session.UserID, kind session.EventKind, now time.Time) {
	st.sweepSignIns(now)
	st.signIns.users[owner{t, u}] = now
	if state, ok := st.tenants[t]; ok {
		st.stored -= len(state.users[u])
		delete(state.users, u)
		st.demoted(state, u)
		st.log(t, u, session.Event{Kind: kind, At: now, Actor: actorOf(ctx)})
	}
}

// RevokeTenant implements [session.Store].
func (st *Store) RevokeTenant(ctx context.Context, t tenant.ID) error {
	if err := validateTenant(t); err != nil {
		return err
	}
	if err := st.enter(ctx, "revoke tenant"); err != nil {
		return err
	}
	defer st.mu.Unlock()
	now := time.Now()
	st.signIns.tenants[t] = now
	if state, ok := st.tenants[t]; ok {
		st.empty(state)
		st.demoted(state, session.UserID{})
		st.log(t, session.UserID{}, session.Event{Kind: session.EventTenantRevoked, At: now, Actor: actorOf(ctx)})
	}
	return nil
}

// RevokeAll implements [session.Store].
func (st *Store) RevokeAll(ctx context.Context) error {
	if err := st.enter(ctx, "revoke all"); err != nil {
		return err
	}
	defer st.mu.Unlock()
	now := time.Now()
	st.signIns.everyone = now
	for _, state := range st.tenants {
		st.empty(state)
	}
	st.happenings++
	st.everyone = st.happenings
	st.log(tenant.ID{}, session.UserID{}, session.Event{Kind: session.EventAllRevoked, At: now, Actor: actorOf(ctx)})
	return nil
}

// empty forgets the sessions of one tenant. A fresh map gives the memory back, which a
// cleared one keeps.
func (st *Store) empty(state *tenantState) {
	for _, sessions := range state.users {
		st.stored -= len(sessions)
	}
	state.users = map[session.UserID]map[session.ID]*record{}
}
