package sessiontest

import (
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func tenants() []scene {
	return []scene{
		{name: "a tenant that nobody set up is refused", play: unknownTenant},
		{name: "a suspended tenant is refused and finds its sessions when it is active again", play: suspended},
		{name: "revoking works while a tenant is suspended", play: revokeSuspended},
		{name: "suspending one tenant leaves the others alone", play: suspendOne},
		{name: "a tenant is set to active or suspended and nothing else", play: badStatus},
		{name: "of tenants whose names differ by case alone one is set up", play: alikeTenants},
		{name: "of statuses that are set at once the last one that returned counts", play: statusRace},
	}
}

// everyCall runs all methods that refuse a tenant which is not active.
func (k *kit) everyCall(what string, ref session.Ref, version uint64, want error) {
	k.Helper()
	for _, c := range calls() {
		k.refused(what+": "+c.name, c.do(k.ctx, k.Store, ref, version), want)
	}
	s, err := k.Store.Create(k.ctx, draft(ref.Tenant, ref.User), session.CreateOptions{Lifetime: time.Hour, Refresh: digest(1)})
	k.refused(what+": Create", leaked(s, err), want)
}

// The zero status denies: a tenant of a token or a host name alone is none.
func unknownTenant(k *kit) {
	nowhere := tenant.MustParse("nowhere")
	k.everyCall("unknown", draft(nowhere, alice).Ref(), 1, tenant.ErrUnknown)
	status, err := k.Store.TenantStatus(k.ctx, nowhere)
	if status != tenant.Unknown || err != nil {
		k.Errorf("TenantStatus = %v, %v", status, err)
	}
	sessions, err := k.Store.List(k.ctx, nowhere, alice)
	if len(sessions) != 0 || err != nil {
		k.Errorf("List = %v, %v", sessions, err)
	}
	k.ok("Revoke", k.Store.Revoke(k.ctx, draft(nowhere, alice).Ref()))
	k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, nowhere, alice))
	k.ok("RevokeTenant", k.Store.RevokeTenant(k.ctx, nowhere))
	k.everyCall("unknown and revoked", draft(nowhere, alice).Ref(), 1, tenant.ErrUnknown)
}

// A tenant that does not pay is locked out, not signed out.
func suspended(k *kit) {
	s, gone := k.create(acme, alice), k.create(acme, alice)
	k.ok("Revoke", k.Store.Revoke(k.ctx, gone.Ref()))
	k.setStatus(acme, tenant.Suspended)
	k.everyCall("suspended", s.Ref(), s.Version, tenant.ErrSuspended)
	k.everyCall("suspended, session revoked", gone.Ref(), gone.Version, tenant.ErrSuspended)
	k.everyCall("suspended, session unknown", draft(acme, bob).Ref(), 1, tenant.ErrSuspended)
	if status, err := k.Store.TenantStatus(k.ctx, acme); status != tenant.Suspended || err != nil {
		k.Errorf("TenantStatus = %v, %v", status, err)
	}
	sessions, err := k.Store.List(k.ctx, acme, alice)
	k.ok("List", err)
	if len(sessions) != 1 {
		k.Fatalf("%d sessions are listed while suspended, want 1", len(sessions))
	}
	k.same("List", sessions[0], s)

	k.setStatus(acme, tenant.Active)
	k.same("Load", k.live("active again", s.Ref()), s)
	if k.refresh("Refresh", s.Ref(), step(1, 2)).Repeated {
		k.Error("a refresh that was refused took a step")
	}
	k.dead("revoked before", gone.Ref())
}

// Suspending is often the first measure and revoking the second.
func revokeSuspended(k *kit) {
	population := k.population()
	k.setStatus(acme, tenant.Suspended)
	k.ok("Revoke", k.Store.Revoke(k.ctx, population[0].Ref()))
	k.ok("RevokeUser", k.Store.RevokeUser(k.ctx, acme, bob))
	sessions, err := k.Store.List(k.ctx, acme, alice)
	k.ok("List", err)
	if len(sessions) != 1 {
		k.Errorf("%d sessions are listed, want the one that is left", len(sessions))
	}
	k.setStatus(acme, tenant.Active)
	k.only(population, func(s session.Session) bool {
		return s.Ref() == population[0].Ref() || s.Tenant == acme && s.User == bob
	})
	k.setStatus(acme, tenant.Suspended)
	k.ok("RevokeTenant", k.Store.RevokeTenant(k.ctx, acme))
	k.setStatus(acme, tenant.Active)
	k.only(population, func(s session.Session) bool { return s.Tenant == acme })
}

func suspendOne(k *kit) {
	s := k.create(globex, alice)
	k.setStatus(acme, tenant.Suspended)
	k.same("Load", k.live("of another tenant", s.Ref()), s)
	k.create(globex, bob)
	if status, err := k.Store.TenantStatus(k.ctx, globex); status != tenant.Active || err != nil {
		k.Errorf("TenantStatus = %v, %v", status, err)
	}
}

// No value may slip through to mean active later.
func badStatus(k *kit) {
	nowhere := tenant.MustParse("nowhere")
	for _, status := range []tenant.Status{tenant.Unknown, tenant.Suspended + 1, 77, 255} {
		k.refused("SetTenantStatus", k.Store.SetTenantStatus(k.ctx, acme, status), session.ErrInvalid)
		k.refused("SetTenantStatus of a new tenant", k.Store.SetTenantStatus(k.ctx, nowhere, status), session.ErrInvalid)
	}
	if status, err := k.Store.TenantStatus(k.ctx, acme); status != tenant.Active || err != nil {
		k.Errorf("TenantStatus = %v, %v", status, err)
	}
	k.everyCall("never set up", draft(nowhere, alice).Ref(), 1, tenant.ErrUnknown)
}

// One of two tenants whose names differ by case alone is a slip, or somebody who would be taken for the
// other.
func alikeTenants(k *kit) {
	alike := func(what string, t tenant.ID) {
		k.Helper()
		for name, do := range map[string]func() error{
			"SetTenantStatus to active":    func() error { return k.Store.SetTenantStatus(k.ctx, t, tenant.Active) },
			"SetTenantStatus to suspended": func() error { return k.Store.SetTenantStatus(k.ctx, t, tenant.Suspended) },
			"AddTenant":                    func() error { return k.Store.AddTenant(k.ctx, t) },
		} {
			k.refused(what+": "+name, do(), tenant.ErrAlike)
		}
		if status, err := k.Store.TenantStatus(k.ctx, t); status != tenant.Unknown || err != nil {
			k.Errorf("%s: TenantStatus = %v, %v", what, status, err)
		}
		k.everyCall(what, draft(t, alice).Ref(), 1, tenant.ErrUnknown)
	}
	s := k.create(acme, alice)
	for _, name := range []string{"Acme", "ACME", "acmE"} {
		alike(name, tenant.MustParse(name))
	}
	k.setStatus(acme, tenant.Suspended)
	alike("beside a suspended tenant", tenant.MustParse("Acme"))
	k.setStatus(acme, tenant.Active)
	k.same("Load", k.live("of the tenant that was first", s.Ref()), s)

	upper := tenant.MustParse("org_2abcDEF")
	k.ok("AddTenant", k.Store.AddTenant(k.ctx, upper))
	k.ok("AddTenant again", k.Store.AddTenant(k.ctx, upper))
	k.create(upper, alice)
	alike("a name in lower case", tenant.MustParse("org_2abcdef"))
	for _, name := range []string{"acme-", "acm", "acme0", "org_2abcDE"} { // and no other name is
		k.setStatus(tenant.MustParse(name), tenant.Active)
	}

	for round := range k.rounds(5, 100) {
		pair := []tenant.ID{tenant.MustParse(fmt.Sprint("twin-", round)), tenant.MustParse(fmt.Sprint("TWIN-", round))}
		errs := make([]error, len(pair))
		together(
			func() { errs[0] = k.Store.AddTenant(k.ctx, pair[0]) },
			func() { errs[1] = k.Store.SetTenantStatus(k.ctx, pair[1], tenant.Active) },
		)
		first := 0
		if errs[0] != nil {
			first = 1
		}
		k.ok("the first of two", errs[first])
		alike("the second of two", pair[1-first])
		k.create(pair[first], alice)
	}
}

// A status is set over the one that was read. A caller who sets it when all others have returned has
// the last word, however they overtook each other.
func statusRace(k *kit) {
	s := k.create(acme, alice)
	for round := range k.rounds(10, 100) {
		var fs []func()
		for i := range 3 {
			status := []tenant.Status{tenant.Active, tenant.Suspended}[i%2]
			fs = append(fs, func() { k.ok("SetTenantStatus", k.Store.SetTenantStatus(k.ctx, acme, status)) })
		}
		together(fs...)
		want := []tenant.Status{tenant.Suspended, tenant.Active}[round%2]
		k.setStatus(acme, want)
		if got, err := k.Store.TenantStatus(k.ctx, acme); got != want || err != nil {
			k.Fatalf("TenantStatus = %v, %v, want %v", got, err, want)
		}
		_, err := k.Store.Load(k.ctx, s.Ref())
		k.refused("Load", err, want.Err())
	}
}
