package sessiontest

import (
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
)

// adoptedGrants are scenes about the roles of a session that an identity provider has begun.
func adoptedGrants() []scene {
	return []scene{
		{name: "a stale session is found by its stranger, and its token changes nothing until it was asked for", play: adoptedStale},
		{name: "a stale tenant ends no sign-in at a provider", play: adoptedStaleTenant},
		{name: "a session whose user was updated is found by its stranger, with the new roles", play: adoptedUpdated},
		{name: "a sign-in at a provider finds the session that replaced another, in its grace and after", play: adoptedGrace},
		{name: "a sign-in at a provider whose session was retired is over, also in its grace", play: adoptedRetired},
		{name: "a session of a provider is made under a ticket where the service says the roles", play: adoptedTicket},
		{name: "a block, and the end of a person, fail the tickets from before", play: blockedTicket},
	}
}

// adoptedBy is the session of a token of p, of a user of its own.
func (k *kit) adoptedBy(p provider, i int, what string) (session.Stranger, session.Session) {
	k.Helper()
	now := k.now()
	stranger := p.token(what, now.Add(-time.Hour), now.Add(-time.Minute))
	stranger.User = session.MustParseUserID(fmt.Sprint(what, "-", i))
	return stranger, k.adopted(p.kind, stranger)
}

func adoptedStale(k *kit) {
	for i, p := range providers {
		stranger, s := k.adoptedBy(p, i, "stale")
		for round := range 2 {
			k.ok("Stale", k.Store.Stale(k.ctx, stranger.Tenant, stranger.User))
			newer := stranger
			newer.IssuedAt, newer.ACR = stranger.IssuedAt.Add(time.Second), fmt.Sprint("acr-", round)
			for _, token := range []session.Stranger{stranger, newer} {
				found := k.adopted(p.kind+", stale", token)
				if found.ID != s.ID || !found.Stale || found.Provider != s.Provider || found.Version < s.Version {
					k.Fatalf("%s: the stranger finds %v, stale %v, of %v; want %v as it was", p.kind, found.ID, found.Stale, found.Provider.Claims(), s.ID)
				}
			}
			fresh := k.stale(p.kind, s.Ref())
			fresh.Roles = viewer
			granted, err := k.Store.Regrant(k.ctx, fresh, k.begin(owner{stranger.Tenant, stranger.User}))
			k.ok("Regrant", err)
			found := k.adopted(p.kind+", regranted", newer)
			if found.ID != s.ID || found.Stale || !found.Roles.Has("viewer") || found.Provider.Claims().ACR != newer.ACR || found.Version <= granted.Version {
				k.Fatalf("%s: after the grants the stranger finds %v, stale %v, roles %v, of %v", p.kind, found.ID, found.Stale, found.Roles.Names(), found.Provider.Claims())
			}
			stranger, s = newer, found
		}
		k.ok("Stale", k.Store.Stale(k.ctx, stranger.Tenant, stranger.User))
		k.ok("Revoke", k.Store.Revoke(k.ctx, s.Ref()))
		k.notAdopted(p.kind+", stale and revoked", stranger, session.ErrSignedOut)
	}
}

func adoptedStaleTenant(k *kit) {
	for i, p := range providers {
		stranger, s := k.adoptedBy(p, i, "tenant")
		k.ok("Stale", k.Store.Stale(k.ctx, stranger.Tenant, session.UserID{}))
		if found := k.adopted(p.kind+", in a stale tenant", stranger); found.ID != s.ID || !found.Stale {
			k.Errorf("%s: the stranger finds %v, stale %v; want %v, stale", p.kind, found.ID, found.Stale, s.ID)
		}
		k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, stranger.Tenant, stranger.User))
		k.notAdopted(p.kind+", stale and revoked with the user", stranger, session.ErrSignedOut)
	}
}

func adoptedUpdated(k *kit) {
	for i, p := range providers {
		stranger, s := k.adoptedBy(p, i, "updated")
		for _, roles := range []session.Roles{boss, viewer} {
			k.ok("UpdateUser", k.Store.UpdateUser(k.ctx, stranger.Tenant, stranger.User, session.UserChange{Roles: &roles}))
			found := k.adopted(p.kind+", updated", stranger)
			if found.ID != s.ID || found.Stale || found.Roles.Len() != 1 || !found.Roles.Has(roles.Names()[0]) {
				k.Fatalf("%s: the stranger finds %v with %v, want %v with %v", p.kind, found.ID, found.Roles.Names(), s.ID, roles.Names())
			}
			stranger.IssuedAt = stranger.IssuedAt.Add(time.Second)
			found = k.adopted(p.kind+", updated, by a newer token", stranger)
			if found.ID != s.ID || !found.Roles.Has(roles.Names()[0]) || !found.Provider.Claims().IssuedAt.Equal(stranger.IssuedAt) {
				k.Fatalf("%s: a newer token finds %v with %v of %v", p.kind, found.ID, found.Roles.Names(), found.Provider.Claims())
			}
			k.same(p.kind+": Load", k.live(p.kind, s.Ref()), found)
		}
		k.ok("UpdateUser", k.Store.UpdateUser(k.ctx, stranger.Tenant, stranger.User, session.UserChange{Roles: &boss}))
		k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, stranger.Tenant, stranger.User))
		k.notAdopted(p.kind+", updated and revoked", stranger, session.ErrSignedOut)
	}
}

func adoptedGrace(k *kit) {
	for i, p := range providers {
		stranger, s := k.adoptedBy(p, i, "grace")
		n := k.rotateWithGrace(s, session.MaxRotateGrace)
		k.replaced(p.kind, s, n.Ref())
		found := k.adopted(p.kind+", in the grace", stranger)
		if found.ID != n.ID || !found.MovedTo.IsZero() || !found.Roles.Has("admin") {
			k.Errorf("%s: in the grace the stranger finds %v, moved to %v, want %v", p.kind, found.ID, found.MovedTo, n.ID)
		}
		k.ok("Revoke of the old one", k.Store.Revoke(k.ctx, s.Ref()))
		if found := k.adopted(p.kind+", the old one revoked", stranger); found.ID != n.ID {
			k.Errorf("%s: after the grace the stranger finds %v, want %v", p.kind, found.ID, n.ID)
		}
		k.ok("Revoke of the new one", k.Store.Revoke(k.ctx, n.Ref()))
		k.notAdopted(p.kind+", moved and revoked", stranger, session.ErrSignedOut)
	}
}

func adoptedRetired(k *kit) {
	to := k.create(globex, alice)
	for i, p := range providers {
		stranger, s := k.adoptedBy(p, i, "retired")
		k.ok("Retire", k.Store.Retire(k.ctx, s.Ref(), s.Version, to.Ref(), session.MaxRotateGrace))
		k.replaced(p.kind, s, to.Ref())
		k.notAdopted(p.kind+", in the grace", stranger, session.ErrSignedOut)
		k.ok("Revoke", k.Store.Revoke(k.ctx, s.Ref()))
		k.notAdopted(p.kind+", after the grace", stranger, session.ErrSignedOut)
	}
}

func adoptedTicket(k *kit) {
	for i, p := range providers {
		now := k.now()
		stranger := p.token("ticket", now.Add(-time.Hour), now.Add(-time.Minute))
		stranger.User = session.MustParseUserID(fmt.Sprint("ticket-", i))
		theirs := owner{stranger.Tenant, stranger.User}
		a := adoption(stranger)
		a.Granted = true
		a.Session.Roles = boss
		s, err := k.Store.Adopt(k.ctx, a)
		k.refused(p.kind+": without a ticket", leaked(s, err), session.ErrStale)
		a.Create.Ticket = k.begin(owner{stranger.Tenant, bob})
		s, err = k.Store.Adopt(k.ctx, a)
		k.refused(p.kind+": under the ticket of another", leaked(s, err), session.ErrInvalid)
		for what, happens := range map[string]func() error{
			"Stale": func() error { return k.Store.Stale(k.ctx, stranger.Tenant, stranger.User) },
			"UpdateUser": func() error {
				return k.Store.UpdateUser(k.ctx, stranger.Tenant, stranger.User, session.UserChange{Roles: &viewer})
			},
		} {
			a.Create.Ticket = k.begin(theirs)
			k.ok(what, happens())
			s, err = k.Store.Adopt(k.ctx, a)
			k.refused(p.kind+": after "+what, leaked(s, err), session.ErrStale)
		}
		listed, err := k.Store.List(k.ctx, stranger.Tenant, stranger.User)
		k.ok("List", err)
		if len(listed) > 0 {
			k.Fatalf("%s: %d sessions were made without a ticket that holds", p.kind, len(listed))
		}
		a.Create.Ticket = k.begin(theirs)
		s, err = k.Store.Adopt(k.ctx, a)
		k.ok(p.kind+": Adopt", err)
		if !s.Roles.Has("admin") || s.Stale {
			k.Errorf("%s: adopted with %v, stale %v", p.kind, s.Roles.Names(), s.Stale)
		}
		a = adoption(stranger) // a session that is there needs none
		a.Granted = true
		found, err := k.Store.Adopt(k.ctx, a)
		k.ok(p.kind+": Adopt again", err)
		if found.ID != s.ID {
			k.Errorf("%s: found %v, want %v", p.kind, found.ID, s.ID)
		}
	}
}

func blockedTicket(k *kit) {
	theirs := owner{acme, alice}
	now := k.now()
	stranger := providers[0].token("ticket", now.Add(-time.Hour), now)
	k.adopted("before", stranger)
	try := func(what string, ticket session.Ticket, want error) {
		k.Helper()
		s, err := k.Store.Create(k.ctx, draft(acme, alice), session.CreateOptions{Lifetime: time.Hour, Ticket: ticket})
		k.refused(what, leaked(s, err), want)
	}
	person := k.begin(theirs)
	k.ok("RevokePerson", k.Store.RevokePerson(k.ctx, issuer, alice))
	try("after RevokePerson", person, session.ErrStale)
	ticket := k.begin(theirs)
	k.ok("Block", k.Store.Block(k.ctx, acme, alice))
	try("blocked", ticket, session.ErrBlocked)
	while := k.begin(theirs)
	try("blocked, with a ticket from after", while, session.ErrBlocked)
	k.ok("Unblock", k.Store.Unblock(k.ctx, acme, alice))
	try("after the block", ticket, session.ErrStale)
	s, err := k.Store.Create(k.ctx, draft(acme, alice), session.CreateOptions{Lifetime: time.Hour, Ticket: k.begin(theirs)})
	k.ok("Create under a new ticket", err)
	k.live("after the block", s.Ref())
}
