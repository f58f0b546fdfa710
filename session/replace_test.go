package session_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

var (
	otp   = mustMethods("otp")
	admin = session.MustRoles("admin")
)

func mustMethods(names ...string) session.Methods {
	m, err := session.NewMethods(names...)
	if err != nil {
		panic(err)
	}
	return m
}

func asBob() session.Impersonation {
	return session.Impersonation{User: bob, Roles: session.MustRoles("viewer"), Reason: "ticket 7", MaxAge: time.Hour}
}

// edges are the ways in which a session comes to be worth more, or another's.
var edges = map[string]func(ctx context.Context, m *session.Manager, ref session.Ref) (session.Session, session.RefreshToken, error){
	"Rotate": func(ctx context.Context, m *session.Manager, ref session.Ref) (session.Session, session.RefreshToken, error) {
		return m.Rotate(ctx, ref, func(s *session.Session) error { s.Roles = admin; return nil })
	},
	"StepUp": func(ctx context.Context, m *session.Manager, ref session.Ref) (session.Session, session.RefreshToken, error) {
		return m.StepUp(ctx, ref, otp)
	},
	"SwitchTenant": func(ctx context.Context, m *session.Manager, ref session.Ref) (session.Session, session.RefreshToken, error) {
		to := globex
		if ref.Tenant == globex {
			to = acme
		}
		return m.SwitchTenant(ctx, ref, to, admin, session.Attributes{})
	},
	"Impersonate": func(ctx context.Context, m *session.Manager, ref session.Ref) (session.Session, session.RefreshToken, error) {
		as := asBob()
		if ref.User == bob {
			as.User = alice
		}
		s, err := m.Impersonate(ctx, ref, as)
		return s, session.RefreshToken{}, err
	},
}

// live returns the sessions of the whole cast that sign somebody in.
func live(t interface {
	Fatal(...any)
	Context() context.Context
}, m *session.Manager) []session.Ref {
	var all []session.Ref
	for _, o := range []tenant.ID{acme, globex} {
		for _, u := range []session.UserID{alice, bob} {
			sessions, err := m.List(t.Context(), o, u)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range sessions {
				if _, err := m.Load(t.Context(), s.Ref()); err == nil {
					all = append(all, s.Ref())
				} else if !errors.Is(err, session.ErrNotFound) || s.Acting.IsZero() {
					t.Fatal(err)
				}
			}
		}
	}
	return all
}

// ASVS 7.2.4 and session fixation: whatever a session is before, whoever knew its id or its
// refresh token before an edge that raises its privilege holds nothing after it.
func TestEveryEdgeThatRaisesPrivilegeChangesTheIDAndKillsTheOld(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ctx := t.Context()
		m := newManager(t, newStore(t), session.Config{})
		s, token := signIn(t, m)
		var dead []session.Ref
		var spent []session.RefreshToken
		names := []string{"Rotate", "StepUp", "SwitchTenant", "Impersonate"}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			name := rapid.SampledFrom(names).Draw(rt, "edge")
			before := s
			next, refresh, err := edges[name](ctx, m, s.Ref())
			if before.Actors.Len() > 0 && (name == "StepUp" || name == "SwitchTenant") {
				if !errors.Is(err, session.ErrImpersonating) {
					rt.Fatalf("%s while impersonating: %v", name, err)
				}
				continue
			}
			if name == "Impersonate" && before.Actors.Len() == session.MaxActors {
				if !errors.Is(err, session.ErrInvalid) {
					rt.Fatalf("a chain that is too long: %v", err)
				}
				continue
			}
			if err != nil {
				rt.Fatalf("%s: %v", name, err)
			}
			if next.ID == before.ID || next.ExpiresAt.After(before.ExpiresAt) {
				rt.Fatalf("%s kept the id or moved the expiry from %v to %v", name, before.ExpiresAt, next.ExpiresAt)
			}
			dead, spent, s = append(dead, before.Ref()), append(spent, token), next
			token = refresh
			if (s.Actors.Len() > 0) != refresh.IsZero() {
				rt.Fatalf("%s: %d actors, refresh token: %v", name, s.Actors.Len(), !refresh.IsZero())
			}
			if name != "StepUp" && !s.AuthTime.Equal(before.AuthTime) || !slices.Equal(s.AMR.Names(), before.AMR.Names()) && name != "StepUp" {
				rt.Fatalf("%s claims another authentication", name)
			}
			if got := live(t, m); len(got) != 1 || got[0] != s.Ref() {
				rt.Fatalf("after %s, %d sessions are live", name, len(got))
			}
			for _, ref := range dead {
				if _, err := m.Load(ctx, ref); !errors.Is(err, session.ErrNotFound) {
					rt.Fatalf("after %s, an old id: %v", name, err)
				}
			}
			for _, old := range spent {
				if old.IsZero() {
					continue
				}
				if _, _, err := m.Refresh(ctx, old.Reveal()); !errors.Is(err, session.ErrRefreshInvalid) {
					rt.Fatalf("after %s, an old refresh token: %v", name, err)
				}
			}
		}
	})
}

func TestAStepUpProvesTheUserNowAndAddsTheMethod(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, newStore(t), session.Config{})
		old, _, err := m.Create(t.Context(), session.SignIn{Tenant: acme, User: alice, AMR: mustMethods("pwd"), UserAgent: "Firefox", Address: "192.0.2.1"})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		s, token, err := m.StepUp(t.Context(), old.Ref(), otp)
		if err != nil || token.IsZero() {
			t.Fatal(err)
		}
		if !slices.Equal(s.AMR.Names(), []string{"otp", "pwd"}) || !s.AuthTime.Equal(time.Now()) || !s.ExpiresAt.Equal(old.ExpiresAt) {
			t.Errorf("AMR %v, AuthTime %v, ExpiresAt %v", s.AMR.Names(), s.AuthTime, s.ExpiresAt)
		}
		if s.UserAgent != "Firefox" || s.Address != "192.0.2.1" {
			t.Error("the device was lost")
		}
		_, _, err = m.StepUp(t.Context(), s.Ref(), session.Methods{})
		wantErr(t, "StepUp by nothing", err, session.ErrInvalid)
	})
}

func TestASwitchIsRefusedForATenantThatIsNotActiveAndLeavesTheOldSession(t *testing.T) {
	store := newStore(t)
	m := newManager(t, store, session.Config{})
	s, _ := signIn(t, m)
	if err := store.SetTenantStatus(t.Context(), globex, tenant.Suspended); err != nil {
		t.Fatal(err)
	}
	for to, want := range map[tenant.ID]error{
		globex: tenant.ErrSuspended, tenant.MustParse("nowhere"): tenant.ErrUnknown, acme: session.ErrInvalid, {}: session.ErrInvalidID,
	} {
		got, token, err := m.SwitchTenant(t.Context(), s.Ref(), to, admin, session.Attributes{})
		wantErr(t, "SwitchTenant", err, want)
		if !got.ID.IsZero() || !token.IsZero() {
			t.Error("something was returned with the error")
		}
	}
	if got := live(t, m); len(got) != 1 || got[0] != s.Ref() {
		t.Errorf("%d sessions are live", len(got))
	}
}

// RFC 8693 §4.1: the outermost actor acts now, and those it acted through follow.
func TestAnImpersonationNamesItsActorsAndEndsWithinItsHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(t, newStore(t), session.Config{Lifetime: 90 * time.Minute})
		s, _ := signIn(t, m)
		first, err := m.Impersonate(t.Context(), s.Ref(), asBob())
		if err != nil {
			t.Fatal(err)
		}
		carol := session.MustParseUserID("carol")
		second, err := m.Impersonate(t.Context(), first.Ref(), session.Impersonation{User: carol, Reason: "ticket 8", MaxAge: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		want := []session.Actor{{User: bob, Reason: "ticket 8"}, {User: alice, Reason: "ticket 7"}}
		if got := slices.Collect(second.Actors.All()); second.User != carol || !slices.Equal(got, want) {
			t.Errorf("%v acts through %v", second.User, got)
		}
		events, err := m.Events(t.Context(), acme, carol)
		if err != nil || len(events) != 1 || events[0].Reason != "ticket 8" || events[0].Session != second.ID.Fingerprint() {
			t.Errorf("the events of who is acted as: %v, %v", events, err)
		}
		if now, ok := second.Actors.Current(); !ok || now != want[0] {
			t.Errorf("the current actor is %v", now)
		}
		moved, token, err := m.Rotate(t.Context(), second.Ref(), nil)
		if err != nil || !token.IsZero() || moved.Actors.Len() != 2 {
			t.Errorf("Rotate: %v, a refresh token: %v, %d actors", err, !token.IsZero(), moved.Actors.Len())
		}
		_, err = m.Update(t.Context(), moved.Ref(), func(s *session.Session) error { s.Actors = session.Actors{}; return nil })
		wantErr(t, "an update that drops the actors", err, session.ErrInvalid)
		time.Sleep(time.Minute)
		_, err = m.Load(t.Context(), moved.Ref())
		wantErr(t, "Load after MaxAge", err, session.ErrNotFound)

		s, _ = signIn(t, m)
		for i := range 4 { // used all the time, so that only the absolute expiry can end it
			time.Sleep(20 * time.Minute)
			if _, err := m.Load(t.Context(), s.Ref()); err != nil {
				t.Fatal(i, err)
			}
		}
		late, err := m.Impersonate(t.Context(), s.Ref(), asBob())
		if err != nil || !late.ExpiresAt.Equal(s.ExpiresAt) {
			t.Errorf("%v: ends at %v, its actor's session at %v", err, late.ExpiresAt, s.ExpiresAt)
		}
	})
}

func TestAnImpersonationWithoutAReasonABoundOrAnotherUserAsksNobody(t *testing.T) {
	store := &spy{Store: newStore(t)}
	m := newManager(t, store, session.Config{})
	s, _ := signIn(t, m)
	calls := store.calls.Load()
	for name, c := range map[string]struct {
		set  func(*session.Impersonation)
		want error
	}{
		"no user":                    {func(i *session.Impersonation) { i.User = session.UserID{} }, session.ErrInvalidID},
		"the user themselves":        {func(i *session.Impersonation) { i.User = alice }, session.ErrInvalid},
		"no reason":                  {func(i *session.Impersonation) { i.Reason = "" }, session.ErrInvalid},
		"a reason of lines":          {func(i *session.Impersonation) { i.Reason = "a\nb" }, session.ErrInvalid},
		"a reason that is not UTF-8": {func(i *session.Impersonation) { i.Reason = "a\xff" }, session.ErrInvalid},
		"a reason that is too long":  {func(i *session.Impersonation) { i.Reason = strings.Repeat("a", session.MaxReasonLength+1) }, session.ErrInvalid},
		"no bound":                   {func(i *session.Impersonation) { i.MaxAge = 0 }, session.ErrInvalid},
		"over the bound":             {func(i *session.Impersonation) { i.MaxAge = session.MaxImpersonation + 1 }, session.ErrInvalid},
	} {
		as := asBob()
		c.set(&as)
		_, err := m.Impersonate(t.Context(), s.Ref(), as)
		wantErr(t, name, err, c.want)
	}
	if store.calls.Load() != calls {
		t.Error("the store was asked")
	}
}

// stumbling is a store that fails at the n-th write, before or after it was made.
type stumbling struct {
	session.Store
	at, writes int
	after      bool
	forGood    bool
}

var errStumbled = errors.New("connection reset")

func (s *stumbling) write(do func() error) error {
	s.writes++
	if s.writes != s.at && !(s.forGood && s.at > 0 && s.writes > s.at) {
		return do()
	}
	if s.after {
		_ = do()
	}
	return errStumbled
}

func (s *stumbling) Create(ctx context.Context, n session.Session, c session.CreateOptions) (created session.Session, err error) {
	err = s.write(func() error { created, err = s.Store.Create(ctx, n, c); return err })
	return created, err
}

func (s *stumbling) Update(ctx context.Context, n session.Session) (updated session.Session, err error) {
	err = s.write(func() error { updated, err = s.Store.Update(ctx, n); return err })
	return updated, err
}

func (s *stumbling) Rotate(ctx context.Context, old session.Ref, n session.Session, d session.Digest) (rotated session.Session, err error) {
	err = s.write(func() error { rotated, err = s.Store.Rotate(ctx, old, n, d); return err })
	return rotated, err
}

func (s *stumbling) End(ctx context.Context, ref session.Ref, version uint64) error {
	return s.write(func() error { return s.Store.End(ctx, ref, version) })
}

func (s *stumbling) Revoke(ctx context.Context, ref session.Ref) error {
	return s.write(func() error { return s.Store.Revoke(ctx, ref) })
}

// A write that fails on the way to another tenant or user, made or not, never leaves two live
// sessions, unless the error says that one may be left that nobody was given.
func TestAFailureHalfwayToAnotherTenantOrUserLeavesNoSecondSession(t *testing.T) {
	for _, edge := range []string{"SwitchTenant", "Impersonate"} {
		for at := 1; at <= 2; at++ {
			for _, after := range []bool{false, true} {
				for _, forGood := range []bool{false, true} {
					store := &stumbling{Store: newStore(t)}
					m := newManager(t, store, session.Config{})
					s, _ := signIn(t, m)
					store.writes, store.at, store.after, store.forGood = 0, at, after, forGood
					got, token, err := edges[edge](t.Context(), m, s.Ref())
					wantErr(t, edge, err, session.ErrUnavailable)
					if !got.ID.IsZero() || !token.IsZero() {
						t.Errorf("%s: a session was returned with the error", edge)
					}
					left := live(t, m)
					noticed := store.writes == at+1 && forGood // the undoing failed too, and the error names it
					if len(left) > 1 && !noticed {
						t.Errorf("%s, write %d, made %v: %d sessions are live", edge, at, after, len(left))
					}
					if len(left) == 1 && left[0] != s.Ref() && !noticed {
						t.Errorf("%s, write %d, made %v: a session is left that nobody has", edge, at, after)
					}
				}
			}
		}
	}
}

// Of several who switch one session at once, one wins: else one session would become many.
func TestOfConcurrentSwitchesOneWins(t *testing.T) {
	for range 30 {
		m := newManager(t, newStore(t), session.Config{})
		s, _ := signIn(t, m)
		results := make(chan error)
		for range 8 {
			go func() {
				_, _, err := edges["SwitchTenant"](t.Context(), m, s.Ref())
				results <- err
			}()
		}
		won := 0
		for range 8 {
			switch err := <-results; {
			case err == nil:
				won++
			case !errors.Is(err, session.ErrNotFound):
				t.Errorf("SwitchTenant: %v", err)
			}
		}
		if got := live(t, m); won != 1 || len(got) != 1 || got[0].Tenant != globex {
			t.Fatalf("%d switches won, %d sessions are live", won, len(got))
		}
	}
}

func TestAChainOfActorsIsKeptWithinItsLimits(t *testing.T) {
	long := strings.Repeat("ü", session.MaxReasonLength/2)
	full := slices.Repeat([]session.Actor{{User: alice, Reason: long}}, session.MaxActors)
	a, err := session.NewActors(full...)
	if err != nil || a.Len() != session.MaxActors {
		t.Fatal(err)
	}
	full[0].User = bob
	if now, _ := a.Current(); now.User != alice {
		t.Error("the caller's slice is shared")
	}
	for name, chain := range map[string][]session.Actor{
		"too many":                     append(full, session.Actor{User: alice, Reason: "x"}),
		"nobody":                       {{Reason: "x"}},
		"no reason":                    {{User: alice}},
		"a reason too long":            {{User: alice, Reason: long + "x"}},
		"a reason not UTF-8":           {{User: alice, Reason: "\xff"}},
		"a reason that does not print": {{User: alice, Reason: "a\x00b"}},
	} {
		a, err := session.NewActors(chain...)
		wantErr(t, name, err, session.ErrInvalid)
		if a.Len() != 0 {
			t.Errorf("%s: actors were returned with the error", name)
		}
	}
	if _, ok := (session.Actors{}).Current(); ok {
		t.Error("the zero Actors has an actor")
	}
}
