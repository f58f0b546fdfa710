package sessiontest

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func events() []scene {
	return []scene{
		{name: "every change of state is an event, and nothing else is", play: eventOfEach},
		{name: "the events of an impersonation say who and why", play: eventOfImpersonation},
		{name: "what was refused is no event", play: eventOfNone},
		{name: "events of one user are seen under no other", play: eventsIsolated},
		{name: "each change of a tenant's status is an event of the tenant, and who made it", play: eventOfStatus},
		{name: "of statuses that are set at once the events tell how each became the next", play: eventsOfStatusRace},
	}
}

// happened returns the events without their times, which it checks.
func (k *kit) happened(t tenant.ID, u session.UserID) []session.Event {
	k.Helper()
	got, err := k.Store.Events(k.ctx, t, u)
	k.ok("Events", err)
	last := time.Time{}
	for i := range got {
		if got[i].At.Before(last) || got[i].At.Year() < 2000 {
			k.Errorf("event %d is at %v, after one at %v", i, got[i].At, last)
		}
		last, got[i].At = got[i].At, time.Time{}
	}
	return got
}

func (k *kit) sameEvents(what string, got, want []session.Event) {
	k.Helper()
	if !slices.Equal(got, want) {
		k.Errorf("%s: events\n%v, want\n%v", what, got, want)
	}
}

func eventOfEach(k *kit) {
	s := k.create(acme, alice)
	first := s.ID.Fingerprint()
	s, err := k.Store.Update(k.ctx, s)
	k.ok("Update", err)
	k.live("loaded", s.Ref())
	k.ok("Touch", k.Store.Touch(k.ctx, s.Ref()))
	for range 2 { // the second is a repetition
		_, err = k.Store.Refresh(k.ctx, s.Ref(), step(1, 2))
		k.ok("Refresh", err)
	}
	s, err = k.Store.Rotate(k.ctx, s.Ref(), next(s), digest(1))
	k.ok("Rotate", err)
	_, err = k.Store.Refresh(k.ctx, s.Ref(), step(8, 9))
	k.refused("Refresh of a reused secret", err, session.ErrRefreshReused)
	want := []session.Event{
		{Kind: session.EventCreated, Session: first}, {Kind: session.EventUpdated, Session: first},
		{Kind: session.EventRefreshed, Session: first}, {Kind: session.EventRotated, Session: first, Next: s.ID.Fingerprint()},
		{Kind: session.EventRefreshReused, Session: s.ID.Fingerprint()},
	}
	k.sameEvents("one session", k.happened(acme, alice), want)

	add := func(kind session.EventKind, id session.ID) {
		want = append(want, session.Event{Kind: kind, Session: id.Fingerprint()})
	}
	one, err := k.limited(acme, alice, 1, session.EvictOldest)
	k.ok("Create", err)
	add(session.EventCreated, one.ID)
	two, err := k.limited(acme, alice, 1, session.EvictOldest)
	k.ok("Create", err)
	add(session.EventEvicted, one.ID)
	add(session.EventCreated, two.ID)
	three := k.create(acme, alice)
	add(session.EventCreated, three.ID)
	k.ok("RevokeOthers", k.Store.RevokeOthers(k.ctx, three.Ref()))
	add(session.EventOthersRevoked, three.ID)
	three = k.live("kept", three.Ref())
	k.ok("End", k.Store.End(k.ctx, three.Ref(), three.Version))
	add(session.EventRevoked, three.ID)
	four := k.create(acme, alice)
	add(session.EventCreated, four.ID)
	k.ok("Revoke", k.Store.Revoke(k.ctx, four.Ref()))
	add(session.EventRevoked, four.ID)
	k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, acme, alice))
	want = append(want, session.Event{Kind: session.EventUserRevoked})
	k.ok("RevokeTenant", k.Store.RevokeTenant(k.ctx, acme))
	k.ok("RevokeAll", k.Store.RevokeAll(k.ctx))
	k.sameEvents("of the user", k.happened(acme, alice), want)
	k.sameEvents("of the tenant", k.happened(acme, session.UserID{}), []session.Event{
		{Kind: session.EventTenantSetUp}, {Kind: session.EventTenantRevoked},
	})
	k.sameEvents("of everyone", k.happened(tenant.ID{}, session.UserID{}), []session.Event{{Kind: session.EventAllRevoked}})
}

// A user who acts as another must answer for it, so the reason is in the record that commits
// with the session, at its greatest length and in whatever script it is written.
func eventOfImpersonation(k *kit) {
	var want []session.Event
	for _, reason := range []string{"ticket 4711", strings.Repeat("用", session.MaxReasonLength/3), `{"k":"evicted"}`} {
		s := draft(acme, alice)
		var err error
		s.Actors, err = session.NewActors(session.Actor{User: bob, Reason: reason}, session.Actor{User: alice, Reason: "earlier"})
		k.ok("NewActors", err)
		s = k.createFor(s, time.Hour)
		want = append(want, session.Event{Kind: session.EventCreated, Session: s.ID.Fingerprint(), Reason: reason, Actor: bob})
		s, err = k.Store.Update(k.ctx, s)
		k.ok("Update", err)
		k.ok("Revoke", k.Store.Revoke(k.ctx, s.Ref()))
		want = append(want, session.Event{Kind: session.EventUpdated, Session: s.ID.Fingerprint(), Actor: bob}, session.Event{Kind: session.EventRevoked, Session: s.ID.Fingerprint(), Actor: bob})
	}
	k.sameEvents("of the user acted as", k.happened(acme, alice), want)
	k.sameEvents("of the actor", k.happened(acme, bob), nil)
}

// An audit that says what did not happen is as bad as one that misses what did.
func eventOfNone(k *kit) {
	s := k.create(acme, alice)
	want := []session.Event{{Kind: session.EventCreated, Session: s.ID.Fingerprint()}}
	stale := s
	stale.Version = 99
	_, err := k.Store.Update(k.ctx, stale)
	k.refused("Update", err, session.ErrConflict)
	_, err = k.Store.Rotate(k.ctx, s.Ref(), next(stale), digest(2))
	k.refused("Rotate", err, session.ErrConflict)
	k.refused("End", k.Store.End(k.ctx, s.Ref(), 99), session.ErrConflict)
	_, err = k.limited(acme, alice, 1, session.RejectNew)
	k.refused("Create", err, session.ErrTooManySessions)
	k.ok("Revoke of another", k.Store.Revoke(k.ctx, draft(acme, alice).Ref()))
	k.dead("another", draft(acme, alice).Ref())
	k.sameEvents("refused", k.happened(acme, alice), want)
	k.ok("RevokeOthers of none", k.Store.RevokeOthers(k.ctx, s.Ref()))
	want = append(want, session.Event{Kind: session.EventOthersRevoked, Session: s.ID.Fingerprint()})
	k.sameEvents("others of none", k.happened(acme, alice), want)
	k.ok("Revoke", k.Store.Revoke(k.ctx, s.Ref()))
	k.ok("Revoke again", k.Store.Revoke(k.ctx, s.Ref()))
	k.sameEvents("revoked twice", k.happened(acme, alice), append(want, session.Event{Kind: session.EventRevoked, Session: s.ID.Fingerprint()}))
}

func eventsIsolated(k *kit) {
	k.create(acme, alice)
	for _, other := range []session.Ref{{Tenant: globex, User: alice}, {Tenant: acme, User: bob}, {}} {
		k.sameEvents("of another", k.happened(other.Tenant, other.User), nil)
	}
	for _, of := range []tenant.ID{acme, globex} {
		k.sameEvents("of a tenant", k.happened(of, session.UserID{}), []session.Event{{Kind: session.EventTenantSetUp}})
	}
	_, err := k.Store.Events(k.ctx, tenant.ID{}, alice)
	k.refused("Events of a user of no tenant", err, session.ErrInvalidID)
}

// An operator who asks since when a tenant is refused, and by whom, finds each change once: a
// status that is set again, as by a call whose answer was lost, is none.
func eventOfStatus(k *kit) {
	by := session.WithActor(k.ctx, session.Actor{User: bob})
	changes := map[string]func(ctx context.Context, t tenant.ID) error{
		"add":     k.Store.AddTenant,
		"active":  func(ctx context.Context, t tenant.ID) error { return k.Store.SetTenantStatus(ctx, t, tenant.Active) },
		"suspend": func(ctx context.Context, t tenant.ID) error { return k.Store.SetTenantStatus(ctx, t, tenant.Suspended) },
	}
	for first, steps := range map[string][]struct {
		change string
		kind   session.EventKind
	}{
		"added":     {{"add", session.EventTenantSetUp}, {"suspend", session.EventTenantSuspended}, {"add", ""}, {"active", session.EventTenantActivated}, {"add", ""}},
		"set-up":    {{"active", session.EventTenantSetUp}, {"add", ""}, {"suspend", session.EventTenantSuspended}, {"active", session.EventTenantActivated}},
		"suspended": {{"suspend", session.EventTenantSuspended}, {"add", ""}, {"active", session.EventTenantActivated}, {"suspend", session.EventTenantSuspended}},
	} {
		t := tenant.MustParse(first)
		want := []session.Event{}
		k.sameEvents(first+": of a tenant that is not known", k.happened(t, session.UserID{}), want)
		for i, step := range steps {
			ctx, actor := k.ctx, session.UserID{}
			if i%2 == 0 {
				ctx, actor = by, bob
			}
			for range 2 { // the second is a repetition
				k.ok(step.change, changes[step.change](ctx, t))
			}
			if step.kind != "" {
				want = append(want, session.Event{Kind: step.kind, Actor: actor})
			}
			k.sameEvents(first+": "+step.change, k.happened(t, session.UserID{}), want)
		}
		k.refused("a status that is none", k.Store.SetTenantStatus(by, t, tenant.Suspended+1), session.ErrInvalid)
		k.sameEvents(first+": refused", k.happened(t, session.UserID{}), want)
		k.sameEvents(first+": of its users", k.happened(t, bob), nil)
	}
	k.sameEvents("of everyone", k.happened(tenant.ID{}, session.UserID{}), nil)
	k.sameEvents("of another tenant", k.happened(acme, session.UserID{}), []session.Event{{Kind: session.EventTenantSetUp}})
}

func eventsOfStatusRace(k *kit) {
	for round := range k.rounds(10, 60) {
		var fs []func()
		for i := range 4 {
			status := []tenant.Status{tenant.Active, tenant.Suspended}[i%2]
			fs = append(fs, func() { k.ok("SetTenantStatus", k.Store.SetTenantStatus(k.ctx, acme, status)) })
		}
		together(fs...)
		status, err := k.Store.TenantStatus(k.ctx, acme)
		k.ok("TenantStatus", err)
		told := tenant.Unknown
		for i, e := range k.happened(acme, session.UserID{}) {
			before := told
			switch e.Kind {
			case session.EventTenantSetUp, session.EventTenantActivated:
				told = tenant.Active
			case session.EventTenantSuspended:
				told = tenant.Suspended
			}
			if told == before || (e.Kind == session.EventTenantSetUp) != (i == 0) {
				k.Fatalf("round %d: event %d is %s, and the tenant was %v", round, i, e.Kind, before)
			}
		}
		if told != status {
			k.Fatalf("round %d: the tenant is %v, and %v by its events", round, status, told)
		}
	}
}
