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
	if state, ok := st.tenants[ref.Tenant]; ok {
		if r, ok := state.users[ref.User][ref.ID]; ok && isLive(r.session, now) {
			st.happened(ref, session.EventRevoked, now)
		}
	}
	st.forget(ref)
	return nil
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
	st.forget(ref)
	st.happened(ref, session.EventRevoked, now)
	return nil
}

// RevokeOthers implements [session.Store].
func (st *Store) RevokeOthers(ctx context.Context, keep session.Ref) error {
	if err := keep.Validate(); err != nil {
		return err
	}
	_, now, err := st.enterLive(ctx, "revoke others", keep)
	if err != nil {
		return err
	}
	defer st.mu.Unlock()
	for _, s := range liveOnes(st.tenants[keep.Tenant].users[keep.User], now) {
		if s.ID != keep.ID {
			st.forget(s.Ref())
			st.happened(s.Ref(), session.EventRevoked, now)
		}
	}
	return nil
}

// RevokeUser implements [session.Store].
func (st *Store) RevokeUser(ctx context.Context, t tenant.ID, u session.UserID) error {
	if err := validateOwner(t, u); err != nil {
		return err
	}
	if err := st.enter(ctx, "revoke user"); err != nil {
		return err
	}
	defer st.mu.Unlock()
	if state, ok := st.tenants[t]; ok {
		st.stored -= len(state.users[u])
		delete(state.users, u)
		st.log(t, u, session.Event{Kind: session.EventUserRevoked, At: time.Now()})
	}
	return nil
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
	if state, ok := st.tenants[t]; ok {
		st.empty(state)
		st.log(t, session.UserID{}, session.Event{Kind: session.EventTenantRevoked, At: time.Now()})
	}
	return nil
}

// RevokeAll implements [session.Store].
func (st *Store) RevokeAll(ctx context.Context) error {
	if err := st.enter(ctx, "revoke all"); err != nil {
		return err
	}
	defer st.mu.Unlock()
	for _, state := range st.tenants {
		st.empty(state)
	}
	st.log(tenant.ID{}, session.UserID{}, session.Event{Kind: session.EventAllRevoked, At: time.Now()})
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

// TenantStatus implements [session.Store].
func (st *Store) TenantStatus(ctx context.Context, t tenant.ID) (tenant.Status, error) {
	if err := validateTenant(t); err != nil {
		return tenant.Unknown, err
	}
	if err := st.enter(ctx, "tenant status"); err != nil {
		return tenant.Unknown, err
	}
	defer st.mu.Unlock()
	state, ok := st.tenants[t]
	if !ok {
		return tenant.Unknown, nil
	}
	return state.status, nil
}

// SetTenantStatus implements [session.Store].
func (st *Store) SetTenantStatus(ctx context.Context, t tenant.ID, status tenant.Status) error {
	if err := validateTenant(t); err != nil {
		return err
	}
	if status != tenant.Active && status != tenant.Suspended {
		return fmt.Errorf("%w: a tenant is set to active or suspended, not %d", session.ErrInvalid, status)
	}
	if err := st.enter(ctx, "set tenant status"); err != nil {
		return err
	}
	defer st.mu.Unlock()
	if state, ok := st.tenants[t]; ok {
		state.status = status
		return nil
	}
	st.tenants[t] = &tenantState{status: status, users: map[session.UserID]map[session.ID]*record{}}
	return nil
}

func validateTenant(t tenant.ID) error {
	if t.IsZero() {
		return fmt.Errorf("%w: no tenant", session.ErrInvalidID)
	}
	return nil
}

func validateOwner(t tenant.ID, u session.UserID) error {
	if err := validateTenant(t); err != nil {
		return err
	}
	if u.IsZero() {
		return fmt.Errorf("%w: no user", session.ErrInvalidID)
	}
	return nil
}
