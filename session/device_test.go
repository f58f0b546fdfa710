package session_test

import (
	"slices"
	"testing"

	"github.com/reevehq/reeve/session"
)

func TestUsersSeeTheirDevicesAndEndThem(t *testing.T) {
	m := newManager(t, newStore(t), session.Config{})
	ctx := t.Context()
	var mine []session.Session
	for _, agent := range []string{"Firefox", "Phone", "Café 用"} {
		s, _, err := m.Create(ctx, session.SignIn{Tenant: acme, User: alice, UserAgent: agent, Address: "2001:db8::1"})
		if err != nil {
			t.Fatal(err)
		}
		mine = append(mine, s)
	}
	other, _, err := m.Create(ctx, session.SignIn{Tenant: acme, User: bob})
	if err != nil {
		t.Fatal(err)
	}
	devices, err := m.Devices(ctx, mine[1].Ref())
	if err != nil || len(devices) != 3 {
		t.Fatalf("%d devices, %v", len(devices), err)
	}
	for i, d := range devices {
		j := slices.IndexFunc(mine, func(s session.Session) bool { return s.ID.Fingerprint() == d.Digest })
		if j < 0 || d.UserAgent != mine[j].UserAgent || d.Address != "2001:db8::1" || d.Current != (j == 1) {
			t.Errorf("device %d: %+v", i, d)
		}
	}
	wantErr(t, "RevokeDevice of somebody else's", m.RevokeDevice(ctx, mine[1].Ref(), other.ID.Fingerprint()), session.ErrNotFound)
	wantErr(t, "RevokeDevice of none", m.RevokeDevice(ctx, mine[1].Ref(), ""), session.ErrNotFound)
	if err := m.RevokeDevice(ctx, mine[1].Ref(), mine[0].ID.Fingerprint()); err != nil {
		t.Fatal(err)
	}
	_, err = m.Load(ctx, mine[0].Ref())
	wantErr(t, "Load of the device that was ended", err, session.ErrNotFound)
	if err := m.RevokeOthers(ctx, mine[1].Ref()); err != nil {
		t.Fatal(err)
	}
	if got := live(t, m); len(got) != 2 || !slices.Contains(got, mine[1].Ref()) || !slices.Contains(got, other.Ref()) {
		t.Errorf("%d sessions are live", len(got))
	}
	events, err := m.Events(ctx, acme, alice)
	if err != nil || len(events) != 5 || events[3].Kind != session.EventRevoked || events[3].Session != mine[0].ID.Fingerprint() {
		t.Errorf("%v, %v", events, err)
	}
}

func TestADeviceThatCannotBeShownAsksNobody(t *testing.T) {
	store := &spy{Store: newStore(t)}
	m := newManager(t, store, session.Config{})
	for _, n := range []session.SignIn{{UserAgent: "a\nb"}, {UserAgent: "\xff"}, {Address: string(make([]byte, session.MaxAddressLength+1))}} {
		n.Tenant, n.User = acme, alice
		_, _, err := m.Create(t.Context(), n)
		wantErr(t, "Create", err, session.ErrInvalid)
	}
	if store.calls.Load() != 0 {
		t.Error("the store was asked")
	}
}

func TestOptionsSayWhatIsWrongWithALimit(t *testing.T) {
	_, err := session.NewManager(newStore(t), session.Config{Key: key('k'), Limit: session.SessionLimit{Sessions: 3}})
	wantErr(t, "a limit without a policy", err, session.ErrInvalid)
	m := newManager(t, newStore(t), session.Config{Limit: session.SessionLimit{Sessions: 1, Policy: session.RejectNew}})
	s, _ := signIn(t, m)
	_, _, err = m.Create(t.Context(), session.SignIn{Tenant: acme, User: alice})
	wantErr(t, "Create at the limit", err, session.ErrTooManySessions)
	if _, err := m.Load(t.Context(), s.Ref()); err != nil {
		t.Error(err)
	}
}
