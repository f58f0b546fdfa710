package redisstore

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Events implements [session.Store]. The scripts append to one stream for each user, in the
// user's slot, one for each tenant and one for everyone, so that a change and its event are
// one step. A stream keeps about the last 1000 events and ends 30 days after its last one.
//
// To read what happened to a user, name them here. To copy everything, follow the keys that
// match "<prefix>:{*}:l" on every master (redis-cli --scan): each is a stream that XREAD
// follows. Entries have the fields k, the kind, s and n, which only a process with NameKey
// can turn into the digests that logs show, and, empty where there are none, the reason r, w for
// who acts as whom in the session, and o for who acts in the request that made the change.
// These three are sealed under NameKey: unlike the keys of sessions it is for ever, as an audit
// must be.
func (s *Store) Events(ctx context.Context, t tenant.ID, u session.UserID) ([]session.Event, error) {
	events, err := s.readEvents(ctx, t, u)
	if err != nil {
		return nil, wrap("events", err)
	}
	return events, nil
}

func (s *Store) readEvents(ctx context.Context, t tenant.ID, u session.UserID) ([]session.Event, error) {
	if t.IsZero() && !u.IsZero() {
		return nil, checkTenant(t)
	}
	key := s.names.globalEvents()
	switch {
	case !u.IsZero():
		key = s.names.user(t, u).events
	case !t.IsZero():
		key = s.names.tenantEvents(t)
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	events := []session.Event{}
	for from := "-"; len(events) < maxEventsRead; {
		answers, err := batch(ctx, s.client, func(eval bool) []*call {
			return []*call{eventsScript.call(ctx, eval, []string{key}, from)}
		})
		if err != nil {
			return nil, failed(err)
		}
		entries, ok := answers[0].([]any)
		if !ok {
			return nil, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
		}
		for _, entry := range entries {
			e, id, err := s.event(key, entry)
			if err != nil {
				return nil, err
			}
			events, from = append(events, e), "("+id
		}
		if len(entries) < pageSize {
			break
		}
	}
	return events, nil
}

// maxEventsRead ends the reading of a stream to which others append as fast: it keeps little
// more than 1000.
const maxEventsRead = 4000

// eventsOf returns the stream of a tenant or of everyone, by the key of either.
func eventsOf(key string) string { return key + ":l" }

func (n names) tenantEvents(t tenant.ID) string { return eventsOf(n.tenant(t)) }

func (n names) globalEvents() string { return eventsOf(n.global()) }

// The texts that events keep of somebody who acts as another are sealed, under a name and a number
// of its own for each kind of text, so that each opens in no other event and as nothing else.
const (
	sealedReason = iota + 1
	sealedActs
	sealedActor
	sealedLink  // the session of a sign-in at a provider
	sealedOwner // the user and tenant of one
)

// sealReason returns what the event by which somebody begins to act as another keeps of why.
func (s *Store) sealReason(user userKeys, keys sessionKeys, reason string) ([]byte, error) {
	return s.reasons.seal(user.events+" "+keys.member, sealedReason, []byte(reason))
}

// sealActs returns what the events of a session keep of who acts as its user, and as whom its
// user acts, nil for neither.
func (s *Store) sealActs(user userKeys, keys sessionKeys, n session.Session) ([]byte, error) {
	actor, impersonated := n.Actors.Current()
	if !impersonated && n.Acting.IsZero() {
		return nil, nil
	}
	plain := appendText(appendText(nil, actor.User.String()), n.Acting.User().String())
	return s.reasons.seal(user.events+" "+keys.member, sealedActs, plain)
}

// sealActor returns what events in a stream keep of who acts as the user of a request, nil when
// nobody does.
func (s *Store) sealActor(ctx context.Context, stream string) ([]byte, error) {
	actor, impersonated := session.ActorFromContext(ctx)
	if !impersonated {
		return nil, nil
	}
	return s.reasons.seal(stream, sealedActor, []byte(actor.User.String()))
}

// openActs reads into e what sealActs sealed.
func (s *Store) openActs(e *session.Event, name, sealed string) error {
	plain, err := s.reasons.open(name, sealedActs, []byte(sealed))
	if err != nil {
		return err
	}
	d := decoder{rest: plain}
	for _, to := range []*session.UserID{&e.Actor, &e.As} {
		text := d.text()
		if text == "" {
			continue
		}
		if *to, err = session.ParseUserID(text); err != nil {
			return fmt.Errorf("%w: %v", session.ErrCorrupt, err)
		}
	}
	if d.err != nil || len(d.rest) > 0 {
		return fmt.Errorf("%w: event", session.ErrCorrupt)
	}
	return nil
}

// openActor returns what sealActor sealed.
func (s *Store) openActor(stream, sealed string) (session.UserID, error) {
	plain, err := s.reasons.open(stream, sealedActor, []byte(sealed))
	if err != nil {
		return session.UserID{}, err
	}
	user, err := session.ParseUserID(string(plain))
	if err != nil {
		return session.UserID{}, fmt.Errorf("%w: %v", session.ErrCorrupt, err)
	}
	return user, nil
}

// event reads an entry of a stream, and its id.
func (s *Store) event(stream string, entry any) (e session.Event, id string, err error) {
	r := newReply(entry, 2)
	id = r.must()
	fields, err := parseMembers(r.next())
	if r.err != nil {
		return e, id, r.err
	}
	if err != nil {
		return e, id, err
	}
	text, _, _ := strings.Cut(id, "-")
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || len(fields)%2 != 0 {
		return e, id, fmt.Errorf("%w: event", session.ErrCorrupt)
	}
	e = session.Event{At: time.UnixMilli(ms).UTC()}
	member, by := "", session.UserID{}
	for i := 0; i < len(fields); i += 2 {
		known := true
		value := fields[i+1]
		if value == "" {
			continue
		}
		switch fields[i] {
		case "k":
			e.Kind = session.EventKind(value)
		case "s":
			member = value
			e.Session, known = s.names.shown(value)
		case "n":
			e.Next, known = s.names.shown(value)
		case "r":
			reason, err := s.reasons.open(stream+" "+member, sealedReason, []byte(value))
			if err != nil {
				return e, id, err
			}
			e.Reason = string(reason)
		case "w":
			if err := s.openActs(&e, stream+" "+member, value); err != nil {
				return e, id, err
			}
		case "o":
			if by, err = s.openActor(stream, value); err != nil {
				return e, id, err
			}
		}
		if !known {
			return e, id, fmt.Errorf("%w: event", session.ErrCorrupt)
		}
	}
	if e.Actor.IsZero() {
		e.Actor = by
	}
	return e, id, nil
}
