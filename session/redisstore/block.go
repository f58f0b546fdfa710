package redisstore

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// block is whether a user is blocked, and the version of that.
type block struct {
	on      bool
	version uint64
}

// newer returns the one of two that counts. Of two histories the stricter one does.
func (b block) newer(n block) block {
	if n.version > b.version || n.version == b.version && n.on {
		return n
	}
	return b
}

// Block implements [session.Store].
func (s *Store) Block(ctx context.Context, t tenant.ID, u session.UserID) error {
	return s.setBlock(ctx, "block", t, u, true)
}

// Unblock implements [session.Store].
func (s *Store) Unblock(ctx context.Context, t tenant.ID, u session.UserID) error {
	return s.setBlock(ctx, "unblock", t, u, false)
}

func (s *Store) setBlock(ctx context.Context, op string, t tenant.ID, u session.UserID, on bool) error {
	if err := (session.Ref{Tenant: t, User: u}).ValidateOwner(); err != nil {
		return wrap(op, err)
	}
	user := s.names.user(t, u)
	by, err := s.sealActor(ctx, user.events)
	if err != nil {
		return wrap(op, err)
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	known := s.memory.blocks.get(user.block)
	w, err := s.timely(ctx, blockScript, blockKeys(user), bit(on), 0, known.version, by, endsKept)
	if err != nil {
		return wrap(op, err)
	}
	if _, err := s.heedBlock(user, w.answer); err != nil {
		return wrap(op, err)
	}
	if w.short != nil {
		return wrap(op, w.short)
	}
	return nil
}

// heedBlock takes an answer of block.lua.
func (s *Store) heedBlock(user userKeys, answer any) (block, error) {
	r, err := outcome(answer, 5)
	if err != nil {
		return block{}, err
	}
	version, on := r.mustNumber(), r.must() == "1"
	epoch, cut := r.change(), r.change()
	if r.err != nil {
		return block{}, r.err
	}
	s.memory.revoked.max(user.epoch, epoch)
	s.memory.cuts.max(user.ends, cut)
	return s.memory.blocks.update(user.block, func(held block) block { return held.newer(block{on, version}) }), nil
}

// checkBlock returns session.ErrBlocked for a user whom this instance knows to be blocked, unless
// Redis knows better. One that Redis has lost is put back.
func (s *Store) checkBlock(ctx context.Context, user userKeys) error {
	known := s.memory.blocks.get(user.block)
	if !known.on {
		return nil
	}
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		return []*call{blockReadScript.call(ctx, eval, []string{user.block})}
	})
	if err != nil {
		return failed(err)
	}
	r := newReply(answers[0], 2)
	on, _ := r.text()
	version, _ := r.number()
	if r.err != nil {
		return r.err
	}
	if version < known.version {
		v, err := s.run(ctx, blockScript, blockKeys(user), restoreArgs(known)...)
		if err != nil {
			return err
		}
		if known, err = s.heedBlock(user, v); err != nil {
			return err
		}
	} else {
		known = s.memory.blocks.update(user.block, func(held block) block { return held.newer(block{on == "1", version}) })
	}
	if known.on {
		return fmt.Errorf("%w", session.ErrBlocked)
	}
	return nil
}

// sawBlock remembers a block that Redis tells of, and returns session.ErrBlocked.
func (s *Store) sawBlock(user userKeys, version uint64) error {
	s.memory.blocks.update(user.block, func(held block) block { return held.newer(block{true, version}) })
	return session.ErrBlocked
}

func restoreArgs(known block) []any {
	return []any{bit(known.on), known.version, 0, "", endsKept, 0}
}

func blockKeys(user userKeys) []string {
	return []string{user.block, user.epoch, user.events, user.ends, user.index, user.order, user.acts}
}

func bit(on bool) int {
	if on {
		return 1
	}
	return 0
}
