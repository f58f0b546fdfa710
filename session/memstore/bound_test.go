package memstore

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func count(st *Store) (sessions, users int) {
	for _, state := range st.tenants {
		users += len(state.users)
		for _, s := range state.users {
			sessions += len(s)
		}
	}
	return sessions, users
}

func create(t testing.TB, st *Store, owner tenant.ID, user session.UserID, lifetime time.Duration) session.Session {
	t.Helper()
	s, err := st.Create(t.Context(), session.Session{
		ID: session.NewID(), Tenant: owner, User: user, IdleTimeout: lifetime,
	}, session.CreateOptions{Lifetime: lifetime, Refresh: session.Digest{1}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Expired sessions that nobody asks for again must not stay for ever.
func TestMemoryIsBoundedByTheLiveSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := New()
		owner := tenant.MustParse("acme")
		var users []session.UserID // of 20 sessions each
		for i := range 100 {
			users = append(users, session.MustParseUserID(fmt.Sprint("user-", i)))
		}
		if err := st.SetTenantStatus(t.Context(), owner, tenant.Active); err != nil {
			t.Fatal(err)
		}
		const live = 2000 // sessions of one minute, at one in 30 ms
		most := 0
		for i := range testneed.Scale(50, 1) * live {
			create(t, st, owner, users[i%len(users)], time.Minute)
			time.Sleep(time.Minute / live)
			most = max(most, st.stored)
		}
		if most > 2*live+2 {
			t.Errorf("%d sessions were kept at once, for %d live ones", most, live)
		}
		if n, _ := count(st); n != st.stored {
			t.Errorf("%d sessions are stored and %d counted", n, st.stored)
		}
	})
}

func TestRevokedSessionsLeaveNothingBehind(t *testing.T) {
	owner, user := tenant.MustParse("acme"), session.MustParseUserID("alice")
	for name, revoke := range map[string]func(*Store, session.Session) error{
		"Revoke":       func(st *Store, s session.Session) error { return st.Revoke(t.Context(), s.Ref()) },
		"RevokeUser":   func(st *Store, s session.Session) error { return st.RevokeUser(t.Context(), s.Tenant, s.User) },
		"RevokeTenant": func(st *Store, s session.Session) error { return st.RevokeTenant(t.Context(), s.Tenant) },
		"RevokeAll":    func(st *Store, s session.Session) error { return st.RevokeAll(t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			st := New()
			if err := st.SetTenantStatus(t.Context(), owner, tenant.Active); err != nil {
				t.Fatal(err)
			}
			for range 10 {
				if err := revoke(st, create(t, st, owner, user, time.Hour)); err != nil {
					t.Fatal(err)
				}
			}
			if sessions, users := count(st); sessions != 0 || users != 0 || st.stored != 0 {
				t.Errorf("%d sessions of %d users are left, %d counted", sessions, users, st.stored)
			}
		})
	}
}

// The count decides when to sweep: were it to drift, the store would sweep always or never.
func TestTheCountIsTheNumberOfStoredSessions(t *testing.T) {
	ctx := t.Context()
	rapid.Check(t, func(rt *rapid.T) {
		st := New()
		st.sweepAt = 4
		owners := []tenant.ID{tenant.MustParse("a"), tenant.MustParse("b")}
		users := []session.UserID{session.MustParseUserID("u"), session.MustParseUserID("v")}
		for _, o := range owners {
			if err := st.SetTenantStatus(ctx, o, tenant.Active); err != nil {
				rt.Fatal(err)
			}
		}
		var all []session.Session
		pick := func() session.Session {
			if len(all) == 0 {
				rt.Skip("no session yet")
			}
			return rapid.SampledFrom(all).Draw(rt, "session")
		}
		rt.Repeat(map[string]func(*rapid.T){
			"create": func(rt *rapid.T) {
				lifetime := rapid.SampledFrom([]time.Duration{time.Nanosecond, time.Hour}).Draw(rt, "lifetime")
				o, u := rapid.SampledFrom(owners).Draw(rt, "owner"), rapid.SampledFrom(users).Draw(rt, "user")
				all = append(all, create(t, st, o, u, lifetime))
			},
			"load": func(*rapid.T) { _, _ = st.Load(ctx, pick().Ref()) },
			"reuse": func(*rapid.T) {
				_, _ = st.Refresh(ctx, pick().Ref(), session.RefreshStep{Presented: session.Digest{9}, Next: session.Digest{8}})
			},
			"revoke": func(*rapid.T) { _ = st.Revoke(ctx, pick().Ref()) },
			"rotate": func(*rapid.T) {
				next := pick()
				old := next.Ref()
				next.ID = session.NewID()
				if s, err := st.Rotate(ctx, old, next, session.Digest{2}); err == nil {
					all = append(all, s)
				}
			},
			"revoke user":   func(*rapid.T) { s := pick(); _ = st.RevokeUser(ctx, s.Tenant, s.User) },
			"revoke tenant": func(*rapid.T) { _ = st.RevokeTenant(ctx, pick().Tenant) },
			"": func(rt *rapid.T) {
				if n, _ := count(st); n != st.stored {
					rt.Fatalf("%d sessions are stored and %d counted", n, st.stored)
				}
			},
		})
	})
}
