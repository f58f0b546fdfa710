package sessiontest

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func records() []scene {
	return []scene{
		{name: "a session is loaded as it was created", play: roundTrip},
		{name: "a session at every limit is kept whole", play: atTheLimits},
		{name: "an empty session is kept empty", play: emptySession},
		{name: "the store sets what belongs to the store", play: storeFields},
		{name: "an unknown session is not found", play: unknownSession},
		{name: "a stored session is not created again", play: createTwice},
		{name: "an incomplete reference is refused", play: incompleteRefs},
		{name: "a lifetime or idle timeout that is not positive is refused", play: badDurations},
		{name: "a cancelled call is an outage and never an answer", play: cancelled},
	}
}

// Policies decide on these fields, so none may be lost, folded, rounded or retyped: an
// int64 that returns as a float64 compares differently.
func roundTrip(k *kit) {
	s := draft(acme, session.MustParseUserID("Ünïcøde|用户/🦉@example.org:{7B0F}*?"))
	s.Roles = session.MustRoles("editor", "Billing.Admin", "a_b-c.d")
	s.AMR = mustMethods(k, "pwd", "otp")
	s.AuthTime = time.UnixMilli(1_700_000_000_123)
	s.IdleTimeout = 1234567 * time.Millisecond
	s.Attributes = mustAttributes(k, map[string]any{
		"text":        "zażółć \x00\x7f\u2028 \"'\\ {}:*? 🦉",
		"empty":       "",
		"yes":         true,
		"no":          false,
		"big":         int64(math.MaxInt64),
		"small":       int64(math.MinInt64),
		"beyond_2_53": int64(1<<53 + 1),
		"whole":       float64(3),
		"fraction":    0.1,
		"huge":        math.MaxFloat64,
		"tiny":        math.SmallestNonzeroFloat64,
		"list":        []string{"b", "", "a", "b", "ü"},
		"nothing":     []string{},
	})
	created := k.createFor(s, 90*time.Minute)

	want := s
	want.CreatedAt, want.LastSeenAt, want.Version = created.CreatedAt, created.CreatedAt, 1
	want.ExpiresAt = created.CreatedAt.Add(90 * time.Minute)
	k.same("Create", created, want)
	k.same("Load", k.live("created", s.Ref()), want)
}

// A store must be able to keep what a caller may ask for.
func atTheLimits(k *kit) {
	s := draft(tenant.MustParse(strings.Repeat("t", tenant.MaxIDLength)), session.MustParseUserID(strings.Repeat("ü", session.MaxUserIDLength/2)))
	k.setStatus(s.Tenant, tenant.Active)
	var roles []string
	for i := range session.MaxRoles {
		roles = append(roles, longName(i))
	}
	attributes := map[string]any{}
	long := strings.Repeat("\x00", session.MaxAttributeLength)
	for i := range session.MaxAttributes {
		attributes[longName(i)] = long
	}
	list := make([]string, session.MaxAttributeStrings)
	for i := range list {
		list[i] = long
	}
	attributes[longName(0)] = list
	s.Roles, s.AMR, s.Attributes = session.MustRoles(roles...), mustMethods(k, roles...), mustAttributes(k, attributes)

	created := k.createFor(s, time.Hour)
	k.same("Load", k.live("created", s.Ref()), created)
	if created.Roles.Len() != session.MaxRoles || created.Attributes.Len() != session.MaxAttributes {
		k.Errorf("%d roles and %d attributes were kept", created.Roles.Len(), created.Attributes.Len())
	}
}

// The least session grants nothing, also after storage.
func emptySession(k *kit) {
	s := draft(acme, alice)
	created := k.createFor(s, time.Hour)
	got := k.live("created", s.Ref())
	k.same("Load", got, created)
	if got.Roles.Len() != 0 || got.Attributes.Len() != 0 || len(got.AMR.Names()) != 0 {
		k.Errorf("an empty session came back with %v %v %v", got.Roles.Names(), got.Attributes, got.AMR.Names())
	}
}

// A caller that could choose its own expiry or version could make a session immortal or
// undo an update.
func storeFields(k *kit) {
	s := draft(acme, alice)
	s.Version = 77
	s.CreatedAt = time.UnixMilli(1)
	s.LastSeenAt = time.UnixMilli(1 << 42)
	s.ExpiresAt = time.UnixMilli(1 << 42)
	created := k.createFor(s, time.Hour)
	if created.Version != 1 {
		k.Errorf("Version = %d, want 1", created.Version)
	}
	if d := created.ExpiresAt.Sub(created.CreatedAt).Round(time.Millisecond); d != time.Hour {
		k.Errorf("the session lasts %v, want 1h", d)
	}
	if created.CreatedAt.Year() < 2000 || !created.LastSeenAt.Equal(created.CreatedAt) {
		k.Errorf("CreatedAt = %v, LastSeenAt = %v", created.CreatedAt, created.LastSeenAt)
	}
	if created.AuthTime.UnixMilli() != created.CreatedAt.UnixMilli() {
		k.Errorf("AuthTime = %v, want the time of creation %v", created.AuthTime, created.CreatedAt)
	}
	k.same("Load", k.live("created", s.Ref()), created)
}

// No method may tell or make a session that nobody created.
func unknownSession(k *kit) {
	ref := draft(acme, alice).Ref()
	k.dead("unknown", ref)
	k.ok("Revoke of an unknown session", k.Store.Revoke(k.ctx, ref))
	k.dead("revoked before it was ever created", ref)
}

// Creating must not be a way to overwrite a session, its expiry or its refresh family.
func createTwice(k *kit) {
	first := k.create(acme, alice)
	again := draft(acme, alice)
	again.ID, again.Roles = first.ID, session.MustRoles("admin")
	s, err := k.Store.Create(k.ctx, again, session.CreateOptions{Lifetime: 2 * time.Hour, Refresh: digest(5)})
	k.refused("Create", leaked(s, err), session.ErrExists)
	k.same("Load", k.live("first", first.Ref()), first)
	_, err = k.Store.Refresh(k.ctx, first.Ref(), step(1, 2))
	k.ok("Refresh of the first family", err)
}

// A zero part must never act as a wildcard or share a key with another zero.
func incompleteRefs(k *kit) {
	created := k.create(acme, alice)
	full := created.Ref()
	for what, ref := range map[string]session.Ref{
		"zero reference": {},
		"no tenant":      {User: full.User, ID: full.ID},
		"no user":        {Tenant: full.Tenant, ID: full.ID},
		"no session":     {Tenant: full.Tenant, User: full.User},
	} {
		for _, c := range calls() {
			k.refused(what+": "+c.name, c.do(k.ctx, k.Store, ref, 1), session.ErrInvalidID)
		}
		k.refused(what+": Revoke", k.Store.Revoke(k.ctx, ref), session.ErrInvalidID)
		s := draft(ref.Tenant, ref.User)
		s.ID = ref.ID
		got, err := k.Store.Create(k.ctx, s, session.CreateOptions{Lifetime: time.Hour, Refresh: digest(1)})
		k.refused(what+": Create", leaked(got, err), session.ErrInvalidID)
	}

	next := draft(acme, alice)
	next.ID, next.Version = session.ID{}, 1
	_, err := k.Store.Rotate(k.ctx, full, next, digest(2))
	k.refused("Rotate to no id", err, session.ErrInvalidID)

	var noTenant tenant.ID
	var noUser session.UserID
	k.refused("RevokeUser of no tenant", k.Store.RevokeUser(k.ctx, noTenant, alice), session.ErrInvalidID)
	k.refused("RevokeUser of no user", k.Store.RevokeUser(k.ctx, acme, noUser), session.ErrInvalidID)
	k.refused("RevokeTenant of no tenant", k.Store.RevokeTenant(k.ctx, noTenant), session.ErrInvalidID)
	k.refused("SetTenantStatus of no tenant", k.Store.SetTenantStatus(k.ctx, noTenant, tenant.Active), session.ErrInvalidID)
	_, err = k.Store.TenantStatus(k.ctx, noTenant)
	k.refused("TenantStatus of no tenant", err, session.ErrInvalidID)
	_, err = k.Store.List(k.ctx, noTenant, alice)
	k.refused("List of no tenant", err, session.ErrInvalidID)
	_, err = k.Store.List(k.ctx, acme, noUser)
	k.refused("List of no user", err, session.ErrInvalidID)
	k.same("Load", k.live("untouched", full), created)
}

// Zero must not come to mean "for ever".
func badDurations(k *kit) {
	stored := k.create(acme, alice)
	for _, d := range []time.Duration{0, -1, -time.Hour, math.MinInt64} {
		fresh := draft(acme, alice)
		_, err := k.Store.Create(k.ctx, fresh, session.CreateOptions{Lifetime: d, Refresh: digest(1)})
		k.refused("Create with lifetime "+d.String(), err, session.ErrInvalid)
		k.dead("refused", fresh.Ref())

		idle := draft(acme, alice)
		idle.IdleTimeout = d
		_, err = k.Store.Create(k.ctx, idle, session.CreateOptions{Lifetime: time.Hour, Refresh: digest(1)})
		k.refused("Create with idle timeout "+d.String(), err, session.ErrInvalid)
		k.dead("refused", idle.Ref())

		changed := stored
		changed.IdleTimeout = d
		_, err = k.Store.Update(k.ctx, changed)
		k.refused("Update to idle timeout "+d.String(), err, session.ErrInvalid)
		changed.ID = session.NewID()
		_, err = k.Store.Rotate(k.ctx, stored.Ref(), changed, digest(2))
		k.refused("Rotate to idle timeout "+d.String(), err, session.ErrInvalid)
	}
	k.same("Load", k.live("untouched", stored.Ref()), stored)
}

// "Not found" signs the user out and lets a reader believe that a revocation worked; a
// call that was given up says neither.
func cancelled(k *kit) {
	s := k.create(acme, alice)
	ctx, cancel := context.WithCancel(k.ctx)
	cancel()
	try := func(what string, err error) {
		k.Helper()
		k.refused(what, err, session.ErrUnavailable)
		if errors.Is(err, session.ErrNotFound) || errors.Is(err, tenant.ErrUnknown) {
			k.Errorf("%s: an outage was also reported as an answer: %v", what, err)
		}
	}
	for _, ref := range []session.Ref{s.Ref(), draft(acme, bob).Ref(), draft(tenant.MustParse("nowhere"), bob).Ref()} {
		for _, c := range calls() {
			try(c.name, c.do(ctx, k.Store, ref, 1))
		}
		try("Revoke", k.Store.Revoke(ctx, ref))
		try("RevokeUser", k.Store.RevokeUser(ctx, ref.Tenant, ref.User))
		try("RevokeTenant", k.Store.RevokeTenant(ctx, ref.Tenant))
		_, err := k.Store.Create(ctx, draft(ref.Tenant, ref.User), session.CreateOptions{Lifetime: time.Hour, Refresh: digest(1)})
		try("Create", err)
		_, err = k.Store.List(ctx, ref.Tenant, ref.User)
		try("List", err)
		_, err = k.Store.TenantStatus(ctx, ref.Tenant)
		try("TenantStatus", err)
		try("SetTenantStatus", k.Store.SetTenantStatus(ctx, ref.Tenant, tenant.Active))
	}
	try("RevokeAll", k.Store.RevokeAll(ctx))
	k.same("Load", k.live("untouched", s.Ref()), s)
}
