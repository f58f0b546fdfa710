package sessiontest

import (
	"fmt"
	"slices"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func isolation() []scene {
	return []scene{
		{name: "no method finds a session by another tenant or user", play: twins},
		{name: "no method of another owner changes what an owner sees", play: strangers},
		{name: "the same id under another tenant or user is another session", play: sameID},
		{name: "ids that join to the same text never meet", play: hostileIDs},
	}
}

// The holder of a valid id must not get further with it in another tenant, where the
// user has the same name, nor as another user. Every method has its twin.
func twins(k *kit) {
	s := k.create(acme, alice)
	k.create(globex, alice)
	k.create(acme, bob)
	for _, twin := range []session.Ref{
		{Tenant: globex, User: alice, ID: s.ID},
		{Tenant: acme, User: bob, ID: s.ID},
		{Tenant: globex, User: bob, ID: s.ID},
	} {
		what := "as " + twin.Tenant.String() + "/" + twin.User.String()
		k.dead(what, twin)
		for _, c := range calls() {
			k.refused(what+": "+c.name, c.do(k.ctx, k.Store, twin, s.Version), session.ErrNotFound)
		}
		k.ok(what+": Revoke", k.Store.Revoke(k.ctx, twin))
		sessions, err := k.Store.List(k.ctx, twin.Tenant, twin.User)
		k.ok(what+": List", err)
		if slices.Contains(refs(sessions), s.Ref()) || slices.Contains(refs(sessions), twin) {
			k.Errorf("%s: the session is listed", what)
		}
	}
	k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, globex, alice))
	k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, acme, bob))
	k.ok("RevokeTenant", k.Store.RevokeTenant(k.ctx, globex))
	k.same("Load", k.live("after all of that", s.Ref()), s)
	if k.refresh("Refresh", s.Ref(), step(1, 2)).Repeated {
		k.Error("a refresh by another reference took a step")
	}
}

// If a caller could be brought to create a session of a known id, it must be no door to
// the one that has the id already.
func sameID(k *kit) {
	s := k.create(acme, alice)
	for _, other := range []session.Session{draft(globex, alice), draft(acme, bob)} {
		other.ID = s.ID
		other.Roles = session.MustRoles("admin")
		other = k.createFor(other, time.Hour)
		k.same("Load of the first", k.live("first", s.Ref()), s)
		k.same("Load of the other", k.live("other", other.Ref()), other)
		k.refresh("Refresh of the other", other.Ref(), step(1, 2))
		k.refresh("next Refresh of the other", other.Ref(), step(2, 3))
		k.ok("Touch", k.Store.Touch(k.ctx, other.Ref()))
		k.ok("Revoke", k.Store.Revoke(k.ctx, other.Ref()))
		k.dead("other", other.Ref())
		k.same("Load of the first", k.live("first", s.Ref()), s)
	}
	if k.refresh("Refresh of the first", s.Ref(), step(1, 2)).Repeated {
		k.Error("the two share a refresh family")
	}
}

// A key that is made by joining texts confuses a/b-c with a-b/c; one that is cut, folded
// or normalised confuses users that look alike. Revoking one owner must end that owner's
// session and no other.
func hostileIDs(k *kit) {
	owners := [][2]string{
		{"a", "b-c"}, {"a-b", "c"}, {"a-b-c", "c"}, {"a", "b"}, {"ab", "c"}, {"a", "bc"}, {"a_b", "c"},
		{"a", "b/c"}, {"a", "b|c"}, {"a", "b,c"}, {"a", "b.c"}, {"a", "/b"}, {"a", "b/"}, {"a", "../b"}, {"a", "a"}, {"a", "a/a"},
		{"a", "%62"}, {"a", "B"}, {"a", "[b]"}, {"a", "b^"}, {"a", "\\b"}, {"a", "b%00c"}, {"a", "'b'"}, {"a", `"b"`}, {"a", "0"}, {"0", "a"},
		{"a", "\u00e9"}, {"a", "e\u0301"}, {"a", "\u0435"}, {"a", "\uff42"}, {"a", "ß"}, {"a", "ss"}, {"a", "ı"}, {"a", "i"}, {"a", "I"},
		{"a", "用户"}, {"a", "用"}, {"a", "户"}, {"a", "🦉"}, {"session", "user"}, {"tenant", "epoch"}, {"all", "all"},
	}
	created := map[session.Ref]session.Session{}
	for _, o := range owners {
		t, u := tenant.MustParse(o[0]), session.MustParseUserID(o[1])
		k.setStatus(t, tenant.Active)
		s := k.create(t, u)
		created[s.Ref()] = s
	}
	if len(created) != len(owners) {
		k.Fatal("two owners of the table are one")
	}
	for ref := range created {
		sessions, err := k.Store.List(k.ctx, ref.Tenant, ref.User)
		k.ok("List", err)
		if !slices.Equal(refs(sessions), []session.Ref{ref}) {
			k.Errorf("%v/%v: %d sessions are listed, want its own", ref.Tenant, ref.User, len(sessions))
		}
	}
	for ref := range created {
		name := fmt.Sprintf("%v/%v", ref.Tenant, ref.User)
		k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, ref.Tenant, ref.User))
		k.dead(name, ref)
		delete(created, ref)
		for other, s := range created {
			what := fmt.Sprintf("%v/%v after %s was revoked", other.Tenant, other.User, name)
			k.same(what, k.live(what, other), s)
		}
	}
}
