package sessiontest

import (
	"time"

	"github.com/reevehq/reeve/session"
)

func graces() []scene {
	return []scene{
		{name: "a session that was replaced loads until its grace ends and is dead otherwise", play: graceLoads},
		{name: "a session that was retired loads until its grace ends and is dead otherwise", play: graceRetired},
		{name: "a session that was replaced ends with the others of its user", play: graceEnds},
		{name: "a session that was replaced is no use of the limit", play: graceLimit},
		{name: "a grace of no length, and one that is too long, is refused", play: graceInvalid},
	}
}

// replaced fails the test unless the session of ref loads as it was, MovedTo another one, and is
// dead for every other method, in no list.
func (k *kit) replaced(what string, before session.Session, to session.Ref) {
	k.Helper()
	got := k.live(what, before.Ref())
	if got.MovedTo.Ref() != to || got.ExpiresAt.After(before.ExpiresAt) || got.ExpiresAt.Sub(got.LastSeenAt) > time.Hour {
		k.Errorf("%s: moved to %v, expires at %v", what, got.MovedTo, got.ExpiresAt)
	}
	want := before
	want.Version, want.ExpiresAt, want.LastSeenAt = got.Version, got.ExpiresAt, got.LastSeenAt
	k.same(what, got, want)
	for _, c := range calls() {
		if c.name != "Load" {
			k.refused(what+": "+c.name, c.do(k.ctx, k.Store, before.Ref(), got.Version), session.ErrNotFound)
		}
	}
	k.refused(what+": End", k.Store.End(k.ctx, before.Ref(), got.Version), session.ErrNotFound)
	k.refused(what+": RevokeOthers", k.Store.RevokeOthers(k.ctx, before.Ref()), session.ErrNotFound)
	k.refused(what+": Retire", k.Store.Retire(k.ctx, before.Ref(), got.Version, to, time.Second), session.ErrNotFound)
	listed, err := k.Store.List(k.ctx, before.Tenant, before.User)
	k.ok("List", err)
	seen, err := k.Store.Peek(k.ctx, before.Tenant, before.User, []session.ID{before.ID})
	k.ok("Peek", err)
	for _, s := range append(listed, seen...) {
		if s.ID == before.ID {
			k.Errorf("%s: it is listed", what)
		}
	}
}

// rotateWithGrace moves a session to a new id with other rights.
func (k *kit) rotateWithGrace(s session.Session, grace time.Duration) session.Session {
	k.Helper()
	n := next(s)
	n.Roles = boss
	n, err := k.Store.RotateWithGrace(k.ctx, s.Ref(), n, digest(3), grace)
	k.ok("RotateWithGrace", err)
	return n
}

func graceLoads(k *kit) {
	s := k.create(acme, alice)
	n := k.rotateWithGrace(s, session.MaxRotateGrace)
	k.replaced("in its grace", s, n.Ref())
	k.same("Load of the new one", k.live("new", n.Ref()), n)
	k.refresh("Refresh of the new one", n.Ref(), step(3, 4))
	if !n.MovedTo.IsZero() {
		k.Errorf("the new session is moved to %v", n.MovedTo)
	}
	k.live("still in its grace", s.Ref())
	k.ok("Revoke", k.Store.Revoke(k.ctx, s.Ref()))
	k.dead("revoked in its grace", s.Ref())
	k.live("new", n.Ref())

	s = k.create(acme, alice)
	n = k.rotateWithGrace(s, 300*time.Millisecond)
	k.until(time.Second, "the grace does not end", func() bool { return !k.isLive(s.Ref()) })
	k.dead("after its grace", s.Ref())
	k.live("new", n.Ref())
}

func graceRetired(k *kit) {
	s, to := k.create(acme, alice), k.create(globex, alice)
	k.refused("Retire of another version", k.Store.Retire(k.ctx, s.Ref(), s.Version+1, to.Ref(), time.Second), session.ErrConflict)
	k.same("Load", k.live("not retired", s.Ref()), s)
	k.ok("Retire", k.Store.Retire(k.ctx, s.Ref(), s.Version, to.Ref(), session.MaxRotateGrace))
	k.replaced("retired", s, to.Ref())
	k.same("Load of the other", k.live("other", to.Ref()), to)

	s = k.create(acme, alice)
	k.ok("Retire", k.Store.Retire(k.ctx, s.Ref(), s.Version, to.Ref(), 300*time.Millisecond))
	k.until(time.Second, "the grace does not end", func() bool { return !k.isLive(s.Ref()) })
	k.dead("after its grace", s.Ref())
	k.refused("Retire", k.Store.Retire(k.ctx, s.Ref(), s.Version, to.Ref(), time.Second), session.ErrNotFound)
}

// A change that takes something from the user takes the old id with it.
func graceEnds(k *kit) {
	for name, end := range map[string]func(n session.Session) error{
		"RevokeUser":      func(session.Session) error { return k.Store.RevokeUser(k.ctx, acme, alice) },
		"RevokeTenant":    func(session.Session) error { return k.Store.RevokeTenant(k.ctx, acme) },
		"RevokeAll":       func(session.Session) error { return k.Store.RevokeAll(k.ctx) },
		"RevokeOthers":    func(n session.Session) error { return k.Store.RevokeOthers(k.ctx, n.Ref()) },
		"Stale":           func(session.Session) error { return k.Store.Stale(k.ctx, acme, alice) },
		"Stale of tenant": func(session.Session) error { return k.Store.Stale(k.ctx, acme, session.UserID{}) },
		"UpdateUser": func(session.Session) error {
			return k.Store.UpdateUser(k.ctx, acme, alice, session.UserChange{Roles: &viewer})
		},
	} {
		s := k.create(acme, alice)
		n := k.rotateWithGrace(s, session.MaxRotateGrace)
		k.live("in its grace", s.Ref())
		k.ok(name, end(n))
		k.dead(name, s.Ref())
	}
}

func graceLimit(k *kit) {
	limit := session.SessionLimit{Sessions: 2, Policy: session.RejectNew}
	create := func() (session.Session, error) {
		return k.Store.Create(k.ctx, draft(acme, alice), session.CreateOptions{Lifetime: time.Hour, Refresh: digest(1), Limit: limit})
	}
	s, err := create()
	k.ok("Create", err)
	n := k.rotateWithGrace(s, session.MaxRotateGrace)
	k.pass(5 * time.Millisecond) // the others are younger
	_, err = create()
	k.ok("Create beside one that was replaced", err)
	_, err = create()
	k.refused("Create of a third session", err, session.ErrTooManySessions)
	limit.Policy = session.EvictOldest
	_, err = create()
	k.ok("Create", err)
	k.dead("the oldest", n.Ref())
	k.live("what it has replaced, to the store", s.Ref())
}

func graceInvalid(k *kit) {
	s, to := k.create(acme, alice), k.create(globex, alice)
	for _, grace := range []time.Duration{0, -1, session.MaxRotateGrace + 1} {
		got, err := k.Store.RotateWithGrace(k.ctx, s.Ref(), next(s), digest(3), grace)
		k.refused("RotateWithGrace", leaked(got, err), session.ErrInvalid)
		k.refused("Retire", k.Store.Retire(k.ctx, s.Ref(), s.Version, to.Ref(), grace), session.ErrInvalid)
	}
	k.refused("Retire to nothing", k.Store.Retire(k.ctx, s.Ref(), s.Version, session.Ref{}, time.Second), session.ErrInvalidID)
	k.same("Load", k.live("unchanged", s.Ref()), s)
}
