package redisstore

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/session"
)

// reconcile returns the epochs that count: those that were read or, where this instance knew of a higher
// one before it asked, that one, which it puts back. A replica that was promoted before it heard of
// a revocation then revives nothing that an instance knows to be revoked. The error is of putting
// back; the epochs are right all the same, and the sessions that they end are dead.
func (s *Store) reconcile(ctx context.Context, user userKeys, ofTenant string, read epochs, before known) (epochs, error) {
	held := read
	var problem error
	raise := func(sc script, epoch uint64, key string) {
		if err := s.raise(ctx, sc, epoch, key); err != nil {
			problem = err
		}
	}
	global, key := s.names.global(), ofTenant
	s.memory.shared.max(global, read.global)
	s.memory.shared.max(key, read.tenant)
	s.memory.readUser(user.epoch, read.user)
	if read.global != 0 && before.epochs.global > read.global {
		held.global = before.epochs.global
		raise(raiseScript, held.global, global)
	}
	if read.tenant != 0 && before.epochs.tenant > read.tenant {
		held.tenant = before.epochs.tenant
		raise(tenantRaiseScript, held.tenant, key)
	}
	if read.user != 0 && before.epochs.user > read.user {
		held.user = before.epochs.user
		raise(raiseScript, held.user, user.epoch)
	}
	return held, problem
}

func (s *Store) raise(ctx context.Context, sc script, epoch uint64, key string) error {
	v, err := s.run(ctx, sc, []string{key}, epoch)
	if err != nil {
		return err
	}
	_, err = okNumber(v)
	return err
}

// reconcileUser ends every session of a user whose last change is behind what this instance knew
// before it asked, and returns the epoch that counts then.
func (s *Store) reconcileUser(ctx context.Context, user userKeys, epoch, last uint64, before known) (uint64, error) {
	if epoch == 0 || last >= before.last {
		return epoch, nil
	}
	made, err := s.setBack(ctx, user, before.last, 0)
	if err != nil {
		return 0, err // nothing of the user lives
	}
	if made == 0 { // somebody else was faster, or it was another server's answer
		return 0, nil
	}
	return made, nil
}

// setBack has the epoch of a user end everything, if Redis does not know of the user's last change,
// or of so many changes of sign-ins, and returns the new epoch, 0 for none.
func (s *Store) setBack(ctx context.Context, user userKeys, last, signIns uint64) (uint64, error) {
	c := setBackOf(user, last, signIns)
	v, err := s.run(ctx, c.script, c.keys, c.args...)
	if err != nil {
		return 0, err
	}
	return s.heedSetBack(user, v)
}

func setBackOf(user userKeys, last, signIns uint64) pending {
	return pending{setBackScript, []string{user.epoch, user.last, user.events, user.index, user.order, user.acts, user.ends}, []any{last, signIns}}
}

// heedSetBack remembers the answer of set_back.lua.
func (s *Store) heedSetBack(user userKeys, answer any) (uint64, error) {
	epoch, err := okNumber(answer)
	if err == nil && epoch != 0 {
		s.memory.revoked.max(user.epoch, epoch)
		s.memory.cuts.max(user.ends, epoch)
	}
	return epoch, err
}

// okNumber reads {'ok', number or nil}.
func okNumber(v any) (uint64, error) {
	r := newReply(v, 2)
	if r.must() != "ok" {
		r.corrupt("unexpected answer")
	}
	n, _ := r.number()
	return n, r.err
}

// ended remembers members that this instance has ended, and discards what is left of them.
// They are dead already, so that a failure to discard costs memory until they expire and
// nothing else.
func (s *Store) ended(ctx context.Context, user userKeys, members []string) {
	for len(members) > 0 {
		n := min(len(members), maxDiscard)
		keys := []string{user.epoch, user.last, user.ends}
		for _, m := range members[:n] {
			k := user.member(m)
			keys = append(keys, k.record, k.seen, k.refresh)
		}
		endings := make([]ending, n)
		if v, err := s.run(ctx, discardScript, keys); err == nil {
			if read, err := discarded(v, n); err == nil {
				endings = read
			}
		}
		for i, m := range members[:n] {
			s.memory.endSession(user, user.member(m).record, endings[i])
		}
		members = members[n:]
	}
}

// discarded reads an answer of discard.lua about so many sessions.
func discarded(answer any, n int) ([]ending, error) {
	r, err := outcome(answer, 3+n)
	if err != nil {
		return nil, err
	}
	all := ending{change: r.mustNumber(), signIns: r.change()}
	endings := make([]ending, n)
	for i := range endings {
		link, _ := r.text()
		endings[i] = all.of(link)
	}
	return endings, r.err
}

// countChange makes what was just done to a user a change of theirs, and remembers it for the
// user as a whole: a Redis that does not know of it is behind. Failing that, this instance alone
// denies what it has ended.
func (s *Store) countChange(ctx context.Context, user userKeys) {
	v, err := s.run(ctx, discardScript, []string{user.epoch, user.last, user.ends})
	if err != nil {
		return
	}
	if r, err := outcome(v, 3); err == nil {
		s.memory.made.changed(user.base, r.mustNumber())
	}
}

// maxDiscard is how many sessions one script discards, so that it blocks nobody for long.
const maxDiscard = 100

// outdated reports whether a session that was read is older than this instance knew it to be,
// or was ended, alone or with all that were beyond a limit, and ends it: a session that cannot
// be put back is dead, not older.
func (s *Store) outdated(ctx context.Context, user userKeys, keys sessionKeys, row row, before stamp, found session.Session) bool {
	if !row.found || !before.outdates(row.version, row.sealed) && !s.memory.beyondLimit(user, found) {
		return false
	}
	var e ending
	if v, err := s.run(ctx, revokeScript, revokeKeys(user, keys), keys.member, "", string(session.EventStoreBehind), 0); err == nil {
		if read, _, err := revoked(v); err == nil {
			e = read
		}
	}
	s.memory.endSession(user, keys.record, e)
	return true
}

// revokeKeys are the keys of revoke.lua and end.lua.
func revokeKeys(user userKeys, keys sessionKeys) []string {
	return []string{keys.record, keys.seen, keys.refresh, user.index, user.order, user.events, user.acts, user.epoch, user.last, user.ends}
}

// members reads an answer of ok and members.
func members(v any) ([]string, error) {
	list, err := parseMembers(v)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 || list[0] != "ok" {
		return nil, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
	}
	return list[1:], nil
}
