package sessiontest

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/session"
)

// begin returns a ticket.
func (k *kit) begin(o owner) session.Ticket {
	k.Helper()
	ticket, err := k.Store.Begin(k.ctx, o.tenant, o.user)
	k.ok("Begin", err)
	return ticket
}

// A ticket must know of everything that takes something from the user; changes for others do
// not keep anybody from signing in.
func tickets(k *kit) {
	kept := k.create(acme, alice)
	for name, happens := range map[string]func() error{
		"UpdateUser":      func() error { return k.Store.UpdateUser(k.ctx, acme, alice, session.UserChange{Roles: &viewer}) },
		"Stale":           func() error { return k.Store.Stale(k.ctx, acme, alice) },
		"Stale of tenant": func() error { return k.Store.Stale(k.ctx, acme, session.UserID{}) },
		"RevokeUser":      func() error { return k.Store.RevokeUser(k.ctx, acme, alice) },
		"RevokeTenant":    func() error { return k.Store.RevokeTenant(k.ctx, acme) },
		"RevokeAll":       func() error { return k.Store.RevokeAll(k.ctx) },
		"RevokeOthers": func() error {
			s := k.create(acme, alice)
			return k.Store.RevokeOthers(k.ctx, s.Ref())
		},
	} {
		ticket := k.begin(owner{acme, alice})
		k.ok(name, happens())
		s := draft(acme, alice)
		got, err := k.Store.Create(k.ctx, s, session.CreateOptions{Lifetime: time.Hour, Refresh: digest(1), Ticket: ticket})
		k.refused("Create after "+name, leaked(got, err), session.ErrStale)
		k.dead("Create after "+name, s.Ref())
		got, err = k.Store.Create(k.ctx, s, session.CreateOptions{Lifetime: time.Hour, Refresh: digest(1), Ticket: k.begin(owner{acme, alice})})
		k.ok("Create under a ticket from after "+name, err)
		k.same("Load", k.live("created", s.Ref()), got)
	}
	k.dead("a session from before", kept.Ref())

	ticket := k.begin(owner{acme, alice})
	k.ok("Stale of another", k.Store.Stale(k.ctx, acme, bob))
	k.ok("UpdateUser elsewhere", k.Store.UpdateUser(k.ctx, globex, alice, session.UserChange{Roles: &viewer}))
	k.ok("RevokeTenant elsewhere", k.Store.RevokeTenant(k.ctx, globex))
	k.ok("Revoke of one", k.Store.Revoke(k.ctx, k.create(acme, alice).Ref()))
	for range 2 { // it says as of when, and is not used up
		_, err := k.Store.Create(k.ctx, draft(acme, alice), session.CreateOptions{Lifetime: time.Hour, Ticket: ticket})
		k.ok("Create after what happened to others", err)
	}
	got, err := k.Store.Create(k.ctx, draft(acme, bob), session.CreateOptions{Lifetime: time.Hour, Ticket: ticket})
	k.refused("Create under the ticket of another user", leaked(got, err), session.ErrInvalid)
	got, err = k.Store.Create(k.ctx, draft(globex, alice), session.CreateOptions{Lifetime: time.Hour, Ticket: ticket})
	k.refused("Create under a ticket of another tenant", leaked(got, err), session.ErrInvalid)
}

// A sign-in reads a ticket, then the role from the service's database, and creates the session.
// Meanwhile the role is taken away: the database first, then the store is told. In either order, no
// session has the role when both are done.
func noTakenRole(k *kit) {
	var refused, created, stale atomic.Int64
	rounds := k.rounds(300, 10_000)
	for n := range rounds {
		admin := atomic.Bool{}
		admin.Store(true)
		seen := k.createFor(func() session.Session { s := draft(acme, alice); s.Roles = boss; return s }(), time.Hour)
		sign := func(s session.Session) error {
			ticket, err := k.Store.Begin(k.ctx, acme, alice)
			if err != nil {
				return err
			}
			if s.Roles = viewer; admin.Load() {
				s.Roles = boss
			}
			_, err = k.Store.Create(k.ctx, s, session.CreateOptions{Lifetime: time.Hour, Ticket: ticket})
			return err
		}
		one, two := draft(acme, alice), draft(acme, alice)
		expected := func(what string, err error, also ...error) {
			for _, want := range append(also, nil, session.ErrStale) {
				if errors.Is(err, want) {
					return
				}
			}
			k.Errorf("%s: %v", what, err)
		}
		count := func(err error) {
			if errors.Is(err, session.ErrStale) {
				refused.Add(1)
			} else {
				created.Add(1)
			}
			expected("Create", err)
		}
		together(
			func() { count(sign(one)) },
			func() { count(sign(two)) },
			func() {
				admin.Store(false)
				var err error
				switch n % 4 {
				case 0:
					err = k.Store.RevokeUser(k.ctx, acme, alice)
				case 1:
					err = k.Store.Stale(k.ctx, acme, alice)
				default:
					err = k.Store.UpdateUser(k.ctx, acme, alice, session.UserChange{Roles: &viewer})
				}
				if err != nil {
					k.Errorf("demoting: %v", err)
				}
			},
			func() { // a request that writes what it has read
				_, err := k.Store.Update(k.ctx, seen)
				expected("Update", err, session.ErrConflict, session.ErrNotFound)
			},
		)
		for _, s := range []session.Session{seen, one, two} {
			got, err := k.Store.Load(k.ctx, s.Ref())
			switch {
			case err != nil:
				k.refused("Load", err, session.ErrNotFound)
			case got.Stale:
				stale.Add(1)
			case got.Roles.Has("admin"):
				k.Fatalf("round %d: a session has a role that was taken away", n)
			}
			k.ok("Revoke", k.Store.Revoke(k.ctx, s.Ref()))
		}
	}
	k.Logf("%d rounds: %d sign-ins, of which %d began again; %d sessions were stale", rounds, refused.Load()+created.Load(), refused.Load(), stale.Load())
}
