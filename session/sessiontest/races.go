package sessiontest

import (
	"errors"

	"github.com/reevehq/reeve/session"
)

func races() []scene {
	revokers := []struct {
		name   string
		revoke func(k *kit, s session.Session) error
		user   bool // ends every session of the user, so also one that was rotated to
	}{
		{"Revoke", func(k *kit, s session.Session) error { return k.Store.Revoke(k.ctx, s.Ref()) }, false},
		{"RevokeUser", func(k *kit, s session.Session) error { return k.Store.RevokeUser(k.ctx, s.Tenant, s.User) }, true},
		{"RevokeTenant", func(k *kit, s session.Session) error { return k.Store.RevokeTenant(k.ctx, s.Tenant) }, true},
		{"RevokeAll", func(k *kit, s session.Session) error { return k.Store.RevokeAll(k.ctx) }, true},
	}
	var all []scene
	for _, r := range revokers {
		all = append(all, scene{
			name: "no write survives a concurrent " + r.name,
			play: func(k *kit) { deleteWins(k, r.revoke, r.user) },
		})
	}
	return all
}

// Delete wins in every interleaving: nothing is live once both calls have returned, whatever
// was on its way when the revocation was called, with what it had read before. Loads write too,
// by recording the use.
func deleteWins(k *kit, revoke func(k *kit, s session.Session) error, user bool) {
	for range k.rounds(200, 2500) {
		s := k.create(acme, alice)
		rotated := next(s)
		expected := func(what string, err error) {
			for _, want := range []error{nil, session.ErrNotFound, session.ErrConflict} {
				if errors.Is(err, want) {
					return
				}
			}
			k.Errorf("%s: %v", what, err)
		}
		// Another session of the user, which revoking this one leaves, and by which others are
		// ended: the rotated one then, too.
		bystander := k.create(acme, alice)
		var rotation, ending error
		together(
			func() {
				if err := revoke(k, s); err != nil {
					k.Errorf("revoking: %v", err)
				}
			},
			func() { _, err := k.Store.Update(k.ctx, s); expected("Update", err) },
			func() { _, err := k.Store.Load(k.ctx, s.Ref()); expected("Load", err) },
			func() { expected("Touch", k.Store.Touch(k.ctx, s.Ref())) },
			func() { _, err := k.Store.Refresh(k.ctx, s.Ref(), step(1, 2)); expected("Refresh", err) },
			func() { _, rotation = k.Store.Rotate(k.ctx, s.Ref(), rotated, digest(3)); expected("Rotate", rotation) },
			func() { ending = k.Store.End(k.ctx, s.Ref(), s.Version); expected("End", ending) },
			func() { expected("RevokeOthers", k.Store.RevokeOthers(k.ctx, bystander.Ref())) },
		)
		if k.isLive(s.Ref()) {
			k.Fatal("the session is live after it was revoked")
		}
		k.dead("revoked", s.Ref())
		if rotation == nil && ending == nil {
			k.Fatal("the session was rotated and ended")
		}
		// A rotation that came first left nothing for Revoke to end, and its new session
		// is another one, which RevokeOthers may have ended. Revoking the user ends both.
		if k.isLive(rotated.Ref()) && (user || rotation != nil) {
			k.Fatalf("Rotate returned %v, and the new session is live", rotation)
		}
		if k.isLive(bystander.Ref()) == user {
			k.Fatalf("the other session of the user is live: %v", !user)
		}
		k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, acme, alice))
	}
}
