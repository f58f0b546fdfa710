package session_test

import (
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/reqctx"
	"github.com/reevehq/reeve/session"
)

var carol = session.MustParseUserID("carol")

// grants are the roles of an actor now, and the attributes that they had.
func grants(roles ...string) func(session.Session) (session.Roles, session.Attributes, error) {
	return func(own session.Session) (session.Roles, session.Attributes, error) {
		return session.MustRoles(roles...), own.Attributes, nil
	}
}

func mustImpersonate(t testing.TB, m *session.Manager, ref session.Ref, as session.UserID) session.Session {
	t.Helper()
	s, err := m.Impersonate(t.Context(), ref, session.Impersonation{User: as, Roles: session.MustRoles("viewer"), Reason: "ticket 7", MaxAge: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// RFC 9449: whoever has a stolen id or token of a bound session has nothing, also after it was
// made into another.
func TestASessionThatIsMadeOfABoundOneIsBoundToTheSameKey(t *testing.T) {
	ctx := t.Context()
	bound, err := session.NewAttributes(map[string]any{session.KeyAttribute: "key 1"})
	if err != nil {
		t.Fatal(err)
	}
	another, err := session.NewAttributes(map[string]any{session.KeyAttribute: "key 2"})
	if err != nil {
		t.Fatal(err)
	}
	m := newManager(t, newStore(t), session.Config{})
	own, _, err := m.Create(ctx, session.SignIn{Tenant: acme, User: alice, Attributes: bound})
	if err != nil {
		t.Fatal(err)
	}
	keyOf := func(s session.Session) any { v, _ := s.Attributes.Get(session.KeyAttribute); return v }
	as := asBob()
	as.Attributes = another
	_, err = m.Impersonate(ctx, own.Ref(), as)
	wantErr(t, "Impersonate with another key", err, session.ErrInvalid)
	as.Attributes, _ = session.NewAttributes(map[string]any{"region": "eu"})
	acted, err := m.Impersonate(ctx, own.Ref(), as)
	if err != nil || keyOf(acted) != "key 1" || acted.Attributes.Len() != 2 || as.Attributes.Len() != 1 {
		t.Fatalf("%v: bound to %v", err, keyOf(acted))
	}
	through := mustImpersonate(t, m, acted.Ref(), carol)
	if keyOf(through) != "key 1" {
		t.Errorf("bound to %v", keyOf(through))
	}
	_, _, err = m.StopImpersonating(ctx, through.Ref(), func(session.Session) (session.Roles, session.Attributes, error) {
		return session.Roles{}, another, nil
	})
	wantErr(t, "StopImpersonating with another key", err, session.ErrInvalid)
	for through.Actors.Len() > 0 {
		through, _, err = m.StopImpersonating(ctx, through.Ref(), func(session.Session) (session.Roles, session.Attributes, error) {
			return session.Roles{}, session.Attributes{}, nil
		})
		if err != nil || keyOf(through) != "key 1" {
			t.Fatalf("%v: bound to %v", err, keyOf(through))
		}
	}
	// A user who bound the session while they acted stays bound.
	own, _ = signIn(t, m)
	as.Attributes = bound
	acted, err = m.Impersonate(ctx, own.Ref(), as)
	if err != nil {
		t.Fatal(err)
	}
	back, _, err := m.StopImpersonating(ctx, acted.Ref(), grants("viewer"))
	if err != nil || keyOf(back) != "key 1" {
		t.Errorf("%v: bound to %v", err, keyOf(back))
	}
}

// To sign out while acting as another is to sign out.
func TestSigningOutWhileImpersonatingLeavesNothing(t *testing.T) {
	for _, inRequest := range []bool{false, true} {
		m := newManager(t, newStore(t), session.Config{Limit: session.SessionLimit{Sessions: 1, Policy: session.RejectNew}})
		own, _ := signIn(t, m)
		acted := mustImpersonate(t, m, mustImpersonate(t, m, own.Ref(), bob).Ref(), carol)
		ctx := t.Context()
		if inRequest {
			ctx = &reqctx.Node{Context: ctx, Session: &holder{acted}}
		}
		if err := m.Revoke(ctx, acted.Ref()); err != nil {
			t.Fatal(err)
		}
		for _, u := range []session.UserID{alice, bob, carol} {
			if list, err := m.List(ctx, acme, u); err != nil || len(list) != 0 {
				t.Errorf("%d sessions of %v are left, %v", len(list), u, err)
			}
		}
		signIn(t, m) // which the limit allows
	}
}

// A user sees on their devices who acts as them, and out of which one they act themselves.
func TestDevicesSayWhoActsAsWhom(t *testing.T) {
	ctx := t.Context()
	m := newManager(t, newStore(t), session.Config{})
	own, _ := signIn(t, m)
	acted := mustImpersonate(t, m, own.Ref(), bob)
	mine, err := m.Devices(ctx, own.Ref())
	if err != nil || len(mine) != 1 || mine[0].Acting.User() != bob || mine[0].Actors.Len() != 0 {
		t.Errorf("of the actor: %+v, %v", mine, err)
	}
	theirs, err := m.Devices(ctx, acted.Ref())
	if err != nil || len(theirs) != 1 || !theirs[0].Acting.IsZero() || theirs[0].Actors.Len() != 1 {
		t.Errorf("of the user acted as: %+v, %v", theirs, err)
	}
	bobs, _, err := m.Create(ctx, session.SignIn{Tenant: acme, User: bob})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.RevokeDevice(ctx, bobs.Ref(), acted.ID.Fingerprint()); err != nil {
		t.Fatal(err)
	}
	if got := live(t, m); len(got) != 1 || got[0] != bobs.Ref() {
		t.Errorf("%d sessions are live", len(got))
	}
}
