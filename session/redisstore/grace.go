package redisstore

import (
	"context"
	"errors"
	"time"

	"github.com/reevehq/reeve/session"
)

// RotateWithGrace implements [session.Store].
func (s *Store) RotateWithGrace(ctx context.Context, old session.Ref, next session.Session, refresh session.Digest, grace time.Duration) (session.Session, error) {
	err := session.CheckGrace(grace)
	var rotated session.Session
	if err == nil {
		rotated, err = s.rotate(ctx, old, next, refresh, grace)
	}
	if err != nil {
		return session.Session{}, wrap("rotate", err)
	}
	return rotated, nil
}

// Retire implements [session.Store].
func (s *Store) Retire(ctx context.Context, ref session.Ref, version uint64, to session.Ref, grace time.Duration) error {
	if err := s.retire(ctx, ref, version, to, grace); err != nil {
		return wrap("retire", err)
	}
	return nil
}

func (s *Store) retire(ctx context.Context, ref session.Ref, version uint64, to session.Ref, grace time.Duration) error {
	for _, r := range []session.Ref{ref, to} {
		if err := r.Validate(); err != nil {
			return err
		}
	}
	if err := session.CheckGrace(grace); err != nil {
		return err
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	return s.unmoved(ctx, ref, func(l live) error {
		if l.session.Version != version {
			return session.ErrConflict
		}
		left, sealed, err := s.succeedInGrace(l, to, grace)
		if err != nil {
			return err
		}
		by, err := s.sealActor(ctx, l.user.events)
		if err != nil {
			return err
		}
		w, err := s.write(ctx, retireScript, revokeKeys(l.user, l.keys),
			l.keys.member, l.current.epochs.user, version, by, left.Version, sealed, expiry(left))
		if err != nil {
			return err
		}
		r, err := outcome(w.answer, 4)
		if err != nil {
			return err
		}
		s.memory.retireSession(l.user, l.keys.record, stampOf(left.Version, string(sealed)), r.ending())
		return errors.Join(r.err, w.short)
	})
}

// succeedInGrace makes what is left of a session that another one has replaced.
func (s *Store) succeedInGrace(l live, to session.Ref, grace time.Duration) (session.Session, []byte, error) {
	left := l.record
	left.session.MovedTo = session.NewSuccessor(to)
	left.session.Stale = false
	left.session.Version++
	if end := l.now.Add(grace); end.Before(left.session.ExpiresAt) {
		left.session.ExpiresAt = fromMicros(end.UnixMicro())
	}
	return s.seal(l.keys, left)
}
