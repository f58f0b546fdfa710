package session_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// members is the database of a service: the role of each user in each tenant.
type members struct {
	mu    sync.Mutex
	roles map[string]string
	asked atomic.Int64
	fail  atomic.Pointer[error]
	wait  chan struct{} // closed when an answer may be given; nil for at once
}

func newMembers() *members { return &members{roles: map[string]string{}} }

func (d *members) set(t tenant.ID, u session.UserID, role string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.roles[t.String()+"/"+u.String()] = role
}

func (d *members) grants(ctx context.Context, t tenant.ID, u session.UserID) (session.Grants, error) {
	d.asked.Add(1)
	if d.wait != nil {
		select {
		case <-d.wait:
		case <-ctx.Done():
			return session.Grants{}, ctx.Err()
		}
	}
	if err := d.fail.Load(); err != nil {
		return session.Grants{}, *err
	}
	d.mu.Lock()
	role := d.roles[t.String()+"/"+u.String()]
	d.mu.Unlock()
	runtime.Gosched() // others may be in between
	attributes, err := session.NewAttributes(map[string]any{"of": role})
	if role == "" {
		return session.Grants{Attributes: attributes}, err
	}
	return session.Grants{Roles: session.MustRoles(role), Attributes: attributes}, err
}

// granted returns a manager that asks d, in which alice is an admin.
func granted(t testing.TB, store session.Store, d *members) *session.Manager {
	d.set(acme, alice, "admin")
	return newManager(t, store, session.Config{Grants: d.grants})
}

func create(t testing.TB, m *session.Manager) (session.Session, session.RefreshToken) {
	t.Helper()
	s, token, err := m.Create(t.Context(), session.SignIn{Tenant: acme, User: alice})
	if err != nil {
		t.Fatal(err)
	}
	return s, token
}

func hasRole(t testing.TB, what string, s session.Session, role string) {
	t.Helper()
	of, _ := s.Attributes.Get("of")
	if s.Roles.Len() != 1 || !s.Roles.Has(role) || of != role || s.Stale {
		t.Errorf("%s: roles %v, attribute %v, stale %v; want %s", what, s.Roles.Names(), of, s.Stale, role)
	}
}

func TestGrantsAreAskedAtEachSignInRefreshAndSwitchAndWhenStale(t *testing.T) {
	d := newMembers()
	m := granted(t, newStore(t), d)
	s, token := create(t, m)
	hasRole(t, "Create", s, "admin")
	load := func(what, role string) session.Session {
		t.Helper()
		s, err := m.Load(t.Context(), s.Ref())
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		hasRole(t, what, s, role)
		return s
	}
	d.set(acme, alice, "editor")
	asked := d.asked.Load()
	load("Load before Stale", "admin")
	if d.asked.Load() != asked {
		t.Error("a load asked for grants that are not stale")
	}
	if err := m.Stale(t.Context(), acme, alice); err != nil {
		t.Fatal(err)
	}
	stale := load("Load after Stale", "editor")
	load("the next Load", "editor")
	if n := d.asked.Load() - asked; n != 1 || stale.Version != s.Version+1 {
		t.Errorf("asked %d times, version %d of %d", n, stale.Version, s.Version)
	}

	d.set(acme, alice, "viewer")
	s, _, err := m.Refresh(t.Context(), token.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	hasRole(t, "Refresh", s, "viewer")
	load("Load after Refresh", "viewer")

	d.set(globex, alice, "owner")
	switched, _, err := m.SwitchTenant(t.Context(), s.Ref(), globex, session.Roles{}, session.Attributes{})
	if err != nil {
		t.Fatal(err)
	}
	hasRole(t, "SwitchTenant", switched, "owner")
	s = switched
	d.set(globex, alice, "guest")
	if err := m.Stale(t.Context(), globex, session.UserID{}); err != nil {
		t.Fatal(err)
	}
	load("Load after Stale of the tenant", "guest")

	events, err := m.Events(t.Context(), globex, alice)
	if err != nil || len(events) == 0 || events[len(events)-1].Kind != session.EventRegranted {
		t.Errorf("events of the user: %v, %v", events, err)
	}
	events, err = m.Events(t.Context(), globex, session.UserID{})
	if err != nil || len(events) != 2 || events[1].Kind != session.EventTenantStale {
		t.Errorf("events of the tenant: %v, %v", events, err)
	}
}

// Two authorities would be none.
func TestRolesThatCallersSetAreRefusedWhereGrantsAreAsked(t *testing.T) {
	d := newMembers()
	m, plain := granted(t, newStore(t), d), newManager(t, newStore(t), session.Config{})
	s, _ := create(t, m)
	viewer := session.MustRoles("viewer")
	attributes, _ := session.NewAttributes(map[string]any{"clearance": int64(3)})
	bound, _ := session.NewAttributes(map[string]any{session.KeyAttribute: "thumbprint"})
	ctx := t.Context()
	for what, do := range map[string]func() error{
		"Create with roles": func() error {
			_, _, err := m.Create(ctx, session.SignIn{Tenant: acme, User: bob, Roles: viewer})
			return err
		},
		"Create with attributes": func() error {
			_, _, err := m.Create(ctx, session.SignIn{Tenant: acme, User: bob, Attributes: attributes})
			return err
		},
		"Update of roles": func() error {
			_, err := m.Update(ctx, s.Ref(), func(s *session.Session) error { s.Roles = viewer; return nil })
			return err
		},
		"Rotate with attributes": func() error {
			_, _, err := m.Rotate(ctx, s.Ref(), func(s *session.Session) error { s.Attributes = attributes; return nil })
			return err
		},
		"UpdateUser": func() error { return m.UpdateUser(ctx, acme, alice, session.UserChange{Roles: &viewer}) },
		"SwitchTenant with roles": func() error {
			_, _, err := m.SwitchTenant(ctx, s.Ref(), globex, viewer, session.Attributes{})
			return err
		},
		"Impersonate with a role that the user has not": func() error {
			_, err := m.Impersonate(ctx, s.Ref(), session.Impersonation{User: bob, Roles: viewer, Reason: "ticket 7", MaxAge: time.Minute})
			return err
		},
		"Stale without Grants": func() error { return plain.Stale(ctx, acme, alice) },
		"Update of Stale": func() error {
			_, err := m.Update(ctx, s.Ref(), func(s *session.Session) error { s.Stale = true; return nil })
			return err
		},
	} {
		wantErr(t, what, do(), session.ErrInvalid)
	}
	now, err := m.Load(ctx, s.Ref())
	if err != nil {
		t.Fatal(err)
	}
	hasRole(t, "after all of it", now, "admin")

	// The session's own attributes are still the caller's to set.
	if _, _, err := m.Create(ctx, session.SignIn{Tenant: acme, User: bob, Attributes: bound}); err != nil {
		t.Errorf("Create with a key: %v", err)
	}
	kept, err := m.Update(ctx, s.Ref(), func(s *session.Session) error { s.Attributes = withKey(t, s.Attributes); return nil })
	if err != nil || kept.BoundKey() != "thumbprint" {
		t.Errorf("Update of the key: %q, %v", kept.BoundKey(), err)
	}
	if err := m.Stale(ctx, acme, alice); err != nil {
		t.Fatal(err)
	}
	if kept, err = m.Load(ctx, s.Ref()); err != nil || kept.BoundKey() != "thumbprint" {
		t.Errorf("the key of a session that was granted anew: %q, %v", kept.BoundKey(), err)
	}
}

func withKey(t testing.TB, a session.Attributes) session.Attributes {
	values := map[string]any{session.KeyAttribute: "thumbprint"}
	for name, v := range a.All() {
		values[name] = v
	}
	with, err := session.NewAttributes(values)
	if err != nil {
		t.Fatal(err)
	}
	return with
}

// No error that the service returns signs anybody out, and nobody keeps old roles by one.
func TestAFailureOfGrantsIsAnOutageAndNeverOldRoles(t *testing.T) {
	for _, failure := range []error{errors.New("database is down"), session.ErrNotFound, session.ErrRefreshInvalid, tenant.ErrSuspended, context.Canceled} {
		d := newMembers()
		m := granted(t, newStore(t), d)
		s, token := create(t, m)
		if err := m.Stale(t.Context(), acme, alice); err != nil {
			t.Fatal(err)
		}
		d.fail.Store(&failure)
		for what, do := range map[string]func() (session.Session, error){
			"Load":    func() (session.Session, error) { return m.Load(t.Context(), s.Ref()) },
			"Refresh": func() (session.Session, error) { s, _, err := m.Refresh(t.Context(), token.Reveal()); return s, err },
			"Create": func() (session.Session, error) {
				s, _, err := m.Create(t.Context(), session.SignIn{Tenant: acme, User: alice})
				return s, err
			},
			"Rotate": func() (session.Session, error) { s, _, err := m.Rotate(t.Context(), s.Ref(), nil); return s, err },
			"Update": func() (session.Session, error) {
				return m.Update(t.Context(), s.Ref(), func(*session.Session) error { return nil })
			},
		} {
			got, err := do()
			wantErr(t, fmt.Sprintf("%s while Grants returns %q", what, failure), err, session.ErrUnavailable)
			if errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrRefreshInvalid) || errors.Is(err, tenant.ErrSuspended) {
				t.Errorf("%s: %v says something about the caller", what, err)
			}
			if !got.ID.IsZero() {
				t.Errorf("%s: a session beside the error", what)
			}
		}
		d.fail.Store(nil)
		if _, _, err := m.Refresh(t.Context(), token.Reveal()); err != nil {
			t.Errorf("the token is worth nothing after an outage of Grants: %v", err)
		}
		if _, err := m.Load(t.Context(), s.Ref()); err != nil {
			t.Errorf("the session is gone after an outage of Grants: %v", err)
		}
	}
}

// An instance that nobody configured to ask must not serve the old roles.
func TestAStaleSessionIsAnOutageWhereNoGrantsCanBeAsked(t *testing.T) {
	store := newStore(t)
	plain := newManager(t, store, session.Config{})
	s, token := signIn(t, plain)
	if err := store.Stale(t.Context(), acme, alice); err != nil {
		t.Fatal(err)
	}
	_, err := plain.Load(t.Context(), s.Ref())
	wantErr(t, "Load", err, session.ErrUnavailable)
	_, _, err = plain.Refresh(t.Context(), token.Reveal())
	wantErr(t, "Refresh", err, session.ErrUnavailable)
	if err := plain.Revoke(t.Context(), s.Ref()); err != nil {
		t.Errorf("Revoke of a stale session: %v", err)
	}
}

func TestOneRequestAsksForAllThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMembers()
		m := granted(t, newStore(t), d)
		s, _ := create(t, m)
		other, _ := create(t, m)
		if err := m.Stale(t.Context(), acme, alice); err != nil {
			t.Fatal(err)
		}
		d.wait = make(chan struct{})
		asked := d.asked.Load()
		first, leave := context.WithCancel(t.Context())
		var left error
		go func() { _, left = m.Load(first, s.Ref()) }()
		synctest.Wait()
		var failed, roles atomic.Int64
		for i := range 50 {
			ref := s.Ref()
			if i%2 == 1 {
				ref = other.Ref()
			}
			go func() {
				got, err := m.Load(t.Context(), ref)
				if err != nil {
					failed.Add(1)
				} else if got.Roles.Has("admin") {
					roles.Add(1)
				}
			}()
		}
		synctest.Wait()
		if n := d.asked.Load() - asked; n != 1 {
			t.Errorf("%d requests ask at once", n)
		}
		leave() // the asking one goes away; one of the others asks then
		synctest.Wait()
		if n := d.asked.Load() - asked; n != 2 || !errors.Is(left, session.ErrUnavailable) {
			t.Errorf("after the first has gone: asked %d times, %v", n, left)
		}
		close(d.wait)
		time.Sleep(time.Second)
		synctest.Wait()
		if failed.Load() != 0 || roles.Load() != 50 {
			t.Errorf("%d of 50 failed, %d have the role", failed.Load(), roles.Load())
		}
	})
}

func TestGrantsHaveTheTimeOfTheRequestAndALimitOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newMembers()
		m := granted(t, newStore(t), d)
		s, _ := create(t, m)
		if err := m.Stale(t.Context(), acme, alice); err != nil {
			t.Fatal(err)
		}
		d.wait = make(chan struct{})
		for _, limit := range []time.Duration{100 * time.Millisecond, time.Hour} {
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			began := time.Now()
			_, err := m.Load(ctx, s.Ref())
			cancel()
			wantErr(t, "Load", err, session.ErrUnavailable)
			if took := time.Since(began); took != min(limit, session.GrantsLimit) {
				t.Errorf("with %v left it took %v", limit, took)
			}
		}
	})
}

// A service that panics must not leave those behind it waiting.
func TestAPanicOfGrantsLeavesNobodyWaiting(t *testing.T) {
	panics := true
	m := newManager(t, newStore(t), session.Config{Grants: func(context.Context, tenant.ID, session.UserID) (session.Grants, error) {
		if panics {
			panic("boom")
		}
		return session.Grants{}, nil
	}})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_, _, _ = m.Create(t.Context(), session.SignIn{Tenant: acme, User: alice})
	}()
	panics = false
	create(t, m)
}

// Stale of the user and of the tenant, RevokeUser and sign-ins, loads, refreshes and switches of the
// same user at the same time, 10,000 times: the database is changed first, then the manager is
// told. No session has a role that was taken away when all have returned, and none was returned by a
// call that began after that.
func TestNoSessionHasARoleThatWasTakenAwayWhereGrantsAreAsked(t *testing.T) {
	rounds := 10_000
	if testing.Short() || testneed.Race && !testneed.Soak() { // it runs in full without the detector, too
		rounds = 1000
	}
	d := newMembers()
	m := granted(t, newStore(t), d)
	var signedIn, again atomic.Int64
	for n := range rounds {
		d.set(acme, alice, "admin")
		d.set(globex, alice, "admin")
		old, token := create(t, m)
		var mu sync.Mutex
		all := []session.Ref{old.Ref()}
		keep := func(what string, s session.Session, err error) {
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				all = append(all, s.Ref())
				signedIn.Add(1)
			case errors.Is(err, session.ErrStale):
				again.Add(1)
			case !errors.Is(err, session.ErrNotFound) && !errors.Is(err, session.ErrRefreshInvalid) && !errors.Is(err, session.ErrConflict):
				t.Errorf("%s: %v", what, err)
			}
		}
		calls := []func(){
			func() {
				s, _, err := m.Create(t.Context(), session.SignIn{Tenant: acme, User: alice})
				keep("Create", s, err)
			},
			func() {
				ticket, err := m.Begin(t.Context(), acme, alice)
				if err != nil {
					t.Error(err)
				}
				runtime.Gosched()
				s, _, err := m.Create(t.Context(), session.SignIn{Tenant: acme, User: alice, Ticket: ticket})
				keep("Create with a ticket", s, err)
			},
			func() { s, err := m.Load(t.Context(), old.Ref()); keep("Load", s, err) },
			func() { s, _, err := m.Refresh(t.Context(), token.Reveal()); keep("Refresh", s, err) },
			func() {
				s, _, err := m.SwitchTenant(t.Context(), old.Ref(), globex, session.Roles{}, session.Attributes{})
				keep("SwitchTenant", s, err)
			},
			func() {
				for _, id := range []tenant.ID{acme, globex} {
					d.set(id, alice, "guest")
					user := alice
					if n%3 == 1 {
						user = session.UserID{}
					}
					tell := func() error { return m.Stale(t.Context(), id, user) }
					if n%3 == 2 {
						tell = func() error { return m.RevokeUser(t.Context(), id, alice) }
					}
					if err := tell(); err != nil {
						t.Error(err)
					}
				}
			},
		}
		rand.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
		var running sync.WaitGroup
		for _, call := range calls {
			pauses := rand.IntN(8)
			running.Go(func() {
				for range pauses {
					runtime.Gosched()
				}
				call()
			})
		}
		running.Wait()
		for _, ref := range all {
			s, err := m.Load(t.Context(), ref)
			if err != nil && !errors.Is(err, session.ErrNotFound) {
				t.Fatal(err)
			}
			if s.Roles.Has("admin") {
				t.Fatalf("round %d: a session of %v has a role that was taken away", n, ref.Tenant)
			}
		}
		for _, id := range []tenant.ID{acme, globex} {
			if err := m.RevokeUser(t.Context(), id, alice); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d rounds: %d calls returned a session, %d sign-ins began again", rounds, signedIn.Load(), again.Load())
}

// An answer that another request asked for before the demotion is not one to a sign-in that began
// after it, though that sign-in's ticket is in order.
func TestATicketFromAfterADemotionIsNotServedWithAnAnswerFromBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls, answered, answer := atomic.Int64{}, make(chan struct{}), atomic.Pointer[string]{}
		role := "admin"
		answer.Store(&role)
		m := newManager(t, newStore(t), session.Config{Grants: func(context.Context, tenant.ID, session.UserID) (session.Grants, error) {
			role := *answer.Load()
			if calls.Add(1) == 1 {
				<-answered
			}
			return session.Grants{Roles: session.MustRoles(role)}, nil
		}})
		var first, second session.Session
		var failed, failed2 error
		go func() { first, _, failed = m.Create(t.Context(), session.SignIn{Tenant: acme, User: alice}) }()
		synctest.Wait() // it has read that alice is an admin
		guest := "guest"
		answer.Store(&guest)
		if err := m.Stale(t.Context(), acme, alice); err != nil {
			t.Fatal(err)
		}
		ticket, err := m.Begin(t.Context(), acme, alice)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			second, _, failed2 = m.Create(t.Context(), session.SignIn{Tenant: acme, User: alice, Ticket: ticket})
		}()
		synctest.Wait() // it waits for the same answer
		close(answered)
		time.Sleep(time.Second)
		synctest.Wait()
		if failed != nil || failed2 != nil || !first.Roles.Has("guest") || !second.Roles.Has("guest") {
			t.Errorf("roles %v and %v, %v, %v", first.Roles.Names(), second.Roles.Names(), failed, failed2)
		}
	})
}

// The same without Grants: the caller reads a ticket, then the role, and creates the session.
func TestATicketMakesADemotionDuringASignInWin(t *testing.T) {
	m := newManager(t, newStore(t), session.Config{})
	ticket, err := m.Begin(t.Context(), acme, alice)
	if err != nil {
		t.Fatal(err)
	}
	guest := session.MustRoles("guest")
	if err := m.UpdateUser(t.Context(), acme, alice, session.UserChange{Roles: &guest}); err != nil {
		t.Fatal(err)
	}
	signIn := session.SignIn{Tenant: acme, User: alice, Roles: session.MustRoles("admin"), Ticket: ticket}
	s, token, err := m.Create(t.Context(), signIn)
	wantErr(t, "Create", err, session.ErrStale)
	if !s.ID.IsZero() || token.Reveal() != "" {
		t.Error("a session or a token beside the error")
	}
	if signIn.Ticket, err = m.Begin(t.Context(), acme, alice); err != nil {
		t.Fatal(err)
	}
	signIn.Roles = guest
	if _, _, err := m.Create(t.Context(), signIn); err != nil {
		t.Errorf("Create with a ticket of now: %v", err)
	}
	signIn.User = bob
	_, _, err = m.Create(t.Context(), signIn)
	wantErr(t, "Create with the ticket of another", err, session.ErrInvalid)
	_, err = m.Begin(t.Context(), tenant.MustParse("nowhere"), alice)
	wantErr(t, "Begin in a tenant that was never set up", err, tenant.ErrUnknown)
}

// The session in which a user acts as another ends with a change of either.
func TestStaleEndsWhatAUserDoesAsAnother(t *testing.T) {
	for _, user := range []session.UserID{alice, bob} {
		d := newMembers()
		m := granted(t, newStore(t), d)
		d.set(acme, bob, "viewer")
		s, _ := create(t, m)
		as, err := m.Impersonate(t.Context(), s.Ref(), session.Impersonation{User: bob, Roles: session.MustRoles("viewer"), Reason: "ticket 7", MaxAge: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		hasRole(t, "Impersonate", as, "viewer")
		if err := m.Stale(t.Context(), acme, user); err != nil {
			t.Fatal(err)
		}
		_, err = m.Load(t.Context(), as.Ref())
		wantErr(t, "Load after Stale of "+user.String(), err, session.ErrNotFound)
	}
	d := newMembers()
	m := granted(t, newStore(t), d)
	s, _ := create(t, m)
	as, err := m.Impersonate(t.Context(), s.Ref(), session.Impersonation{User: bob, Reason: "ticket 7", MaxAge: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = m.StopImpersonating(t.Context(), as.Ref(), func(own session.Session) (session.Roles, session.Attributes, error) {
		return session.MustRoles("owner"), session.Attributes{}, nil
	})
	wantErr(t, "StopImpersonating with roles by hand", err, session.ErrInvalid)
	d.set(acme, alice, "guest")
	back, _, err := m.StopImpersonating(t.Context(), as.Ref(), nil)
	if err != nil {
		t.Fatal(err)
	}
	hasRole(t, "StopImpersonating", back, "guest")
}
