package sessiontest

import (
	"fmt"
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
		{name: "a sign-in of the very second of an end is an outage", play: inTheSecond},
		{name: "the token of a sign-in that was ended finds no later session of the user", play: noRideAlong},
		{name: "a logout at the provider counts also before the first request", play: logoutFirst},
		{name: "a logout ends the sessions of that sign-in in all tenants and no others", play: logoutAll},
		{name: "a person's sessions end in all tenants", play: revokePerson},
		{name: "no adoption survives a concurrent end", play: endsWin},
		{name: "an adoption that begins after an end was acknowledged finds nothing", play: endsAcknowledged},
		{name: "a sign-in of long ago that is not known is refused", play: signInOfLongAgo},
	}...)
}

// The trap of every adapter between a provider and sessions: a token that the provider refreshes
// after the session was ended brings it back, or, where that is prevented by remembering it,
// nobody can sign in again.
func endedStays(k *kit, p provider, e ending) {
	began := k.now()
	signedIn := began.Add(-time.Hour)
	stranger := p.token("first", signedIn, began)
	s := k.adopted("before", stranger)
	e.end(k, s, stranger)
	end := k.now() // at the latest

	k.dead("ended", s.Ref())
	k.notAdopted("the same token", stranger, session.ErrSignedOut)
	later := k.later(end)
	refreshed := p.token("first", signedIn, later)
	switch {
	case p.named, p.timed:
		k.notAdopted("refreshed at the provider", refreshed, session.ErrSignedOut)
		k.notAdopted("refreshed at the provider, again", refreshed, session.ErrSignedOut)
		k.dead("ended", s.Ref())
	default: // there is nothing to tell it by, as is documented
		fresh := k.adopted("refreshed at the provider", refreshed)
		k.notAdopted("the token of before the end", stranger, session.ErrSignedOut)
		k.ok("Revoke", k.Store.Revoke(k.ctx, fresh.Ref()))
		end = k.now()
		later = k.later(end)
	}
	k.notAdopted("the same token, later", stranger, session.ErrSignedOut)
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
		stranger := p.token("unseen", began.Add(-time.Hour), began.Add(-time.Second)) // and not of the second of the end
		stranger.User = session.MustParseUserID(fmt.Sprint("unseen-", i))
		unseen = append(unseen, stranger)
		e.end(k, k.create(stranger.Tenant, stranger.User), stranger)
	}
	later := k.later(k.now())
	for i, p := range providers {
		stranger := unseen[i]
		k.notAdopted(p.kind+", the token of before", stranger, session.ErrSignedOut)
		if p.named || p.timed {
			stranger.IssuedAt = later
			k.notAdopted(p.kind+", refreshed", stranger, session.ErrSignedOut)
			k.notAdopted(p.kind+", refreshed, again", stranger, session.ErrSignedOut)
		}
		stranger = p.token("new", later, later)
		stranger.User = unseen[i].User
		k.adopted(p.kind+", a new sign-in", stranger)
	}
}

func withinTheSkew(k *kit) {
	for i, p := range providers {
		user := session.MustParseUserID(fmt.Sprint("close-", i))
		token := func(name string, at time.Time) session.Stranger {
			stranger := p.token(name, at, at)
			stranger.User = user
			return stranger
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

// Tokens tell time to the second. One of the second of an end may be of before or after it: nobody
// is let in and nobody is signed out, unless it is of the very sign-in that was ended.
func inTheSecond(k *kit) {
	for i, p := range providers {
		user := session.MustParseUserID(fmt.Sprint("second-", i))
		now := k.now().Truncate(time.Second)
		stranger := p.token("ended", now, now)
		stranger.User = user
		s := k.adopted(p.kind, stranger)
		k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, s.Tenant, s.User))
		k.notAdopted(p.kind+", the sign-in that was ended", stranger, session.ErrSignedOut)
		unseen := p.token("unseen", now, now)
		unseen.User = session.MustParseUserID(fmt.Sprint("unseen-second-", i))
		k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, unseen.Tenant, unseen.User))
		second := k.now().Truncate(time.Second)
		unseen.IssuedAt = second
		if p.timed {
			unseen.AuthTime = second
		}
		k.notAdopted(p.kind+", of the second of the end", unseen, session.ErrSignInTooClose)
		unseen.IssuedAt = second.Add(-session.MaxSkew)
		if p.timed {
			unseen.AuthTime = unseen.IssuedAt
		}
		k.notAdopted(p.kind+", of before it", unseen, session.ErrSignedOut)
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
		stranger := p.token("early-"+p.kind, now.Add(-time.Hour), now)
		k.ok("EndSignIn", k.Store.EndSignIn(k.ctx, issuer, stranger.Name))
		k.ok("EndSignIn again", k.Store.EndSignIn(k.ctx, issuer, stranger.Name))
		k.notAdopted(p.kind+", after the logout", stranger, session.ErrSignedOut)
		later := k.later(k.now())
		k.notAdopted(p.kind+", refreshed after the logout", p.token(stranger.Name, later, later), session.ErrSignedOut)
	}
}

func logoutAll(k *kit) {
	now := k.now()
	stranger := providers[0].token("logout", now.Add(-time.Hour), now)
	inGlobex, asBob, other := stranger, stranger, providers[0].token("stays", now.Add(-time.Hour), now)
	inGlobex.Tenant, asBob.User = globex, bob
	var ended []session.Session
	for _, w := range []session.Stranger{stranger, inGlobex, asBob} {
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
	for _, w := range []session.Stranger{stranger, inGlobex, asBob} {
		k.notAdopted("after the logout", w, session.ErrSignedOut)
	}
	unseen := stranger
	unseen.User = session.MustParseUserID("carol")
	k.notAdopted("after the logout, another user of the session", unseen, session.ErrSignedOut)
	k.same("another sign-in", k.adopted("another sign-in", other), stays)
	k.live("a session of Create", own.Ref())
}

func revokePerson(k *kit) {
	now := k.now()
	stranger := providers[0].token("person", now.Add(-time.Hour), now)
	inGlobex, asBob, elsewhere := stranger, stranger, stranger
	inGlobex.Tenant, asBob.User, elsewhere.Issuer = globex, bob, "https://other.example"
	elsewhere.Tenant = tenant.MustParse("third")
	k.ok("AddTenant", k.Store.AddTenant(k.ctx, elsewhere.Tenant))
	one, two := k.adopted("in acme", stranger), k.adopted("in globex", inGlobex)
	third, bobs := k.adopted("of another issuer", elsewhere), k.adopted("of another user", asBob)
	own := k.create(acme, alice)
	k.ok("RevokePerson", k.Store.RevokePerson(k.ctx, issuer, alice))
	k.dead("in acme", one.Ref())
	k.dead("in globex", two.Ref())
	k.dead("of Create, in a tenant of the person", own.Ref())
	k.live("of another issuer, elsewhere", third.Ref())
	k.live("of another user", bobs.Ref())
	k.notAdopted("in acme", stranger, session.ErrSignedOut)
	unseen := stranger
	unseen.Tenant, unseen.Name = elsewhere.Tenant, "unseen"
	k.notAdopted("in a tenant where the person was never seen", unseen, session.ErrSignedOut)
	later := k.later(k.now())
	k.adopted("a new sign-in", providers[0].token("fresh", later, later))
}

func signInOfLongAgo(k *kit) {
	now := k.now()
	for _, p := range []provider{providers[0], providers[2]} {
		k.notAdopted(p.kind, p.token("old", now.Add(-session.EndsKept-time.Minute), now), session.ErrSignedOut)
	}
}
