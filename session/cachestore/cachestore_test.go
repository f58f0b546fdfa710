package cachestore_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/sessiontest"
	"github.com/reevehq/reeve/tenant"
)

func TestCacheKeepsTheContract(t *testing.T) {
	for _, c := range sessiontest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.Run(t, sessiontest.Harness{Store: startCache(t, memstore.New(), &wire{}), Advance: time.Sleep})
			})
		})
	}
}

func TestCacheKeepsTheContractOnARealClock(t *testing.T) {
	for _, c := range sessiontest.Cases() {
		if c.Slow {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Run(t, sessiontest.Harness{Store: startCache(t, memstore.New(), &wire{})})
		})
	}
}

// fleet is two instances over one store, in a bubble whose clock the test controls.
type fleet struct {
	*testing.T
	wire    *wire
	store   *watched // of here
	here    *cachestore.Store
	there   *session.Manager
	direct  *session.Manager // the store without a cache
	session session.Session  // of alice, loaded by here
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	mem := newStore(t)
	f := &fleet{T: t, wire: &wire{}, direct: newManager(t, mem, session.Config{})}
	shared := announcing{mem, f.wire}
	f.store = &watched{Store: shared}
	f.here = startCache(t, f.store, f.wire)
	f.there = newManager(t, startCache(t, shared, f.wire), session.Config{})
	f.session, _ = signIn(t, f.direct)
	f.live("when it was created")
	f.live("when it was loaded")
	if n := f.store.asked(); n != 1 {
		t.Fatalf("the store was asked %d times for two loads", n)
	}
	return f
}

func (f *fleet) live(when string) session.Session {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), time.Minute)
	defer cancel()
	s, err := f.here.Load(ctx, f.session.Ref())
	if err != nil || s.Ref() != f.session.Ref() {
		f.Fatalf("Load %s: %v", when, err)
	}
	return s
}

func (f *fleet) refused(when string, want error) {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), time.Minute)
	defer cancel()
	if s, err := f.here.Load(ctx, f.session.Ref()); !errors.Is(err, want) || !s.ID.IsZero() {
		f.Errorf("Load %s: %v, want %v", when, err, want)
	}
}

func TestACachedSessionIsServedOnlyWhile(t *testing.T) {
	topics := func(f *fleet) session.Topics { return f.wire.Topics(f.session.Ref()) }
	for name, c := range map[string]struct {
		change func(f *fleet)
		asks   int
	}{
		"the feed beats": {func(*fleet) { time.Sleep(10 * time.Second) }, 0},
		"the lease is fresh": {func(f *fleet) {
			f.wire.silent.Store(true)
			time.Sleep(cachestore.DefaultLease)
		}, 1},
		"nothing may have been missed":   {func(f *fleet) { f.wire.each(session.Listener.Reset) }, 1},
		"no change of it was announced":  {func(f *fleet) { f.wire.announce(session.ScopeSession, topics(f).Session) }, 1},
		"no change of its user was":      {func(f *fleet) { f.wire.announce(session.ScopeUser, topics(f).User) }, 1},
		"no change of its tenant was":    {func(f *fleet) { f.wire.announce(session.ScopeTenant, topics(f).Tenant) }, 1},
		"no change of everyone was":      {func(f *fleet) { f.wire.announce(session.ScopeAll, "") }, 1},
		"no change of unknown scope was": {func(f *fleet) { f.wire.announce(99, "") }, 1},
		"no older beat replaced the lease": {func(f *fleet) {
			f.wire.each(func(l session.Listener) { l.Heartbeat(time.Now().Add(-time.Hour), time.Now()) })
		}, 0},
		"it was read in the last 30 s": {func(*fleet) { time.Sleep(30 * time.Second) }, 1},
		"no other was changed": {func(f *fleet) {
			other, _ := signIn(f, f.direct)
			if err := f.there.Revoke(f.Context(), other.Ref()); err != nil {
				f.Fatal(err)
			}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t)
				c.change(f)
				f.live("after the change")
				if n := f.store.asked(); n != c.asks {
					t.Errorf("the store was asked %d times, want %d", n, c.asks)
				}
			})
		})
	}
}

// A change by one instance is true for the other at its next request, and for itself when the call
// returns, also when its own announcement is lost.
func TestAChangeReachesEveryInstance(t *testing.T) {
	type change struct {
		do   func(ctx context.Context, m *session.Manager, s session.Session) error
		want error
	}
	changes := map[string]change{
		"Revoke": {func(ctx context.Context, m *session.Manager, s session.Session) error { return m.Revoke(ctx, s.Ref()) }, session.ErrNotFound},
		"RevokeUser": {func(ctx context.Context, m *session.Manager, s session.Session) error {
			return m.RevokeUser(ctx, s.Tenant, s.User)
		}, session.ErrNotFound},
		"RevokeTenant": {func(ctx context.Context, m *session.Manager, s session.Session) error {
			return m.RevokeTenant(ctx, s.Tenant)
		}, session.ErrNotFound},
		"RevokeAll": {func(ctx context.Context, m *session.Manager, _ session.Session) error { return m.RevokeAll(ctx) }, session.ErrNotFound},
		"a suspended tenant": {func(ctx context.Context, m *session.Manager, s session.Session) error {
			return m.SetTenantStatus(ctx, s.Tenant, tenant.Suspended)
		}, tenant.ErrSuspended},
		"a rotation": {func(ctx context.Context, m *session.Manager, s session.Session) error {
			_, _, err := m.Rotate(ctx, s.Ref(), nil)
			return err
		}, session.ErrNotFound},
		"other roles": {func(ctx context.Context, m *session.Manager, s session.Session) error {
			_, err := m.Update(ctx, s.Ref(), func(s *session.Session) error { s.Roles = session.MustRoles("none"); return nil })
			return err
		}, nil},
	}
	for name, c := range changes {
		for where, local := range map[string]bool{"elsewhere": false, "here": true} {
			t.Run(name+" "+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFleet(t)
					m := f.there
					if local {
						f.wire.lost.Store(true)
						m = newManager(t, f.here, session.Config{})
					}
					if err := c.do(t.Context(), m, f.session); err != nil {
						t.Fatal(err)
					}
					if c.want != nil {
						f.refused("after it", c.want)
						f.refused("once more", c.want)
						return
					}
					if s := f.live("after it"); s.Roles.Has("viewer") || !s.Roles.Has("none") {
						t.Errorf("the roles are %v", s.Roles.Names())
					}
				})
			})
		}
	}
}

// A write that ends in an outage may have been made.
func TestAWriteOfUnknownOutcomeIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		f.wire.lost.Store(true)
		lossy := &lostAnswers{f.store}
		here, err := cachestore.New(cachestore.Config{Store: lossy, Feed: f.wire})
		if err != nil {
			t.Fatal(err)
		}
		if err := here.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = here.Close() })
		synctest.Wait()
		if _, err := here.Load(t.Context(), f.session.Ref()); err != nil {
			t.Fatal(err)
		}
		wantErr(t, "Revoke", here.Revoke(t.Context(), f.session.Ref()), session.ErrUnavailable)
		_, err = here.Load(t.Context(), f.session.Ref())
		wantErr(t, "Load", err, session.ErrNotFound)
	})
}

// lostAnswers makes revocations whose answer is lost.
type lostAnswers struct{ session.Store }

func (l *lostAnswers) Revoke(ctx context.Context, ref session.Ref) error {
	if err := l.Store.Revoke(ctx, ref); err != nil {
		return err
	}
	return session.ErrUnavailable
}

func TestACacheKeepsNoDenialAndNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		f.wire.announce(session.ScopeAll, "")
		for _, fail := range []error{session.ErrUnavailable, session.ErrCorrupt, session.ErrNotFound, tenant.ErrSuspended} {
			f.store.set(func(w *watched) { w.fail = fail })
			f.refused("while the store says so", fail)
			f.refused("while the store says so", fail)
			if n := f.store.asked(); n < 2 {
				t.Errorf("%v: the store was asked %d times for two loads", fail, n)
			}
			f.store.set(func(w *watched) { w.fail = nil })
			f.live("when the store has it")
			f.wire.announce(session.ScopeAll, "")
			f.store.asked()
		}
	})
}

// A user who works for hours stays signed in, at one read and one write in 15 s, all of
// them in the background.
func TestASessionInUseIsRenewedInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		slow := 20 * time.Millisecond
		f.store.set(func(w *watched) { w.before = func() { time.Sleep(slow) } })
		const minutes = 61 // two idle timeouts
		for range minutes * 60 {
			time.Sleep(time.Second)
			began := time.Now()
			f.live("in use")
			if time.Since(began) != 0 {
				t.Fatal("a load waited for the store")
			}
		}
		if n := f.store.asked(); n > minutes*60/15 {
			t.Errorf("the store was asked %d times in %d minutes", n, minutes)
		}
		sessions, err := f.direct.List(t.Context(), acme, alice)
		if err != nil || len(sessions) != 1 {
			t.Fatalf("List: %d sessions, %v", len(sessions), err)
		}
		if unused := time.Since(sessions[0].LastSeenAt); unused > session.TouchInterval+2*time.Second {
			t.Errorf("the last recorded use was %v ago", unused)
		}
		time.Sleep(30*time.Minute + time.Second)
		f.refused("after the idle timeout", session.ErrNotFound)
	})
}

// A change that no feed announced, such as a key deleted by hand, is found by the next renewal.
func TestAnUnannouncedRevocationIsNoticedWithinHalfAMinute(t *testing.T) {
	for name, every := range map[string]time.Duration{"in constant use": time.Second, "rarely used": 29 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t)
				if err := f.direct.Revoke(t.Context(), f.session.Ref()); err != nil {
					t.Fatal(err)
				}
				for waited := time.Duration(0); waited < 30*time.Second; waited += every {
					time.Sleep(every)
					_, _ = f.here.Load(t.Context(), f.session.Ref())
				}
				synctest.Wait()
				f.refused("half a minute later", session.ErrNotFound)
			})
		})
	}
}

// Renewals that fail are tried once a second, and end with the age of what is kept.
func TestAnOutageOfRenewalsEndsInAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		f.store.set(func(w *watched) { w.fail = session.ErrUnavailable })
		for range 299 {
			time.Sleep(100 * time.Millisecond)
			f.live("younger than 30 s")
		}
		if n := f.store.asked(); n > 16 {
			t.Errorf("the store was asked %d times in 15 s", n)
		}
		time.Sleep(100 * time.Millisecond)
		f.refused("30 s old", session.ErrUnavailable)
	})
}

// A store whose clock is ahead ends sessions by its own clock.
func TestACachedSessionEndsByTheStoresClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := newStore(t)
		m := newManager(t, mem, session.Config{Lifetime: time.Minute})
		s, _ := signIn(t, m)
		w := &watched{Store: mem}
		feed := &wire{}
		feed.silent.Store(true)
		c := startCache(t, w, feed)
		synctest.Wait()
		heartbeat := func(ahead time.Duration) {
			feed.each(func(l session.Listener) { l.Heartbeat(time.Now(), time.Now().Add(ahead)) })
		}
		heartbeat(0)
		for range 2 {
			if _, err := c.Load(t.Context(), s.Ref()); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.asked(); n != 1 {
			t.Fatalf("the store was asked %d times", n)
		}
		time.Sleep(time.Millisecond)
		heartbeat(time.Minute)
		_, _ = c.Load(t.Context(), s.Ref())
		if n := w.asked(); n != 1 {
			t.Errorf("by the store's clock the session has ended, and the store was asked %d times", n)
		}
	})
}

func (hanging) Load(ctx context.Context, _ session.Ref) (session.Session, error) {
	<-ctx.Done()
	return session.Session{}, fmt.Errorf("%w: %w", session.ErrUnavailable, ctx.Err())
}

// Every field that is wrong is named, all at once.
func TestAllThatIsWrongWithAConfigIsNamed(t *testing.T) {
	_, err := cachestore.New(cachestore.Config{MaxEntries: -1, Lease: -time.Second})
	wantErr(t, "all wrong", err, session.ErrInvalid)
	if want := "cachestore: invalid config: Store: required\nFeed: required\nMaxEntries: -1 is not between 1 and 16777216\nLease: -1s is not between 100ms and 5s"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	for field, cfg := range map[string]cachestore.Config{
		"MaxEntries": {MaxEntries: 1<<24 + 1}, "Lease": {Lease: 100*time.Millisecond - 1}, "Lease ": {Lease: 5*time.Second + 1},
	} {
		cfg.Store, cfg.Feed = memstore.New(), &wire{}
		if _, err := cachestore.New(cfg); err == nil || !strings.HasPrefix(err.Error(), "cachestore: invalid config: "+strings.TrimSpace(field)+": ") {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
}

func TestACacheStartsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		wantErr(t, "a second Start", f.here.Start(t.Context()), cachestore.ErrStarted)
		f.live("all the same")
	})
}

// The end of the context of Start ends what is served from memory, not the cache.
func TestACacheWhoseContextEndsAsksTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		mem := newStore(t)
		s, _ := signIn(t, newManager(t, mem, session.Config{}))
		w := &watched{Store: mem}
		c, err := cachestore.New(cachestore.Config{Store: w, Feed: &wire{}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ctx, cancel := context.WithCancel(t.Context())
		if err := c.Start(ctx); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for range 3 {
			if _, err := c.Load(t.Context(), s.Ref()); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.asked(); n != 1 {
			t.Fatalf("the store was asked %d times for three loads", n)
		}
		cancel()
		synctest.Wait()
		if c.Stats().Fresh {
			t.Error("the lease outlives the context")
		}
		for range 2 {
			if _, err := c.Load(t.Context(), s.Ref()); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.asked(); n != 2 {
			t.Errorf("the store was asked %d times for two loads", n)
		}
	})
}

// Nobody but the feed can tell a cache that it hears: no method of a Store is one of the
// listener's.
func TestAStoreIsNoListener(t *testing.T) {
	var c any = &cachestore.Store{}
	if _, ok := c.(session.Listener); ok {
		t.Error("a Store is a session.Listener")
	}
	listener := reflect.TypeFor[session.Listener]()
	for i := range listener.NumMethod() {
		if _, has := reflect.TypeOf(c).MethodByName(listener.Method(i).Name); has {
			t.Errorf("a Store has the method %s", listener.Method(i).Name)
		}
	}
}

func (made) Load(_ context.Context, ref session.Ref) (session.Session, error) {
	id, _ := session.IDFromBytes(ref.ID.Bytes())
	user := session.MustParseUserID(string([]byte(ref.User.String())))
	names := func(list ...string) (out []string) {
		for _, n := range list {
			out = append(out, string([]byte(n)))
		}
		return out
	}
	amr, _ := session.NewMethods(names("pwd", "otp")...)
	now := time.Now()
	return session.Session{
		ID: id, Tenant: tenant.MustParse(string([]byte(ref.Tenant.String()))), User: user,
		Roles: session.MustRoles(names("editor", "billing")...), AMR: amr,
		AuthTime: now, CreatedAt: now, LastSeenAt: now, ExpiresAt: now.Add(time.Hour), IdleTimeout: time.Hour, Version: 1,
	}, nil
}
