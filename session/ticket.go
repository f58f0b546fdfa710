package session

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/tenant"
)

// Ticket says as of when a sign-in knows a user. Read it with [Manager.Begin] before the roles are
// read from the service's own database, and give it to [Manager.Create]: when the user was
// demoted, removed or signed out in between, the sign-in fails with [ErrStale], and begins anew.
// Tickets are comparable, hold no secret, and are accepted by the store alone that made them. The
// zero Ticket is none.
type Ticket struct {
	tenant tenant.ID
	user   UserID
	marks  TicketMarks
}

// TicketMarks are the numbers by which a store tells whether something happened to the user, to
// the tenant or to everyone since it made the ticket.
type TicketMarks struct{ User, Tenant, All uint64 }

// NewTicket returns a ticket of a store.
func NewTicket(t tenant.ID, u UserID, marks TicketMarks) Ticket { return Ticket{t, u, marks} }

// IsZero reports whether k is no ticket.
func (k Ticket) IsZero() bool { return k == Ticket{} }

// Marks returns what the store that made the ticket wrote in it.
func (k Ticket) Marks() TicketMarks { return k.marks }

// Check returns an error wrapping [ErrInvalid] unless the ticket is of that user of that tenant.
func (k Ticket) Check(t tenant.ID, u UserID) error {
	if k.tenant != t || k.user != u {
		return fmt.Errorf("%w: the ticket is of another user or tenant", ErrInvalid)
	}
	return nil
}

// Begin begins the sign-in of a user: see [Ticket]. It fails with tenant.ErrUnknown and
// tenant.ErrSuspended as [Manager.Create] does.
//
//	ticket, err := manager.Begin(ctx, t, u)
//	roles := … // from the database
//	s, refresh, err := manager.Create(ctx, session.SignIn{Tenant: t, User: u, Roles: roles, Ticket: ticket})
//	// errors.Is(err, session.ErrStale): begin again
func (m *Manager) Begin(ctx context.Context, t tenant.ID, u UserID) (Ticket, error) {
	ticket, err := m.store.Begin(ctx, t, u)
	if err != nil {
		return Ticket{}, classify(err)
	}
	if err := ticket.Check(t, u); err != nil {
		return Ticket{}, fmt.Errorf("%w: the store returned a ticket of somebody else", ErrCorrupt)
	}
	return ticket, nil
}
