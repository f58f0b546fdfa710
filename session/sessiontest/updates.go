package sessiontest

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/session"
)

func updates() []scene {
	return []scene{
		{name: "an update replaces what it may and keeps the rest", play: updateFields},
		{name: "an update of a version that is not the stored one is a conflict", play: updateStale},
		{name: "an update keeps the refresh family", play: updateKeepsFamily},
		{name: "an update of a revoked session is refused", play: updateRevoked},
		{name: "no update is lost", play: noLostUpdate},
	}
}

// A change of role is effective on the next load, and an update can move neither the
// session's owner nor its end.
func updateFields(k *kit) {
	before := k.create(acme, alice)
	want := before
	want.Roles = session.MustRoles("viewer")
	want.AMR = mustMethods(k, "hwk")
	want.AuthTime = time.UnixMilli(1_800_000_000_456)
	want.IdleTimeout = 90 * time.Minute
	want.Attributes = mustAttributes(k, map[string]any{"clearance": int64(3)})

	asked := want
	asked.CreatedAt, asked.LastSeenAt, asked.ExpiresAt = time.UnixMilli(1), time.UnixMilli(1<<42), time.UnixMilli(1<<42)
	got, err := k.Store.Update(k.ctx, asked)
	k.ok("Update", err)
	want.Version = before.Version + 1
	want.LastSeenAt = got.LastSeenAt // an update may or may not count as use
	if got.LastSeenAt.After(before.LastSeenAt.Add(pause)) {
		k.Errorf("the caller set LastSeenAt to %v", got.LastSeenAt)
	}
	k.same("Update", got, want)
	k.same("Load", k.live("updated", before.Ref()), want)

	want.Roles, want.Attributes, want.AMR = session.Roles{}, session.Attributes{}, session.Methods{}
	got, err = k.Store.Update(k.ctx, want)
	k.ok("Update to nothing", err)
	want.Version, want.LastSeenAt = want.Version+1, got.LastSeenAt
	k.same("Load after an update to nothing", k.live("emptied", before.Ref()), want)
}

// Two requests that read one version cannot both write: the later one would undo the
// earlier one without having seen it.
func updateStale(k *kit) {
	s := k.create(acme, alice)
	first := s
	first.Roles = session.MustRoles("viewer")
	stored, err := k.Store.Update(k.ctx, first)
	k.ok("Update", err)
	for _, version := range []uint64{0, s.Version, stored.Version + 1, 1 << 63} {
		late := s
		late.Version, late.Roles = version, session.MustRoles("admin")
		got, err := k.Store.Update(k.ctx, late)
		k.refused("Update", leaked(got, err), session.ErrConflict)
	}
	k.same("Load", k.live("updated once", s.Ref()), stored)
}

// Changing a role must not sign the device out.
func updateKeepsFamily(k *kit) {
	s := k.create(acme, alice)
	_, err := k.Store.Refresh(k.ctx, s.Ref(), step(1, 2))
	k.ok("Refresh", err)
	s = k.live("refreshed", s.Ref())
	s, err = k.Store.Update(k.ctx, s)
	k.ok("Update", err)
	out, err := k.Store.Refresh(k.ctx, s.Ref(), step(1, 99))
	k.ok("repeated Refresh", err)
	if !out.Repeated || out.Salt != salt(2) {
		k.Errorf("the family forgot its previous step in an update: %v %x", out.Repeated, out.Salt)
	}
	_, err = k.Store.Refresh(k.ctx, s.Ref(), step(2, 3))
	k.ok("next Refresh", err)
}

// Delete wins: the write of a request that loaded the session before it was revoked is
// the oldest way to undo a logout (scs, redistore, connect-redis #328).
func updateRevoked(k *kit) {
	s := k.create(acme, alice)
	k.ok("Revoke", k.Store.Revoke(k.ctx, s.Ref()))
	got, err := k.Store.Update(k.ctx, s)
	k.refused("Update", leaked(got, err), session.ErrNotFound)
	k.dead("revoked", s.Ref())
}

// With scs, 2 of 50 concurrent changes survive. Here each writer tries a few times, and an
// acknowledged change is in: the rest were refused.
func noLostUpdate(k *kit) {
	const tries = 8
	writers, each := k.rounds(24, 64), k.rounds(20, 100)
	var landed, overtaken atomic.Int64
	s := k.create(acme, alice)
	count := func(s session.Session) int64 {
		n, _ := s.Attributes.Get("count")
		i, _ := n.(int64)
		return i
	}
	increment := func() error {
		for range tries {
			s, err := k.Store.Load(k.ctx, s.Ref())
			if err != nil {
				return err
			}
			if s.Attributes, err = session.NewAttributes(map[string]any{"count": count(s) + 1}); err != nil {
				return err
			}
			_, err = k.Store.Update(k.ctx, s)
			if err == nil {
				landed.Add(1)
			}
			if !errors.Is(err, session.ErrConflict) {
				return err
			}
		}
		overtaken.Add(1)
		return nil
	}
	var fs []func()
	for range writers {
		fs = append(fs, func() {
			for range each {
				if err := increment(); err != nil {
					k.Errorf("increment: %v", err)
					return
				}
			}
		})
	}
	together(fs...)
	got := k.live("incremented", s.Ref())
	if n := count(got); n != landed.Load() || n+overtaken.Load() != int64(writers*each) || n < int64(each) {
		k.Errorf("%d of %d updates survive; %d were told that they landed, %d that they did not", n, writers*each, landed.Load(), overtaken.Load())
	}
	if got.Version != s.Version+uint64(landed.Load()) {
		k.Errorf("Version = %d after %d updates of version %d", got.Version, landed.Load(), s.Version)
	}
}
