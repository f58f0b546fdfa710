package sessiontest

import (
	"errors"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func blocks() []scene {
	return []scene{
		{name: "a user who is blocked has no session and gets none until it is lifted", play: blocked},
		{name: "a block holds in every status of the tenant", play: blockedInEveryStatus},
		{name: "no session begins beside a block", play: blockWins},
	}
}

func blocked(k *kit) {
	now := k.now()
	stranger := providers[3].token("", now.Add(-time.Hour), now)
	s, adopted := k.create(acme, alice), k.adopted("before", stranger)
	elsewhere, other := k.create(globex, alice), k.create(acme, bob)
	k.ok("Unblock of nobody", k.Store.Unblock(k.ctx, acme, alice))
	for range 2 {
		k.ok("Block", k.Store.Block(k.ctx, acme, alice))
	}
	k.dead("blocked", s.Ref())
	k.dead("blocked, adopted", adopted.Ref())
	refuse := func(what string) {
		k.Helper()
		created, err := k.Store.Create(k.ctx, draft(acme, alice), session.CreateOptions{Lifetime: time.Hour})
		k.refused(what+": Create", leaked(created, err), session.ErrBlocked)
		k.notAdopted(what, stranger, session.ErrBlocked)
		later := k.now().Add(time.Second)
		k.notAdopted(what+", a new token", providers[3].token("", later, later), session.ErrBlocked)
	}
	refuse("blocked")
	k.pass(2 * k.tick())
	k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, acme, alice))
	refuse("blocked and revoked")
	k.live("in another tenant", elsewhere.Ref())
	k.live("of another user", other.Ref())
	for range 2 {
		k.ok("Unblock", k.Store.Unblock(k.ctx, acme, alice))
	}
	k.dead("blocked before", s.Ref())
	k.create(acme, alice)
	later := k.later(k.now())
	k.adopted("after the block", providers[3].token("", later, later))
	k.ok("Block", k.Store.Block(k.ctx, acme, alice))
	refuse("blocked again")
}

func blockedInEveryStatus(k *kit) {
	nowhere := tenant.MustParse("nowhere")
	k.ok("Block in an unknown tenant", k.Store.Block(k.ctx, nowhere, alice))
	k.setStatus(acme, tenant.Suspended)
	k.ok("Block in a suspended tenant", k.Store.Block(k.ctx, acme, alice))
	for _, t := range []tenant.ID{nowhere, acme} {
		k.setStatus(t, tenant.Active)
		s, err := k.Store.Create(k.ctx, draft(t, alice), session.CreateOptions{Lifetime: time.Hour})
		k.refused("Create in "+t.String(), leaked(s, err), session.ErrBlocked)
	}
}

func blockWins(k *kit) {
	for round := range k.rounds(30, 1000) {
		u := session.MustParseUserID(fmt.Sprint("blocked-", round))
		before := k.create(acme, u)
		fresh, acting := draft(acme, u), draft(acme, u)
		acting.Actors, _ = session.NewActors(session.Actor{User: bob, Reason: "a ticket"})
		create := func(s session.Session) func() {
			return func() {
				_, err := k.Store.Create(k.ctx, s, session.CreateOptions{Lifetime: time.Hour})
				if err != nil && !errors.Is(err, session.ErrBlocked) {
					k.Errorf("Create: %v", err)
				}
			}
		}
		moved := next(before)
		together(create(fresh), create(acting),
			func() { _, _ = k.Store.Rotate(k.ctx, before.Ref(), moved, digest(1)) },
			func() { k.ok("Block", k.Store.Block(k.ctx, acme, u)) })
		for _, ref := range []session.Ref{before.Ref(), moved.Ref(), fresh.Ref(), acting.Ref()} {
			if k.isLive(ref) {
				k.Fatal("a session of a user who is blocked is live")
			}
		}
	}
}
