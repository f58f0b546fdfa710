package sessiontest

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/session"
)

func rotations() []scene {
	return []scene{
		{name: "a rotation moves the session to a new id", play: rotateMoves},
		{name: "a rotation ends the old refresh family and starts a new one", play: rotateFamily},
		{name: "a rotation of a version that is not the stored one is a conflict", play: rotateStale},
		{name: "a rotation never overwrites a stored session", play: rotateExists},
		{name: "a rotation cannot change the owner", play: rotateOwner},
		{name: "a rotation of a revoked session is refused", play: rotateRevoked},
		{name: "of concurrent rotations exactly one wins", play: rotateRace},
	}
}

// next is a rotation of s to a fresh id.
func next(s session.Session) session.Session {
	s.ID = session.NewID()
	return s
}

// ASVS 7.2.4: a raised privilege gets a new id, and an attacker who planted or stole the old one
// holds nothing. Rotating buys no time.
func rotateMoves(k *kit) {
	old := k.create(acme, alice)
	other := k.create(acme, alice)
	k.pass(k.tick() / 10)
	want := next(old)
	want.Roles = session.MustRoles("admin")
	want.AMR = mustMethods(k, "pwd", "otp")
	want.AuthTime = time.UnixMilli(1_800_000_000_789)
	want.IdleTimeout = 45 * time.Minute
	want.Attributes = mustAttributes(k, map[string]any{"step": "up"})
	asked := want
	asked.CreatedAt, asked.LastSeenAt, asked.ExpiresAt = time.UnixMilli(1), time.UnixMilli(1<<42), time.UnixMilli(1<<42)

	got, err := k.Store.Rotate(k.ctx, old.Ref(), asked, digest(2))
	k.ok("Rotate", err)
	want.LastSeenAt, want.Version = got.LastSeenAt, got.Version // the store's to choose
	k.same("Rotate", got, want)
	k.same("Load", k.live("rotated", got.Ref()), want)
	k.dead("the old id", old.Ref())

	listed, err := k.Store.List(k.ctx, acme, alice)
	k.ok("List", err)
	if len(listed) != 2 {
		k.Errorf("%d sessions are listed after a rotation, want the new one and the other one", len(listed))
	}
	k.live("another session of the user", other.Ref())

	got.Roles = session.Roles{}
	_, err = k.Store.Update(k.ctx, got)
	k.ok("Update of the rotated session by the version Rotate returned", err)
	k.ok("Revoke of the old id", k.Store.Revoke(k.ctx, old.Ref()))
	k.live("rotated, after its old id was revoked again", got.Ref())
}

// A refresh token from before the rotation is worth nothing at either id.
func rotateFamily(k *kit) {
	old := k.create(acme, alice)
	got, err := k.Store.Rotate(k.ctx, old.Ref(), next(old), digest(2))
	k.ok("Rotate", err)
	_, err = k.Store.Refresh(k.ctx, old.Ref(), step(1, 3))
	k.refused("Refresh at the old id", err, session.ErrNotFound)
	_, err = k.Store.Refresh(k.ctx, got.Ref(), step(2, 3))
	k.ok("Refresh at the new id", err)
	_, err = k.Store.Refresh(k.ctx, got.Ref(), step(1, 4))
	k.refused("Refresh of the old secret at the new id", err, session.ErrRefreshReused)
	k.dead("reused", got.Ref())
}

// The rotation was decided on what was read; if that changed, it must be decided again.
func rotateStale(k *kit) {
	s := k.create(acme, alice)
	stored, err := k.Store.Update(k.ctx, s)
	k.ok("Update", err)
	late := next(s)
	got, err := k.Store.Rotate(k.ctx, s.Ref(), late, digest(2))
	k.refused("Rotate", leaked(got, err), session.ErrConflict)
	k.dead("the id of the refused rotation", late.Ref())
	k.same("Load", k.live("not rotated", s.Ref()), stored)
	_, err = k.Store.Refresh(k.ctx, s.Ref(), step(1, 2))
	k.ok("Refresh after a refused rotation", err)
}

// Not even over itself: an id that stays is no rotation.
func rotateExists(k *kit) {
	s, other := k.create(acme, alice), k.create(acme, alice)
	for _, taken := range []session.Session{s, other} {
		late := s
		late.ID, late.Roles = taken.ID, session.MustRoles("admin")
		got, err := k.Store.Rotate(k.ctx, s.Ref(), late, digest(2))
		k.refused("Rotate", leaked(got, err), session.ErrExists)
	}
	k.same("Load", k.live("not rotated", s.Ref()), s)
	k.same("Load of the other", k.live("not overwritten", other.Ref()), other)
}

// A session of one user or tenant never becomes one of another: that is a new sign-in.
func rotateOwner(k *kit) {
	s := k.create(acme, alice)
	for _, late := range []session.Session{draft(globex, alice), draft(acme, bob)} {
		late.Version = s.Version
		got, err := k.Store.Rotate(k.ctx, s.Ref(), late, digest(2))
		k.refused("Rotate", leaked(got, err), session.ErrInvalid)
		k.dead("another owner's", late.Ref())
	}
	k.same("Load", k.live("not rotated", s.Ref()), s)
}

// Otherwise rotating would be the way around every revocation.
func rotateRevoked(k *kit) {
	s := k.create(acme, alice)
	k.ok("Revoke", k.Store.Revoke(k.ctx, s.Ref()))
	late := next(s)
	got, err := k.Store.Rotate(k.ctx, s.Ref(), late, digest(2))
	k.refused("Rotate", leaked(got, err), session.ErrNotFound)
	k.dead("the id of the refused rotation", late.Ref())
}

// Two winners would be two sessions out of one.
func rotateRace(k *kit) {
	for range k.rounds(100, 1000) {
		s := k.create(acme, bob)
		var won atomic.Int32
		var candidates []session.Session
		var fs []func()
		for range 8 {
			candidate := next(s)
			candidates = append(candidates, candidate)
			fs = append(fs, func() {
				_, err := k.Store.Rotate(k.ctx, s.Ref(), candidate, digest(2))
				switch {
				case err == nil:
					won.Add(1)
				case !errors.Is(err, session.ErrNotFound) && !errors.Is(err, session.ErrConflict):
					k.Errorf("Rotate: %v", err)
				}
			})
		}
		together(fs...)
		alive := 0
		for _, c := range candidates {
			if k.isLive(c.Ref()) {
				alive++
			}
		}
		if won.Load() != 1 || alive != 1 || k.isLive(s.Ref()) {
			k.Fatalf("%d rotations won, %d new sessions live, old one live: %v", won.Load(), alive, k.isLive(s.Ref()))
		}
	}
}
