package sessiontest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func adoptions() []scene {
	return []scene{
		{name: "a sign-in at a provider finds one session, also after a refresh there", play: adoptFinds},
		{name: "first requests of one sign-in at the same time make one session", play: adoptAtOnce},
		{name: "the same name of another issuer, user or tenant is another sign-in", play: adoptIsolated},
		{name: "a token from ahead of the store's clock is refused, also for a live session", play: adoptAhead},
		{name: "the newest token says the roles, and of two of one second both have to", play: adoptRoles},
		{name: "the roles of tokens that race are those of the newest", play: adoptRolesRace},
		{name: "a sign-in is adopted within the limit, and what it evicts stays out", play: adoptLimits},
		{name: "a sign-in is adopted in an active tenant only", play: adoptTenants},
		{name: "a sign-in finds its session after a rotation", play: adoptRotated},
		{name: "a user who acts as another is found as they are, and changed by a token that takes a role away alone", play: adoptActing},
		{name: "an adoption that is not whole is refused", play: adoptInvalid},
		{name: "an adoption is an event, which says where a revocation holds no longer than a token", play: adoptEvents},
		{name: "a tenant is added once, and never over a status", play: addTenant},
	}
}

func adoptFinds(k *kit) {
	now := k.now()
	signedIn := now.Add(-time.Hour)
	for i, p := range providers {
		stranger := p.token(fmt.Sprint("found-", i), signedIn, now.Add(-time.Minute))
		stranger.User = session.MustParseUserID(fmt.Sprint("user-", i))
		first := k.adopted(p.kind, stranger)
		if s := k.live(p.kind, first.Ref()); s.Provider.Claims().Issuer != issuer || s.Provider.NamesSession() != p.named || !s.AuthTime.Equal(stranger.SignIn()) {
			k.Errorf("%s: Load of an adopted session: %+v", p.kind, s)
		}
		again := k.adopted(p.kind+", the same token", stranger)
		k.same(p.kind+", the same token", again, first)
		stranger.IssuedAt = now
		refreshed := k.adopted(p.kind+", refreshed", stranger)
		if refreshed.ID != first.ID || refreshed.Provider.NamesSession() != p.named || !refreshed.ExpiresAt.Equal(first.ExpiresAt) || !refreshed.CreatedAt.Equal(first.CreatedAt) {
			k.Errorf("%s: a refresh at the provider made another session", p.kind)
		}
		sessions, err := k.Store.List(k.ctx, stranger.Tenant, stranger.User)
		k.ok("List", err)
		if len(sessions) != 1 {
			k.Errorf("%s: %d sessions are listed, want 1", p.kind, len(sessions))
		}
	}
}

func adoptAtOnce(k *kit) {
	now := k.now()
	for round := range k.rounds(10, 200) {
		for i, p := range providers {
			stranger := p.token("at-once", now.Add(-time.Hour), now.Add(-time.Minute))
			stranger.User = session.MustParseUserID(fmt.Sprint("once-", i, "-", round))
			ids := make([]session.ID, 12)
			var fs []func()
			for i := range ids {
				fs = append(fs, func() {
					s, err := k.tryAdopt(stranger)
					if err != nil {
						k.Errorf("%s: Adopt: %v", p.kind, err)
					}
					ids[i] = s.ID
				})
			}
			together(fs...)
			sessions, err := k.Store.List(k.ctx, stranger.Tenant, stranger.User)
			k.ok("List", err)
			if len(sessions) != 1 || slices.ContainsFunc(ids, func(id session.ID) bool { return id != ids[0] }) {
				k.Fatalf("%s: 12 first requests left %d sessions and had %v", p.kind, len(sessions), ids)
			}
		}
	}
}

func adoptIsolated(k *kit) {
	now := k.now()
	ours := providers[0].token("name", now.Add(-time.Hour), now)
	s := k.adopted("ours", ours)
	for what, change := range map[string]func(*session.Stranger){
		"issuer":            func(w *session.Stranger) { w.Issuer = "https://other.example" },
		"name":              func(w *session.Stranger) { w.Name = "NAME" },
		"no name":           func(w *session.Stranger) { w.Name = "" },
		"user":              func(w *session.Stranger) { w.User = bob },
		"tenant":            func(w *session.Stranger) { w.Tenant = globex },
		"joined":            func(w *session.Stranger) { w.Issuer, w.Name = w.Issuer+"n", w.Name[1:] },
		"a name of no text": func(w *session.Stranger) { w.Name = "\x00\xff" },
	} {
		theirs := ours
		change(&theirs)
		other := k.adopted(what, theirs)
		if other.ID == s.ID {
			k.Errorf("another %s has the same session", what)
		}
		k.ok("Revoke", k.Store.Revoke(k.ctx, other.Ref()))
		if theirs.Name != "" {
			k.ok("EndSignIn", k.Store.EndSignIn(k.ctx, theirs.Issuer, theirs.Name+"x"))
		}
		if theirs.Issuer != ours.Issuer {
			k.ok("EndSignIn", k.Store.EndSignIn(k.ctx, theirs.Issuer, theirs.Name))
		}
		k.same(what, k.adopted("ours after another "+what, ours), s)
	}
}

func adoptAhead(k *kit) {
	for _, p := range providers {
		now := k.now()
		k.notAdopted(p.kind+", issued ahead", p.token("ahead", now, now.Add(time.Minute)), session.ErrIssuedAhead)
		s := k.adopted(p.kind, p.token("ahead", now.Add(-time.Hour), now))
		k.notAdopted(p.kind+", live, issued ahead", p.token("ahead", now.Add(-time.Hour), now.Add(time.Minute)), session.ErrIssuedAhead)
		if p.timed {
			k.notAdopted(p.kind+", signed in ahead", p.token("ahead", now.Add(time.Minute), now), session.ErrIssuedAhead)
		}
		k.adopted(p.kind+", within the skew", p.token("ahead", now.Add(-time.Hour), now.Add(session.MaxSkew-time.Second)))
		k.live(p.kind, s.Ref())
	}
}

func adoptRoles(k *kit) {
	now := k.now().Truncate(time.Second)
	at := func(seconds int, roles ...string) session.Stranger {
		stranger := providers[0].token("roles", now.Add(-time.Hour), now.Add(time.Duration(seconds)*time.Second))
		stranger.Roles, stranger.RolesNamed = roles, true
		return stranger
	}
	for _, step := range []struct {
		what     string
		stranger session.Stranger
		want     []string
	}{
		{"first", at(-100, "viewer"), []string{"viewer"}},
		{"newer", at(-90, "admin", "viewer"), []string{"admin", "viewer"}},
		{"older", at(-100, "owner"), []string{"admin", "viewer"}},
		{"same second, other roles", at(-90, "owner", "viewer"), []string{"viewer"}},
		{"same second, as before", at(-90, "admin", "viewer"), []string{"viewer"}},
		{"newer with none", at(-80), []string{}},
		{"older with some", at(-90, "admin", "viewer"), []string{}},
		{"newer", at(-70, "editor"), []string{"editor"}},
	} {
		s := k.adopted(step.what, step.stranger)
		if !slices.Equal(s.Roles.Names(), step.want) {
			k.Errorf("%s: roles %v, want %v", step.what, s.Roles.Names(), step.want)
		}
		k.same(step.what+", loaded", k.live(step.what, s.Ref()), s)
	}
	// Where the service is the authority, tokens say nothing of roles.
	stranger := providers[0].token("service", now.Add(-time.Hour), now.Add(-time.Minute))
	s := k.adopted("the service's", stranger)
	s.Roles = session.MustRoles("granted")
	s, err := k.Store.Update(k.ctx, s)
	k.ok("Update", err)
	stranger.IssuedAt = now
	if s = k.adopted("the service's, refreshed", stranger); !s.Roles.Has("granted") {
		k.Error("a token that names no roles took them")
	}
}

func adoptRolesRace(k *kit) {
	now := k.now()
	for round := range k.rounds(10, 200) {
		var fs []func()
		for i := range 8 {
			stranger := providers[0].token(fmt.Sprint("race-", round), now.Add(-time.Hour), now.Add(time.Duration(i-20)*time.Second))
			stranger.Roles, stranger.RolesNamed = []string{fmt.Sprint("role-", i)}, true
			fs = append(fs, func() {
				if _, err := k.tryAdopt(stranger); err != nil && !errors.Is(err, session.ErrUnavailable) {
					k.Errorf("Adopt: %v", err)
				}
			})
		}
		together(fs...)
		last := providers[0].token(fmt.Sprint("race-", round), now.Add(-time.Hour), now.Add(-13*time.Second))
		last.Roles, last.RolesNamed = []string{"role-7"}, true
		if s := k.adopted("after the race", last); !slices.Equal(s.Roles.Names(), []string{"role-7"}) {
			k.Fatalf("roles %v after the race, want those of the newest token", s.Roles.Names())
		}
	}
}

func adoptLimits(k *kit) {
	now := k.now()
	limited := func(name string, policy session.LimitPolicy) (session.Session, error) {
		a := adoption(providers[0].token(name, now.Add(-time.Hour), now))
		a.Create.Limit = session.SessionLimit{Sessions: 2, Policy: policy}
		s, err := k.Store.Adopt(k.ctx, a)
		return s, leaked(s, err)
	}
	one, err := limited("one", session.EvictOldest)
	k.ok("Adopt", err)
	k.pass(10 * time.Millisecond)
	two, err := limited("two", session.EvictOldest)
	k.ok("Adopt", err)
	_, err = limited("three", session.RejectNew)
	k.refused("Adopt at the limit", err, session.ErrTooManySessions)
	k.live("one", one.Ref())
	k.pass(10 * time.Millisecond)
	three, err := limited("three", session.EvictOldest)
	k.ok("Adopt", err)
	k.dead("evicted", one.Ref())
	k.notAdopted("evicted, refreshed at the provider", providers[0].token("one", now.Add(-time.Hour), now.Add(time.Second)), session.ErrSignedOut)
	k.live("two", two.Ref())
	k.live("three", three.Ref())
	again, err := limited("two", session.RejectNew)
	k.ok("Adopt of a session that is there", err)
	k.same("two", again, two)
}

func adoptTenants(k *kit) {
	now := k.now()
	stranger := providers[0].token("tenant", now.Add(-time.Hour), now)
	elsewhere := stranger
	elsewhere.Tenant = tenant.MustParse("nowhere")
	k.notAdopted("unknown", elsewhere, tenant.ErrUnknown)
	k.setStatus(acme, tenant.Suspended)
	k.notAdopted("suspended, never seen", stranger, tenant.ErrSuspended)
	k.setStatus(acme, tenant.Active)
	s := k.adopted("active", stranger)
	k.setStatus(acme, tenant.Suspended)
	k.notAdopted("suspended, with a session", stranger, tenant.ErrSuspended)
	k.ok("EndSignIn", k.Store.EndSignIn(k.ctx, issuer, "other"))
	k.setStatus(acme, tenant.Active)
	k.same("active again", k.adopted("active again", stranger), s)
	k.setStatus(acme, tenant.Suspended)
	k.ok("EndSignIn", k.Store.EndSignIn(k.ctx, issuer, "tenant"))
	k.setStatus(acme, tenant.Active)
	k.notAdopted("ended while suspended", stranger, session.ErrSignedOut)
	k.dead("ended while suspended", s.Ref())
}

func adoptRotated(k *kit) {
	for _, p := range providers {
		now := k.now()
		stranger := p.token("rotated", now.Add(-time.Hour), now)
		stranger.User = session.MustParseUserID(fmt.Sprint("rotated-", len(p.kind)))
		s := k.adopted(p.kind, stranger)
		for range 2 {
			moved, err := k.Store.Rotate(k.ctx, s.Ref(), next(s), digest(1))
			k.ok("Rotate", err)
			k.dead(p.kind+", rotated", s.Ref())
			if found := k.adopted(p.kind+", after a rotation", stranger); found.ID != moved.ID {
				k.Errorf("%s: the sign-in finds another session than that which it was moved to", p.kind)
			}
			s = moved
		}
		k.ok("Revoke", k.Store.Revoke(k.ctx, s.Ref()))
		k.notAdopted(p.kind+", rotated and revoked", stranger, session.ErrSignedOut)
	}
}

func adoptActing(k *kit) {
	now := k.now()
	stranger := providers[0].token("acting", now.Add(-time.Hour), now.Add(-time.Minute))
	stranger.Roles, stranger.RolesNamed = []string{"admin"}, true
	s := k.adopted("before", stranger)
	acting, err := session.NewActing(bob, "a ticket")
	k.ok("NewActing", err)
	s.Acting = acting
	s, err = k.Store.Update(k.ctx, s)
	k.ok("Update", err)
	stranger.IssuedAt, stranger.Roles = now.Add(-30*time.Second), []string{"admin", "viewer"}
	k.same("acting, a role more", k.adopted("acting", stranger), s)
	stranger.IssuedAt, stranger.Roles = now, nil
	found := k.adopted("acting, a role fewer", stranger)
	s.Version, s.Roles = s.Version+1, session.Roles{}
	s.Provider, s.LastSeenAt = found.Provider, found.LastSeenAt
	k.same("acting, a role fewer", found, s)
	k.same("acting, loaded", k.live("acting, loaded", s.Ref()), s)
}

func adoptInvalid(k *kit) {
	now := k.now()
	good := adoption(providers[0].token("valid", now.Add(-time.Hour), now))
	for what, change := range map[string]func(*session.Adoption){
		"no issuer":      func(a *session.Adoption) { a.Stranger.Issuer = "" },
		"no iat":         func(a *session.Adoption) { a.Stranger.IssuedAt = time.Time{} },
		"another user":   func(a *session.Adoption) { a.Session.User = bob },
		"another tenant": func(a *session.Adoption) { a.Session.Tenant = globex },
		"no id":          func(a *session.Adoption) { a.Session.ID = session.ID{} },
		"another issuer": func(a *session.Adoption) {
			a.Session.Provider = session.NewProvider(session.ProviderClaims{Issuer: "https://other.example", IssuedAt: now})
		},
		"another iat": func(a *session.Adoption) {
			a.Session.Provider = session.NewProvider(session.ProviderClaims{Issuer: issuer, IssuedAt: now.Add(time.Second)})
		},
		"an end":          func(a *session.Adoption) { a.Session.Provider = a.Session.Provider.From(now) },
		"no lifetime":     func(a *session.Adoption) { a.Create.Lifetime = 0 },
		"no idle timeout": func(a *session.Adoption) { a.Session.IdleTimeout = 0 },
		"a refresh token": func(a *session.Adoption) { a.Create.Refresh = digest(1) },
		"half a limit":    func(a *session.Adoption) { a.Create.Limit.Sessions = 3 },
	} {
		bad := good
		change(&bad)
		s, err := k.Store.Adopt(k.ctx, bad)
		if err = leaked(s, err); !errors.Is(err, session.ErrInvalid) && !errors.Is(err, session.ErrInvalidID) {
			k.Errorf("%s: Adopt: %v", what, err)
		}
	}
	k.refused("EndSignIn", k.Store.EndSignIn(k.ctx, "", "x"), session.ErrInvalid)
	k.refused("EndSignIn", k.Store.EndSignIn(k.ctx, issuer, ""), session.ErrInvalid)
	k.refused("RevokePerson", k.Store.RevokePerson(k.ctx, "", alice), session.ErrInvalid)
	k.refused("RevokePerson", k.Store.RevokePerson(k.ctx, issuer, session.UserID{}), session.ErrInvalidID)
	k.refused("Block", k.Store.Block(k.ctx, tenant.ID{}, alice), session.ErrInvalidID)
	k.refused("Unblock", k.Store.Unblock(k.ctx, acme, session.UserID{}), session.ErrInvalidID)
	k.refused("AddTenant", k.Store.AddTenant(k.ctx, tenant.ID{}), session.ErrInvalidID)
	k.adopted("whole", good.Stranger)
}

func adoptEvents(k *kit) {
	now := k.now()
	for i, p := range providers {
		stranger := p.token("events", now.Add(-time.Hour), now.Add(-time.Minute))
		stranger.User = session.MustParseUserID(fmt.Sprint("events-", i))
		s := k.adopted(p.kind, stranger)
		k.adopted(p.kind+", again", stranger)
		stranger.IssuedAt = now
		k.adopted(p.kind+", refreshed", stranger)
		k.ok("Block", k.Store.Block(k.ctx, stranger.Tenant, stranger.User))
		k.notAdopted(p.kind+", blocked", stranger, session.ErrBlocked)
		k.ok("Unblock", k.Store.Unblock(k.ctx, stranger.Tenant, stranger.User))
		kind := session.EventAdopted
		if !p.named && !p.timed {
			kind = session.EventAdoptedUntimed
		}
		id := s.ID.Fingerprint()
		k.sameEvents(p.kind, k.happened(stranger.Tenant, stranger.User), []session.Event{
			{Kind: kind, Session: id}, {Kind: session.EventRefreshed, Session: id},
			{Kind: session.EventBlocked}, {Kind: session.EventUnblocked},
		})
	}
}

// A service that asks its own directory of tenants adds them at first sight. That must never
// undo a suspension.
func addTenant(k *kit) {
	for round := range k.rounds(10, 200) {
		fresh := tenant.MustParse(fmt.Sprint("fresh-", round))
		together(
			func() { k.ok("AddTenant", k.Store.AddTenant(k.ctx, fresh)) },
			func() { k.ok("AddTenant", k.Store.AddTenant(k.ctx, fresh)) },
			func() { k.setStatus(fresh, tenant.Suspended) },
		)
		k.ok("AddTenant", k.Store.AddTenant(k.ctx, fresh))
		if status, err := k.Store.TenantStatus(k.ctx, fresh); status != tenant.Suspended || err != nil {
			k.Fatalf("TenantStatus = %v, %v after a suspension", status, err)
		}
	}
	added := tenant.MustParse("added")
	k.ok("AddTenant", k.Store.AddTenant(k.ctx, added))
	s := k.create(added, alice)
	k.ok("AddTenant", k.Store.AddTenant(k.ctx, added))
	k.live("in a tenant that was added twice", s.Ref())
}
