package memstore

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// maxEvents is how many events a store keeps, of all tenants and users together. The
// oldest give way.
const maxEvents = 1 << 16

// ring keeps the latest events. It grows to maxEvents and then overwrites the oldest.
type ring struct {
	kept []logged
	next int // where the next one goes, once the ring is full
}

// logged is an event and whose it is. The zero user is the tenant as a whole, and the zero
// tenant everyone.
type logged struct {
	tenant tenant.ID
	user   session.UserID
	event  session.Event
}

func (st *Store) log(t tenant.ID, u session.UserID, e session.Event) {
	r := &st.events
	if len(r.kept) < maxEvents {
		r.kept = append(r.kept, logged{t, u, e})
		return
	}
	r.kept[r.next] = logged{t, u, e}
	r.next = (r.next + 1) % maxEvents
}

// happened logs what happened to one session, by the request of ctx.
func (st *Store) happened(ctx context.Context, s session.Session, e session.Event) {
	e.Session, e.Actor = s.ID.Fingerprint(), actorOf(ctx)
	if actor, ok := s.Actors.Current(); ok {
		e.Actor = actor.User
	}
	if e.As.IsZero() {
		e.As = s.Acting.User()
	}
	st.log(s.Tenant, s.User, e)
}

// actorOf returns who acts as the user of a request.
func actorOf(ctx context.Context) session.UserID {
	actor, _ := session.ActorFromContext(ctx)
	return actor.User
}

// Events implements [session.Store]. The latest 65,536 are kept.
func (st *Store) Events(ctx context.Context, t tenant.ID, u session.UserID) ([]session.Event, error) {
	if t.IsZero() && !u.IsZero() {
		return nil, fmt.Errorf("%w: no tenant", session.ErrInvalidID)
	}
	if err := st.enter(ctx, "events"); err != nil {
		return nil, err
	}
	defer st.mu.Unlock()
	var events []session.Event
	kept := st.events.kept
	for i := range kept {
		if l := kept[(st.events.next+i)%len(kept)]; l.tenant == t && l.user == u {
			events = append(events, l.event)
		}
	}
	return events, nil
}
