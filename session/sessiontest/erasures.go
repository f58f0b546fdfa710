package sessiontest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func erasures() []scene {
	return []scene{
		{name: "of a user who is erased nothing is left, and nobody signs in as them until they are unblocked", play: erased},
		{name: "a user is erased in every status of the tenant, whether ever seen or not", play: erasedInEveryStatus},
		{name: "a user with many sessions is erased, live ones and ended ones", play: manyErased},
		{name: "no session begins beside an erasure", play: erasureWins},
		{name: "a tenant is erased only while it is suspended", play: tenantErased},
		{name: "an erasure of a tenant that was stopped is made again", play: tenantErasedAgain},
	}
}

// forgotten fails the test when the store tells anything of a user.
func (k *kit) forgotten(what string, t tenant.ID, u session.UserID, refs ...session.Ref) {
	k.Helper()
	for _, ref := range refs {
		k.dead(what, ref)
	}
	if listed, err := k.Store.List(k.ctx, t, u); err != nil || len(listed) != 0 {
		k.Errorf("%s: List: %d sessions, %v", what, len(listed), err)
	}
	if events, err := k.Store.Events(k.ctx, t, u); err != nil || len(events) != 0 {
		k.Errorf("%s: %d events, %v", what, len(events), err)
	}
}

func erased(k *kit) {
	now := k.now()
	stranger := providers[3].token("", now.Add(-time.Hour), now)
	s, ended, adopted := k.create(acme, alice), k.create(acme, alice), k.adopted("before", stranger)
	moved, err := k.Store.Rotate(k.ctx, k.create(acme, alice).Ref(), next(s), digest(1))
	k.ok("Rotate", err)
	k.ok("UpdateUser", k.Store.UpdateUser(k.ctx, acme, alice, session.UserChange{Roles: &s.Roles}))
	k.ok("Revoke", k.Store.Revoke(k.ctx, ended.Ref()))
	elsewhere, other := k.create(globex, alice), k.create(acme, bob)
	ticket, err := k.Store.Begin(k.ctx, acme, alice)
	k.ok("Begin", err)
	refs := []session.Ref{s.Ref(), ended.Ref(), adopted.Ref(), moved.Ref()}
	for range 2 {
		k.ok("EraseUser", k.Store.EraseUser(k.ctx, acme, alice))
		k.forgotten("erased", acme, alice, refs...)
		created, err := k.Store.Create(k.ctx, draft(acme, alice), session.CreateOptions{Lifetime: time.Hour})
		k.refused("erased: Create", leaked(created, err), session.ErrBlocked)
		k.notAdopted("erased", stranger, session.ErrBlocked)
	}
	k.live("in another tenant", elsewhere.Ref())
	k.live("of another user", other.Ref())
	for _, of := range []session.Ref{elsewhere.Ref(), other.Ref()} {
		if events, err := k.Store.Events(k.ctx, of.Tenant, of.User); err != nil || len(events) == 0 {
			k.Errorf("%d events of somebody else, %v", len(events), err)
		}
	}

	k.ok("Unblock", k.Store.Unblock(k.ctx, acme, alice))
	for _, ref := range refs {
		k.dead("unblocked", ref)
	}
	k.notAdopted("unblocked, a token from before", stranger, session.ErrSignedOut)
	stale, err := k.Store.Create(k.ctx, draft(acme, alice), session.CreateOptions{Lifetime: time.Hour, Ticket: ticket})
	k.refused("a ticket from before", leaked(stale, err), session.ErrStale)
	fresh := k.create(acme, alice)
	k.live("unblocked", fresh.Ref())
	if fresh.Roles.Len() != draft(acme, alice).Roles.Len() {
		k.Errorf("a new session has roles %v", fresh.Roles.Names())
	}
	var none session.UserID
	k.refused("EraseUser of nobody", k.Store.EraseUser(k.ctx, acme, none), session.ErrInvalidID)
	k.refused("EraseUser without a tenant", k.Store.EraseUser(k.ctx, tenant.ID{}, alice), session.ErrInvalidID)
}

func erasedInEveryStatus(k *kit) {
	nowhere := tenant.MustParse("nowhere")
	k.ok("EraseUser in an unknown tenant", k.Store.EraseUser(k.ctx, nowhere, alice))
	s := k.create(acme, alice)
	k.setStatus(acme, tenant.Suspended)
	for _, u := range []session.UserID{alice, session.MustParseUserID("never-seen")} {
		k.ok("EraseUser in a suspended tenant", k.Store.EraseUser(k.ctx, acme, u))
	}
	k.setStatus(acme, tenant.Active)
	k.forgotten("erased while suspended", acme, alice, s.Ref())
	for _, t := range []tenant.ID{nowhere, acme} {
		k.setStatus(t, tenant.Active)
		s, err := k.Store.Create(k.ctx, draft(t, alice), session.CreateOptions{Lifetime: time.Hour})
		k.refused("Create in "+t.String(), leaked(s, err), session.ErrBlocked)
	}
}

func manyErased(k *kit) {
	var refs []session.Ref
	for i := range 130 {
		if i == 65 {
			k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, acme, alice))
		}
		s, err := k.Store.Create(k.ctx, draft(acme, alice), session.CreateOptions{
			Lifetime: time.Hour, Refresh: digest(1), Limit: session.SessionLimit{Sessions: 200, Policy: session.RejectNew},
		})
		k.ok("Create", err)
		refs = append(refs, s.Ref())
	}
	k.ok("EraseUser", k.Store.EraseUser(k.ctx, acme, alice))
	k.ok("Unblock", k.Store.Unblock(k.ctx, acme, alice))
	for _, ref := range refs {
		if k.isLive(ref) {
			k.Fatal("a session of a user who was erased is live")
		}
	}
	k.live("later", k.create(acme, alice).Ref())
}

func erasureWins(k *kit) {
	for round := range k.rounds(20, 500) {
		u := session.MustParseUserID(fmt.Sprint("erased-", round))
		before, fresh := k.create(acme, u), draft(acme, u)
		moved := next(before)
		together(func() {
			_, err := k.Store.Create(k.ctx, fresh, session.CreateOptions{Lifetime: time.Hour})
			if err != nil && !errors.Is(err, session.ErrBlocked) {
				k.Errorf("Create: %v", err)
			}
		},
			func() { _, _ = k.Store.Rotate(k.ctx, before.Ref(), moved, digest(1)) },
			func() { k.ok("EraseUser", k.Store.EraseUser(k.ctx, acme, u)) },
			func() { k.ok("EraseUser", k.Store.EraseUser(k.ctx, acme, u)) })
		k.forgotten("erased", acme, u)
		for _, ref := range []session.Ref{before.Ref(), moved.Ref(), fresh.Ref()} {
			if k.isLive(ref) {
				k.Fatal("a session of a user who was erased is live")
			}
		}
	}
}

// these yields users, and then an error if it is one.
func these(err error, users ...session.UserID) iter.Seq2[session.UserID, error] {
	return func(yield func(session.UserID, error) bool) {
		for _, u := range users {
			if !yield(u, nil) {
				return
			}
		}
		if err != nil {
			yield(session.UserID{}, err)
		}
	}
}

func tenantErased(k *kit) {
	a, b, elsewhere := k.create(acme, alice), k.create(acme, bob), k.create(globex, alice)
	k.refused("EraseTenant of an active one", k.Store.EraseTenant(k.ctx, acme, these(nil, alice, bob)), session.ErrNotSuspended)
	k.live("refused", a.Ref())
	nowhere := tenant.MustParse("nowhere")
	k.refused("EraseTenant of an unknown one", k.Store.EraseTenant(k.ctx, nowhere, nil), session.ErrNotSuspended)
	k.refused("EraseTenant of none", k.Store.EraseTenant(k.ctx, tenant.ID{}, nil), session.ErrInvalidID)
	k.setStatus(acme, tenant.Suspended)
	if events := k.happened(acme, session.UserID{}); len(events) != 2 || events[1].Kind != session.EventTenantSuspended {
		k.Errorf("the events of the tenant before: %v", events)
	}
	for range 2 {
		k.ok("EraseTenant", k.Store.EraseTenant(k.ctx, acme, these(nil, alice, bob)))
		k.sameEvents("of the tenant that is erased", k.happened(acme, session.UserID{}), nil)
		k.setStatus(acme, tenant.Suspended) // as whoever begins an erasure again closes it first
		k.ok("AddTenant", k.Store.AddTenant(k.ctx, acme))
		k.sameEvents("of the tenant that is closed again", k.happened(acme, session.UserID{}), nil)
	}
	if status, err := k.Store.TenantStatus(k.ctx, acme); err != nil || status != tenant.Suspended {
		k.Errorf("status %v, %v", status, err)
	}
	s, err := k.Store.Create(k.ctx, draft(acme, alice), session.CreateOptions{Lifetime: time.Hour})
	k.refused("Create", leaked(s, err), tenant.ErrSuspended)
	k.live("in another tenant", elsewhere.Ref())

	k.setStatus(acme, tenant.Active)
	k.forgotten("erased", acme, alice, a.Ref())
	k.forgotten("erased", acme, bob, b.Ref())
	k.sameEvents("of the tenant that is opened again", k.happened(acme, session.UserID{}), []session.Event{{Kind: session.EventTenantActivated}})
	k.live("a tenant that is opened again", k.create(acme, alice).Ref())
}

func tenantErasedAgain(k *kit) {
	a, b := k.create(acme, alice), k.create(acme, bob)
	k.setStatus(acme, tenant.Suspended)
	broken := errors.New("the table of users")
	if err := k.Store.EraseTenant(k.ctx, acme, these(broken, alice)); !errors.Is(err, broken) {
		k.Fatalf("EraseTenant: %v, want %v", err, broken)
	}
	opened := func(yield func(session.UserID, error) bool) {
		k.setStatus(acme, tenant.Active)
		yield(bob, nil)
	}
	k.refused("EraseTenant of one that is opened meanwhile", k.Store.EraseTenant(k.ctx, acme, opened), session.ErrNotSuspended)
	for _, ref := range []session.Ref{a.Ref(), b.Ref()} {
		k.dead("stopped", ref)
	}
	k.setStatus(acme, tenant.Suspended)
	ctx, cancel := context.WithCancel(k.ctx)
	cancel()
	if err := k.Store.EraseTenant(ctx, acme, these(nil, bob)); !errors.Is(err, session.ErrUnavailable) {
		k.Errorf("cancelled: %v", err)
	}
	k.ok("EraseTenant", k.Store.EraseTenant(k.ctx, acme, these(nil, alice, bob)))
	k.setStatus(acme, tenant.Active)
	k.forgotten("erased", acme, alice, a.Ref())
	k.forgotten("erased", acme, bob, b.Ref())
}
