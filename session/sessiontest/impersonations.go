package sessiontest

import (
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func impersonations() []scene {
	return []scene{
		{name: "a session keeps who acts by it, out of which session, and as whom its user acts", play: actorsKept},
		{name: "an update notes once as whom the user acts, and only a rotation ends it", play: actingOnce},
		{name: "a session whose user acts as another is not refreshed, and not ended by trying", play: actingNotRefreshed},
		{name: "what ends a session ends one whose user acts as another", play: actingEnds},
		{name: "both users find in their events who acts as whom", play: actingEvents},
		{name: "who acts in a request is in the events of what it changes", play: actorOfTheRequest},
		{name: "who acts as a user is neither counted by a limit nor ended by it", play: limitSparesActors},
		{name: "a refresh and the beginning of an impersonation leave no refresh family", play: actingRace},
	}
}

func mustActing(k *kit, user session.UserID, reason string) session.Acting {
	k.Helper()
	as, err := session.NewActing(user, reason)
	k.ok("NewActing", err)
	return as
}

// impersonated is a draft by which the actors act as alice, out of some session.
func impersonated(k *kit, actors ...session.UserID) session.Session {
	k.Helper()
	var chain []session.Actor
	for _, u := range actors {
		chain = append(chain, session.Actor{User: u, Reason: "ticket 7"})
	}
	s := draft(acme, alice)
	var err error
	s.Actors, err = session.NewActors(chain...)
	k.ok("NewActors", err)
	s.Origin = session.NewOrigin(session.NewID(), 7)
	return s
}

// acting makes the user of s act as bob.
func (k *kit) acting(s session.Session) session.Session {
	k.Helper()
	s.Acting = mustActing(k, bob, "ticket 7")
	s, err := k.Store.Update(k.ctx, s)
	k.ok("Update", err)
	return s
}

func actorsKept(k *kit) {
	s := k.createFor(impersonated(k, bob, alice), time.Hour)
	other := s
	other.Actors, other.Origin = session.Actors{}, session.Origin{}
	updated, err := k.Store.Update(k.ctx, other)
	k.ok("Update", err)
	moved := next(updated)
	moved.Actors, moved.Origin = session.Actors{}, session.NewOrigin(session.NewID(), 1)
	rotated, err := k.Store.Rotate(k.ctx, s.Ref(), moved, session.Digest{})
	k.ok("Rotate", err)
	for what, got := range map[string]session.Session{"Update": updated, "Rotate": rotated, "Load": k.live("rotated", rotated.Ref())} {
		if got.Origin != s.Origin || !slices.Equal(slices.Collect(got.Actors.All()), slices.Collect(s.Actors.All())) {
			k.Errorf("%s: origin %v and actors %v, want %v and %v", what, got.Origin, got.Actors, s.Origin, s.Actors)
		}
	}
	acted := k.acting(rotated)
	want := acted
	want.LastSeenAt = rotated.LastSeenAt
	k.same("Load of who acts through another", k.live("acting", acted.Ref()), want)
	listed, err := k.Store.List(k.ctx, acme, alice)
	k.ok("List", err)
	if len(listed) != 1 || listed[0].Acting != acted.Acting || listed[0].Origin != s.Origin {
		k.Errorf("List: %+v", listed)
	}
}

func actingOnce(k *kit) {
	s := k.create(acme, alice)
	acted := k.acting(s)
	if acted.Version != s.Version+1 {
		k.Errorf("version %d after %d", acted.Version, s.Version)
	}
	for _, as := range []session.Acting{{}, mustActing(k, bob, "another"), mustActing(k, alice, "ticket 7")} {
		changed := acted
		changed.Acting = as
		_, err := k.Store.Update(k.ctx, changed)
		k.refused("Update of Acting", err, session.ErrInvalid)
		changed.Version = s.Version
		_, err = k.Store.Update(k.ctx, changed)
		k.refused("Update of an earlier version", err, session.ErrConflict)
	}
	demoted := acted
	demoted.Roles = session.MustRoles("viewer")
	demoted, err := k.Store.Update(k.ctx, demoted)
	k.ok("Update of roles", err)
	if demoted.Acting != acted.Acting || demoted.Version != acted.Version+1 {
		k.Errorf("Update: acting as %v, version %d", demoted.Acting.User(), demoted.Version)
	}
	_, err = k.Store.Rotate(k.ctx, acted.Ref(), next(demoted), digest(1))
	k.refused("Rotate to an acting session", err, session.ErrInvalid)
	back := next(demoted)
	back.Acting = session.Acting{}
	stale := back
	stale.Version = acted.Version
	_, err = k.Store.Rotate(k.ctx, acted.Ref(), stale, digest(1))
	k.refused("Rotate of an earlier version", err, session.ErrConflict)
	back, err = k.Store.Rotate(k.ctx, acted.Ref(), back, digest(1))
	k.ok("Rotate", err)
	k.dead("acted out of", acted.Ref())
	if !back.Acting.IsZero() || !k.live("back", back.Ref()).Acting.IsZero() {
		k.Error("whoever is back still acts")
	}
	if k.refresh("Refresh", back.Ref(), step(1, 2)).Repeated {
		k.Error("the new session has the family of the old one")
	}
}

func actingNotRefreshed(k *kit) {
	s := k.acting(k.create(acme, alice))
	for _, st := range []session.RefreshStep{step(1, 2), step(8, 9)} {
		out, err := k.Store.Refresh(k.ctx, s.Ref(), st)
		k.refused("Refresh", leaked(out.Session, err), session.ErrNotFound)
	}
	k.live("after it", s.Ref())
	k.sameEvents("refused", k.happened(acme, alice)[2:], nil)
}

func actingEnds(k *kit) {
	for name, end := range map[string]func(s session.Session) error{
		"Revoke":        func(s session.Session) error { return k.Store.Revoke(k.ctx, s.Ref()) },
		"End":           func(s session.Session) error { return k.Store.End(k.ctx, s.Ref(), s.Version) },
		"RevokeUser":    func(s session.Session) error { return k.Store.RevokeUser(k.ctx, s.Tenant, s.User) },
		"RevokeTenant":  func(s session.Session) error { return k.Store.RevokeTenant(k.ctx, s.Tenant) },
		"RevokeAll":     func(session.Session) error { return k.Store.RevokeAll(k.ctx) },
		"RevokeOthers":  func(session.Session) error { return k.Store.RevokeOthers(k.ctx, k.create(acme, alice).Ref()) },
		"an eviction":   func(session.Session) error { _, err := k.limited(acme, alice, 1, session.EvictOldest); return err },
		"its idle time": func(session.Session) error { k.pass(2 * k.tick()); return nil },
	} {
		s := draft(acme, alice)
		if name == "its idle time" {
			s.IdleTimeout = k.tick()
		}
		s = k.acting(k.createFor(s, time.Hour))
		k.ok(name, end(s))
		k.dead("ended by "+name, s.Ref())
		k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, acme, alice))
	}
}

// Both users must find, by name, what one did as the other: also after the sessions are gone.
func actingEvents(k *kit) {
	reason := strings.Repeat("用", session.MaxReasonLength/3)
	s := k.create(acme, alice)
	as := mustActing(k, bob, reason)
	acted := s
	acted.Acting = as
	acted, err := k.Store.Update(k.ctx, acted)
	k.ok("Update", err)
	acted, err = k.Store.Update(k.ctx, acted)
	k.ok("Update", err)
	back := next(acted)
	back.Acting = session.Acting{}
	back, err = k.Store.Rotate(k.ctx, acted.Ref(), back, digest(1))
	k.ok("Rotate", err)
	again := k.acting(back)
	k.ok("Revoke", k.Store.Revoke(k.ctx, again.Ref()))
	first, second := s.ID.Fingerprint(), back.ID.Fingerprint()
	k.sameEvents("of the actor", k.happened(acme, alice), []session.Event{
		{Kind: session.EventCreated, Session: first},
		{Kind: session.EventImpersonated, Session: first, As: bob, Reason: reason},
		{Kind: session.EventUpdated, Session: first, As: bob},
		{Kind: session.EventImpersonationEnded, Session: first, Next: second, As: bob},
		{Kind: session.EventImpersonated, Session: second, As: bob, Reason: "ticket 7"},
		{Kind: session.EventRevoked, Session: second, As: bob},
	})
	k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, acme, alice))
	done := len(k.happened(acme, alice))

	// One who acts as alice, and out of that as bob.
	through := k.createFor(impersonated(k, bob), time.Hour)
	acts := k.acting(through)
	rotated := next(acts)
	rotated.Acting = session.Acting{}
	rotated, err = k.Store.Rotate(k.ctx, acts.Ref(), rotated, session.Digest{})
	k.ok("Rotate", err)
	moved, err := k.Store.Rotate(k.ctx, rotated.Ref(), next(rotated), session.Digest{})
	k.ok("Rotate", err)
	kept := k.create(acme, alice)
	k.ok("RevokeOthers", k.Store.RevokeOthers(k.ctx, kept.Ref()))
	one, two, three := through.ID.Fingerprint(), rotated.ID.Fingerprint(), moved.ID.Fingerprint()
	got := k.happened(acme, alice)[done:]
	k.sameEvents("of the user acted as", slices.Delete(got, 4, 5), []session.Event{
		{Kind: session.EventCreated, Session: one, Actor: bob, Reason: "ticket 7"},
		{Kind: session.EventImpersonated, Session: one, Actor: bob, As: bob, Reason: "ticket 7"},
		{Kind: session.EventImpersonationEnded, Session: one, Next: two, Actor: bob, As: bob},
		{Kind: session.EventRotated, Session: two, Next: three, Actor: bob},
		{Kind: session.EventOthersRevoked, Session: kept.ID.Fingerprint()},
	})
}

// Events of a user's sessions name the user who caused them while acting as that user, or as
// another: the sessions themselves do not tell.
func actorOfTheRequest(k *kit) {
	ctx := session.WithActor(k.ctx, session.Actor{User: bob, Reason: "ticket 7"})
	all := k.ctx
	k.ctx = ctx
	s := k.create(acme, alice)
	s, err := k.Store.Update(k.ctx, s)
	k.ok("Update", err)
	s, err = k.Store.Rotate(k.ctx, s.Ref(), next(s), digest(1))
	k.ok("Rotate", err)
	_, err = k.Store.Refresh(k.ctx, s.Ref(), step(1, 2))
	k.ok("Refresh", err)
	_, err = k.Store.Refresh(k.ctx, s.Ref(), step(8, 9))
	k.refused("Refresh", err, session.ErrRefreshReused)
	kept := k.create(acme, alice)
	k.create(acme, alice)
	k.ok("RevokeOthers", k.Store.RevokeOthers(k.ctx, kept.Ref()))
	_, err = k.limited(acme, alice, 1, session.EvictOldest)
	k.ok("Create", err)
	ended := k.create(acme, alice)
	k.ok("End", k.Store.End(k.ctx, ended.Ref(), ended.Version))
	k.ok("Revoke", k.Store.Revoke(k.ctx, k.create(acme, alice).Ref()))
	k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, acme, alice))
	k.ok("RevokeTenant", k.Store.RevokeTenant(k.ctx, acme))
	k.setStatus(acme, tenant.Suspended)
	k.setStatus(acme, tenant.Active)
	k.ok("RevokeAll", k.Store.RevokeAll(k.ctx))
	k.ctx = all
	own := k.createFor(impersonated(k, alice), time.Hour)
	k.ok("Revoke of a session with an actor of its own", k.Store.Revoke(ctx, own.Ref()))
	for whose, n := range map[session.Ref]int{{Tenant: acme, User: alice}: 17, {Tenant: acme}: 3, {}: 1} {
		got := k.happened(whose.Tenant, whose.User)
		if whose.User.IsZero() && !whose.Tenant.IsZero() {
			got = got[1:] // it was set up before
		}
		for i, e := range got {
			want := bob
			if e.Session == own.ID.Fingerprint() {
				want = alice
			}
			if e.Actor != want {
				k.Errorf("event %d, %s: by %q, want %q", i, e.Kind, e.Actor, want)
			}
		}
		if len(got) != n {
			k.Errorf("%d events, want %d: %v", len(got), n, got)
		}
	}
	k.ok("RevokeUser", k.Store.RevokeUser(all, acme, alice))
	last := k.happened(acme, alice)
	if e := last[len(last)-1]; !e.Actor.IsZero() {
		k.Errorf("nobody acts, and the event says %q", e.Actor)
	}
}

// Else support that looks into an account locks its owner out of it, or signs them out.
func limitSparesActors(k *kit) {
	for _, policy := range []session.LimitPolicy{session.RejectNew, session.EvictOldest} {
		own, err := k.limited(acme, alice, 2, policy)
		k.ok("Create", err)
		k.pass(2 * time.Millisecond)
		var support []session.Session
		for range 3 {
			s, err := k.Store.Create(k.ctx, impersonated(k, bob), session.CreateOptions{
				Lifetime: time.Hour, Limit: session.SessionLimit{Sessions: 1, Policy: policy},
			})
			k.ok("Create by somebody who acts as the user", err)
			s, err = k.Store.Rotate(k.ctx, s.Ref(), next(s), session.Digest{})
			k.ok("Rotate", err)
			support = append(support, s)
		}
		second, err := k.limited(acme, alice, 2, policy)
		k.ok("Create of a second session", err)
		if policy == session.RejectNew {
			_, err := k.limited(acme, alice, 2, policy)
			k.refused("Create of a third session", err, session.ErrTooManySessions)
		} else {
			k.pass(2 * time.Millisecond)
			_, err := k.limited(acme, alice, 2, policy)
			k.ok("Create of a third session", err)
			k.dead("the oldest", own.Ref())
		}
		for _, s := range append(support, second) {
			k.live("beside the limit", s.Ref())
		}
		k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, acme, alice))
	}
}

// A refresh that was under way neither ends the session, as a reuse would, nor leaves a
// secret that refreshes it.
func actingRace(k *kit) {
	for range k.rounds(50, 500) {
		s := k.create(acme, alice)
		acted := s
		acted.Acting = mustActing(k, bob, "ticket 7")
		together(
			func() {
				if _, err := k.Store.Update(k.ctx, acted); err != nil {
					k.Errorf("Update: %v", err)
				}
			},
			func() {
				_, err := k.Store.Refresh(k.ctx, s.Ref(), step(1, 2))
				if err != nil {
					k.refused("Refresh", err, session.ErrNotFound)
				}
			},
		)
		for _, st := range []session.RefreshStep{step(1, 2), step(2, 3)} {
			_, err := k.Store.Refresh(k.ctx, s.Ref(), st)
			k.refused("Refresh", err, session.ErrNotFound)
		}
		k.live("acting", s.Ref())
	}
}
