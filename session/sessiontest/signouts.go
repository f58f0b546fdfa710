package sessiontest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func signOuts() []scene {
	var all []scene
	for _, e := range endings() {
		for _, p := range providers {
			all = append(all, scene{
				name: "by a provider that " + p.kind + ": ended by " + e.name + ", and refreshed there",
				play: func(k *kit) { endedStays(k, p, e) },
			})
		}
	}
	for _, e := range endings()[2:8] {
		all = append(all, scene{
			name: "sign-ins that were never seen are ended by " + e.name,
			play: func(k *kit) { endedUnseen(k, e) },
		})
	}
	return append(all, []scene{
		{name: "a sign-in within the skew after an end is an outage", play: withinTheSkew},
		{name: "the token of a sign-in that was ended finds no later session of the user", play: noRideAlong},
		{name: "a logout at the provider counts also before the first request", play: logoutFirst},
		{name: "a logout ends the sessions of that sign-in in all tenants and no others", play: logoutAll},
		{name: "a person's sessions end in all tenants", play: revokePerson},
		{name: "no adoption survives a concurrent end", play: endsWin},
		{name: "an adoption that begins after an end was acknowledged finds nothing", play: endsAcknowledged},
		{name: "a sign-in of long ago that is not known is refused", play: signInOfLongAgo},
	}...)
}

// ending is something that ends the session of a sign-in.
type ending struct {
	name string
	end  func(k *kit, s session.Session, who session.Stranger)
}

func endings() []ending {
	return []ending{
		{"Revoke", func(k *kit, s session.Session, _ session.Stranger) { k.ok("Revoke", k.Store.Revoke(k.ctx, s.Ref())) }},
		{"End", func(k *kit, s session.Session, _ session.Stranger) {
			k.ok("End", k.Store.End(k.ctx, s.Ref(), s.Version))
		}},
		{"RevokeUser", func(k *kit, s session.Session, _ session.Stranger) {
			k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, s.Tenant, s.User))
		}},
		{"RevokeOthers", func(k *kit, s session.Session, _ session.Stranger) {
			k.ok("RevokeOthers", k.Store.RevokeOthers(k.ctx, k.create(s.Tenant, s.User).Ref()))
		}},
		{"RevokeTenant", func(k *kit, s session.Session, _ session.Stranger) {
			k.ok("RevokeTenant", k.Store.RevokeTenant(k.ctx, s.Tenant))
		}},
		{"RevokeAll", func(k *kit, _ session.Session, _ session.Stranger) { k.ok("RevokeAll", k.Store.RevokeAll(k.ctx)) }},
		{"RevokePerson", func(k *kit, _ session.Session, who session.Stranger) {
			k.ok("RevokePerson", k.Store.RevokePerson(k.ctx, who.Issuer, who.User))
		}},
		{"a block that was lifted", func(k *kit, s session.Session, _ session.Stranger) {
			k.ok("Block", k.Store.Block(k.ctx, s.Tenant, s.User))
			k.ok("Unblock", k.Store.Unblock(k.ctx, s.Tenant, s.User))
		}},
		{"the limit", func(k *kit, s session.Session, _ session.Stranger) {
			k.pass(10 * time.Millisecond)
			_, err := k.limited(s.Tenant, s.User, 1, session.EvictOldest)
			k.ok("Create", err)
		}},
		{"a limit that was lowered", func(k *kit, s session.Session, _ session.Stranger) {
			for range session.MaxEvictions + 5 {
				k.create(s.Tenant, s.User)
			}
			_, err := k.limited(s.Tenant, s.User, 1, session.EvictOldest)
			k.ok("Create", err)
		}},
		{"idleness", func(k *kit, s session.Session, _ session.Stranger) {
			s.IdleTimeout = k.tick()
			_, err := k.Store.Update(k.ctx, s)
			k.ok("Update", err)
			k.pass(3 * k.tick())
		}},
		{"idleness, and a sign-in of Create", func(k *kit, s session.Session, _ session.Stranger) {
			s.IdleTimeout = k.tick()
			_, err := k.Store.Update(k.ctx, s)
			k.ok("Update", err)
			k.pass(3 * k.tick())
			k.create(s.Tenant, s.User)
		}},
		{"a refresh token that was reused", func(k *kit, s session.Session, _ session.Stranger) {
			moved, err := k.Store.Rotate(k.ctx, s.Ref(), next(s), digest(1))
			k.ok("Rotate", err)
			_, err = k.Store.Refresh(k.ctx, moved.Ref(), step(7, 8))
			k.refused("Refresh", err, session.ErrRefreshReused)
		}},
	}
}

// later is a time that is later than end by more than the skew, and not too far ahead of the
// store's clock: it passes some time for that.
func (k *kit) later(end time.Time) time.Time {
	k.pass(100 * time.Millisecond)
	at := end.Add(session.MaxSkew + 50*time.Millisecond)
	for k.Advance == nil && at.Sub(k.now()) > session.MaxSkew {
		k.pass(50 * time.Millisecond)
	}
	return at
}

// The trap of every adapter between a provider and sessions: a token that the provider refreshes
// after the session was ended brings it back, or, where that is prevented by remembering it,
// nobody can sign in again.
func endedStays(k *kit, p provider, e ending) {
	began := k.now()
	signedIn := began.Add(-time.Hour)
	who := p.token("first", signedIn, began)
	s := k.adopted("before", who)
	e.end(k, s, who)
	end := k.now() // at the latest

	k.dead("ended", s.Ref())
	k.notAdopted("the same token", who, session.ErrSignedOut)
	later := k.later(end)
	refreshed := p.token("first", signedIn, later)
	switch {
	case p.named, p.timed:
		k.notAdopted("refreshed at the provider", refreshed, session.ErrSignedOut)
		k.notAdopted("refreshed at the provider, again", refreshed, session.ErrSignedOut)
		k.dead("ended", s.Ref())
	default: // there is nothing to tell it by, as is documented
		fresh := k.adopted("refreshed at the provider", refreshed)
		k.notAdopted("the token of before the end", who, session.ErrSignedOut)
		k.ok("Revoke", k.Store.Revoke(k.ctx, fresh.Ref()))
		end = k.now()
		later = k.later(end)
	}
	k.notAdopted("the same token, later", who, session.ErrSignedOut)
	again := k.adopted("a new sign-in", p.token("second", later, later))
	if again.ID == s.ID {
		k.Error("a new sign-in has the old id")
	}
	k.dead("ended", s.Ref())
	k.live("the new sign-in", again.Ref())
}

// A session that nobody has seen here cannot be ended, but the sign-ins of before can.
func endedUnseen(k *kit, e ending) {
	began := k.now()
	var unseen []session.Stranger
	for i, p := range providers {
		who := p.token("unseen", began.Add(-time.Hour), began)
		who.User = session.MustParseUserID(fmt.Sprint("unseen-", i))
		unseen = append(unseen, who)
		e.end(k, k.create(who.Tenant, who.User), who)
	}
	later := k.later(k.now())
	for i, p := range providers {
		who := unseen[i]
		k.notAdopted(p.kind+", the token of before", who, session.ErrSignedOut)
		if p.timed {
			who.IssuedAt = later
			k.notAdopted(p.kind+", refreshed", who, session.ErrSignedOut)
		}
		who = p.token("new", later, later)
		who.User = unseen[i].User
		k.adopted(p.kind+", a new sign-in", who)
	}
}

func withinTheSkew(k *kit) {
	for i, p := range providers {
		user := session.MustParseUserID(fmt.Sprint("close-", i))
		token := func(name string, at time.Time) session.Stranger {
			who := p.token(name, at, at)
			who.User = user
			return who
		}
		s := k.adopted(p.kind, token("skew", k.now().Add(-time.Hour)))
		k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, s.Tenant, s.User))
		end := k.now()
		near := end.Add(session.MaxSkew - time.Second)
		k.notAdopted(p.kind+", within the skew", token("other", near), session.ErrSignInTooClose)
		k.notAdopted(p.kind+", within the skew again", token("other", near), session.ErrSignInTooClose)
		k.pass(k.tick())
		k.notAdopted(p.kind+", within the skew later", token("other", near), session.ErrSignInTooClose)
		k.adopted(p.kind+", later", token("other", k.later(end)))
	}
}

// Where a provider names no session, the user has one at it. A thief's token of before the end
// must not find the session that the user has begun since.
func noRideAlong(k *kit) {
	for _, p := range providers[2:] {
		began := k.now()
		stolen := p.token("", began.Add(-time.Hour), began)
		s := k.adopted(p.kind, stolen)
		k.ok("Revoke", k.Store.Revoke(k.ctx, s.Ref()))
		later := k.later(k.now())
		fresh := k.adopted(p.kind+", a new sign-in", p.token("", later, later))
		k.notAdopted(p.kind+", the stolen token", stolen, session.ErrSignedOut)
		if p.timed {
			k.notAdopted(p.kind+", the stolen token refreshed", p.token("", began.Add(-time.Hour), later), session.ErrSignedOut)
		}
		k.live(p.kind, fresh.Ref())
		k.ok("Revoke", k.Store.Revoke(k.ctx, fresh.Ref()))
		k.pass(6 * time.Second)
	}
}

func logoutFirst(k *kit) {
	now := k.now()
	for _, p := range providers[:2] {
		who := p.token("early-"+p.kind, now.Add(-time.Hour), now)
		k.ok("EndSignIn", k.Store.EndSignIn(k.ctx, issuer, who.Name))
		k.ok("EndSignIn again", k.Store.EndSignIn(k.ctx, issuer, who.Name))
		k.notAdopted(p.kind+", after the logout", who, session.ErrSignedOut)
		later := k.later(k.now())
		k.notAdopted(p.kind+", refreshed after the logout", p.token(who.Name, later, later), session.ErrSignedOut)
	}
}

func logoutAll(k *kit) {
	now := k.now()
	who := providers[0].token("logout", now.Add(-time.Hour), now)
	inGlobex, asBob, other := who, who, providers[0].token("stays", now.Add(-time.Hour), now)
	inGlobex.Tenant, asBob.User = globex, bob
	var ended []session.Session
	for _, w := range []session.Stranger{who, inGlobex, asBob} {
		ended = append(ended, k.adopted("before", w))
	}
	stays := k.adopted("another sign-in", other)
	own := k.create(acme, alice)
	moved, err := k.Store.Rotate(k.ctx, ended[0].Ref(), next(ended[0]), digest(1))
	k.ok("Rotate", err)
	k.ok("EndSignIn", k.Store.EndSignIn(k.ctx, issuer, "logout"))
	for _, s := range append(ended, moved) {
		k.dead("after the logout", s.Ref())
	}
	for _, w := range []session.Stranger{who, inGlobex, asBob} {
		k.notAdopted("after the logout", w, session.ErrSignedOut)
	}
	unseen := who
	unseen.User = session.MustParseUserID("carol")
	k.notAdopted("after the logout, another user of the session", unseen, session.ErrSignedOut)
	k.same("another sign-in", k.adopted("another sign-in", other), stays)
	k.live("a session of Create", own.Ref())
}

func revokePerson(k *kit) {
	now := k.now()
	who := providers[0].token("person", now.Add(-time.Hour), now)
	inGlobex, asBob, elsewhere := who, who, who
	inGlobex.Tenant, asBob.User, elsewhere.Issuer = globex, bob, "https://other.example"
	elsewhere.Tenant = tenant.MustParse("third")
	k.ok("AddTenant", k.Store.AddTenant(k.ctx, elsewhere.Tenant))
	one, two := k.adopted("in acme", who), k.adopted("in globex", inGlobex)
	third, bobs := k.adopted("of another issuer", elsewhere), k.adopted("of another user", asBob)
	own := k.create(acme, alice)
	k.ok("RevokePerson", k.Store.RevokePerson(k.ctx, issuer, alice))
	k.dead("in acme", one.Ref())
	k.dead("in globex", two.Ref())
	k.dead("of Create, in a tenant of the person", own.Ref())
	k.live("of another issuer, elsewhere", third.Ref())
	k.live("of another user", bobs.Ref())
	k.notAdopted("in acme", who, session.ErrSignedOut)
	unseen := who
	unseen.Tenant, unseen.Name = elsewhere.Tenant, "unseen"
	k.notAdopted("in a tenant where the person was never seen", unseen, session.ErrSignedOut)
	later := k.later(k.now())
	k.adopted("a new sign-in", providers[0].token("fresh", later, later))
}

// Whatever runs at the same time as an end: once it has returned, no session of a sign-in of
// before it is live, and none is adopted.
func endsWin(k *kit) {
	for round := range k.rounds(30, 1250) {
		for i, p := range providers {
			began := k.now()
			who := p.token(fmt.Sprint("ends-", round), began.Add(-time.Hour), began.Add(-time.Second))
			who.User = session.MustParseUserID(fmt.Sprint("ends-", i, "-", round))
			ends := []func() error{
				func() error { return k.Store.RevokeUser(k.ctx, who.Tenant, who.User) },
				func() error { return k.Store.RevokeTenant(k.ctx, who.Tenant) },
				func() error { return k.Store.RevokeAll(k.ctx) },
				func() error { return k.Store.RevokePerson(k.ctx, who.Issuer, who.User) },
				func() error { return k.Store.Block(k.ctx, who.Tenant, who.User) },
				func() error { return k.Store.EndSignIn(k.ctx, who.Issuer, who.Name) },
			}
			if !p.named {
				ends = ends[:5]
			}
			end := ends[round%len(ends)]
			var got [4]session.Session
			var fs []func()
			adopt := func(i int) func() {
				return func() {
					s, err := k.tryAdopt(who)
					if err != nil && !errors.Is(err, session.ErrSignedOut) && !errors.Is(err, session.ErrBlocked) && !errors.Is(err, session.ErrNotFound) {
						k.Errorf("%s: Adopt: %v", p.kind, err)
					}
					got[i] = s
					if err == nil && i == 3 { // it moves the session meanwhile
						if moved, err := k.Store.Rotate(k.ctx, s.Ref(), next(s), digest(1)); err == nil {
							got[i] = moved
						}
					}
				}
			}
			for i := range got {
				fs = append(fs, adopt(i))
			}
			together(append(fs, func() { k.ok("ending", end()) })...)
			for _, s := range got {
				if !s.ID.IsZero() && k.isLive(s.Ref()) {
					k.Fatalf("%s, ending %d: a session of the sign-in is live after it was ended", p.kind, round%len(ends))
				}
			}
			want := session.ErrSignedOut
			if round%len(ends) == 4 {
				want = session.ErrBlocked
			}
			k.notAdopted(p.kind, who, want)
		}
	}
}

func signInOfLongAgo(k *kit) {
	now := k.now()
	for _, p := range []provider{providers[0], providers[2]} {
		k.notAdopted(p.kind, p.token("old", now.Add(-session.EndsKept-time.Minute), now), session.ErrSignedOut)
	}
}

// Each round is an order of first requests, refreshes at the provider, rotations and ends that no
// other round has. An end is acknowledged at some time: whatever begins after that lets nobody in.
func endsAcknowledged(k *kit) {
	for round := range k.rounds(20, 1000) {
		p := providers[round%len(providers)]
		began := k.now()
		who := p.token(fmt.Sprint("acknowledged-", round), began.Add(-time.Hour), began.Add(-time.Minute))
		who.User = session.MustParseUserID(fmt.Sprint("acknowledged-", round))
		var ended atomic.Bool
		var mu sync.Mutex
		var all []session.Session
		adopt := func(refreshes int) func() {
			return func() {
				token := who
				for n := range refreshes {
					token.IssuedAt = who.IssuedAt.Add(time.Duration(n) * time.Second)
					was := ended.Load()
					s, err := k.tryAdopt(token)
					if err != nil {
						continue
					}
					if was {
						k.Errorf("%s: a session was adopted after an end was acknowledged", p.kind)
					}
					mu.Lock()
					all = append(all, s)
					mu.Unlock()
					if rand.IntN(3) == 0 {
						if moved, err := k.Store.Rotate(k.ctx, s.Ref(), next(s), digest(1)); err == nil {
							mu.Lock()
							all = append(all, moved)
							mu.Unlock()
						}
					}
				}
			}
		}
		end := func() {
			for range rand.IntN(4) {
				runtime.Gosched()
			}
			var err error
			switch n := rand.IntN(5); {
			case n == 0 && p.named:
				err = k.Store.EndSignIn(k.ctx, issuer, who.Name)
			case n == 1:
				err = k.Store.RevokePerson(k.ctx, issuer, who.User)
			case n == 2:
				err = k.Store.Block(k.ctx, who.Tenant, who.User)
			case n == 3:
				err = k.Store.RevokeTenant(k.ctx, who.Tenant)
			default:
				err = k.Store.RevokeUser(k.ctx, who.Tenant, who.User)
			}
			k.ok("ending", err)
			ended.Store(true) // all tokens were issued before
		}
		together(adopt(4), adopt(4), adopt(4), end)
		k.ok("Unblock", k.Store.Unblock(k.ctx, who.Tenant, who.User))
		for _, s := range all {
			if k.isLive(s.Ref()) {
				k.Fatalf("%s: a session is live after an end", p.kind)
			}
		}
	}
}
