package redisstore

import (
	"context"
	"errors"
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
	l, err := s.read(ctx, ref)
	if err != nil {
		return session.RefreshOutcome{}, err
	}
	if !l.session.Acting.IsZero() {
		return session.RefreshOutcome{}, session.ErrNotFound
	}
	by, err := s.sealActor(ctx, l.user.events)
	if err != nil {
		return session.RefreshOutcome{}, err
	}
	v, err := s.run(ctx, refreshScript,
		[]string{l.keys.record, l.keys.seen, l.user.epoch, l.keys.refresh, l.user.index, l.user.order, l.user.events, l.user.acts},
		l.issued.user, string(step.Presented[:]), string(step.Next[:]), string(step.Salt[:]),
		int64(step.Grace/time.Microsecond), l.keys.member, unlike(), by)
	if err != nil {
		return session.RefreshOutcome{}, err
	}
	r, err := outcome(v, 6)
	if errors.Is(err, session.ErrRefreshReused) {
		s.memory.ended(l.keys.record)
	}
	if err != nil {
		return session.RefreshOutcome{}, err
	}
	repeated := v.([]any)[0] == "repeated"
	now := r.mustNumber()
	seen := r.mustNumber()
	row := row{found: true, used: true, seen: seen, version: r.mustNumber(), sealed: r.must()}
	salt := r.must()
	if r.err != nil {
		return session.RefreshOutcome{}, r.err
	}
	if len(salt) != len(step.Salt) {
		return session.RefreshOutcome{}, fmt.Errorf("%w: salt of %d bytes", session.ErrCorrupt, len(salt))
	}
	// The record may have changed since it was read; what is returned is what the script saw.
	rec, err := s.judge(row, l.keys, now, l.issued, ref.Tenant, ref.User)
	if err != nil {
		return session.RefreshOutcome{}, err
	}
	return session.RefreshOutcome{Session: rec.session, Repeated: repeated, Salt: [32]byte([]byte(salt))}, nil
}
