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
// To read what happened to a user, name him here. To copy everything, follow the keys that
// match "<prefix>:{*}:l" on every master (redis-cli --scan): each is a stream that XREAD
// follows. Entries have the fields k, the kind, s and n, which only a process with NameKey
// can turn into the digests that logs show, and r, the reason, sealed under NameKey: unlike
// the keys of sessions it is for ever, as an audit must be.
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
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		return []*call{eventsScript.call(ctx, eval, []string{key})}
	})
	if err != nil {
		return nil, failed(err)
	}
	entries, ok := answers[0].([]any)
	if !ok {
		return nil, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
	}
	events := make([]session.Event, len(entries))
	for i, entry := range entries {
		if events[i], err = s.event(key, entry); err != nil {
			return nil, err
		}
	}
	return events, nil
}

func (n names) tenantEvents(t tenant.ID) string { return n.tenant(t) + ":l" }

func (n names) globalEvents() string { return n.global() + ":l" }

// sealReason returns what the event of a new session keeps of why somebody acts as the user,
// which opens only as part of that event.
func (s *Store) sealReason(user userKeys, keys sessionKeys, actors session.Actors) ([]byte, error) {
	actor, impersonated := actors.Current()
	if !impersonated {
		return nil, nil
	}
	return s.reasons.seal(user.events+" "+keys.member, 1, []byte(actor.Reason))
}

// event reads an entry of a stream.
func (s *Store) event(stream string, entry any) (session.Event, error) {
	r := newReply(entry, 2)
	id := r.must()
	fields, err := parseMembers(r.next())
	if r.err != nil {
		return session.Event{}, r.err
	}
	if err != nil {
		return session.Event{}, err
	}
	text, _, _ := strings.Cut(id, "-")
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || len(fields)%2 != 0 {
		return session.Event{}, fmt.Errorf("%w: event", session.ErrCorrupt)
	}
	e := session.Event{At: time.UnixMilli(ms).UTC()}
	member := ""
	for i := 0; i < len(fields); i += 2 {
		known := true
		switch value := fields[i+1]; fields[i] {
		case "k":
			e.Kind = session.EventKind(value)
		case "s":
			member = value
			e.Session, known = s.names.shown(value)
		case "n":
			e.Next, known = s.names.shown(value)
		case "r":
			reason, err := s.reasons.open(stream+" "+member, 1, []byte(value))
			if err != nil {
				return session.Event{}, err
			}
			e.Reason = string(reason)
		}
		if !known {
			return session.Event{}, fmt.Errorf("%w: event", session.ErrCorrupt)
		}
	}
	return e, nil
}
