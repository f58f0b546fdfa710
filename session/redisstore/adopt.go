package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/session"
)

// endsKept is for how many ms it is known how sign-ins at a provider have ended.
var endsKept = micros(session.EndsKept) / 1000

// adoptAttempts is how often Adopt begins again when others adopt or end the sign-in meanwhile.
const adoptAttempts = 16

// Adopt implements [session.Store]. The session that an instance knows to be that of a sign-in is
// one round trip, and a second one to record a use or what a newer token says. One that it does not know is
// two, and a new session four.
func (s *Store) Adopt(ctx context.Context, a session.Adoption) (session.Session, error) {
	adopted, err := s.adoptSession(ctx, a)
	if err != nil {
		return session.Session{}, wrap("adopt", err)
	}
	return adopted, nil
}

func (s *Store) adoptSession(ctx context.Context, a session.Adoption) (session.Session, error) {
	if err := a.Validate(); err != nil {
		return session.Session{}, err
	}
	if a.Create.Lifetime > maxLifetime {
		return session.Session{}, fmt.Errorf("%w: lifetime %v is more than %v", session.ErrInvalid, a.Create.Lifetime, maxLifetime)
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	user := s.names.user(a.Stranger.Tenant, a.Stranger.User)
	link := user.signIn(a.Stranger.Issuer, a.Stranger.Name)
	for attempt := 0; ; attempt++ {
		adopted, err := s.adoptOnce(ctx, a, user, link, attempt)
		if !errors.Is(err, errMoved) && !errors.Is(err, session.ErrConflict) {
			return adopted, err
		}
		if attempt == adoptAttempts {
			return session.Session{}, fmt.Errorf("%w: the sign-in changes faster than it can be adopted", session.ErrUnavailable)
		}
	}
}

// adoptOnce finds the session of a sign-in or makes one. errMoved and session.ErrConflict mean
// that somebody else was faster.
func (s *Store) adoptOnce(ctx context.Context, a session.Adoption, user userKeys, link string, attempt int) (session.Session, error) {
	if attempt == 0 {
		if id := s.memory.signIns.get(link).id; !id.IsZero() {
			found, err := s.find(ctx, a, link, id)
			if !errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrSignedOut) || errors.Is(err, session.ErrUnavailable) {
				return found, err
			}
		}
	}
	in, err := s.readSignIn(ctx, a, user, link)
	if err != nil {
		return session.Session{}, err
	}
	if in.member != "" {
		id, err := s.openLinked(link, in.sealed)
		if err != nil {
			return session.Session{}, err
		}
		if user.memberOf(id) != in.member {
			return session.Session{}, fmt.Errorf("%w: the sign-in is linked to another session", session.ErrCorrupt)
		}
		found, err := s.find(ctx, a, link, id)
		if err == nil {
			s.memory.signIns.bind(link, linkedAs(a.Stranger.Name), found.ID, user.session(found.ID).record, in.number)
		}
		if !errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrSignedOut) || errors.Is(err, session.ErrUnavailable) {
			return found, err
		}
		if in, err = s.stillLinked(ctx, a, user, link, in); err != nil {
			return session.Session{}, err
		}
	}
	return s.adoptNew(ctx, a, user, link, in)
}

// stillLinked reads a sign-in again whose session was not found. errMoved means that it has another
// one: the session was moved to a new id between the two look-ups, and has not ended. The link of a
// sign-in without a name is compared where it is replaced.
func (s *Store) stillLinked(ctx context.Context, a session.Adoption, user userKeys, link string, in signIn) (signIn, error) {
	if a.Stranger.Name == "" || in.ended {
		return in, nil
	}
	again, err := s.readSignIn(ctx, a, user, link)
	if err != nil {
		return signIn{}, err
	}
	if again.member != in.member {
		return signIn{}, errMoved
	}
	return again, nil
}

// find returns the session of id if it is the live one of the sign-in, as the token leaves it. One
// that another session has replaced is none, and a stale one is as it was: see Adoption.Roll.
func (s *Store) find(ctx context.Context, a session.Adoption, link string, id session.ID) (session.Session, error) {
	var found session.Session
	err := s.unmoved(ctx, session.Ref{Tenant: a.Stranger.Tenant, User: a.Stranger.User, ID: id}, func(l live) (err error) {
		found, err = s.findLive(ctx, a, link, l)
		return err
	})
	if err != nil {
		return session.Session{}, err
	}
	return found, nil
}

func (s *Store) findLive(ctx context.Context, a session.Adoption, link string, l live) (session.Session, error) {
	stranger := a.Stranger
	if l.user.ends+":"+l.link != link {
		return session.Session{}, session.ErrNotFound
	}
	if s.memory.signIns.outdates(link, stranger.Name, l.session.Provider.Claims().Since) {
		by := []byte(nil)
		return session.Session{}, firstOf(s.revokeMember(ctx, l.user, l.keys, by), session.ErrNotFound)
	}
	if err := s.checkBlock(ctx, l.user); err != nil {
		return session.Session{}, err
	}
	if err := stranger.CheckClock(l.now); err != nil {
		return session.Session{}, err
	}
	if stranger.Name == "" {
		if err := stranger.Finds(l.session.Provider.Claims().Since); err != nil {
			return session.Session{}, err
		}
	}
	if l.now.Sub(l.session.LastSeenAt) >= session.TouchInterval {
		if err := s.touch(ctx, &l, session.TouchInterval); err != nil {
			return session.Session{}, err
		}
	}
	rolled, changed := a.Roll(l.session)
	if !changed {
		return l.session, nil
	}
	next := l.record
	next.session = rolled
	next.session.Version++
	by, err := s.sealActor(ctx, l.user.events)
	if err != nil {
		return session.Session{}, err
	}
	stored, sealed, err := s.seal(l.keys, next)
	if err != nil {
		return session.Session{}, err
	}
	return s.replace(ctx, l, stored, sealed, session.EventRefreshed, by, nil, nil)
}

// adoptNew makes the session of a sign-in that has no live one.
func (s *Store) adoptNew(ctx context.Context, a session.Adoption, user userKeys, key string, in signIn) (session.Session, error) {
	stranger := a.Stranger
	of := link{key: key, name: stranger.Name, member: in.member, kind: stranger.EventKind(), at: stranger.SignIn()}
	if err := stranger.CheckClock(in.now); err != nil {
		return session.Session{}, err
	}
	known := s.memory.signIns.get(key).ended
	if stranger.Name != "" && (in.ended || in.member != "" || known != 0) {
		s.memory.signIns.end(key, linkedNamed, uint64(in.now.UnixMicro()), in.number)
		return session.Session{}, session.ErrSignedOut
	}
	if stranger.Name != "" && stranger.AuthTime.IsZero() && in.now.Before(in.lost.Add(session.EndsKept)) {
		return session.Session{}, fmt.Errorf("%w: the store was behind on the user's sign-ins, and this one does not say when it was", session.ErrSignedOut)
	}
	if known > uint64(max(0, in.end.UnixMicro())) {
		in.end = fromMicros(int64(known))
	}
	if in.member != "" && in.end.IsZero() {
		end, err := s.noteLost(ctx, user, key, linkedAs(stranger.Name), in.member)
		if err != nil {
			return session.Session{}, err
		}
		in.end = end
	}
	if err := stranger.Known(in.at); err != nil {
		return session.Session{}, err
	}
	end := in.cut
	if !in.end.IsZero() {
		s.memory.signIns.end(key, 0, uint64(in.end.UnixMicro()), in.number)
	}
	if in.end.After(end) {
		end = in.end
	}
	if err := stranger.CheckUnknown(in.now, end); err != nil {
		return session.Session{}, firstOf(s.noteRefused(ctx, stranger, user, key, in, err), err)
	}
	if err := a.CheckTicket(); err != nil {
		return session.Session{}, err
	}
	if err := in.issued.holds(a.Create.Ticket, stranger.Tenant, stranger.User); err != nil {
		return session.Session{}, err
	}
	n := a.Session
	if stranger.Name == "" {
		n.Provider = n.Provider.From(end)
	}
	keys := user.session(n.ID)
	d, err := s.draft(ctx, user, keys, n, a.Create, issue{in.issued, in.now}, of)
	if err != nil {
		return session.Session{}, err
	}
	number, err := s.storeDraft(ctx, user, keys, d)
	if err != nil {
		return session.Session{}, err
	}
	s.memory.signIns.bind(of.key, linkedAs(stranger.Name), n.ID, keys.record, number)
	return d.session, nil
}
