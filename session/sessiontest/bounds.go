package sessiontest

import (
	"fmt"
	"slices"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func bounds() []scene {
	return []scene{
		{name: "without a limit a user has 100 sessions, of which the oldest end", play: limitByDefault},
		{name: "a limit that was lowered ends all that is too many with the next sign-in", play: limitLowered},
		{name: "a limit that was lowered and rejects ends nobody's session", play: limitLoweredRejects},
		{name: "who acts as a user is bounded by a limit of their own, and it ends no other session", play: limitOfActors},
		{name: "a list of hundreds shows them all, oldest first", play: listMany},
	}
}

// many signs a user in n times.
func (k *kit) many(n int) []session.Session {
	k.Helper()
	var all []session.Session
	for range n {
		s, err := k.limited(acme, alice, session.MaxSessionLimit, session.EvictOldest)
		k.ok("Create", err)
		all = append(all, s)
		k.pass(time.Millisecond) // none is as old as the next
	}
	return all
}

// isOrWas reports of each session whether it is live. It fails the test where the list or a
// peek says otherwise.
func (k *kit) isOrWas(all []session.Session, live func(i int) bool) {
	k.Helper()
	var want []session.Ref
	var ids []session.ID
	for i, s := range all {
		if k.isLive(s.Ref()) != live(i) {
			k.Errorf("session %d of %d: live is %v", i, len(all), !live(i))
		}
		if live(i) {
			want = append(want, s.Ref())
		}
		ids = append(ids, s.ID)
	}
	listed, err := k.Store.List(k.ctx, acme, alice)
	k.ok("List", err)
	if !slices.Equal(refs(listed), want) {
		k.Errorf("%d sessions are listed, want %d, oldest first", len(listed), len(want))
	}
	seen, err := k.Store.Peek(k.ctx, acme, alice, ids)
	k.ok("Peek", err)
	if !slices.Equal(refs(seen), want) {
		k.Errorf("%d sessions are seen, want %d", len(seen), len(want))
	}
}

// One account must not cost everybody: an account that nobody has configured is bounded too.
func limitByDefault(k *kit) {
	var all []session.Session
	for range session.DefaultSessionLimit + 3 {
		all = append(all, k.create(acme, alice))
		k.pass(time.Millisecond)
	}
	k.isOrWas(all, func(i int) bool { return i >= 3 })
	var evicted []string
	for _, e := range k.happened(acme, alice) {
		if e.Kind != session.EventCreated {
			evicted = append(evicted, fmt.Sprint(e.Kind, " ", e.Session))
		}
	}
	var want []string
	for _, s := range all[:3] {
		want = append(want, fmt.Sprint(session.EventEvicted, " ", s.ID.Fingerprint()))
	}
	if !slices.Equal(evicted, want) {
		k.Errorf("events %v, want %v", evicted, want)
	}
	k.create(acme, bob)
	k.create(globex, alice)
	k.isOrWas(all, func(i int) bool { return i >= 3 })
}

func limitLowered(k *kit) {
	all := k.many(session.MaxEvictions + 6)
	lower := func(n int) {
		k.Helper()
		s, err := k.limited(acme, alice, n, session.EvictOldest)
		k.ok("Create under a lower limit", err)
		all = append(all, s)
		k.isOrWas(all, func(i int) bool { return i >= len(all)-n })
		k.pass(time.Millisecond)
	}
	before := len(k.happened(acme, alice))
	lower(5) // more than one by one
	k.sameEvents("of a sign-in that ended many", k.happened(acme, alice)[before:], []session.Event{
		{Kind: session.EventLimited, Session: all[len(all)-1].ID.Fingerprint()}, {Kind: session.EventCreated, Session: all[len(all)-1].ID.Fingerprint()},
	})
	before += 2
	lower(3)
	n := len(all)
	k.sameEvents("of a sign-in that ended some", k.happened(acme, alice)[before:], []session.Event{
		{Kind: session.EventEvicted, Session: all[n-6].ID.Fingerprint()}, {Kind: session.EventEvicted, Session: all[n-5].ID.Fingerprint()},
		{Kind: session.EventEvicted, Session: all[n-4].ID.Fingerprint()}, {Kind: session.EventCreated, Session: all[n-1].ID.Fingerprint()},
	})
	// Ended sessions stay ended at a higher limit, and kept ones are as good as before.
	s, err := k.limited(acme, alice, session.MaxSessionLimit, session.EvictOldest)
	k.ok("Create under a higher limit", err)
	all = append(all, s)
	k.isOrWas(all, func(i int) bool { return i >= len(all)-4 })
	kept := all[len(all)-3]
	kept, err = k.Store.Update(k.ctx, kept)
	k.ok("Update of a session that was kept", err)
	_, err = k.Store.Refresh(k.ctx, kept.Ref(), step(1, 2))
	k.ok("Refresh of a session that was kept", err)
	k.dead("ended by a lower limit", all[0].Ref())

	// Down to the new one alone.
	k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, acme, alice))
	all = k.many(session.MaxEvictions + 2)
	lower(1)
}

func limitLoweredRejects(k *kit) {
	all := k.many(session.MaxEvictions + 6)
	_, err := k.limited(acme, alice, 3, session.RejectNew)
	k.refused("Create", err, session.ErrTooManySessions)
	k.isOrWas(all, func(int) bool { return true })
}

// Support must neither sign the user out nor fill what all requests pay for.
func limitOfActors(k *kit) {
	own := k.create(acme, alice)
	var support []session.Session
	for range session.MaxImpersonations + 2 {
		s, err := k.Store.Create(k.ctx, impersonated(k, bob), session.CreateOptions{
			Lifetime: time.Hour, Limit: session.SessionLimit{Sessions: 1, Policy: session.RejectNew},
		})
		k.ok("Create by somebody who acts as the user", err)
		support = append(support, s)
		k.pass(time.Millisecond)
	}
	for range 2 {
		k.isOrWas(append([]session.Session{own}, support...), func(i int) bool { return i == 0 || i > 2 })
	}
	k.dead("the oldest", support[0].Ref())
	// A limit that is lowered by more than one by one ends none of them.
	k.many(session.MaxEvictions + 1)
	last, err := k.limited(acme, alice, 1, session.EvictOldest)
	k.ok("Create", err)
	k.dead("the user's oldest", own.Ref())
	k.isOrWas(append(support, last), func(i int) bool { return i > 1 })
}

func listMany(k *kit) {
	all := k.many(250)
	k.isOrWas(all, func(int) bool { return true })
	gone := map[int]bool{0: true, 99: true, 100: true, 150: true, 249: true}
	for i := range gone {
		k.ok("Revoke", k.Store.Revoke(k.ctx, all[i].Ref()))
	}
	k.isOrWas(all, func(i int) bool { return !gone[i] })
	k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, acme, alice))
	k.isOrWas(all, func(int) bool { return false })
}

func peeks() []scene {
	return []scene{
		{name: "peeking shows the live sessions that are asked for, in that order", play: peekLive},
		{name: "peeking is no use of a session", play: peekIsNoUse},
	}
}

func peekLive(k *kit) {
	other, foreign := k.create(acme, bob), k.create(globex, alice)
	var mine []session.Session
	for range 4 {
		mine = append(mine, k.create(acme, alice))
	}
	acting := k.acting(mine[3])
	k.ok("Revoke", k.Store.Revoke(k.ctx, mine[1].Ref()))
	peek := func(what string, want ...session.Session) {
		k.Helper()
		got, err := k.Store.Peek(k.ctx, acme, alice, []session.ID{acting.ID, other.ID, mine[1].ID, mine[2].ID, foreign.ID, session.NewID(), mine[0].ID})
		k.ok("Peek", err)
		if !slices.Equal(refs(got), refs(want)) {
			k.Errorf("%s: %d sessions are seen, want %d", what, len(got), len(want))
			return
		}
		for i := range want {
			k.same(what, got[i], want[i])
		}
	}
	peek("live", acting, mine[2], mine[0])
	k.setStatus(acme, tenant.Suspended)
	peek("in a suspended tenant", acting, mine[2], mine[0])
	k.setStatus(acme, tenant.Active)
	k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, acme, alice))
	peek("after the user was revoked")
	none, err := k.Store.Peek(k.ctx, acme, alice, nil)
	k.ok("Peek of nothing", err)
	if len(none) != 0 {
		k.Errorf("%d of no sessions are seen", len(none))
	}
	_, err = k.Store.Peek(k.ctx, acme, alice, []session.ID{mine[0].ID, {}})
	k.refused("Peek of no session", err, session.ErrInvalidID)
	_, err = k.Store.Peek(k.ctx, acme, session.UserID{}, []session.ID{mine[0].ID})
	k.refused("Peek of nobody", err, session.ErrInvalidID)
	_, err = k.Store.Peek(k.ctx, tenant.ID{}, alice, []session.ID{mine[0].ID})
	k.refused("Peek of no tenant", err, session.ErrInvalidID)
}

// Otherwise an open stream keeps its session signed in.
func peekIsNoUse(k *kit) {
	s := draft(acme, alice)
	s.IdleTimeout = 2 * k.tick()
	s = k.createFor(s, time.Hour)
	k.until(s.IdleTimeout, "peeking kept an unused session", func() bool {
		seen, err := k.Store.Peek(k.ctx, acme, alice, []session.ID{s.ID})
		k.ok("Peek", err)
		return len(seen) == 0
	})
	k.dead("unused", s.Ref())
}
