package session_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session"
)

func TestStoppingGivesTheActorAFreshSessionOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		m := newManager(t, newStore(t), session.Config{Lifetime: 3 * time.Hour})
		own, stolen, err := m.Create(ctx, session.SignIn{Tenant: acme, User: alice, Roles: session.MustRoles("support", "editor"), AMR: mustMethods("pwd"), UserAgent: "Firefox", Address: "192.0.2.1"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		acted := mustImpersonate(t, m, own.Ref(), bob)
		time.Sleep(10 * time.Minute)
		if _, _, err := m.Refresh(ctx, stolen.Reveal()); !errors.Is(err, session.ErrRefreshInvalid) {
			t.Errorf("the refresh token of before: %v", err)
		}
		var given session.Session
		back, token, err := m.StopImpersonating(ctx, acted.Ref(), func(s session.Session) (session.Roles, session.Attributes, error) {
			given = s
			return session.MustRoles("support"), session.Attributes{}, nil
		})
		if err != nil || token.IsZero() {
			t.Fatal(err)
		}
		if given.User != alice || given.Acting.User() != bob || given.Acting.Reason() != "ticket 7" {
			t.Errorf("grants was asked for %v, who acts as %v", given.User, given.Acting.User())
		}
		if back.User != alice || back.ID == own.ID || back.Actors.Len() != 0 || !back.Acting.IsZero() || !slices.Equal(back.Roles.Names(), []string{"support"}) {
			t.Errorf("got %+v", back)
		}
		if !back.ExpiresAt.Equal(own.ExpiresAt) || !back.AuthTime.Equal(own.AuthTime) || !back.CreatedAt.Equal(own.CreatedAt) || !slices.Equal(back.AMR.Names(), own.AMR.Names()) || back.UserAgent != "Firefox" {
			t.Errorf("the new session is not the old one: %+v, %+v", back, own)
		}
		if got := live(t, m); !slices.Equal(got, []session.Ref{back.Ref()}) {
			t.Errorf("%d sessions are live", len(got))
		}
		if _, _, err := m.Refresh(ctx, token.Reveal()); err != nil {
			t.Error("its refresh token:", err)
		}
		if _, _, err := m.Refresh(ctx, stolen.Reveal()); !errors.Is(err, session.ErrRefreshInvalid) {
			t.Errorf("the refresh token of before: %v", err)
		}
		_, _, err = m.StopImpersonating(ctx, acted.Ref(), grants("support"))
		wantErr(t, "stopping twice", err, session.ErrNotFound)
		_, _, err = m.StopImpersonating(ctx, back.Ref(), grants("support"))
		wantErr(t, "stopping of who does not act", err, session.ErrInvalid)

		events, err := m.Events(ctx, acme, alice)
		var kinds []session.EventKind
		for _, e := range events {
			kinds = append(kinds, e.Kind)
		}
		if want := []session.EventKind{session.EventCreated, session.EventImpersonated, session.EventImpersonationEnded, session.EventRefreshed}; err != nil || !slices.Equal(kinds, want) {
			t.Errorf("the events of the actor: %v, %v", kinds, err)
		}
		events, err = m.Events(ctx, acme, bob)
		if err != nil || len(events) != 2 || events[1].Kind != session.EventRevoked || events[0].Actor != alice || events[1].Actor != alice {
			t.Errorf("the events of the user acted as: %v, %v", events, err)
		}
	})
}

func TestStoppingAChainGoesBackOneActorAtATime(t *testing.T) {
	ctx := t.Context()
	m := newManager(t, newStore(t), session.Config{})
	own, _ := signIn(t, m)
	first := mustImpersonate(t, m, own.Ref(), bob)
	second := mustImpersonate(t, m, first.Ref(), carol)
	back, token, err := m.StopImpersonating(ctx, second.Ref(), grants("viewer"))
	if err != nil || back.User != bob || back.Actors.Len() != 1 || !token.IsZero() || !back.ExpiresAt.Equal(first.ExpiresAt) {
		t.Fatalf("%v: %v, %d actors, a refresh token: %v", err, back.User, back.Actors.Len(), !token.IsZero())
	}
	if _, err := m.Load(ctx, back.Ref()); err != nil {
		t.Fatal(err)
	}
	again := mustImpersonate(t, m, back.Ref(), carol)
	back, _, err = m.StopImpersonating(ctx, again.Ref(), grants("viewer"))
	if err != nil {
		t.Fatal(err)
	}
	last, token, err := m.StopImpersonating(ctx, back.Ref(), grants("support"))
	if err != nil || last.User != alice || last.Actors.Len() != 0 || token.IsZero() {
		t.Fatalf("%v: %v, %d actors", err, last.User, last.Actors.Len())
	}
	if got := live(t, m); len(got) != 1 || got[0] != last.Ref() {
		t.Errorf("%d sessions are live", len(got))
	}
}

func TestStoppingWithoutTheRolesOfNowChangesNothing(t *testing.T) {
	ctx := t.Context()
	m := newManager(t, newStore(t), session.Config{})
	own, _ := signIn(t, m)
	acted := mustImpersonate(t, m, own.Ref(), bob)
	_, _, err := m.StopImpersonating(ctx, acted.Ref(), nil)
	wantErr(t, "no grants", err, session.ErrInvalid)
	down := errors.New("the database is down")
	_, _, err = m.StopImpersonating(ctx, acted.Ref(), func(session.Session) (session.Roles, session.Attributes, error) {
		return admin, session.Attributes{}, down
	})
	wantErr(t, "grants that fail", err, down)
	if _, err := m.Load(ctx, acted.Ref()); err != nil {
		t.Error("the impersonation:", err)
	}
	// A demotion while the roles are looked up wins.
	_, _, err = m.StopImpersonating(ctx, acted.Ref(), func(own session.Session) (session.Roles, session.Attributes, error) {
		_, err := m.Update(ctx, own.Ref(), func(s *session.Session) error { s.Roles = session.Roles{}; return nil })
		return admin, session.Attributes{}, err
	})
	wantErr(t, "a demotion meanwhile", err, session.ErrNotFound)
	if got := live(t, m); len(got) != 0 {
		t.Errorf("%d sessions are live", len(got))
	}
}

// A write of stopping that fails, made or not, gives nobody two sessions, nor one that was not theirs.
func TestAFailureHalfwayBackFromAnImpersonationLeavesNoSecondSession(t *testing.T) {
	for at := 1; at <= 2; at++ {
		for _, after := range []bool{false, true} {
			for _, forGood := range []bool{false, true} {
				store := &stumbling{Store: newStore(t)}
				m := newManager(t, store, session.Config{})
				own, _ := signIn(t, m)
				acted := mustImpersonate(t, m, own.Ref(), bob)
				store.writes, store.at, store.after, store.forGood = 0, at, after, forGood
				got, token, err := m.StopImpersonating(t.Context(), acted.Ref(), grants("support"))
				wantErr(t, "StopImpersonating", err, session.ErrUnavailable)
				if !got.ID.IsZero() || !token.IsZero() {
					t.Error("a session was returned with the error")
				}
				left := live(t, m)
				noticed := forGood && store.writes > at // undoing failed too, and the error says so
				if len(left) > 1 || len(left) == 1 && left[0] != acted.Ref() && !noticed {
					t.Errorf("write %d, made %v, for good %v: %d sessions are live", at, after, forGood, len(left))
				}
			}
		}
	}
}
