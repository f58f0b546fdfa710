package sessiontest

import (
	"slices"
	"time"

	"github.com/reevehq/reeve/session"
)

func lists() []scene {
	return []scene{
		{name: "a list shows the live sessions of one user, oldest first", play: listLive},
		{name: "listing is no use of a session", play: listIsNoUse},
	}
}

// ASVS 7.5.2: users see their own sessions, all of them and nobody else's.
func listLive(k *kit) {
	list := func() []session.Ref {
		k.Helper()
		sessions, err := k.Store.List(k.ctx, acme, alice)
		k.ok("List", err)
		return refs(sessions)
	}
	if got := list(); len(got) != 0 {
		k.Errorf("%d sessions are listed before there is one", len(got))
	}
	k.create(globex, alice)
	k.create(acme, bob)
	var mine []session.Session
	for range 5 {
		mine = append(mine, k.create(acme, alice))
		k.pass(2 * time.Millisecond) // to the millisecond, none is as old as the next
	}
	if got := list(); !slices.Equal(got, refs(mine)) {
		k.Errorf("%d sessions are listed, want the user's %d, oldest first", len(got), len(mine))
	}
	sessions, err := k.Store.List(k.ctx, acme, alice)
	k.ok("List", err)
	for i := range min(len(sessions), len(mine)) {
		k.same("List", sessions[i], mine[i])
	}

	k.ok("Revoke", k.Store.Revoke(k.ctx, mine[2].Ref()))
	mine = slices.Delete(mine, 2, 3)
	if got := list(); !slices.Equal(got, refs(mine)) {
		k.Errorf("%d sessions are listed after one was revoked, want %d", len(got), len(mine))
	}
	k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, acme, alice))
	if got := list(); len(got) != 0 {
		k.Errorf("%d sessions are listed after the user was revoked", len(got))
	}
	fresh := k.create(acme, alice)
	if got := list(); !slices.Equal(got, []session.Ref{fresh.Ref()}) {
		k.Errorf("%d sessions are listed after a new sign-in, want 1", len(got))
	}
}

// Otherwise whoever watches the list of devices keeps every one of them signed in.
func listIsNoUse(k *kit) {
	s := draft(acme, alice)
	s.IdleTimeout = 2 * k.tick()
	s = k.createFor(s, time.Hour)
	k.until(s.IdleTimeout, "listing kept an unused session", func() bool {
		sessions, err := k.Store.List(k.ctx, acme, alice)
		k.ok("List", err)
		return len(sessions) == 0
	})
	k.dead("unused", s.Ref())
	if sessions, err := k.Store.List(k.ctx, acme, alice); err != nil || len(sessions) != 0 {
		k.Errorf("List: %v, %v", sessions, err)
	}
}
