package redisstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/reevehq/reeve/session"
)

// Load implements [session.Store]. It is one round trip, and a second one when the use is
// to be recorded: whether the tenant may be served is known only after the first.
func (s *Store) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	if err := ref.Validate(); err != nil {
		return session.Session{}, wrap("load", err)
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	var loaded session.Session
	err := s.unmovedOrReplaced(ctx, ref, func(l live) error {
		if l.now.Sub(l.session.LastSeenAt) >= session.TouchInterval && l.session.MovedTo.IsZero() {
			if err := s.touch(ctx, &l, session.TouchInterval); err != nil {
				return err
			}
		}
		loaded = l.session
		return nil
	})
	if err != nil {
		return session.Session{}, wrap("load", err)
	}
	return loaded, nil
}

// Touch implements [session.Store].
func (s *Store) Touch(ctx context.Context, ref session.Ref) error {
	if err := ref.Validate(); err != nil {
		return wrap("touch", err)
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	if err := s.unmoved(ctx, ref, func(l live) error { return s.touch(ctx, &l, 0) }); err != nil {
		return wrap("touch", err)
	}
	return nil
}

func (s *Store) touch(ctx context.Context, l *live, pause time.Duration) error {
	v, err := s.loads.run(ctx, l.session.Tenant, touchScript, []string{l.keys.record, l.keys.seen, l.user.epoch, l.user.index},
		l.current.epochs.user, micros(pause), l.keys.member, l.now.Add(maxDelay).UnixMicro())
	if err != nil {
		return failed(err)
	}
	r, err := outcome(v, 2)
	if err != nil {
		return err
	}
	seen := r.mustNumber()
	l.session.LastSeenAt = fromMicros(int64(seen))
	return r.err
}

// Update implements [session.Store]. The epochs at issue stay: a session that was updated
// while its tenant was revoked is dead like one that was not.
func (s *Store) Update(ctx context.Context, n session.Session) (session.Session, error) {
	updated, err := s.update(ctx, n)
	if err != nil {
		return session.Session{}, wrap("update", err)
	}
	return updated, nil
}

func (s *Store) update(ctx context.Context, n session.Session) (session.Session, error) {
	if err := n.Ref().Validate(); err != nil {
		return session.Session{}, err
	}
	if err := checkIdle(n); err != nil {
		return session.Session{}, err
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	var updated session.Session
	err := s.unmoved(ctx, n.Ref(), func(l live) (err error) {
		updated, err = s.updateLive(ctx, l, n)
		return err
	})
	if err != nil {
		return session.Session{}, err
	}
	return updated, nil
}

func (s *Store) updateLive(ctx context.Context, l live, n session.Session) (session.Session, error) {
	if l.session.Stale {
		return session.Session{}, session.ErrStale
	}
	if n.Version != l.session.Version {
		return session.Session{}, session.ErrConflict
	}
	begins := n.Acting != l.session.Acting
	if begins && !l.session.Acting.IsZero() {
		return session.Session{}, fmt.Errorf("%w: an update keeps as whom the user acts", session.ErrInvalid)
	}
	next, sealed, err := s.succeed(l, n, l.keys)
	if err != nil {
		return session.Session{}, err
	}
	by, err := s.sealActor(ctx, l.user.events)
	if err != nil {
		return session.Session{}, err
	}
	var acting, reason []byte
	if begins {
		if acting, err = s.sealActs(l.user, l.keys, next); err != nil {
			return session.Session{}, err
		}
		if reason, err = s.sealReason(l.user, l.keys, n.Acting.Reason()); err != nil {
			return session.Session{}, err
		}
	}
	return s.replace(ctx, l, next, sealed, session.EventUpdated, by, acting, reason)
}

// replace stores the next version of a live session.
func (s *Store) replace(ctx context.Context, l live, next session.Session, sealed []byte, kind session.EventKind, by, acting, reason []byte) (session.Session, error) {
	w, err := s.write(ctx, updateScript,
		[]string{l.keys.record, l.keys.seen, l.user.epoch, l.user.index, l.user.events, l.user.acts, l.keys.refresh, l.user.last},
		l.issued.user, l.session.Version, next.Version, sealed, micros(next.IdleTimeout), l.keys.member, by, acting, reason, string(kind))
	if err != nil {
		return session.Session{}, err
	}
	r, err := outcome(w.answer, 3)
	if err != nil {
		return session.Session{}, err
	}
	next.LastSeenAt = fromMicros(int64(r.mustNumber()))
	s.memory.made.raise(l.user, l.keys.record, stampOf(next.Version, string(sealed)), r.change())
	return next, errors.Join(r.err, w.short)
}

// Rotate implements [session.Store]. The epochs at issue stay, as in Update.
func (s *Store) Rotate(ctx context.Context, old session.Ref, next session.Session, refresh session.Digest) (session.Session, error) {
	rotated, err := s.rotate(ctx, old, next, refresh, 0)
	if err != nil {
		return session.Session{}, wrap("rotate", err)
	}
	return rotated, nil
}

func (s *Store) rotate(ctx context.Context, old session.Ref, n session.Session, refresh session.Digest, grace time.Duration) (session.Session, error) {
	for _, ref := range []session.Ref{old, n.Ref()} {
		if err := ref.Validate(); err != nil {
			return session.Session{}, err
		}
	}
	if n.Tenant != old.Tenant || n.User != old.User || !n.Acting.IsZero() {
		return session.Session{}, fmt.Errorf("%w: a rotation keeps tenant and user, who acts as nobody else after it", session.ErrInvalid)
	}
	if err := checkIdle(n); err != nil {
		return session.Session{}, err
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	var rotated session.Session
	err := s.unmoved(ctx, old, func(l live) (err error) {
		rotated, err = s.rotateLive(ctx, l, n, refresh, grace)
		return err
	})
	if err != nil {
		return session.Session{}, err
	}
	return rotated, nil
}

func (s *Store) rotateLive(ctx context.Context, l live, n session.Session, refresh session.Digest, grace time.Duration) (session.Session, error) {
	if n.ID == l.session.ID {
		return session.Session{}, session.ErrExists
	}
	if l.session.Stale {
		return session.Session{}, session.ErrStale
	}
	if n.Version != l.session.Version {
		return session.Session{}, session.ErrConflict
	}
	if n.AuthTime.IsZero() {
		n.AuthTime = l.now
	}
	keys := l.user.session(n.ID)
	next, sealed, err := s.succeed(l, n, keys)
	if err != nil {
		return session.Session{}, err
	}
	by, err := s.sealActor(ctx, l.user.events)
	if err != nil {
		return session.Session{}, err
	}
	acting, err := s.sealActs(l.user, keys, next)
	if err != nil {
		return session.Session{}, err
	}
	kind := session.EventRotated
	if !l.session.Acting.IsZero() {
		kind = session.EventImpersonationEnded
	}
	names := []string{l.user.epoch, l.user.index, l.keys.record, l.keys.seen, l.keys.refresh, keys.record, keys.seen, keys.refresh,
		l.user.order, l.user.events, l.user.acts, l.user.last, l.user.ends}
	var linked []byte
	if l.link != "" {
		link := l.user.ends + ":" + l.link
		if linked, err = s.sealLinked(link, next.ID); err != nil {
			return session.Session{}, err
		}
		names = append(names, link)
	}
	var left session.Session // of the old one, while the grace lasts
	var leftSealed []byte
	end := int64(0)
	if grace > 0 {
		if left, leftSealed, err = s.succeedInGrace(l, next.Ref(), grace); err != nil {
			return session.Session{}, err
		}
		end = expiry(left)
	}
	w, err := s.write(ctx, rotateScript, names,
		l.issued.user, n.Version, next.Version, sealed, micros(next.IdleTimeout),
		expiry(next), digestText(refresh), l.keys.member, keys.member, string(kind), by, acting, linked, leftSealed, left.Version, end)
	if err != nil {
		return session.Session{}, err
	}
	r, err := outcome(w.answer, 4)
	if err != nil {
		return session.Session{}, err
	}
	next.LastSeenAt = fromMicros(int64(r.mustNumber()))
	old := stamp{gone: true}
	if grace > 0 {
		old = stampOf(left.Version, string(leftSealed))
	}
	s.memory.made.raise(l.user, l.keys.record, old, r.change())
	if signIns := r.change(); l.link != "" {
		s.memory.signIns.rebind(l.user.ends+":"+l.link, next.ID, l.keys.record, keys.record, signIns)
	}
	return next, errors.Join(r.err, w.short)
}

// succeed makes the next version of a live session, with what a caller may change taken
// from n, sealed for keys.
func (s *Store) succeed(l live, n session.Session, keys sessionKeys) (session.Session, []byte, error) {
	next := l.record
	next.session.ID = n.ID
	next.session.Roles, next.session.Attributes = n.Roles, n.Attributes
	next.session.AuthTime, next.session.AMR = n.AuthTime, n.AMR
	next.session.IdleTimeout, next.session.Acting = n.IdleTimeout, n.Acting
	next.session.Version++
	return s.seal(keys, next)
}

// seal returns the session as a later Load will and its record sealed for keys.
func (s *Store) seal(keys sessionKeys, r record) (session.Session, []byte, error) {
	r.session.AuthTime = fromMicros(r.session.AuthTime.UnixMicro())
	if !r.session.Provider.IsZero() {
		claims := r.session.Provider.Claims()
		claims.IssuedAt, claims.Since = fromMicros(claims.IssuedAt.UnixMicro()), fromMicros(claims.Since.UnixMicro())
		r.session.Provider = session.NewProvider(claims)
	}
	plain, err := r.encode()
	if err != nil {
		return session.Session{}, nil, err
	}
	sealed, err := s.sealer.seal(keys.record, r.session.Version, plain)
	return r.session, sealed, err
}

// outcome reads an answer that begins with a code, and has so many elements when it is ok.
func outcome(v any, elements int) (*reply, error) {
	list, _ := v.([]any)
	if len(list) == 0 {
		return nil, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
	}
	switch list[0] {
	case "gone":
		return nil, session.ErrNotFound
	case "moved":
		return nil, errMoved
	case "late":
		return nil, fmt.Errorf("%w: the change arrived too late and was not made", session.ErrUnavailable)
	case "conflict":
		return nil, session.ErrConflict
	case "exists":
		return nil, session.ErrExists
	case "ok", "repeated":
		r := newReply(list, elements)
		r.next()
		return r, r.err
	}
	return nil, fmt.Errorf("%w: unexpected answer", session.ErrCorrupt)
}

func checkIdle(s session.Session) error {
	if s.IdleTimeout <= 0 {
		return fmt.Errorf("%w: idle timeout %v is not positive", session.ErrInvalid, s.IdleTimeout)
	}
	return nil
}

// micros rounds a duration up to microseconds.
func micros(d time.Duration) int64 {
	if d > math.MaxInt64-time.Microsecond {
		return int64(d / time.Microsecond)
	}
	return int64((d + time.Microsecond - 1) / time.Microsecond)
}
