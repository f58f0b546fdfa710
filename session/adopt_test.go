package session_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/tenant"
)

var (
	shop = tenant.MustParse("shop")
	erin = session.MustParseUserID("erin")
)

func stranger(now time.Time) session.Stranger {
	return session.Stranger{
		Issuer: "https://id.example", Name: "sso-1", Tenant: shop, User: erin, Roles: []string{"editor"}, RolesNamed: true,
		IssuedAt: now, AuthTime: now.Add(-time.Minute), ExpiresAt: now.Add(time.Hour), ACR: "mfa", AMR: []string{"otp", "not a name"},
	}
}

func withDirectory(t *testing.T, d session.TenantDirectory) (*session.Manager, session.Store) {
	t.Helper()
	store := memstore.New()
	return newManager(t, store, session.Config{Tenants: d}), store
}

func TestAStrangerIsAdoptedAsTheTokenSays(t *testing.T) {
	m, _ := withDirectory(t, session.ActiveTenants(shop))
	stranger := stranger(time.Now())
	s, err := m.Adopt(t.Context(), stranger)
	if err != nil {
		t.Fatal(err)
	}
	c := s.Provider.Claims()
	if s.User != erin || !s.Roles.Has("editor") || !s.AMR.Has("otp") || len(s.AMR.Names()) != 1 || c.ACR != "mfa" || !c.NamesRoles || c.Machine {
		t.Errorf("adopted %+v by %+v", s, c)
	}
	loaded, err := m.Load(t.Context(), s.Ref())
	if err != nil || loaded.Provider != s.Provider {
		t.Errorf("Load: %+v, %v", loaded, err)
	}
	_, err = m.Update(t.Context(), s.Ref(), func(s *session.Session) error { s.Roles = session.MustRoles("owner"); return nil })
	wantErr(t, "Update of roles that the provider's tokens say", err, session.ErrInvalid)
	_, err = m.Update(t.Context(), s.Ref(), func(s *session.Session) error { s.Provider = session.Provider{}; return nil })
	wantErr(t, "Update of the provider", err, session.ErrInvalid)
	_, err = m.Update(t.Context(), s.Ref(), func(s *session.Session) error { s.AMR = session.Methods{}; return nil })
	wantErr(t, "Update of something else", err, nil)
	stranger.Roles = []string{"not a role"}
	_, err = m.Adopt(t.Context(), stranger)
	wantErr(t, "a role that is none", err, session.ErrInvalid)
}

// A user who has moved to another tenant is no longer as the provider's token says.
func TestAnotherTenantOrUserHasNoProvider(t *testing.T) {
	other := tenant.MustParse("other")
	m, _ := withDirectory(t, session.ActiveTenants(shop, other))
	s, err := m.Adopt(t.Context(), stranger(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	as, err := m.Impersonate(t.Context(), s.Ref(), session.Impersonation{User: session.MustParseUserID("dave"), Reason: "a ticket", MaxAge: time.Minute})
	if err != nil || !as.Provider.IsZero() {
		t.Fatalf("Impersonate: %+v, %v", as.Provider.Claims(), err)
	}
	_, err = m.Adopt(t.Context(), stranger(time.Now()))
	wantErr(t, "the user's own token while they act as another", err, session.ErrNotFound)
	_, _, err = m.StopImpersonating(t.Context(), as.Ref(), func(own session.Session) (session.Roles, session.Attributes, error) {
		return session.MustRoles("owner"), own.Attributes, nil
	})
	wantErr(t, "StopImpersonating with roles that the token does not name", err, session.ErrInvalid)
	back, _, err := m.StopImpersonating(t.Context(), as.Ref(), func(own session.Session) (session.Roles, session.Attributes, error) {
		return own.Roles, own.Attributes, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := m.Adopt(t.Context(), stranger(time.Now()))
	if err != nil || found.ID != back.ID {
		t.Errorf("the user's own token after they have stopped: %v, %v", found.ID, err)
	}
	moved, _, err := m.SwitchTenant(t.Context(), back.Ref(), other, session.MustRoles("viewer"), session.Attributes{})
	if err != nil || !moved.Provider.IsZero() {
		t.Errorf("SwitchTenant: %+v, %v", moved.Provider.Claims(), err)
	}
}

// Nobody sets tenants up: the directory says which there are.
func TestADirectoryOfTenantsNeedsNoSetUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var status atomic.Uint32
		var asked atomic.Int64
		var broken atomic.Bool
		m, store := withDirectory(t, session.TenantDirectoryFunc(func(_ context.Context, id tenant.ID) (tenant.Status, error) {
			asked.Add(1)
			if broken.Load() {
				return tenant.Active, errors.New("the database is gone")
			}
			if id != shop {
				return tenant.Unknown, nil
			}
			return tenant.Status(status.Load()), nil
		}))
		ctx := t.Context()
		create := func() error {
			_, _, err := m.Create(ctx, session.SignIn{Tenant: shop, User: erin})
			return err
		}
		wantErr(t, "unknown to the directory", create(), tenant.ErrUnknown)
		status.Store(uint32(tenant.Active))
		wantErr(t, "while the answer counts", create(), tenant.ErrUnknown)
		time.Sleep(session.TenantsAge)
		for range 5 {
			wantErr(t, "active in the directory", create(), nil)
		}
		s, err := m.Adopt(ctx, stranger(time.Now()))
		wantErr(t, "Adopt", err, nil)
		if n := asked.Load(); n != 2 {
			t.Errorf("the directory was asked %d times, want twice", n)
		}
		_, err = m.Adopt(ctx, session.Stranger{Issuer: "x", Tenant: tenant.MustParse("nowhere"), User: erin, IssuedAt: time.Now()})
		wantErr(t, "Adopt in a tenant that the directory does not know", err, tenant.ErrUnknown)

		broken.Store(true)
		_, err = m.Load(ctx, s.Ref())
		wantErr(t, "while the answer counts, of a directory that is gone", err, nil)
		time.Sleep(session.TenantsAge)
		_, err = m.Load(ctx, s.Ref())
		wantErr(t, "of a directory that is gone", err, session.ErrUnavailable)
		broken.Store(false)
		_, err = m.Load(ctx, s.Ref())
		wantErr(t, "of a directory that is back", err, nil)

		status.Store(uint32(tenant.Suspended))
		time.Sleep(session.TenantsAge)
		_, err = m.Load(ctx, s.Ref())
		wantErr(t, "suspended in the directory", err, tenant.ErrSuspended)
		status.Store(uint32(tenant.Active))
		time.Sleep(session.TenantsAge)
		wantErr(t, "suspended in the store", store.SetTenantStatus(ctx, shop, tenant.Suspended), nil)
		_, err = m.Load(ctx, s.Ref())
		wantErr(t, "suspended in the store", err, tenant.ErrSuspended)
		wantErr(t, "suspended in the store: Create", create(), tenant.ErrSuspended)
		// The directory itself tells what it has said; the store tells what was written to it.
		events, err := m.Events(ctx, shop, session.UserID{})
		if err != nil || len(events) != 2 || events[0].Kind != session.EventTenantSetUp || events[1].Kind != session.EventTenantSuspended {
			t.Errorf("the events of the tenant: %v, %v", events, err)
		}
	})
}

// A directory that panics or hangs is an outage for those who wait, and takes nothing down.
func TestABrokenDirectoryIsAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for what, d := range map[string]session.TenantDirectoryFunc{
			"panics": func(context.Context, tenant.ID) (tenant.Status, error) { panic("no") },
			"hangs": func(ctx context.Context, _ tenant.ID) (tenant.Status, error) {
				<-ctx.Done()
				return tenant.Active, ctx.Err()
			},
			"answers nonsense": func(context.Context, tenant.ID) (tenant.Status, error) { return 77, nil },
		} {
			m, _ := withDirectory(t, d)
			_, _, err := m.Create(t.Context(), session.SignIn{Tenant: shop, User: erin})
			if err == nil || what != "answers nonsense" && !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("a directory that %s: %v", what, err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, _, err = m.Create(ctx, session.SignIn{Tenant: shop, User: erin})
			cancel()
			if err == nil {
				t.Errorf("a directory that %s lets somebody in", what)
			}
			time.Sleep(time.Minute) // nothing runs longer
		}
	})
}

// A person's sessions end in one call, also those of Create in tenants that are named.
func TestAPersonIsRevokedInAllTenants(t *testing.T) {
	other := tenant.MustParse("other")
	m, _ := withDirectory(t, session.ActiveTenants(shop, other))
	ctx := t.Context()
	adopted, err := m.Adopt(ctx, stranger(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	created, _, err := m.Create(ctx, session.SignIn{Tenant: other, User: erin})
	if err != nil {
		t.Fatal(err)
	}
	wantErr(t, "RevokePerson", m.RevokePerson(ctx, "https://id.example", erin, other), nil)
	for _, s := range []session.Session{adopted, created} {
		_, err := m.Load(ctx, s.Ref())
		wantErr(t, fmt.Sprint("Load in ", s.Tenant), err, session.ErrNotFound)
	}
	wantErr(t, "RevokePerson of no issuer", m.RevokePerson(ctx, "", erin), session.ErrInvalid)
	wantErr(t, "EndSignIn of no name", m.EndSignIn(ctx, "https://id.example", ""), session.ErrInvalid)
}
