package sessiontest

import (
	"time"

	"github.com/reevehq/reeve/session"
)

func grants() []scene {
	return []scene{
		{name: "an update of a user changes every session of theirs and of nobody else", play: updateUser},
		{name: "updates of a user add up", play: updateUserTwice},
		{name: "a session that was read before its user was updated cannot be written", play: updateUserConflict},
		{name: "a stale session is written only under a ticket from after that", play: staleUser},
		{name: "a stale tenant makes every session in it stale", play: staleTenant},
		{name: "a stale session can be used, listed and ended", play: staleUse},
		{name: "a ticket holds until something happens to the user", play: tickets},
		{name: "neither Stale nor UpdateUser brings a session back", play: staleRevivesNothing},
		{name: "whoever acts as a user is out when the user's roles change", play: staleImpersonation},
		{name: "a change of nothing, and of what a session keeps, is refused", play: updateUserInvalid},
		{name: "no sign-in keeps a role that was taken away", play: noTakenRole},
	}
}

var (
	viewer = session.MustRoles("viewer")
	boss   = session.MustRoles("admin")
)

// grown is a session with roles, attributes and a key.
func (k *kit) grown(o owner) session.Session {
	k.Helper()
	s := draft(o.tenant, o.user)
	s.Roles = boss
	s.Attributes = mustAttributes(k, map[string]any{"clearance": int64(3), session.KeyAttribute: "thumbprint"})
	return k.createFor(s, time.Hour)
}

// updated compares what an update of a user leaves: the roles, the attributes but for the key,
// and everything else as it was.
func (k *kit) updated(what string, got, before session.Session, roles session.Roles, clearance int64) {
	k.Helper()
	want := before
	want.Roles = roles
	want.Attributes = mustAttributes(k, map[string]any{"clearance": clearance, session.KeyAttribute: "thumbprint"})
	want.Version, want.LastSeenAt = got.Version, got.LastSeenAt
	k.same(what, got, want)
}

// A demotion holds on all devices of the user, at once, and in that tenant alone.
func updateUser(k *kit) {
	one, two := k.grown(owner{acme, alice}), k.grown(owner{acme, alice})
	others := []session.Session{k.grown(owner{acme, bob}), k.grown(owner{globex, alice})}
	k.ok("UpdateUser", k.Store.UpdateUser(k.ctx, acme, alice, session.UserChange{Roles: &viewer}))
	listed, err := k.Store.List(k.ctx, acme, alice)
	k.ok("List", err)
	if len(listed) != 2 {
		k.Fatalf("%d sessions are listed, want 2", len(listed))
	}
	for _, s := range listed {
		if s.Roles.Has("admin") || !s.Roles.Has("viewer") {
			k.Errorf("List shows the roles %v", s.Roles.Names())
		}
	}
	for _, s := range []session.Session{one, two} {
		got := k.live("updated with its user", s.Ref())
		k.updated("Load", got, s, viewer, 3)
		if got.Version <= s.Version {
			k.Errorf("Version = %d after an update of version %d", got.Version, s.Version)
		}
		k.same("Load again", k.live("updated with its user", s.Ref()), got)
		k.refresh("Refresh", s.Ref(), step(1, 2))
	}
	for _, s := range others {
		k.same("Load of another's", k.live("another's", s.Ref()), s)
	}
	fresh := k.grown(owner{acme, alice})
	k.same("Load of a later sign-in", k.live("signed in after that", fresh.Ref()), fresh)
}

// Each part is of the last update that had it, for sessions too that nobody used in between.
func updateUserTwice(k *kit) {
	s, used := k.grown(owner{acme, alice}), k.grown(owner{acme, alice})
	attributes := func(clearance int64) *session.Attributes {
		a := mustAttributes(k, map[string]any{"clearance": clearance})
		return &a
	}
	editor := session.MustRoles("editor")
	for _, change := range []session.UserChange{{Roles: &editor}, {Attributes: attributes(2)}, {Roles: &viewer}, {Attributes: attributes(1)}} {
		k.ok("UpdateUser", k.Store.UpdateUser(k.ctx, acme, alice, change))
		k.live("used", used.Ref())
	}
	k.updated("Load of one that was used", k.live("used", used.Ref()), used, viewer, 1)
	k.updated("Load of one that was not", k.live("not used", s.Ref()), s, viewer, 1)
	none := session.Roles{}
	k.ok("UpdateUser to nothing", k.Store.UpdateUser(k.ctx, acme, alice, session.UserChange{Roles: &none}))
	k.updated("Load without roles", k.live("emptied", s.Ref()), s, none, 1)
}

// The write of a request that has loaded the session before would undo the demotion.
func updateUserConflict(k *kit) {
	s := k.grown(owner{acme, alice})
	for range 3 {
		before := k.live("before", s.Ref())
		k.ok("UpdateUser", k.Store.UpdateUser(k.ctx, acme, alice, session.UserChange{Roles: &viewer}))
		got, err := k.Store.Update(k.ctx, before)
		k.refused("Update", leaked(got, err), session.ErrConflict)
		got, err = k.Store.Rotate(k.ctx, before.Ref(), next(before), digest(3))
		k.refused("Rotate", leaked(got, err), session.ErrConflict)
		k.refused("End", k.Store.End(k.ctx, before.Ref(), before.Version), session.ErrConflict)
	}
	k.updated("Load", k.live("updated", s.Ref()), s, viewer, 3)
}

// stale loads a session that must be stale.
func (k *kit) stale(what string, ref session.Ref) session.Session {
	k.Helper()
	s := k.live(what, ref)
	if !s.Stale {
		k.Errorf("%s: the session is not stale", what)
	}
	return s
}

// An answer that was read before the roles changed must not be stored after it.
func staleUser(k *kit) {
	first, second := k.grown(owner{acme, alice}), k.grown(owner{acme, alice})
	other, elsewhere := k.grown(owner{acme, bob}), k.grown(owner{globex, alice})
	early := k.begin(owner{acme, alice})
	k.ok("Stale", k.Store.Stale(k.ctx, acme, alice))
	s := k.stale("Load", first.Ref())
	asked := s
	asked.Roles = viewer
	got, err := k.Store.Regrant(k.ctx, asked, early)
	k.refused("Regrant under a ticket from before", leaked(got, err), session.ErrStale)
	got, err = k.Store.Regrant(k.ctx, asked, session.Ticket{})
	k.refused("Regrant without a ticket", leaked(got, err), session.ErrInvalid)
	got, err = k.Store.Regrant(k.ctx, asked, k.begin(owner{acme, bob}))
	k.refused("Regrant under the ticket of another", leaked(got, err), session.ErrInvalid)
	k.stale("Load after that", first.Ref())

	ticket := k.begin(owner{acme, alice})
	got, err = k.Store.Regrant(k.ctx, asked, ticket)
	k.ok("Regrant", err)
	k.updated("Regrant", got, first, viewer, 3)
	if got.Stale || got.Version != s.Version+1 {
		k.Errorf("after Regrant: Stale %v, version %d of %d", got.Stale, got.Version, s.Version)
	}
	k.same("Load", k.live("granted", first.Ref()), got)
	twice, err := k.Store.Regrant(k.ctx, asked, ticket)
	k.refused("Regrant of the version before", leaked(twice, err), session.ErrConflict)
	k.refresh("Refresh", first.Ref(), step(1, 2))
	k.stale("Load of the user's other session", second.Ref())
	k.same("Load of another's", k.live("another's", other.Ref()), other)
	k.same("Load in another tenant", k.live("elsewhere", elsewhere.Ref()), elsewhere)

	k.ok("Stale", k.Store.Stale(k.ctx, acme, alice))
	k.stale("Load of one that was granted", first.Ref())
	got, err = k.Store.Regrant(k.ctx, k.stale("second", second.Ref()), ticket)
	k.refused("Regrant under a ticket of the time before", leaked(got, err), session.ErrStale)
}

func staleTenant(k *kit) {
	all := k.population()
	k.ok("Stale", k.Store.Stale(k.ctx, acme, session.UserID{}))
	for _, s := range all {
		if got := k.live("after Stale of a tenant", s.Ref()); got.Stale != (s.Tenant == acme) {
			k.Errorf("%v of %v: Stale %v", s.User, s.Tenant, got.Stale)
		}
	}
	s := k.stale("stale by the tenant", all[0].Ref())
	got, err := k.Store.Regrant(k.ctx, s, k.begin(owner{s.Tenant, s.User}))
	k.ok("Regrant", err)
	k.same("Load", k.live("granted", s.Ref()), got)
	k.ok("Stale of the user", k.Store.Stale(k.ctx, s.Tenant, s.User))
	k.ok("Stale of the tenant", k.Store.Stale(k.ctx, s.Tenant, session.UserID{}))
	s = k.stale("stale by both", s.Ref())
	got, err = k.Store.Regrant(k.ctx, s, k.begin(owner{s.Tenant, s.User}))
	k.ok("Regrant", err)
	k.same("Load", k.live("granted", s.Ref()), got)
}

func staleUse(k *kit) {
	s, other := k.create(acme, alice), k.create(acme, alice)
	k.ok("Stale", k.Store.Stale(k.ctx, acme, alice))
	s = k.stale("stale", s.Ref())
	got, err := k.Store.Update(k.ctx, s)
	k.refused("Update", leaked(got, err), session.ErrStale)
	got, err = k.Store.Rotate(k.ctx, s.Ref(), next(s), digest(3))
	k.refused("Rotate", leaked(got, err), session.ErrStale)
	out, err := k.Store.Refresh(k.ctx, s.Ref(), step(1, 2))
	k.refused("Refresh", leaked(out.Session, err), session.ErrStale)
	k.refused("RevokeOthers", k.Store.RevokeOthers(k.ctx, s.Ref()), session.ErrStale)
	k.live("nothing was ended", other.Ref())
	k.ok("Touch", k.Store.Touch(k.ctx, s.Ref()))
	for name, list := range map[string]func() ([]session.Session, error){
		"List": func() ([]session.Session, error) { return k.Store.List(k.ctx, acme, alice) },
		"Peek": func() ([]session.Session, error) {
			return k.Store.Peek(k.ctx, acme, alice, []session.ID{s.ID, other.ID})
		},
	} {
		listed, err := list()
		k.ok(name, err)
		if len(listed) != 2 || !listed[0].Stale || !listed[1].Stale {
			k.Errorf("%s: %d sessions of two that are stale", name, len(listed))
		}
	}
	k.ok("End", k.Store.End(k.ctx, s.Ref(), s.Version))
	k.ok("Revoke", k.Store.Revoke(k.ctx, other.Ref()))
	k.dead("ended", s.Ref())
	k.dead("revoked", other.Ref())
}

// The sessions that live on after a change of roles are those that lived before it.
func staleRevivesNothing(k *kit) {
	changes := map[string]func() error{
		"Stale":           func() error { return k.Store.Stale(k.ctx, acme, alice) },
		"Stale of tenant": func() error { return k.Store.Stale(k.ctx, acme, session.UserID{}) },
		"UpdateUser":      func() error { return k.Store.UpdateUser(k.ctx, acme, alice, session.UserChange{Roles: &viewer}) },
	}
	for name, revoke := range map[string]func(kept session.Session) error{
		"RevokeUser":   func(session.Session) error { return k.Store.RevokeUser(k.ctx, acme, alice) },
		"RevokeTenant": func(session.Session) error { return k.Store.RevokeTenant(k.ctx, acme) },
		"RevokeAll":    func(session.Session) error { return k.Store.RevokeAll(k.ctx) },
		"RevokeOthers": func(session.Session) error { return k.Store.RevokeOthers(k.ctx, k.create(acme, alice).Ref()) },
	} {
		for change, do := range changes {
			s := k.create(acme, alice)
			k.ok(change, do())
			k.live(change, s.Ref())
			k.ok(name, revoke(s))
			k.dead(change+", then "+name, s.Ref())
			for again, do := range changes {
				k.ok(again, do())
				k.dead(change+", then "+name+", then "+again, s.Ref())
			}
		}
	}
}

// The rights of somebody who acts as a user were chosen by hand out of roles that the user has
// no longer.
func staleImpersonation(k *kit) {
	for name, change := range map[string]func() error{
		"UpdateUser":      func() error { return k.Store.UpdateUser(k.ctx, acme, alice, session.UserChange{Roles: &boss}) },
		"Stale":           func() error { return k.Store.Stale(k.ctx, acme, alice) },
		"Stale of tenant": func() error { return k.Store.Stale(k.ctx, acme, session.UserID{}) },
	} {
		actors, err := session.NewActors(session.Actor{User: bob, Reason: "ticket 7"})
		k.ok("NewActors", err)
		s, own := draft(acme, alice), k.create(acme, alice)
		s.Actors = actors
		s.Origin = session.NewOrigin(session.NewID(), 2)
		s = k.createFor(s, time.Hour)
		k.live("before", s.Ref())
		k.ok(name, change())
		k.dead(name, s.Ref())
		k.live("their own session", own.Ref())
	}
}

func updateUserInvalid(k *kit) {
	s := k.grown(owner{acme, alice})
	bound := mustAttributes(k, map[string]any{session.KeyAttribute: "other"})
	for what, change := range map[string]session.UserChange{"nothing": {}, "the key": {Attributes: &bound}} {
		k.refused("UpdateUser of "+what, k.Store.UpdateUser(k.ctx, acme, alice, change), session.ErrInvalid)
	}
	k.refused("UpdateUser of nobody", k.Store.UpdateUser(k.ctx, acme, session.UserID{}, session.UserChange{Roles: &viewer}), session.ErrInvalidID)
	k.refused("Stale of no tenant", k.Store.Stale(k.ctx, session.Session{}.Tenant, alice), session.ErrInvalidID)
	_, err := k.Store.Begin(k.ctx, acme, session.UserID{})
	k.refused("Begin of nobody", err, session.ErrInvalidID)
	k.same("Load", k.live("unchanged", s.Ref()), s)
}
