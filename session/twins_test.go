package session_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// someone is a user of a tenant.
type someone struct {
	tenant tenant.ID
	user   session.UserID
}

func one(t, u string) someone { return someone{tenant.MustParse(t), session.MustParseUserID(u)} }

// twins call each method of a Manager as somebody who holds the id of another's session. The
// answer must be nil, or ErrNotFound where the method needs a live session of the caller.
var twins = map[string]struct {
	do   func(ctx context.Context, m *session.Manager, ref session.Ref, ours session.Session) error
	want error
}{
	"Create": {func(ctx context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		_, _, err := m.Create(ctx, session.SignIn{Tenant: ref.Tenant, User: ref.User, Roles: session.MustRoles("owner")})
		return err
	}, nil},
	"Adopt": {func(ctx context.Context, m *session.Manager, ref session.Ref, ours session.Session) error {
		_, err := m.Adopt(ctx, session.Stranger{
			Issuer: "https://id.example", Name: ours.ID.Reveal(), Tenant: ref.Tenant, User: ref.User,
			Roles: []string{"owner"}, RolesNamed: true, IssuedAt: time.Now(),
		})
		return err
	}, nil},
	"EndSignIn": {func(ctx context.Context, m *session.Manager, ref session.Ref, ours session.Session) error {
		return m.EndSignIn(ctx, "https://id.example", ours.ID.Reveal())
	}, nil},
	"RevokePerson": {func(ctx context.Context, m *session.Manager, ref session.Ref, ours session.Session) error {
		return m.RevokePerson(ctx, "https://id.example", ref.User, ref.Tenant)
	}, nil},
	"Block": {func(ctx context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		return m.Block(ctx, ref.Tenant, ref.User)
	}, nil},
	"Unblock": {func(ctx context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		return m.Unblock(ctx, ref.Tenant, ref.User)
	}, nil},
	"EraseUser": {func(ctx context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		return m.EraseUser(ctx, ref.Tenant, ref.User)
	}, nil},
	"EraseTenant": {func(ctx context.Context, m *session.Manager, ref session.Ref, ours session.Session) error {
		users := func(yield func(session.UserID, error) bool) { _ = yield(ref.User, nil) && yield(ours.User, nil) }
		if ref.Tenant == ours.Tenant {
			if err := m.EraseTenant(ctx, ref.Tenant, users); !errors.Is(err, session.ErrNotSuspended) {
				return fmt.Errorf("a tenant that is served: %w", err)
			}
			return nil
		}
		if err := m.SetTenantStatus(ctx, ref.Tenant, tenant.Suspended); err != nil {
			return err
		}
		return m.EraseTenant(ctx, ref.Tenant, users)
	}, nil},
	"Load": {func(ctx context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		_, err := m.Load(ctx, ref)
		return err
	}, session.ErrNotFound},
	"Recall": {func(_ context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		h := session.HandleOf(ref)
		if _, ok := m.Recall(&h); !ok {
			return session.ErrNotFound
		}
		return nil
	}, session.ErrNotFound},
	"Update": {func(ctx context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		_, err := m.Update(ctx, ref, func(s *session.Session) error { s.Roles = admin; return nil })
		return err
	}, session.ErrNotFound},
	"Rotate": {func(ctx context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		_, _, err := m.Rotate(ctx, ref, nil)
		return err
	}, session.ErrNotFound},
	"Refresh": {func(ctx context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		// A token names its owner and is sealed: the stranger can present their own alone.
		_, token, err := m.Create(ctx, session.SignIn{Tenant: ref.Tenant, User: ref.User})
		if err == nil {
			_, _, err = m.Refresh(ctx, token.Reveal())
		}
		return err
	}, nil},
	"StepUp": {func(ctx context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		_, _, err := m.StepUp(ctx, ref, otp)
		return err
	}, session.ErrNotFound},
	"SwitchTenant": {func(ctx context.Context, m *session.Manager, ref session.Ref, ours session.Session) error {
		to := ours.Tenant // into our tenant, as a user whose name may be ours
		if to == ref.Tenant {
			to = tenant.MustParse("elsewhere")
		}
		_, _, err := m.SwitchTenant(ctx, ref, to, admin, session.Attributes{})
		return err
	}, session.ErrNotFound},
	"Impersonate": {func(ctx context.Context, m *session.Manager, ref session.Ref, ours session.Session) error {
		as := asBob()
		if as.User = ours.User; as.User == ref.User {
			as.User = session.MustParseUserID("zoe")
		}
		_, err := m.Impersonate(ctx, ref, as)
		return err
	}, session.ErrNotFound},
	"StopImpersonating": {func(ctx context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		_, _, err := m.StopImpersonating(ctx, ref, func(own session.Session) (session.Roles, session.Attributes, error) {
			return own.Roles, own.Attributes, nil
		})
		return err
	}, session.ErrNotFound},
	"Revoke": {func(ctx context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		return m.Revoke(ctx, ref)
	}, nil},
	"End": {func(ctx context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		live, err := m.End(ctx, ref)
		if live {
			return errors.New("a session that is nobody's was live")
		}
		return err
	}, nil},
	"RevokeOthers": {func(ctx context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		return m.RevokeOthers(ctx, ref)
	}, session.ErrNotFound},
	"RevokeDevice": {func(ctx context.Context, m *session.Manager, ref session.Ref, ours session.Session) error {
		return m.RevokeDevice(ctx, ref, ours.ID.Fingerprint())
	}, session.ErrNotFound},
	"RevokeUser": {func(ctx context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		return m.RevokeUser(ctx, ref.Tenant, ref.User)
	}, nil},
	"RevokeTenant": {func(ctx context.Context, m *session.Manager, ref session.Ref, ours session.Session) error {
		if ref.Tenant == ours.Tenant {
			return nil // it is ours as well
		}
		return m.RevokeTenant(ctx, ref.Tenant)
	}, nil},
	"RevokeAll": {},
	"List": {func(ctx context.Context, m *session.Manager, ref session.Ref, ours session.Session) error {
		list, err := m.List(ctx, ref.Tenant, ref.User)
		if slices.ContainsFunc(list, func(s session.Session) bool { return s.ID == ours.ID }) {
			return errors.New("the session of another is listed")
		}
		return err
	}, nil},
	"Peek": {func(ctx context.Context, m *session.Manager, ref session.Ref, ours session.Session) error {
		list, err := m.Peek(ctx, ref.Tenant, ref.User, []session.ID{ours.ID})
		if len(list) > 0 {
			return errors.New("the session of another is shown")
		}
		return err
	}, nil},
	"Devices": {func(ctx context.Context, m *session.Manager, ref session.Ref, ours session.Session) error {
		list, err := m.Devices(ctx, ref)
		if slices.ContainsFunc(list, func(d session.Device) bool { return d.Digest == ours.ID.Fingerprint() || d.Current }) {
			return errors.New("the device of another is shown")
		}
		return err
	}, nil},
	"Events": {func(ctx context.Context, m *session.Manager, ref session.Ref, ours session.Session) error {
		list, err := m.Events(ctx, ref.Tenant, ref.User)
		if slices.ContainsFunc(list, func(e session.Event) bool { return e.Session == ours.ID.Fingerprint() }) {
			return errors.New("an event of another's session is shown")
		}
		return err
	}, nil},
	"Begin": {func(ctx context.Context, m *session.Manager, ref session.Ref, ours session.Session) error {
		ticket, err := m.Begin(ctx, ref.Tenant, ref.User)
		if err != nil {
			return err
		}
		_, _, err = m.Create(ctx, session.SignIn{Tenant: ours.Tenant, User: ours.User, Roles: admin, Ticket: ticket})
		if !errors.Is(err, session.ErrInvalid) {
			return fmt.Errorf("a ticket of another user: %w", err)
		}
		return nil
	}, nil},
	"Stale": {func(ctx context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		return m.Stale(ctx, ref.Tenant, ref.User)
	}, session.ErrInvalid}, // without Config.Grants; stores have a twin of their own
	"UpdateUser": {func(ctx context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		return m.UpdateUser(ctx, ref.Tenant, ref.User, session.UserChange{Roles: &admin})
	}, nil},
	"TenantStatus": {func(ctx context.Context, m *session.Manager, ref session.Ref, _ session.Session) error {
		_, err := m.TenantStatus(ctx, ref.Tenant)
		return err
	}, nil},
	"SetTenantStatus": {func(ctx context.Context, m *session.Manager, ref session.Ref, ours session.Session) error {
		if ref.Tenant == ours.Tenant {
			return nil
		}
		if err := m.SetTenantStatus(ctx, ref.Tenant, tenant.Suspended); err != nil {
			return err
		}
		if _, err := m.Load(ctx, ours.Ref()); err != nil {
			return fmt.Errorf("while another tenant is suspended: %w", err)
		}
		return m.SetTenantStatus(ctx, ref.Tenant, tenant.Active)
	}, nil},
}

// Every call has its twin: by a user of the same name in another tenant, by another of the
// same tenant, and by one whose ids join to the same text, each with the id of a session that
// is not theirs. Nothing that its owner sees changes, and the owner's refresh token is as good as before.
func TestNoCallOfAStrangerChangesWhatAnOwnerSees(t *testing.T) {
	manager := reflect.TypeFor[*session.Manager]()
	for i := range manager.NumMethod() {
		if _, ok := twins[manager.Method(i).Name]; !ok {
			t.Errorf("Manager.%s has no twin", manager.Method(i).Name)
		}
	}
	ctx := t.Context()
	for _, pair := range [][2]someone{
		{one("acme", "alice"), one("globex", "alice")}, {one("acme", "alice"), one("acme", "bob")},
		{one("a", "b-c"), one("a-b", "c")}, {one("a", "bc"), one("ab", "c")}, {one("a", "b/c"), one("a", "b")},
		{one("a", "B"), one("a", "b")}, {one("a", "é"), one("a", "e\u0301")}, {one("tenant", "user"), one("user", "tenant")},
	} {
		ours, theirs := pair[0], pair[1]
		for _, name := range slices.Sorted(maps.Keys(twins)) {
			store := newStore(t)
			m := newManager(t, store, session.Config{})
			for _, id := range []tenant.ID{ours.tenant, theirs.tenant, tenant.MustParse("elsewhere")} {
				if err := m.SetTenantStatus(ctx, id, tenant.Active); err != nil {
					t.Fatal(err)
				}
			}
			s, token, err := m.Create(ctx, session.SignIn{Tenant: ours.tenant, User: ours.user})
			if err != nil {
				t.Fatal(err)
			}
			see := func() []any {
				got, err := m.Load(ctx, s.Ref())
				devices, err2 := m.Devices(ctx, s.Ref())
				events, err3 := m.Events(ctx, ours.tenant, ours.user)
				status, err4 := m.TenantStatus(ctx, ours.tenant)
				if err := errors.Join(err, err2, err3, err4); err != nil {
					t.Errorf("after %s as %v of %v's: %v", name, theirs, ours, err)
				}
				return []any{got, devices, events, status}
			}
			before := see()
			twin := twins[name]
			if twin.do == nil {
				continue
			}
			if err := twin.do(ctx, m, session.Ref{Tenant: theirs.tenant, User: theirs.user, ID: s.ID}, s); !errors.Is(err, twin.want) {
				t.Errorf("%s as %v of %v's: got %v, want %v", name, theirs, ours, err, twin.want)
			}
			if after := see(); !reflect.DeepEqual(after, before) {
				t.Errorf("%s as %v changed what %v sees", name, theirs, ours)
			}
			if _, _, err := m.Refresh(ctx, token.Reveal()); err != nil {
				t.Errorf("after %s as %v: Refresh: %v", name, theirs, err)
			}
		}
	}
}
