package memstore

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// EraseUser implements [session.Store]. Of the user the block stays, in memory and until a restart,
// and the time at which sign-ins were last ended.
func (st *Store) EraseUser(ctx context.Context, t tenant.ID, u session.UserID) error {
	if err := (session.Ref{Tenant: t, User: u}).ValidateOwner(); err != nil {
		return err
	}
	if err := st.enter(ctx, "erase user"); err != nil {
		return err
	}
	defer st.mu.Unlock()
	st.signIns.blocked[owner{t, u}] = true
	st.revokeUser(ctx, t, u, session.EventBlocked, time.Now())
	st.eraseEvents(t, u)
	return nil
}

// EraseTenant implements [session.Store].
func (st *Store) EraseTenant(ctx context.Context, t tenant.ID, users iter.Seq2[session.UserID, error]) error {
	if err := validateTenant(t); err != nil {
		return err
	}
	erase := func(step func()) error {
		if err := st.enter(ctx, "erase tenant"); err != nil {
			return err
		}
		defer st.mu.Unlock()
		if state, ok := st.tenants[t]; !ok || state.status != tenant.Suspended {
			return fmt.Errorf("%w: %s", session.ErrNotSuspended, t)
		}
		step()
		return nil
	}
	if err := erase(func() {
		st.signIns.tenants[t] = time.Now()
		st.empty(st.tenants[t])
		st.demoted(st.tenants[t], session.UserID{})
	}); err != nil {
		return err
	}
	if users == nil {
		users = func(func(session.UserID, error) bool) {}
	}
	for u, err := range users {
		if err == nil {
			err = (session.Ref{Tenant: t, User: u}).ValidateOwner()
		}
		if err == nil {
			err = erase(func() { st.eraseEvents(t, u) })
		}
		if err != nil {
			return fmt.Errorf("erase tenant: %w", err)
		}
	}
	return erase(func() { st.eraseEvents(t, session.UserID{}) })
}

// eraseEvents forgets the events of a user, or of a tenant as a whole for the zero user.
func (st *Store) eraseEvents(t tenant.ID, u session.UserID) {
	was := st.events
	st.events = ring{kept: make([]logged, 0, len(was.kept))}
	for i := range was.kept {
		if l := was.kept[(was.next+i)%len(was.kept)]; l.tenant != t || l.user != u {
			st.events.kept = append(st.events.kept, l)
		}
	}
}
