package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"

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
	for range statusAttempts {
		known := s.memory.blocks.get(user.block)
		read, err := s.readBlock(ctx, user)
		if err != nil {
			return wrap(op, err)
		}
		w, err := s.timely(ctx, blockScript, blockKeys(user), bit(on), 0, known.version, by, endsKept, read.text())
		if err == nil {
			_, err = s.heedBlock(user, w.answer)
		}
		switch {
		case errors.Is(err, session.ErrConflict):
			continue
		case err != nil:
			return wrap(op, err)
		case w.short != nil:
			return wrap(op, w.short)
		}
		return nil
	}
	return wrap(op, fmt.Errorf("%w: others block or unblock the user at the same time", session.ErrUnavailable))
}

// readBlock reads whether a user is blocked, without what this instance knows of it.
func (s *Store) readBlock(ctx context.Context, user userKeys) (block, error) {
	answers, err := batch(ctx, s.client, func(eval bool) []*call {
		return []*call{blockReadScript.call(ctx, eval, []string{user.block})}
	})
	if err != nil {
		return block{}, failed(err)
	}
	r := newReply(answers[0], 2)
	on, _ := r.text()
	version, _ := r.number()
	return block{on == "1", version}, r.err
}

// text is the version as scripts compare it.
func (b block) text() string {
	if b.version == 0 {
		return ""
	}
	return strconv.FormatUint(b.version, 10)
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
	read, err := s.readBlock(ctx, user)
	if err != nil {
		return err
	}
	if read.version < known.version {
		v, err := s.run(ctx, blockScript, blockKeys(user), restoreArgs(known)...)
		if err != nil {
			return err
		}
		if known, err = s.heedBlock(user, v); err != nil {
			return err
		}
	} else {
		known = s.memory.blocks.update(user.block, func(held block) block { return held.newer(read) })
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
	return []any{bit(known.on), known.version, 0, "", endsKept, "any", 0}
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
