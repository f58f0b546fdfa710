package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

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
	return st.setStatus(ctx, t, status)
}

// setStatus sets a status, and logs it where it differs. A new tenant is no other's twin.
func (st *Store) setStatus(ctx context.Context, t tenant.ID, status tenant.Status) error {
	state, known := st.tenants[t]
	if first, alike := st.folded[t.Fold()]; alike && first != t {
		return tenant.ErrAlike
	}
	kind := session.EventTenantSuspended
	switch {
	case known && state.status == status:
		return nil
	case status != tenant.Active:
	case known:
		kind = session.EventTenantActivated
	default:
		kind = session.EventTenantSetUp
	}
	if known {
		state.status = status
	} else {
		st.tenants[t] = &tenantState{status: status, users: map[session.UserID]map[session.ID]*record{}}
		st.folded[t.Fold()] = t
	}
	st.log(t, session.UserID{}, session.Event{Kind: kind, At: time.Now(), Actor: actorOf(ctx)})
	return nil
}

// AddTenant implements [session.Store].
func (st *Store) AddTenant(ctx context.Context, t tenant.ID) error {
	if err := validateTenant(t); err != nil {
		return err
	}
	if err := st.enter(ctx, "add tenant"); err != nil {
		return err
	}
	defer st.mu.Unlock()
	if _, known := st.tenants[t]; !known {
		return st.setStatus(ctx, t, tenant.Active)
	}
	return nil
}

func validateTenant(t tenant.ID) error {
	if t.IsZero() {
		return fmt.Errorf("%w: no tenant", session.ErrInvalidID)
	}
	return nil
}
