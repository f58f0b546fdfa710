package redisstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// Revoke implements [session.Store].
func (s *Store) Revoke(ctx context.Context, ref session.Ref) error {
	if err := s.revokeOne(ctx, ref); err != nil {
		return wrap("revoke", err)
	}
	return nil
}

func (s *Store) revokeOne(ctx context.Context, ref session.Ref) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	user, keys := s.names.ref(ref)
	by, err := s.sealActor(ctx, user.events)
	if err != nil {
		return err
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	return s.revokeMember(ctx, user, keys, by)
}

// revokeMember ends one session, by an actor of the request that is sealed.
func (s *Store) revokeMember(ctx context.Context, user userKeys, keys sessionKeys, by []byte) error {
	names := revokeKeys(user, keys)
	link := s.memory.signIns.bonds.get(keys.record)
	if link != "" {
		names = append(names, link)
	}
	w, err := s.timely(ctx, revokeScript, names, keys.member, by, string(session.EventRevoked))
	if err != nil {
		return err
	}
	e, elsewhere, err := revoked(w.answer)
	if err != nil {
		return err
	}
	if elsewhere { // another instance rotated it: the old id ends here
		s.memory.signIns.bonds.forget(keys.record)
		e = ending{change: e.change}
	}
	s.memory.endSession(user, keys.record, e)
	return w.short
}

// revoked reads an answer of revoke.lua.
func revoked(answer any) (e ending, elsewhere bool, err error) {
	r, err := outcome(answer, 5)
	if err != nil {
		return ending{}, false, err
	}
	e = r.ending()
	elsewhere = r.must() == "elsewhere"
	return e, elsewhere, r.err
}

// End implements [session.Store].
func (s *Store) End(ctx context.Context, ref session.Ref, version uint64) error {
	if err := s.end(ctx, ref, version); err != nil {
		return wrap("end", err)
	}
	return nil
}

func (s *Store) end(ctx context.Context, ref session.Ref, version uint64) error {
	if err := ref.Validate(); err != nil {
		return err
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	return s.unmoved(ctx, ref, func(l live) error {
		if l.session.Version != version {
			return session.ErrConflict
		}
		by, err := s.sealActor(ctx, l.user.events)
		if err != nil {
			return err
		}
		w, err := s.write(ctx, endScript, revokeKeys(l.user, l.keys), l.keys.member, l.current.epochs.user, version, by)
		if err != nil {
			return err
		}
		r, err := outcome(w.answer, 4)
		if err != nil {
			return err
		}
		s.memory.endSession(l.user, l.keys.record, r.ending())
		return errors.Join(r.err, w.short)
	})
}

// RevokeOthers implements [session.Store]. The epoch of the user moves on, and the session that
// is kept is sealed with the new one.
func (s *Store) RevokeOthers(ctx context.Context, keep session.Ref) error {
	if err := s.revokeOthers(ctx, keep); err != nil {
		return wrap("revoke others", err)
	}
	return nil
}

func (s *Store) revokeOthers(ctx context.Context, keep session.Ref) error {
	if err := keep.Validate(); err != nil {
		return err
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	for attempt := 0; ; attempt++ {
		err := s.unmoved(ctx, keep, func(l live) error { return s.spare(ctx, l) })
		if !errors.Is(err, session.ErrConflict) {
			return err
		}
		if attempt == movedAttempts {
			return fmt.Errorf("%w: the session changes faster than it can be kept", session.ErrUnavailable)
		}
	}
}

// spare ends every session of a user but one.
func (s *Store) spare(ctx context.Context, l live) error {
	if l.session.Stale {
		return session.ErrStale
	}
	next := l.record
	next.issued.user = max(l.issued.user+1, uint64(l.now.UnixMicro()))
	next.session.Version++
	_, sealed, err := s.seal(l.keys, next)
	if err != nil {
		return err
	}
	by, err := s.sealActor(ctx, l.user.events)
	if err != nil {
		return err
	}
	w, err := s.write(ctx, othersScript,
		[]string{l.keys.record, l.keys.seen, l.user.epoch, l.user.index, l.user.order, l.user.events, l.user.acts, l.user.ends},
		l.keys.member, l.issued.user, l.session.Version, next.issued.user, next.session.Version, sealed, by)
	if err != nil {
		return err
	}
	r, err := outcome(w.answer, 2)
	if err != nil {
		return err
	}
	moved := r.mustNumber()
	s.memory.revoked.max(l.user.epoch, moved) // which ends the version before as well
	s.memory.cuts.max(l.user.ends, moved)
	return errors.Join(r.err, w.short)
}

// RevokeUser implements [session.Store]. The records stay, dead, until they expire.
func (s *Store) RevokeUser(ctx context.Context, t tenant.ID, u session.UserID) error {
	if err := (session.Ref{Tenant: t, User: u}).ValidateOwner(); err != nil {
		return wrap("revoke user", err)
	}
	user := s.names.user(t, u)
	return s.advanceEpoch(ctx, "revoke user", &s.memory.revoked, advanceScript,
		[]string{user.epoch, user.events, user.ends, user.index, user.order, user.acts}, user.ends, string(session.EventUserRevoked), endsKept)
}

// RevokeTenant implements [session.Store].
func (s *Store) RevokeTenant(ctx context.Context, t tenant.ID) error {
	if err := checkTenant(t); err != nil {
		return wrap("revoke tenant", err)
	}
	return s.advanceEpoch(ctx, "revoke tenant", &s.memory.shared, tenantRevokeScript, []string{s.names.tenant(t), s.names.tenantEvents(t)}, s.names.tenant(t))
}

// RevokeAll implements [session.Store].
func (s *Store) RevokeAll(ctx context.Context) error {
	return s.advanceEpoch(ctx, "revoke all", &s.memory.shared, advanceScript, []string{s.names.global(), s.names.globalEvents(), s.names.globalCut()}, s.names.globalCut(), string(session.EventAllRevoked), 0)
}

// advanceEpoch runs a script that moves an epoch on and is a whole method, and remembers the epoch.
// The first key is of the epoch, the second of the events, and cut that of the cut.
func (s *Store) advanceEpoch(ctx context.Context, op string, remember *generations, sc script, keys []string, cut string, args ...any) error {
	by, err := s.sealActor(ctx, keys[1])
	if err != nil {
		return wrap(op, err)
	}
	ctx, cancel := s.within(ctx)
	defer cancel()
	w, err := s.timely(ctx, sc, keys, append(args, by)...)
	if err != nil {
		return wrap(op, err)
	}
	r, err := outcome(w.answer, 3)
	if err != nil {
		return wrap(op, err)
	}
	epoch := r.change()
	made := r.mustNumber()
	if r.err != nil {
		return wrap(op, r.err)
	}
	remember.max(keys[0], epoch)
	s.memory.cuts.max(cut, made)
	if w.short != nil {
		return wrap(op, w.short)
	}
	return nil
}

func checkTenant(t tenant.ID) error {
	if t.IsZero() {
		return fmt.Errorf("%w: no tenant", session.ErrInvalidID)
	}
	return nil
}
