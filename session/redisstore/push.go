package redisstore

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/reevehq/reeve/session"
)

// push tells a server what is remembered.
type push struct {
	*Store
	server string // the id of the one server's replication; '' after a loss, and on a cluster, which routes calls
}

// errOtherServer means that a connection led to another server than the one that is told: a pool may
// have some of before a failover.
var errOtherServer = fmt.Errorf("%w: a connection leads to another server", session.ErrUnavailable)

// putBack puts back everything that is behind what is remembered, what concerns most
// sessions first: epochs and statuses are raised, and sessions that are older, or were ended
// and are there again, are ended. Values that are not behind are not changed.
func (s push) putBack(ctx context.Context) error {
	for _, part := range []func(context.Context) error{
		func(ctx context.Context) error { return s.putBackEpochs(ctx, &s.memory.shared) },
		s.putBackStatuses,
		s.putBackBlocks,
		func(ctx context.Context) error { return s.putBackEpochs(ctx, &s.memory.revoked) },
		s.putBackCuts,
		func(ctx context.Context) error { return s.putBackUsers(ctx, s.memory.made) },
		func(ctx context.Context) error { return s.putBackUsers(ctx, s.memory.read) },
		func(ctx context.Context) error { return s.putBackEpochs(ctx, &s.memory.seen) },
		func(ctx context.Context) error { return s.putBackSessions(ctx, s.memory.made) },
		func(ctx context.Context) error { return s.putBackSessions(ctx, s.memory.read) },
		s.putBackSignIns,
	} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s push) putBackEpochs(ctx context.Context, remembered *generations) error {
	var raises []pending
	for key, epoch := range remembered.all() {
		sc := raiseScript
		if remembered == &s.memory.shared && key != s.names.global() {
			sc = tenantRaiseScript
		}
		raises = append(raises, pending{sc, []string{key}, []any{epoch}})
	}
	_, err := s.inChunks(ctx, raises)
	return err
}

func (s push) putBackStatuses(ctx context.Context) error {
	var restores []pending
	for key, known := range s.memory.statuses.all() {
		restores = append(restores, pending{tenantRestoreScript, []string{key}, []any{known.status.String(), known.version}})
	}
	_, err := s.inChunks(ctx, restores)
	return err
}

// putBackBlocks puts back blocks. That one was lifted is not: of two histories the stricter counts.
func (s push) putBackBlocks(ctx context.Context) error {
	var blocks []pending
	var users []userKeys
	for key, known := range s.memory.blocks.all() {
		if known.on {
			user := s.names.userAt(strings.TrimSuffix(key, "b"))
			users = append(users, user)
			blocks = append(blocks, pending{blockScript, blockKeys(user), restoreArgs(known)})
		}
	}
	answers, err := s.inChunks(ctx, blocks)
	if err != nil {
		return err
	}
	for i, answer := range answers {
		if _, err := s.heedBlock(users[i], answer); err != nil {
			return err
		}
	}
	return nil
}

func (s push) putBackCuts(ctx context.Context) error {
	var raises []pending
	for key, cut := range s.memory.cuts.all() {
		raises = append(raises, pending{cutRaiseScript, []string{key}, []any{cut, s.cutKept(key)}})
	}
	_, err := s.inChunks(ctx, raises)
	return err
}

// putBackSignIns ends the sign-ins at a provider that have had a session and are not there.
func (s push) putBackSignIns(ctx context.Context) error {
	var notes, floors []pending
	var users []userKeys
	for user, own := range s.memory.signIns.links.users.all() {
		if floor := own.lowest(); floor != 0 {
			users = append(users, s.names.userAt(user))
			floors = append(floors, setBackOf(users[len(users)-1], 0, floor))
		}
	}
	if err := s.setUsersBack(ctx, users, floors); err != nil {
		return err
	}
	for link, known := range s.memory.signIns.links.values.all() {
		if known.as != 0 {
			notes = append(notes, pending{signInLostScript, []string{link, s.names.userOfLink(link).ends}, lostArgs(known.as, "")})
		}
	}
	if _, err := s.inChunks(ctx, notes); err != nil {
		return err
	}
	return s.endSignInsAgain(ctx)
}

// endSignInsAgain ends the named sign-ins that have ended, with the session that an instance which
// knew of nothing has made of one meanwhile.
func (s push) endSignInsAgain(ctx context.Context) error {
	var links []string
	var ends, revokes []pending
	for link, known := range s.memory.signIns.links.values.all() {
		if known.ended != 0 && known.as == linkedNamed {
			links = append(links, link)
			ends = append(ends, pending{signInEndScript, []string{link, s.names.userOfLink(link).ends}, []any{endsKept}})
		}
	}
	answers, err := s.inChunks(ctx, ends)
	if err != nil {
		return err
	}
	for i, answer := range answers {
		r := newReply(answer, 3)
		r.must()
		member, linked := r.text()
		r.change()
		if r.err != nil {
			return r.err
		}
		if linked {
			user := s.names.userOfLink(links[i])
			keys := user.member(member)
			revokes = append(revokes, pending{revokeScript, revokeKeys(user, keys), []any{keys.member, "", string(session.EventStoreBehind), 0}})
		}
	}
	_, err = s.inChunks(ctx, revokes)
	return err
}

// putBackUsers ends all sessions of the users that have changed more than is remembered one
// by one, where Redis does not know of the last change.
func (s push) putBackUsers(ctx context.Context, remembered *stamps) error {
	var users []userKeys
	var ends []pending
	for base, share := range remembered.users.all() {
		if share.last != 0 {
			users = append(users, s.names.userAt(base))
			ends = append(ends, setBackOf(users[len(users)-1], share.last, 0))
		}
	}
	return s.setUsersBack(ctx, users, ends)
}

func (s push) setUsersBack(ctx context.Context, users []userKeys, calls []pending) error {
	answers, err := s.inChunks(ctx, calls)
	if err != nil {
		return err
	}
	for i, answer := range answers {
		if _, err := s.heedSetBack(users[i], answer); err != nil {
			return err
		}
	}
	return nil
}

func (s push) putBackSessions(ctx context.Context, remembered *stamps) error {
	var records []string
	var known []stamp
	var looks []pending
	for record, m := range remembered.sessions.all() {
		_, keys := s.names.ofRecord(record)
		records, known = append(records, record), append(known, m)
		looks = append(looks, pending{lookScript, []string{record, keys.refresh}, []any{m.steps}})
	}
	found, err := s.inChunks(ctx, looks)
	if err != nil {
		return err
	}
	var ends []pending
	for i, record := range records {
		r := newReply(found[i], 2)
		version, there := r.number()
		sealed, _ := r.text()
		if r.err != nil {
			return r.err
		}
		if there && known[i].outdates(version, sealed) {
			user, keys := s.names.ofRecord(record)
			ends = append(ends, pending{revokeScript, revokeKeys(user, keys), []any{keys.member, "", string(session.EventStoreBehind), 0}})
		}
	}
	_, err = s.inChunks(ctx, ends)
	return err
}

// pending is a script and what it is called with.
type pending struct {
	script
	keys []string
	args []any
}

// inChunks makes the calls, many in one round trip, and returns their answers in order. Each
// chunk has the budget of a call, and says in the same round trip which server it has reached.
func (s push) inChunks(ctx context.Context, calls []pending) ([]any, error) {
	var all []any
	for chunk := range slices.Chunk(calls, reassertChunk) {
		bounded, cancel := s.within(ctx)
		answers, err := batch(bounded, s.client, func(eval bool) []*call {
			made := make([]*call, len(chunk), len(chunk)+1)
			for i, c := range chunk {
				made[i] = c.call(bounded, eval, c.keys, c.args...)
			}
			if s.server != "" {
				made = append(made, primaryScript.call(bounded, eval, []string{s.names.canary(0)}))
			}
			return made
		})
		cancel()
		if err != nil {
			return nil, err
		}
		if s.server != "" && answers[len(chunk)] != any(s.server) {
			return nil, errOtherServer
		}
		all = append(all, answers[:len(chunk)]...)
	}
	return all, nil
}
