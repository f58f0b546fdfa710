package redisstore

import (
	"context"
	"encoding/binary"
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

// changes are the last change of the roles of a user, and that of the attributes, each with the
// epoch by which it was made, 0 for none.
type changes struct {
	rolesAt, attributesAt uint64
	roles                 session.Roles
	attributes            session.Attributes
}

// since returns what was changed after an epoch.
func (c changes) since(epoch uint64) session.UserChange {
	var change session.UserChange
	if c.rolesAt > epoch {
		change.Roles = &c.roles
	}
	if c.attributesAt > epoch {
		change.Attributes = &c.attributes
	}
	return change
}

// with returns c after one more change.
func (c changes) with(change session.UserChange, epoch uint64) changes {
	if change.Roles != nil {
		c.roles, c.rolesAt = *change.Roles, epoch
	}
	if change.Attributes != nil {
		c.attributes, c.attributesAt = *change.Attributes, epoch
	}
	return c
}

// changesFormat is the first byte of changes in clear.
const changesFormat = 1

// sealChanges seals changes for the epoch by which they are made.
func (s *Store) sealChanges(user userKeys, epoch uint64, c changes) ([]byte, error) {
	plain := binary.AppendUvarint(binary.AppendUvarint([]byte{changesFormat}, c.rolesAt), c.attributesAt)
	plain, err := appendAttributes(appendTexts(plain, c.roles.Names()), c.attributes)
	if err != nil {
		return nil, err
	}
	return s.sealer.seal(user.grants, epoch, plain)
}

// openChanges returns what sealChanges sealed, none where there is nothing.
func (s *Store) openChanges(user userKeys, g userGrants) (changes, error) {
	if g.change == "" {
		return changes{}, nil
	}
	plain, err := s.sealer.open(user.grants, g.at, []byte(g.change))
	if err != nil {
		return changes{}, err
	}
	d := decoder{rest: plain}
	format := d.take(1)
	if len(format) != 1 || format[0] != changesFormat {
		return changes{}, fmt.Errorf("%w: unknown format of changes", session.ErrCorrupt)
	}
	c := changes{rolesAt: d.uvarint(), attributesAt: d.uvarint()}
	var problems [2]error
	c.roles, problems[0] = session.NewRoles(d.texts()...)
	c.attributes, problems[1] = session.NewAttributes(d.attributes())
	if err := errors.Join(problems[0], problems[1], d.err); err != nil || len(d.rest) > 0 {
		return changes{}, fmt.Errorf("%w: changes of a user: %v", session.ErrCorrupt, err)
	}
	return c, nil
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

// UpdateUser implements [session.Store]. The change is stored once, beside the epoch that it is
// made by, and each session takes it over when it is next used: before that, every reader sees it
// changed.
func (s *Store) UpdateUser(ctx context.Context, t tenant.ID, u session.UserID, change session.UserChange) error {
	if err := s.updateUser(ctx, t, u, change); err != nil {
		return wrap("update user", err)
	}
	return nil
}

func (s *Store) updateUser(ctx context.Context, t tenant.ID, u session.UserID, change session.UserChange) error {
	if err := (session.Ref{Tenant: t, User: u}).ValidateOwner(); err != nil {
		return err
	}
	if err := change.Validate(); err != nil {
		return err
	}
	user := s.names.user(t, u)
	by, err := s.sealActor(ctx, user.events)
	if err != nil {
		return err
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	for range movedAttempts {
		err := s.changeUser(ctx, t, user, change, by)
		if !errors.Is(err, errMoved) {
			return err
		}
	}
	return fmt.Errorf("%w: the user's epoch moves faster than the user can be changed", session.ErrUnavailable)
}

// changeUser is one attempt of updateUser, over the epoch that it reads.
func (s *Store) changeUser(ctx context.Context, t tenant.ID, user userKeys, change session.UserChange, by []byte) error {
	before := s.knownOf(user, s.names.tenant(t))
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		return []*call{grantsScript.call(ctx, eval, []string{user.epoch, user.grants})}
	})
	if err != nil {
		return failed(err)
	}
	r := newReply(answers[0], 3)
	now := r.mustNumber()
	epoch, there := r.number()
	held := r.grants()
	if r.err != nil {
		return r.err
	}
	if !there {
		return nil // without an epoch no session is live, and no sign-in under way
	}
	if before.epochs.user > epoch { // Redis is behind: see hold
		epoch = before.epochs.user
		if err := s.raise(ctx, raiseScript, epoch, user.epoch); err != nil {
			return err
		}
	}
	var made changes
	if held.at == epoch {
		if made, err = s.openChanges(user, held); err != nil {
			return err
		}
	}
	next := max(epoch+1, now)
	sealed, err := s.sealChanges(user, next, made.with(change, next))
	if err != nil {
		return err
	}
	w, err := s.write(ctx, updateUserScript, []string{user.epoch, user.grants, user.events}, epoch, next, sealed, by)
	if err != nil {
		return err
	}
	if list, _ := w.answer.([]any); len(list) == 1 && list[0] == "gone" {
		return nil
	}
	reply, err := outcome(w.answer, 2)
	if err != nil {
		return err
	}
	s.memory.revoked.max(user.epoch, reply.mustNumber())
	return errors.Join(reply.err, w.short)
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
