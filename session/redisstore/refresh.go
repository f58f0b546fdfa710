package redisstore

import (
	"context"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
)

// Refresh implements [session.Store]. Digest, grace and successor are compared and stored
// by one script: CVE-2026-1035 of Keycloak was to do it in two steps.
func (s *Store) Refresh(ctx context.Context, ref session.Ref, step session.RefreshStep) (session.RefreshOutcome, error) {
	out, err := s.refresh(ctx, ref, step)
	if err != nil {
		return session.RefreshOutcome{}, wrap("refresh", err)
	}
	return out, nil
}

func (s *Store) refresh(ctx context.Context, ref session.Ref, step session.RefreshStep) (session.RefreshOutcome, error) {
	if err := ref.Validate(); err != nil {
		return session.RefreshOutcome{}, err
	}
	if step.Presented == (session.Digest{}) || step.Next == (session.Digest{}) {
		return session.RefreshOutcome{}, fmt.Errorf("%w: a refresh step without a digest", session.ErrInvalid)
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	var out session.RefreshOutcome
	err := s.unmoved(ctx, ref, func(l live) (err error) {
		out, err = s.refreshLive(ctx, l, ref, step)
		return err
	})
	if err != nil {
		return session.RefreshOutcome{}, err
	}
	return out, nil
}

func (s *Store) refreshLive(ctx context.Context, l live, ref session.Ref, step session.RefreshStep) (session.RefreshOutcome, error) {
	var none session.RefreshOutcome
	if !l.session.Acting.IsZero() {
		return none, session.ErrNotFound
	}
	if l.session.Stale {
		return none, session.ErrStale
	}
	by, err := s.sealActor(ctx, l.user.events)
	if err != nil {
		return none, err
	}
	w, err := s.write(ctx, refreshScript,
		[]string{l.keys.record, l.keys.seen, l.user.epoch, l.keys.refresh, l.user.index, l.user.order, l.user.events, l.user.acts, l.user.last, l.user.ends},
		l.issued.user, string(step.Presented[:]), string(step.Next[:]), string(step.Salt[:]),
		int64(step.Grace/time.Microsecond), l.keys.member, nonce(), by, step.Generation, l.steps)
	if err != nil {
		return none, err
	}
	if ended, e, err := refreshEnded(w.answer); err != nil {
		if ended {
			s.memory.endSession(l.user, l.keys.record, e)
		}
		if w.short != nil { // an end that a failover may undo is told to nobody
			return none, w.short
		}
		return none, err
	}
	r, err := outcome(w.answer, 8)
	if err != nil {
		return none, err
	}
	repeated := w.answer.([]any)[0] == "repeated"
	now := r.mustNumber()
	seen := r.mustNumber()
	row := row{found: true, used: true, seen: seen, version: r.mustNumber(), sealed: r.must()}
	salt := r.must()
	taken := r.change()
	change := r.change()
	if r.err != nil {
		return none, r.err
	}
	if len(salt) != len(step.Salt) {
		return none, fmt.Errorf("%w: salt of %d bytes", session.ErrCorrupt, len(salt))
	}
	// The record may have changed since it was read; the returned one is the one that the script
	// saw.
	rec, err := s.judge(row, l.user, l.keys, now, l.current, ref.Tenant, ref.User)
	if err != nil {
		return none, err
	}
	m := stampOf(row.version, row.sealed)
	m.steps = taken
	s.memory.made.raise(l.user, l.keys.record, m, change)
	return session.RefreshOutcome{Session: rec.session, Repeated: repeated, Salt: [32]byte([]byte(salt))}, w.short
}

// refreshEnded reads the answers of refresh.lua that are no step: the session has ended, and
// how, or nothing can be told while Redis is behind.
func refreshEnded(answer any) (ended bool, e ending, err error) {
	list, _ := answer.([]any)
	if len(list) == 1 && list[0] == "behind" {
		return false, ending{}, fmt.Errorf("%w: the store is behind: it knows of fewer steps than were taken", session.ErrUnavailable)
	}
	if len(list) == 0 || list[0] != "reused" && list[0] != "ended" {
		return false, ending{}, nil
	}
	r := newReply(list, 4)
	kind := r.must()
	e = r.ending()
	switch {
	case r.err != nil:
		return false, ending{}, r.err
	case kind == "reused":
		return true, e, session.ErrRefreshReused
	}
	return true, e, fmt.Errorf("%w: the store stayed behind the steps that were taken", session.ErrNotFound)
}
