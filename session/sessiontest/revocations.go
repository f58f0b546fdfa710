package sessiontest

import (
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func revocations() []scene {
	return []scene{
		{name: "revoking ends one session at once", play: revokeOne},
		{name: "revoking twice is no error", play: revokeTwice},
		{name: "revoking a user ends that user's sessions in that tenant only", play: revokeUser},
		{name: "revoking a tenant ends that tenant's sessions only", play: revokeTenant},
		{name: "revoking everyone ends every session", play: revokeAll},
		{name: "who signs in after a revocation is signed in", play: signInAfter},
		{name: "a revocation outlives the sessions it ended", play: revocationStays},
	}
}

// ASVS 7.4.1: after logout no method accepts the session.
func revokeOne(k *kit) {
	s, other := k.create(acme, alice), k.create(acme, alice)
	k.live("before", s.Ref())
	k.ok("Revoke", k.Store.Revoke(k.ctx, s.Ref()))
	k.dead("revoked", s.Ref())
	k.same("Load", k.live("another session of the user", other.Ref()), other)
}

// A client that retries a logout must not be told that it failed.
func revokeTwice(k *kit) {
	s := k.create(acme, alice)
	for range 3 {
		k.ok("Revoke", k.Store.Revoke(k.ctx, s.Ref()))
		k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, acme, alice))
		k.ok("RevokeTenant", k.Store.RevokeTenant(k.ctx, acme))
		k.ok("RevokeAll", k.Store.RevokeAll(k.ctx))
	}
	k.dead("revoked", s.Ref())
}

// population is two sessions for each user of each tenant.
func (k *kit) population() []session.Session {
	k.Helper()
	var all []session.Session
	for _, t := range []tenant.ID{acme, globex} {
		for _, u := range []session.UserID{alice, bob} {
			all = append(all, k.create(t, u), k.create(t, u))
		}
	}
	return all
}

// only fails the test unless exactly the sessions that ended says are dead.
func (k *kit) only(population []session.Session, ended func(session.Session) bool) {
	k.Helper()
	for _, s := range population {
		what := s.Tenant.String() + "/" + s.User.String()
		if !ended(s) {
			got := k.live(what, s.Ref())
			s.LastSeenAt = got.LastSeenAt // loading later than TouchInterval writes down the use
			k.same(what, got, s)
			continue
		}
		k.dead(what, s.Ref())
	}
}

// Equal user ids in two tenants are two users.
func revokeUser(k *kit) {
	population := k.population()
	k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, acme, alice))
	k.only(population, func(s session.Session) bool { return s.Tenant == acme && s.User == alice })
}

func revokeTenant(k *kit) {
	population := k.population()
	k.ok("RevokeTenant", k.Store.RevokeTenant(k.ctx, acme))
	k.only(population, func(s session.Session) bool { return s.Tenant == acme })
	if status, err := k.Store.TenantStatus(k.ctx, acme); status != tenant.Active || err != nil {
		k.Errorf("the tenant is %v, %v after its sessions were revoked", status, err)
	}
}

func revokeAll(k *kit) {
	population := k.population()
	k.ok("RevokeAll", k.Store.RevokeAll(k.ctx))
	k.only(population, func(session.Session) bool { return true })
}

// An epoch that is compared by time refuses who signs in again within the same clock
// tick, and one that is compared with >= lets the old sessions live.
func signInAfter(k *kit) {
	for name, revoke := range map[string]func() error{
		"RevokeUser":   func() error { return k.Store.RevokeUser(k.ctx, acme, alice) },
		"RevokeTenant": func() error { return k.Store.RevokeTenant(k.ctx, acme) },
		"RevokeAll":    func() error { return k.Store.RevokeAll(k.ctx) },
	} {
		for range 10 {
			old := k.create(acme, alice)
			k.ok(name, revoke())
			fresh := k.create(acme, alice)
			k.same(name+", then Load", k.live(name, fresh.Ref()), fresh)
			k.refresh(name+", then Refresh", fresh.Ref(), step(1, 2))
			k.dead(name, old.Ref())
		}
	}
}

// The record of a revocation must not expire before the sessions that it revoked: then the sessions
// would come back.
func revocationStays(k *kit) {
	population := k.population()
	k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, acme, alice))
	k.ok("RevokeTenant", k.Store.RevokeTenant(k.ctx, globex))
	ended := func(s session.Session) bool { return s.Tenant == globex || s.User == alice }
	k.pass(3 * k.tick())
	k.only(population, ended)
	k.createFor(draft(acme, alice), k.tick())
	k.pass(2 * k.tick())
	for _, s := range population {
		if ended(s) {
			k.dead("revoked long ago", s.Ref())
		}
	}
}
