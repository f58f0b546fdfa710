package memstore

import (
	"context"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// maxDemoted is how many users of a tenant are remembered by the time of what happened to them.
// With one more, a change of any of them counts as a change of all: tickets from before hold no
// longer, and their sign-ins begin anew.
const maxDemoted = 4096

// demotions say when something last happened to the sessions of a tenant that a ticket must
// know of, in the count of [Store.happenings].
type demotions struct {
	tenant uint64
	users  map[session.UserID]uint64
}

// demoted notes that something happened to a user, or to everyone of the tenant for the zero
// user.
func (st *Store) demoted(state *tenantState, u session.UserID) {
	st.happenings++
	d := &state.demotions
	switch {
	case u.IsZero(), len(d.users) >= maxDemoted && d.users[u] == 0:
		d.tenant, d.users = st.happenings, nil
	default:
		if d.users == nil {
			d.users = map[session.UserID]uint64{}
		}
		d.users[u] = st.happenings
	}
}

// marks are the numbers of a ticket that is made now.
func (st *Store) marks(state *tenantState, u session.UserID) session.TicketMarks {
	return session.TicketMarks{User: state.demotions.users[u], Tenant: state.demotions.tenant, All: st.everyone}
}

// holds returns nil when nothing has happened since a ticket.
func (st *Store) holds(state *tenantState, k session.Ticket, t tenant.ID, u session.UserID) error {
	if k.IsZero() {
		return nil
	}
	if err := k.Check(t, u); err != nil {
		return err
	}
	if k.Marks() != st.marks(state, u) {
		return fmt.Errorf("%w: the user has changed since the ticket", session.ErrStale)
	}
	return nil
}

// Begin implements [session.Store].
func (st *Store) Begin(ctx context.Context, t tenant.ID, u session.UserID) (session.Ticket, error) {
	if err := (session.Ref{Tenant: t, User: u}).ValidateOwner(); err != nil {
		return session.Ticket{}, err
	}
	if err := st.enter(ctx, "begin"); err != nil {
		return session.Ticket{}, err
	}
	defer st.mu.Unlock()
	state, err := st.active(t)
	if err != nil {
		return session.Ticket{}, err
	}
	return session.NewTicket(t, u, st.marks(state, u)), nil
}

// Stale implements [session.Store].
func (st *Store) Stale(ctx context.Context, t tenant.ID, u session.UserID) error {
	if err := validateTenant(t); err != nil {
		return err
	}
	if err := st.enter(ctx, "stale"); err != nil {
		return err
	}
	defer st.mu.Unlock()
	state, ok := st.tenants[t]
	if !ok {
		return nil
	}
	st.demoted(state, u)
	kind := session.EventUserStale
	if u.IsZero() {
		kind = session.EventTenantStale
		for user := range state.users {
			st.makeStale(state, user)
		}
	} else {
		st.makeStale(state, u)
	}
	st.log(t, u, session.Event{Kind: kind, At: time.Now(), Actor: actorOf(ctx)})
	return nil
}

func (st *Store) makeStale(state *tenantState, u session.UserID) {
	for _, r := range state.users[u] {
		if r.session.Actors.Len() > 0 || !r.session.MovedTo.IsZero() {
			st.forget(r.session.Ref(), time.Now())
			continue
		}
		r.session.Stale = true
	}
}

// UpdateUser implements [session.Store].
func (st *Store) UpdateUser(ctx context.Context, t tenant.ID, u session.UserID, change session.UserChange) error {
	if err := (session.Ref{Tenant: t, User: u}).ValidateOwner(); err != nil {
		return err
	}
	if err := change.Validate(); err != nil {
		return err
	}
	if err := st.enter(ctx, "update user"); err != nil {
		return err
	}
	defer st.mu.Unlock()
	state, ok := st.tenants[t]
	if !ok {
		return nil
	}
	changed := map[*record]session.Session{}
	for _, r := range state.users[u] {
		if r.session.Actors.Len() > 0 || !r.session.MovedTo.IsZero() {
			continue
		}
		next, err := change.Apply(r.session)
		if err != nil {
			return err
		}
		next.Version++
		changed[r] = next
	}
	st.demoted(state, u)
	for _, r := range state.users[u] {
		if next, kept := changed[r]; kept {
			r.session = next
		} else {
			st.forget(r.session.Ref(), time.Now())
		}
	}
	st.log(t, u, session.Event{Kind: session.EventUserUpdated, At: time.Now(), Actor: actorOf(ctx)})
	return nil
}

// Regrant implements [session.Store].
func (st *Store) Regrant(ctx context.Context, s session.Session, under session.Ticket) (session.Session, error) {
	if err := s.Ref().Validate(); err != nil {
		return session.Session{}, err
	}
	if under.IsZero() {
		return session.Session{}, fmt.Errorf("%w: no ticket", session.ErrInvalid)
	}
	r, now, err := st.enterLive(ctx, "regrant", s.Ref())
	if err != nil {
		return session.Session{}, err
	}
	defer st.mu.Unlock()
	if err := st.holds(st.tenants[s.Tenant], under, s.Tenant, s.User); err != nil {
		return session.Session{}, err
	}
	if r.session.Version != s.Version {
		return session.Session{}, session.ErrConflict
	}
	r.session.Roles, r.session.Attributes, r.session.Stale = s.Roles, s.Attributes, false
	r.session.Version++
	st.happened(ctx, r.session, session.Event{Kind: session.EventRegranted, At: now})
	return r.session, nil
}
