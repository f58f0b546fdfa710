package redisstore

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// hold returns the epochs that count: those that were read or, where this instance knows of
// a higher one, that one, which it puts back. A replica that was promoted before it heard
// of a revocation then revives nothing that an instance knows to be revoked. The error is
// of putting back; the epochs are right all the same, and what they end is dead.
func (s *Store) hold(ctx context.Context, user userKeys, t tenant.ID, read epochs) (epochs, error) {
	held := read
	var problem error
	raise := func(sc script, epoch uint64, key string) {
		if err := s.raise(ctx, sc, epoch, key); err != nil {
			problem = err
		}
	}
	if read.global != 0 {
		if held.global = s.memory.ofShared(s.names.global(), read.global); held.global > read.global {
			raise(raiseScript, held.global, s.names.global())
		}
	}
	if read.tenant != 0 {
		key := s.names.tenant(t)
		if held.tenant = s.memory.ofShared(key, read.tenant); held.tenant > read.tenant {
			raise(tenantRaiseScript, held.tenant, key)
		}
	}
	if read.user != 0 {
		if held.user = s.memory.ofUser(user.epoch, read.user); held.user > read.user {
			raise(raiseScript, held.user, user.epoch)
		}
	}
	return held, problem
}

func (s *Store) raise(ctx context.Context, sc script, epoch uint64, key string) error {
	v, err := s.run(ctx, sc, []string{key}, epoch)
	if err != nil {
		return err
	}
	r := newReply(v, 2)
	if r.must() != "ok" {
		r.corrupt("unexpected answer")
	}
	r.number()
	return r.err
}

// ended remembers members that this instance has ended, and discards what is left of them.
// They are dead already, so that a failure to discard costs memory until they expire and
// nothing else.
func (s *Store) ended(ctx context.Context, user userKeys, members []string) {
	var keys []string
	for _, m := range members {
		k := user.member(m)
		s.memory.ended(k.record)
		keys = append(keys, k.record, k.seen, k.refresh)
	}
	for len(keys) > 0 {
		n := min(len(keys), 3*maxDiscard)
		_, _ = s.run(ctx, discardScript, keys[:n])
		keys = keys[n:]
	}
}

// maxDiscard is how many sessions one script discards, so that it blocks nobody for long.
const maxDiscard = 100

// revived reports a session that this instance ended and that is there again, and ends it
// again.
func (s *Store) revived(ctx context.Context, user userKeys, keys sessionKeys) bool {
	if !s.memory.hasEnded(keys.record) {
		return false
	}
	_ = s.expect(ctx, revokeScript, revokeKeys(user, keys), keys.member, "")
	return true
}

// revokeKeys are the keys of revoke.lua and the first of end.lua.
func revokeKeys(user userKeys, keys sessionKeys) []string {
	return []string{keys.record, keys.seen, keys.refresh, user.index, user.order, user.events, user.acts}
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
