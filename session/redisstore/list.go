package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

const (
	// pageSize is how many sessions one script reads at most, so that it blocks nobody for
	// long.
	pageSize = 100

	// recordPage is how many sessions one script reads of a user who has more than pageSize: calls
	// of others come between two scripts.
	recordPage = 25

	// listRounds is how often List asks for the index again when a sign-in happened between
	// reading the index and reading what it names.
	listRounds = 8
)

// List implements [session.Store]. A script may touch only the keys it is given, so the
// index is read first. Up to pageSize sessions are then read as of one instant, more of them
// page by page.
func (s *Store) List(ctx context.Context, t tenant.ID, u session.UserID) ([]session.Session, error) {
	if err := (session.Ref{Tenant: t, User: u}).ValidateOwner(); err != nil {
		return nil, wrap("list", err)
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	read, err := s.list(ctx, t, u)
	if err != nil {
		return nil, wrap("list", err)
	}
	sessions := sessionsOf(read)
	slices.SortStableFunc(sessions, func(a, b session.Session) int { return a.CreatedAt.Compare(b.CreatedAt) })
	return sessions, nil
}

func (s *Store) list(ctx context.Context, t tenant.ID, u session.UserID) ([]listed, error) {
	user := s.names.user(t, u)
	for range listRounds {
		first, err := s.page(ctx, user, youngestFirst, "+inf", "-inf")
		if err != nil {
			return nil, err
		}
		if first.all > pageSize {
			return s.listPages(ctx, t, u, user)
		}
		sessions, current, err := s.listMembers(ctx, t, u, user, first.members)
		if err != nil {
			return nil, err
		}
		known := make(map[string]bool, len(first.members))
		for _, m := range first.members {
			known[m] = true
		}
		if !slices.ContainsFunc(current, func(m string) bool { return !known[m] }) {
			return sessions, nil
		}
	}
	return nil, fmt.Errorf("%w: the user signs in faster than the sessions can be listed", session.ErrUnavailable)
}

// listPages returns the live sessions of a user who has many: the youngest of their own, as
// many as a limit can allow, and those by which others act as them.
func (s *Store) listPages(ctx context.Context, t tenant.ID, u session.UserID, user userKeys) ([]listed, error) {
	var all []listed
	seen := map[string]bool{}
	read := func(p page, most int) (int, error) {
		fresh := slices.DeleteFunc(p.members, func(m string) bool { return seen[m] })
		fresh = fresh[:min(len(fresh), most)]
		for _, m := range fresh {
			seen[m] = true
		}
		for part := range slices.Chunk(fresh, recordPage) {
			sessions, _, err := s.listMembers(ctx, t, u, user, part)
			if err != nil {
				return 0, err
			}
			all = append(all, sessions...)
		}
		return len(fresh), nil
	}
	acting, err := s.page(ctx, user, oldestFirst, "-inf", "(0")
	if err != nil {
		return nil, err
	}
	if _, err := read(acting, pageSize); err != nil {
		return nil, err
	}
	from := "+inf"
	for left := session.MaxSessionLimit; left > 0; {
		p, err := s.page(ctx, user, youngestFirst, from, "0")
		if err != nil {
			return nil, err
		}
		n, err := read(p, left)
		if err != nil {
			return nil, err
		}
		if len(p.members) < pageSize {
			break
		}
		left -= n
		if from = p.last; n == 0 { // as many were created in one microsecond
			from = "(" + p.last
		}
	}
	return all, nil
}

// Which end of the order comes first in a page.
const (
	youngestFirst = "youngest"
	oldestFirst   = "oldest"
)

// page is a part of the order of a user's sessions.
type page struct {
	all     int // members of the whole order
	members []string
	last    string // position of the last of them
}

func (s *Store) page(ctx context.Context, user userKeys, first, from, to string) (page, error) {
	keys := []string{user.order}
	if first == youngestFirst && from == "+inf" && to == "-inf" { // all of them
		keys = append(keys, user.index)
	}
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		return []*call{indexScript.call(ctx, eval, keys, from, to, first)}
	})
	if err != nil {
		return page{}, failed(err)
	}
	list, _ := answers[0].([]any)
	if len(list)%2 != 1 || len(list) > 2*pageSize+1 {
		return page{}, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
	}
	all, ok := list[0].(int64)
	if !ok {
		return page{}, fmt.Errorf("%w: not a number", session.ErrCorrupt)
	}
	texts, err := parseMembers(list[1:])
	if err != nil {
		return page{}, err
	}
	p := page{all: int(all)}
	for i := 0; i < len(texts); i += 2 {
		p.members, p.last = append(p.members, texts[i]), texts[i+1]
	}
	if _, err := strconv.ParseFloat(p.last, 64); err != nil && p.last != "" {
		return page{}, fmt.Errorf("%w: not a number", session.ErrCorrupt)
	}
	return p, nil
}

// Peek implements [session.Store]. It is one round trip for each pageSize ids.
func (s *Store) Peek(ctx context.Context, t tenant.ID, u session.UserID, ids []session.ID) ([]session.Session, error) {
	sessions, err := s.peek(ctx, t, u, ids)
	if err != nil {
		return nil, wrap("peek", err)
	}
	return sessions, nil
}

func (s *Store) peek(ctx context.Context, t tenant.ID, u session.UserID, ids []session.ID) ([]session.Session, error) {
	if err := (session.Ref{Tenant: t, User: u}).ValidateOwner(); err != nil {
		return nil, err
	}
	ofMember := make(map[string]session.ID, len(ids))
	user := s.names.user(t, u)
	members := make([]string, len(ids))
	for i, id := range ids {
		if id.IsZero() {
			return nil, fmt.Errorf("%w: no session", session.ErrInvalidID)
		}
		members[i] = user.memberOf(id)
		ofMember[members[i]] = id
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	sessions := []session.Session{}
	for chunk := range slices.Chunk(members, pageSize) {
		read, _, err := s.listMembers(ctx, t, u, user, chunk)
		if err != nil {
			return nil, err
		}
		for _, l := range read {
			if ofMember[l.member] != l.session.ID {
				return nil, fmt.Errorf("%w: the record of another session", session.ErrCorrupt)
			}
			sessions = append(sessions, l.session)
		}
	}
	return sessions, nil
}

// listed is a live session and its member of the index.
type listed struct {
	member  string
	session session.Session
}

func sessionsOf(read []listed) []session.Session {
	sessions := make([]session.Session, len(read))
	for i, l := range read {
		sessions[i] = l.session
	}
	return sessions
}

// listMembers returns the live sessions among at most pageSize members, in their order, and
// the members that the user had at that instant, none for more than pageSize.
func (s *Store) listMembers(ctx context.Context, t tenant.ID, u session.UserID, user userKeys, members []string) ([]listed, []string, error) {
	ofTenant := s.names.tenant(t)
	before := s.knownOf(user, ofTenant)
	known := make([]stamp, len(members))
	names := []string{user.epoch, user.index, user.order, user.last, user.grants}
	args := make([]any, len(members))
	for i, m := range members {
		keys := user.member(m)
		known[i] = s.memory.ofSession(keys.record)
		names = append(names, keys.record, keys.seen)
		args[i] = m
	}
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		return append([]*call{listScript.call(ctx, eval, names, args...)}, s.readShared(ctx, eval, ofTenant)...)
	})
	if err != nil {
		return nil, nil, failed(err)
	}
	epochs, state, err := parseShared(answers[1], answers[2])
	if err != nil {
		return nil, nil, err
	}
	r := newReply(answers[0], 6)
	now := r.mustNumber()
	epochs.user, _ = r.number()
	current, err := parseMembers(r.next())
	rows := r.list()
	last := r.change()
	grants := r.grants()
	if err := errors.Join(r.err, err); err != nil {
		return nil, nil, err
	}
	epochs, _ = s.reconcile(ctx, user, ofTenant, epochs, before) // they are right all the same
	epochs.user, _ = s.reconcileUser(ctx, user, epochs.user, last, before)
	if len(rows) != len(members) {
		return nil, nil, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
	}
	var live []listed
	for i, m := range members {
		one := newReply(rows[i], 3)
		row := one.row()
		if one.err != nil {
			return nil, nil, one.err
		}
		rec, err := s.judge(row, user, user.member(m), now, standing{epochs, grants, state.carried}, t, u)
		if errors.Is(err, session.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if s.outdated(ctx, user, user.member(m), row, known[i], rec.session) {
			continue
		}
		live = append(live, listed{m, rec.session})
	}
	return live, current, nil
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
