package redisstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// carried says which sessions live on under an epoch that they were not issued at: those of
// [floor, at), while the epoch is at. A move of the epoch for another reason ends them, and so
// does the loss of this very record: a loss never leaves old roles in force.
type carried struct{ at, floor uint64 }

// has reports whether a session that was issued at an epoch is live under another one.
func (c carried) has(issued, epoch uint64) bool {
	return epoch != 0 && (issued == epoch || c.at == epoch && c.floor != 0 && c.floor <= issued && issued < epoch)
}

// userGrants are the carried grants of a user, and the change of them.
type userGrants struct {
	carried
	stale  uint64 // sessions that were issued before it have to be asked for anew
	change string // sealed for at
}

// standing decides whether a session is live, and whether its roles are those of now.
type standing struct {
	epochs
	user   userGrants
	tenant carried
}

// has reports whether a session is live that was issued at these epochs.
func (st standing) has(issued epochs) bool {
	return issued.global == st.global && st.global != 0 && st.user.has(issued.user, st.epochs.user) && st.tenant.has(issued.tenant, st.epochs.tenant)
}

// grants reads what is stored of the grants of a user.
func (r *reply) grants() userGrants {
	part := r
	if !r.packed {
		part = newReply(r.next(), 4)
	}
	var g userGrants
	g.at, _ = part.number()
	g.floor, _ = part.number()
	g.stale, _ = part.number()
	g.change, _ = part.text()
	if part.err != nil {
		r.corrupt("grants")
		return userGrants{}
	}
	return g
}

// carry makes of a live session that was issued at earlier epochs what it is now. Those by
// which somebody acts as another are not carried, as what they may do was chosen by hand, nor are
// those that another one has replaced.
func (s *Store) carry(rec *record, current standing, user userKeys) error {
	if rec.session.Actors.Len() > 0 || !rec.session.MovedTo.IsZero() {
		return session.ErrNotFound
	}
	if rec.issued.tenant != current.epochs.tenant || rec.issued.user < current.user.stale {
		rec.session.Stale = true
		return nil
	}
	changes, err := s.openChanges(user, current.user)
	if err != nil {
		return err
	}
	rec.session, err = changes.since(rec.issued.user).Apply(rec.session)
	if err != nil {
		return fmt.Errorf("%w: the change of a user: %v", session.ErrCorrupt, err)
	}
	return nil
}

// ticketLife is for how long at least a ticket holds when nothing happens.
const ticketLife = 10 * time.Minute

// Begin implements [session.Store]. The marks of a ticket are the epochs, which everything moves
// on that a ticket must know of. One that does not come to a session in [ticketLife] may have to
// begin again, as the user has another epoch then.
func (s *Store) Begin(ctx context.Context, t tenant.ID, u session.UserID) (session.Ticket, error) {
	if err := (session.Ref{Tenant: t, User: u}).ValidateOwner(); err != nil {
		return session.Ticket{}, wrap("begin", err)
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	issued, err := s.issue(ctx, s.names.user(t, u), t, ticketLife)
	if err != nil {
		return session.Ticket{}, wrap("begin", err)
	}
	return session.NewTicket(t, u, issued.epochs.marks()), nil
}

func (e epochs) marks() session.TicketMarks {
	return session.TicketMarks{User: e.user, Tenant: e.tenant, All: e.global}
}

// holds returns nil when the epochs are still those of a ticket.
func (e epochs) holds(k session.Ticket, t tenant.ID, u session.UserID) error {
	if k.IsZero() {
		return nil
	}
	if err := k.Check(t, u); err != nil {
		return err
	}
	if k.Marks() != e.marks() {
		return fmt.Errorf("%w: the user has changed since the ticket", session.ErrStale)
	}
	return nil
}

// Stale implements [session.Store]. The epoch moves on as in [Store.RevokeUser], but the sessions
// are carried over to it.
func (s *Store) Stale(ctx context.Context, t tenant.ID, u session.UserID) error {
	if err := checkTenant(t); err != nil {
		return wrap("stale", err)
	}
	var err error
	if u.IsZero() {
		err = s.makeStale(ctx, &s.memory.shared, tenantStaleScript, s.names.tenantEvents(t), []string{s.names.tenant(t), s.names.tenantEvents(t)})
	} else {
		user := s.names.user(t, u)
		err = s.makeStale(ctx, &s.memory.revoked, staleScript, user.events, []string{user.epoch, user.grants, user.events}, string(session.EventUserStale))
	}
	if err != nil {
		return wrap("stale", err)
	}
	return nil
}

// makeStale moves an epoch on, whose key is the first, and remembers it. It is no end of a sign-in
// at a provider: no cut is made.
func (s *Store) makeStale(ctx context.Context, remember *generations, sc script, events string, keys []string, args ...any) error {
	by, err := s.sealActor(ctx, events)
	if err != nil {
		return err
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	w, err := s.timely(ctx, sc, keys, append(args, by)...)
	if err != nil {
		return err
	}
	epoch, err := okNumber(w.answer)
	if err != nil {
		return err
	}
	remember.max(keys[0], epoch)
	return w.short
}

// Regrant implements [session.Store].
func (s *Store) Regrant(ctx context.Context, n session.Session, under session.Ticket) (session.Session, error) {
	granted, err := s.regrant(ctx, n, under)
	if err != nil {
		return session.Session{}, wrap("regrant", err)
	}
	return granted, nil
}

func (s *Store) regrant(ctx context.Context, n session.Session, under session.Ticket) (session.Session, error) {
	if err := n.Ref().Validate(); err != nil {
		return session.Session{}, err
	}
	if under.IsZero() {
		return session.Session{}, fmt.Errorf("%w: no ticket", session.ErrInvalid)
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	var granted session.Session
	err := s.unmoved(ctx, n.Ref(), func(l live) (err error) {
		if err := l.current.epochs.holds(under, n.Tenant, n.User); err != nil {
			return err
		}
		if n.Version != l.session.Version {
			return session.ErrConflict
		}
		l.session.Roles, l.session.Attributes = n.Roles, n.Attributes
		granted, err = s.reissue(ctx, l, string(session.EventRegranted))
		return err
	})
	if err != nil {
		return session.Session{}, err
	}
	return granted, nil
}

// owing reports whether a session was changed with its user and does not say so itself yet.
func (l live) owing() bool { return !l.session.Stale && l.issued != l.current.epochs }

// reissue stores a session as it is in l, under the epochs of now. Its kind of event is "" for none.
func (s *Store) reissue(ctx context.Context, l live, kind string) (session.Session, error) {
	next := l.record
	next.issued, next.session.Stale = l.current.epochs, false
	next.session.Version++
	made, sealed, err := s.seal(l.keys, next)
	if err != nil {
		return session.Session{}, err
	}
	by, err := s.sealActor(ctx, l.user.events)
	if err != nil {
		return session.Session{}, err
	}
	w, err := s.write(ctx, regrantScript,
		[]string{l.keys.record, l.keys.seen, l.user.epoch, l.user.index, l.user.events, l.user.acts, l.user.last},
		l.current.epochs.user, l.session.Version, made.Version, sealed, l.keys.member, kind, by)
	if err != nil {
		return session.Session{}, err
	}
	r, err := outcome(w.answer, 3)
	if err != nil {
		return session.Session{}, err
	}
	made.LastSeenAt = fromMicros(int64(r.mustNumber()))
	s.memory.made.raise(l.user, l.keys.record, stampOf(made.Version, string(sealed)), r.change())
	return made, errors.Join(r.err, w.short)
}
