package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// listRounds is how often List asks for the index again when a sign-in happened between
// reading the index and reading what it names.
const listRounds = 8

// List implements [session.Store]. A script may touch only the keys it is given, so the
// index is read first; all sessions are then read as of one instant.
func (s *Store) List(ctx context.Context, t tenant.ID, u session.UserID) ([]session.Session, error) {
	if err := checkOwner(t, u); err != nil {
		return nil, wrap("list", err)
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	sessions, err := s.list(ctx, t, u)
	if err != nil {
		return nil, wrap("list", err)
	}
	return sessions, nil
}

func (s *Store) list(ctx context.Context, t tenant.ID, u session.UserID) ([]session.Session, error) {
	user := s.names.user(t, u)
	members, err := s.members(ctx, user)
	if err != nil {
		return nil, err
	}
	for range listRounds {
		sessions, current, err := s.listMembers(ctx, t, u, user, members)
		if err != nil {
			return nil, err
		}
		known := make(map[string]bool, len(members))
		for _, m := range members {
			known[m] = true
		}
		if !slices.ContainsFunc(current, func(m string) bool { return !known[m] }) {
			return sessions, nil
		}
		members = current
	}
	return nil, fmt.Errorf("%w: the user signs in faster than the sessions can be listed", session.ErrUnavailable)
}

// members reads the index of a user.
func (s *Store) members(ctx context.Context, user userKeys) ([]string, error) {
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		return []*call{indexScript.call(ctx, eval, []string{user.index})}
	})
	if err != nil {
		return nil, failed(err)
	}
	return parseMembers(answers[0])
}

// listMembers returns the live sessions among members, oldest first, and the members that
// the index had at that instant.
func (s *Store) listMembers(ctx context.Context, t tenant.ID, u session.UserID, user userKeys, members []string) ([]session.Session, []string, error) {
	before := s.knownOf(user, t)
	known := make([]mark, len(members))
	names := []string{user.epoch, user.index}
	for i, m := range members {
		keys := user.member(m)
		known[i] = s.memory.ofSession(keys.record)
		names = append(names, keys.record, keys.seen)
	}
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		return append([]*call{listScript.call(ctx, eval, names)}, s.readShared(ctx, eval, t)...)
	})
	if err != nil {
		return nil, nil, failed(err)
	}
	epochs, _, err := parseShared(answers[1], answers[2])
	if err != nil {
		return nil, nil, err
	}
	r := newReply(answers[0], 4)
	now := r.mustNumber()
	epochs.user, _ = r.number()
	current, err := parseMembers(r.next())
	rows := r.list()
	if err := errors.Join(r.err, err); err != nil {
		return nil, nil, err
	}
	epochs, _ = s.hold(ctx, user, t, epochs, before) // they are right all the same
	if len(rows) != len(members) {
		return nil, nil, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
	}
	sessions := []session.Session{}
	for i, m := range members {
		one := newReply(rows[i], 3)
		row := one.row()
		if one.err != nil {
			return nil, nil, one.err
		}
		if !slices.Contains(current, m) {
			continue // it was ended since the index was read
		}
		rec, err := s.judge(row, user.member(m), now, epochs, t, u)
		if errors.Is(err, session.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if s.outdated(ctx, user, user.member(m), row, known[i]) {
			continue
		}
		sessions = append(sessions, rec.session)
	}
	slices.SortStableFunc(sessions, func(a, b session.Session) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return sessions, current, nil
}

func parseMembers(v any) ([]string, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
	}
	members := make([]string, len(list))
	for i := range list {
		if members[i], ok = list[i].(string); !ok {
			return nil, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
		}
	}
	return members, nil
}
