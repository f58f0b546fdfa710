package session_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// endings end or demote alice, whose own session is own, in acme.
var endings = map[string]func(ctx context.Context, m *session.Manager, own session.Session) error{
	"RevokeUser": func(ctx context.Context, m *session.Manager, _ session.Session) error {
		return m.RevokeUser(ctx, acme, alice)
	},
	"RevokeTenant": func(ctx context.Context, m *session.Manager, _ session.Session) error {
		return m.RevokeTenant(ctx, acme)
	},
	"RevokeAll": func(ctx context.Context, m *session.Manager, _ session.Session) error { return m.RevokeAll(ctx) },
	"Revoke": func(ctx context.Context, m *session.Manager, own session.Session) error {
		return m.Revoke(ctx, own.Ref())
	},
	"End": func(ctx context.Context, m *session.Manager, own session.Session) error {
		_, err := m.End(ctx, own.Ref())
		return err
	},
	"Block": func(ctx context.Context, m *session.Manager, _ session.Session) error {
		return m.Block(ctx, acme, alice)
	},
	"Block and Unblock": func(ctx context.Context, m *session.Manager, _ session.Session) error {
		if err := m.Block(ctx, acme, alice); err != nil {
			return err
		}
		return m.Unblock(ctx, acme, alice)
	},
	"EraseUser": func(ctx context.Context, m *session.Manager, _ session.Session) error {
		return m.EraseUser(ctx, acme, alice)
	},
	"UpdateUser": func(ctx context.Context, m *session.Manager, _ session.Session) error {
		return m.UpdateUser(ctx, acme, alice, session.UserChange{Roles: &session.Roles{}})
	},
	"UpdateUser of attributes": func(ctx context.Context, m *session.Manager, _ session.Session) error {
		return m.UpdateUser(ctx, acme, alice, session.UserChange{Attributes: &session.Attributes{}})
	},
	"suspending the tenant": func(ctx context.Context, m *session.Manager, _ session.Session) error {
		return m.SetTenantStatus(ctx, acme, tenant.Suspended)
	},
	"RevokeOthers from another device": func(ctx context.Context, m *session.Manager, _ session.Session) error {
		s, _, err := m.Create(ctx, session.SignIn{Tenant: acme, User: alice})
		if err == nil {
			err = m.RevokeOthers(ctx, s.Ref())
		}
		return err
	},
	"RevokeDevice from another device": func(ctx context.Context, m *session.Manager, own session.Session) error {
		s, _, err := m.Create(ctx, session.SignIn{Tenant: acme, User: alice})
		if err == nil {
			err = m.RevokeDevice(ctx, s.Ref(), own.ID.Fingerprint())
		}
		return err
	},
	"the limit of sessions": func(ctx context.Context, m *session.Manager, _ session.Session) error {
		for range 2 {
			if _, _, err := m.Create(ctx, session.SignIn{Tenant: acme, User: alice}); err != nil {
				return err
			}
		}
		return nil
	},
	"fewer roles": func(ctx context.Context, m *session.Manager, own session.Session) error {
		_, err := m.Update(ctx, own.Ref(), func(s *session.Session) error { s.Roles = session.Roles{}; return nil })
		return err
	},
	"fewer roles in all that are listed": func(ctx context.Context, m *session.Manager, _ session.Session) error {
		list, err := m.List(ctx, acme, alice)
		for _, s := range list {
			if _, err := m.Update(ctx, s.Ref(), func(s *session.Session) error { s.Roles = session.Roles{}; return nil }); err != nil {
				return err
			}
		}
		return err
	},
	"another attribute": func(ctx context.Context, m *session.Manager, own session.Session) error {
		_, err := m.Update(ctx, own.Ref(), func(s *session.Session) error {
			var err error
			s.Attributes, err = session.NewAttributes(map[string]any{"clearance": 1})
			return err
		})
		return err
	},
}

// Everything that would sign an actor out, or take something from them, holds for what they do as
// others, however many they act through, and there is no way back from it.
func TestWhatEndsOrDemotesAnActorEndsWhatTheyDoAsOthers(t *testing.T) {
	for name, end := range endings {
		for hops := 1; hops <= session.MaxActors; hops++ {
			t.Run(fmt.Sprintf("%s, %d hops", name, hops), func(t *testing.T) {
				ctx := t.Context()
				m := newManager(t, newStore(t), session.Config{Limit: session.SessionLimit{Sessions: 2, Policy: session.EvictOldest}})
				own, _ := signIn(t, m)
				chain := []session.Session{own}
				for i := range hops {
					chain = append(chain, mustImpersonate(t, m, chain[i].Ref(), session.MustParseUserID(fmt.Sprintf("user%d", i))))
				}
				acted := chain[hops]
				if s, err := m.Load(ctx, acted.Ref()); err != nil || s.Actors.Len() != hops {
					t.Fatalf("before: %v, %d actors", err, s.Actors.Len())
				}
				if err := end(ctx, m, own); err != nil {
					t.Fatal(err)
				}
				want := session.ErrNotFound
				if name == "suspending the tenant" {
					want = tenant.ErrSuspended
				}
				_, err := m.Load(ctx, acted.Ref())
				wantErr(t, "Load", err, want)
				_, err = m.Update(ctx, acted.Ref(), func(*session.Session) error { return nil })
				wantErr(t, "Update", err, want)
				_, _, err = m.Rotate(ctx, acted.Ref(), nil)
				wantErr(t, "Rotate", err, want)
				_, err = m.Impersonate(ctx, acted.Ref(), session.Impersonation{User: carol, Reason: "x", MaxAge: time.Minute})
				wantErr(t, "Impersonate", err, want)
				wantErr(t, "RevokeOthers", m.RevokeOthers(ctx, acted.Ref()), want)
				got, token, err := m.StopImpersonating(ctx, acted.Ref(), grants("admin"))
				wantErr(t, "StopImpersonating", err, want)
				if !got.ID.IsZero() || !token.IsZero() {
					t.Error("something was returned with the error")
				}
				for _, s := range chain {
					if _, err := m.Load(ctx, s.Ref()); err == nil {
						t.Errorf("a session of %v is live", s.User)
					}
				}
				list, err := m.List(ctx, acme, acted.User)
				if name != "suspending the tenant" && (err != nil || len(list) != 0) {
					t.Errorf("%d sessions of the user acted as are listed, %v", len(list), err)
				}
			})
		}
	}
}

// Events of other people, and of other sessions of the actor, end nothing.
func TestAnImpersonationGoesOnWhileNothingHappensToItsActor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		m := newManager(t, newStore(t), session.Config{})
		own, _ := signIn(t, m)
		other, _ := signIn(t, m)
		acted := mustImpersonate(t, m, own.Ref(), bob)
		for what, err := range map[string]error{
			"another user":   m.RevokeUser(ctx, acme, carol),
			"another tenant": m.RevokeTenant(ctx, globex),
			"a namesake":     m.RevokeUser(ctx, globex, alice),
			"another device": m.Revoke(ctx, other.Ref()),
		} {
			if err != nil {
				t.Fatal(what, err)
			}
		}
		// The actor's own session is used with it, so that it does not become idle.
		for range 5 {
			time.Sleep(10 * time.Minute)
			if _, err := m.Load(ctx, acted.Ref()); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Minute)
		_, err := m.Load(ctx, acted.Ref())
		wantErr(t, "after its hour", err, session.ErrNotFound)
	})
}

// An outage of what the second look-up asks is no answer.
func TestAnImpersonationWhoseActorCannotBeAskedForIsAnOutage(t *testing.T) {
	store := &originless{Store: newStore(t)}
	m := newManager(t, store, session.Config{})
	own, _ := signIn(t, m)
	acted := mustImpersonate(t, m, own.Ref(), bob)
	for fail, want := range map[error]error{
		errors.New("reset"): session.ErrUnavailable, session.ErrUnavailable: session.ErrUnavailable, session.ErrCorrupt: session.ErrCorrupt,
	} {
		store.fail = fail
		s, err := m.Load(t.Context(), acted.Ref())
		wantErr(t, "Load", err, want)
		if !s.ID.IsZero() {
			t.Error("a session came with the error")
		}
		_, _, err = m.StopImpersonating(t.Context(), acted.Ref(), grants())
		wantErr(t, "StopImpersonating", err, want)
	}
	store.fail = nil
	if _, err := m.Load(t.Context(), acted.Ref()); err != nil {
		t.Error("after the outage:", err)
	}
}

// originless is a store that cannot read sessions of alice.
type originless struct {
	session.Store
	fail error
}

func (s *originless) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	if ref.User == alice && s.fail != nil {
		return session.Session{}, s.fail
	}
	return s.Store.Load(ctx, ref)
}

// Records of an earlier version do not say out of which session somebody acts, and one that
// names a session of somebody else, or of another time, says nothing.
func TestAnImpersonationWithoutItsOriginIsDead(t *testing.T) {
	ctx := t.Context()
	store := newStore(t)
	m := newManager(t, store, session.Config{})
	own, _ := signIn(t, m)
	acted := mustImpersonate(t, m, own.Ref(), bob)
	idle, _ := signIn(t, m)
	for name, origin := range map[string]session.Origin{
		"none":            {},
		"another version": session.NewOrigin(own.ID, own.Version),
		"another session": session.NewOrigin(idle.ID, idle.Version),
		"no session":      session.NewOrigin(session.NewID(), 2),
		"the same":        acted.Origin,
	} {
		s := acted
		s.ID, s.Origin = session.NewID(), origin
		if _, err := store.Create(ctx, s, session.CreateOptions{Lifetime: time.Hour}); err != nil {
			t.Fatal(err)
		}
		_, err := m.Load(ctx, s.Ref())
		if name == "the same" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		wantErr(t, name, err, session.ErrNotFound)
		if name != "none" {
			continue
		}
		if err := m.Revoke(ctx, s.Ref()); err != nil {
			t.Error(err)
		}
	}
	for name, change := range map[string]func(s *session.Session){
		"another user":  func(s *session.Session) { s.User = carol },
		"another actor": func(s *session.Session) { s.Actors, _ = session.NewActors(session.Actor{User: carol, Reason: "x"}) },
		"more actors": func(s *session.Session) {
			s.Actors, _ = session.NewActors(session.Actor{User: alice, Reason: "x"}, session.Actor{User: carol, Reason: "x"})
		},
	} {
		s := acted
		s.ID = session.NewID()
		change(&s)
		if _, err := store.Create(ctx, s, session.CreateOptions{Lifetime: time.Hour}); err != nil {
			t.Fatal(err)
		}
		_, err := m.Load(ctx, s.Ref())
		wantErr(t, name, err, session.ErrNotFound)
	}
}

// After both have returned there is no session by which alice acts, whichever was first; also
// on the way back.
func TestARevocationOfTheActorWinsInEveryInterleaving(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(endings)) {
		if name == "suspending the tenant" || name == "fewer roles" || name == "another attribute" || name == "RevokeDevice from another device" ||
			name == "fewer roles in all that are listed" || name == "the limit of sessions" || name == "Revoke" || name == "End" || strings.HasPrefix(name, "UpdateUser") {
			continue // what they find changed or moved already they do not end, and a change of all ends no session of alice's own
		}
		for range 200 {
			m := newManager(t, newStore(t), session.Config{})
			own, _ := signIn(t, m)
			acted := mustImpersonate(t, m, own.Ref(), bob)
			second, _ := signIn(t, m)
			var made, back session.Session
			var both sync.WaitGroup
			var endErr error
			both.Go(func() { endErr = endings[name](t.Context(), m, own) })
			both.Go(func() {
				made, _ = m.Impersonate(t.Context(), second.Ref(), session.Impersonation{User: carol, Reason: "x", MaxAge: time.Hour})
			})
			both.Go(func() { back, _, _ = m.StopImpersonating(t.Context(), acted.Ref(), grants("support")) })
			both.Wait()
			if endErr != nil {
				t.Fatal(endErr)
			}
			for _, s := range []session.Session{made, back, acted} {
				if s.ID.IsZero() {
					continue
				}
				if _, err := m.Load(t.Context(), s.Ref()); !errors.Is(err, session.ErrNotFound) {
					t.Fatalf("after %s, a session of %v: %v", name, s.User, err)
				}
			}
		}
	}
}

// Of several who act out of one session at once, or stop at once, one wins.
func TestOfConcurrentImpersonationsOneWins(t *testing.T) {
	for range 30 {
		m := newManager(t, newStore(t), session.Config{})
		own, _ := signIn(t, m)
		race := func(do func(i int) (session.Session, error)) session.Session {
			t.Helper()
			won := make(chan session.Session, 8)
			var all sync.WaitGroup
			for i := range 8 {
				all.Go(func() {
					switch s, err := do(i); {
					case err == nil:
						won <- s
					case !errors.Is(err, session.ErrNotFound):
						t.Error(err)
					}
				})
			}
			all.Wait()
			if len(won) != 1 {
				t.Fatalf("%d have won", len(won))
			}
			return <-won
		}
		acted := race(func(i int) (session.Session, error) {
			return m.Impersonate(t.Context(), own.Ref(), session.Impersonation{User: session.MustParseUserID(fmt.Sprint(i)), Reason: "x", MaxAge: time.Hour})
		})
		back := race(func(int) (session.Session, error) {
			s, _, err := m.StopImpersonating(t.Context(), acted.Ref(), grants("support"))
			return s, err
		})
		if got := live(t, m); len(got) != 1 || got[0] != back.Ref() {
			t.Fatalf("%d sessions are live", len(got))
		}
	}
}

// A newer token of the provider that takes a role away ends what its user does as somebody else,
// though it signs them in to nothing meanwhile. One that takes none away ends nothing.
func TestATokenThatTakesARoleAwayEndsWhatItsUserDoesAsOthers(t *testing.T) {
	for name, row := range map[string]struct {
		roles []string
		after time.Duration
		want  error
	}{
		"the same roles":                    {[]string{"admin", "support"}, time.Second, nil},
		"a role more":                       {[]string{"admin", "support", "viewer"}, time.Second, nil},
		"a role fewer":                      {[]string{"support"}, time.Second, session.ErrNotFound},
		"a role for another":                {[]string{"support", "viewer"}, time.Second, session.ErrNotFound},
		"no role":                           {nil, time.Second, session.ErrNotFound},
		"a role fewer by an older token":    {[]string{"support"}, -time.Second, nil},
		"a role fewer by one of the second": {[]string{"support"}, 0, session.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			m, _ := withDirectory(t, session.ActiveTenants(shop))
			stranger := stranger(time.Now())
			stranger.Roles, stranger.RolesNamed = []string{"admin", "support"}, true
			own, err := m.Adopt(ctx, stranger)
			wantErr(t, "Adopt", err, nil)
			acted, err := m.Impersonate(ctx, own.Ref(), session.Impersonation{User: alice, Reason: "ticket 7", MaxAge: time.Minute})
			wantErr(t, "Impersonate", err, nil)
			newer := stranger
			newer.Roles, newer.IssuedAt = row.roles, stranger.IssuedAt.Add(row.after)
			_, err = m.Adopt(ctx, newer)
			wantErr(t, "the newer token", err, session.ErrNotFound)
			_, err = m.Load(ctx, acted.Ref())
			wantErr(t, "what they do as another", err, row.want)
		})
	}
}

// An actor whom a provider has signed in acts as nobody once that sign-in has ended, by whatever
// ends it, and the provider's token that is still there signs them in to nothing beside it.
func TestWhatEndsASignInAtAProviderEndsWhatItsUserDoesAsOthers(t *testing.T) {
	for name, end := range map[string]func(ctx context.Context, m *session.Manager, stranger session.Stranger) error{
		"EndSignIn": func(ctx context.Context, m *session.Manager, stranger session.Stranger) error {
			return m.EndSignIn(ctx, stranger.Issuer, stranger.Name)
		},
		"RevokePerson": func(ctx context.Context, m *session.Manager, stranger session.Stranger) error {
			return m.RevokePerson(ctx, stranger.Issuer, stranger.User)
		},
		"RevokePerson in the tenant": func(ctx context.Context, m *session.Manager, stranger session.Stranger) error {
			return m.RevokePerson(ctx, stranger.Issuer, stranger.User, stranger.Tenant)
		},
		"Block": func(ctx context.Context, m *session.Manager, stranger session.Stranger) error {
			return m.Block(ctx, stranger.Tenant, stranger.User)
		},
		"RevokeUser": func(ctx context.Context, m *session.Manager, stranger session.Stranger) error {
			return m.RevokeUser(ctx, stranger.Tenant, stranger.User)
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			m, _ := withDirectory(t, session.ActiveTenants(shop))
			stranger := stranger(time.Now())
			own, err := m.Adopt(ctx, stranger)
			wantErr(t, "Adopt", err, nil)
			acted, err := m.Impersonate(ctx, own.Ref(), session.Impersonation{User: alice, Reason: "ticket 7", MaxAge: time.Minute})
			wantErr(t, "Impersonate", err, nil)
			_, err = m.Adopt(ctx, stranger)
			wantErr(t, "the provider's token while its user acts", err, session.ErrNotFound)
			_, err = m.Load(ctx, acted.Ref())
			wantErr(t, "before", err, nil)
			wantErr(t, name, end(ctx, m, stranger), nil)
			_, err = m.Load(ctx, acted.Ref())
			wantErr(t, "after", err, session.ErrNotFound)
			_, _, err = m.StopImpersonating(ctx, acted.Ref(), grants("editor"))
			wantErr(t, "StopImpersonating", err, session.ErrNotFound)
			if s, err := m.Adopt(ctx, stranger); err == nil {
				t.Errorf("the provider's token signs its user in again: %v", s.ID)
			}
		})
	}
}
