package session_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
)

// unnamed is a stranger of alice in acme whose tokens name no roles.
func unnamed(now time.Time) session.Stranger {
	stranger := stranger(now)
	stranger.Tenant, stranger.User, stranger.Roles, stranger.RolesNamed = acme, alice, nil, false
	return stranger
}

func TestAnAdoptedSessionHasTheRolesOfGrants(t *testing.T) {
	d := newMembers()
	m := granted(t, newStore(t), d)
	stranger := unnamed(time.Now())
	first, err := m.Adopt(t.Context(), stranger)
	if err != nil {
		t.Fatal(err)
	}
	hasRole(t, "the first token", first, "admin")
	asked := d.asked.Load()
	again, err := m.Adopt(t.Context(), stranger)
	if err != nil || again.ID != first.ID || d.asked.Load() != asked {
		t.Errorf("the same token: %v, %v, asked %d times more", again.ID, err, d.asked.Load()-asked)
	}
	d.set(acme, alice, "editor")
	for _, user := range []session.UserID{alice, {}} {
		if err := m.Stale(t.Context(), acme, user); err != nil {
			t.Fatal(err)
		}
		stranger.IssuedAt, stranger.ACR = stranger.IssuedAt.Add(time.Second), stranger.ACR+"+"
		found, err := m.Adopt(t.Context(), stranger)
		if err != nil || found.ID != first.ID || found.Provider.Claims().ACR != stranger.ACR {
			t.Fatalf("a newer token after Stale: %v of %v, %v", found.ID, found.Provider.Claims(), err)
		}
		hasRole(t, "a newer token after Stale", found, "editor")
		loaded, err := m.Load(t.Context(), first.Ref())
		if err != nil {
			t.Fatal(err)
		}
		hasRole(t, "Load after it", loaded, "editor")
	}
	if n := d.asked.Load() - asked; n != 2 {
		t.Errorf("asked %d times, want once for each Stale", n)
	}
}

// There is one authority on roles.
func TestAStrangerWhoseTokensNameRolesIsRefusedWhereGrantsAreAsked(t *testing.T) {
	d := newMembers()
	m := granted(t, newStore(t), d)
	stranger := unnamed(time.Now())
	stranger.RolesNamed = true
	_, err := m.Adopt(t.Context(), stranger)
	wantErr(t, "a token that names no role, of an issuer whose tokens do", err, session.ErrInvalid)
	stranger.Roles = []string{"owner"}
	_, err = m.Adopt(t.Context(), stranger)
	wantErr(t, "a token that names a role", err, session.ErrInvalid)
	if sessions, err := m.List(t.Context(), acme, alice); err != nil || len(sessions) > 0 || d.asked.Load() > 0 {
		t.Errorf("%d sessions, %v, asked %d times", len(sessions), err, d.asked.Load())
	}
}

func TestAFailureOfGrantsAdoptsNobodyAndSignsNobodyOut(t *testing.T) {
	d := newMembers()
	m := granted(t, newStore(t), d)
	stranger := unnamed(time.Now())
	fails := errors.New("the database is down")
	outage := func(what string) {
		t.Helper()
		d.fail.Store(&fails)
		_, err := m.Adopt(t.Context(), stranger)
		wantErr(t, what, err, session.ErrUnavailable)
		if errors.Is(err, session.ErrNotFound) {
			t.Errorf("%s: %v signs the caller out", what, err)
		}
		d.fail.Store(nil)
	}
	outage("the first token")
	first, err := m.Adopt(t.Context(), stranger)
	if err != nil {
		t.Fatal(err)
	}
	hasRole(t, "after the outage", first, "admin")
	d.set(acme, alice, "viewer")
	if err := m.Stale(t.Context(), acme, alice); err != nil {
		t.Fatal(err)
	}
	outage("a stale session")
	found, err := m.Adopt(t.Context(), stranger)
	if err != nil || found.ID != first.ID {
		t.Fatalf("after the outage: %v, %v", found.ID, err)
	}
	hasRole(t, "a stale session, after the outage", found, "viewer")
}

func TestAStaleAdoptedSessionIsAnOutageWhereNoGrantsCanBeAsked(t *testing.T) {
	store := newStore(t)
	stranger := unnamed(time.Now())
	if _, err := granted(t, store, newMembers()).Adopt(t.Context(), stranger); err != nil {
		t.Fatal(err)
	}
	if err := store.Stale(t.Context(), acme, alice); err != nil {
		t.Fatal(err)
	}
	_, err := newManager(t, store, session.Config{}).Adopt(t.Context(), stranger)
	wantErr(t, "Adopt", err, session.ErrUnavailable)
}

// A demotion while a stranger is adopted wins, whatever the order.
func TestNoAdoptedSessionHasARoleThatWasTakenAway(t *testing.T) {
	d := newMembers()
	m := granted(t, newStore(t), d)
	var began atomic.Int64
	for i := range 1000 {
		stranger := unnamed(time.Now())
		stranger.Name = fmt.Sprint("sso-", i)
		stranger.User = session.MustParseUserID(fmt.Sprint("user-", i))
		d.set(acme, stranger.User, "admin")
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := m.Adopt(t.Context(), stranger); err == nil {
				began.Add(1)
			} else if !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("Adopt: %v", err)
			}
		})
		all.Go(func() {
			d.set(acme, stranger.User, "viewer")
			if err := m.Stale(t.Context(), acme, stranger.User); err != nil {
				t.Errorf("Stale: %v", err)
			}
		})
		all.Wait()
		s, err := m.Adopt(t.Context(), stranger)
		if err != nil {
			t.Fatal(err)
		}
		hasRole(t, "after the demotion", s, "viewer")
	}
	if began.Load() == 0 {
		t.Error("nobody was adopted beside a demotion")
	}
}

// The session that a switch of tenant has replaced loads for its grace, and is over for its stranger.
func TestASwitchOfTenantEndsTheSignInAlsoInItsGrace(t *testing.T) {
	store := newStore(t)
	m := newManager(t, store, session.Config{RotateGrace: session.MaxRotateGrace})
	stranger := unnamed(time.Now())
	s, err := m.Adopt(t.Context(), stranger)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := m.SwitchTenant(t.Context(), s.Ref(), globex, session.Roles{}, session.Attributes{}); err != nil {
		t.Fatal(err)
	}
	if old, err := m.Load(t.Context(), s.Ref()); err != nil || old.MovedTo.IsZero() {
		t.Errorf("in the grace: moved to %v, %v", old.MovedTo, err)
	}
	_, err = m.Adopt(t.Context(), stranger)
	wantErr(t, "Adopt in the grace", err, session.ErrSignedOut)
}
