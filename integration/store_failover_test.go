//go:build unix

package integration_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// pair is a primary and a replica, and an address that clients of both follow.
type pair struct {
	*testing.T
	primary, replica *redisserver.Server
	current          atomic.Pointer[redisserver.Server]
	opts             redisstore.Config
}

func newPair(t *testing.T) *pair {
	p := &pair{T: t, primary: redisserver.Start(t), opts: storeOptions()}
	p.replica = redisserver.StartReplica(t, p.primary)
	p.current.Store(p.primary)
	return p
}

// instance is a process of the service, with a memory of its own.
func (p *pair) instance() *redisstore.Store {
	p.Helper()
	client := redis.NewClient(&redis.Options{
		Addr: "the current primary", ContextTimeoutEnabled: true, MaxRetries: -1,
		DialTimeout: time.Second, ReadTimeout: time.Second,
		Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", p.current.Load().Addr())
		},
	})
	p.Cleanup(func() { client.Close() })
	return storeOn(p, client, p.opts)
}

// replicaAllows asserts that the promoted replica has a session that was revoked since.
// Without it a test of what happens then proves nothing.
func (p *pair) replicaAllows(ref session.Ref) {
	p.Helper()
	store := open(p, p.replica.URL(), p.opts)
	eventually(p.T, "the replica has not heard of the revocation", func() error { _, err := store.Load(p.Context(), ref); return err })
}

func (p *pair) create(store *redisstore.Store, limit session.SessionLimit) session.Session {
	p.Helper()
	s, err := store.Create(p.Context(), draft(), session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first"), Limit: limit})
	if err != nil {
		p.Fatal(err)
	}
	return s
}

// inStep waits until the replica has everything.
func (p *pair) inStep() {
	p.Helper()
	p.replica.CatchUp(p.primary)
}

// A replica that was cut off, and is promoted, has every session that was revoked since.
// An instance that revoked it, or has seen that it was, allows nothing and puts the revocation back
// for those who have not.
func TestARevocationSurvivesAFailoverThatLosesIt(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, c := range []struct {
		name   string
		revoke func(p *pair, store *redisstore.Store, s, other session.Session) error
		seen   bool // an instance that only saw the revocation knows of it: it moved an epoch
	}{
		{"Revoke", func(_ *pair, store *redisstore.Store, s, _ session.Session) error { return store.Revoke(ctx, s.Ref()) }, false},
		{"End", func(_ *pair, store *redisstore.Store, s, _ session.Session) error {
			return store.End(ctx, s.Ref(), s.Version)
		}, false},
		{"RevokeOthers", func(_ *pair, store *redisstore.Store, _, other session.Session) error {
			return store.RevokeOthers(ctx, other.Ref())
		}, false},
		{"Rotate", func(_ *pair, store *redisstore.Store, s, _ session.Session) error {
			next := s
			next.ID = session.NewID()
			_, err := store.Rotate(ctx, s.Ref(), next, digest("first"))
			return err
		}, false},
		{"a reused refresh secret", func(_ *pair, store *redisstore.Store, s, _ session.Session) error {
			_, err := store.Refresh(ctx, s.Ref(), session.RefreshStep{Presented: digest("never"), Next: digest("second")})
			if errors.Is(err, session.ErrRefreshReused) {
				return nil
			}
			return err
		}, false},
		{"eviction", func(p *pair, store *redisstore.Store, _, _ session.Session) error {
			p.create(store, session.SessionLimit{Sessions: 1, Policy: session.EvictOldest})
			return nil
		}, false},
		{"RevokeUser", func(_ *pair, store *redisstore.Store, _, _ session.Session) error {
			return store.RevokeUser(ctx, acme, alice)
		}, true},
		{"RevokeTenant", func(_ *pair, store *redisstore.Store, _, _ session.Session) error {
			return store.RevokeTenant(ctx, acme)
		}, true},
		{"RevokeAll", func(_ *pair, store *redisstore.Store, _, _ session.Session) error { return store.RevokeAll(ctx) }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPair(t)
			revoker, witness, unaware := p.instance(), p.instance(), p.instance()
			eventually(t, "the tenant is set up", func() error { return revoker.SetTenantStatus(ctx, acme, tenant.Active) })
			s := p.create(revoker, session.SessionLimit{})
			other := p.create(revoker, session.SessionLimit{})
			p.inStep()
			p.replica.Promote() // it hears of nothing from here on
			if err := c.revoke(p, revoker, s, other); err != nil {
				t.Fatal(err)
			}
			load := func(store *redisstore.Store) (err error) {
				// Connections to the old primary break first.
				for deadline := time.Now().Add(testwait.Limit); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
					if _, err = store.Load(ctx, s.Ref()); !errors.Is(err, session.ErrUnavailable) {
						return err
					}
				}
				return err
			}
			if err := load(witness); !errors.Is(err, session.ErrNotFound) {
				t.Fatalf("before the failover: Load: %v", err)
			}
			p.replicaAllows(s.Ref())
			p.current.Store(p.replica)
			p.primary.Kill()

			knowing := revoker
			if c.seen {
				knowing = witness
			}
			if _, err := knowing.List(ctx, acme, alice); err != nil && !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("List: %v", err)
			}
			for name, store := range map[string]*redisstore.Store{"that knows": knowing, "that revoked": revoker} {
				if err := load(store); !errors.Is(err, session.ErrNotFound) {
					t.Errorf("on an instance %s: Load: %v", name, err)
				}
			}
			if err := load(unaware); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("after the revocation was put back: Load: %v", err)
			}
			// Nobody is locked out by it.
			fresh := p.create(revoker, session.SessionLimit{})
			if _, err := unaware.Load(ctx, fresh.Ref()); err != nil {
				t.Errorf("a sign-in after the failover: Load: %v", err)
			}
		})
	}
}

// With WaitReplicas every change but the creation and the use of a session is on the replica
// when it returns, and one that cannot get there says so: it is not acknowledged, and counts all
// the same where it was made.
func TestEveryChangeButCreateAndTouchWaitsForReplicas(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := newPair(t)
	p.opts.WaitReplicas = 1
	store := p.instance()
	f := &fixture{T: t, store: store}
	closed, bob := tenant.MustParse("closed"), session.MustParseUserID("bob")
	f.eventually("the tenants are set up", func() error {
		return errors.Join(store.SetTenantStatus(ctx, acme, tenant.Active), store.SetTenantStatus(ctx, closed, tenant.Suspended))
	})
	changes := []struct {
		name  string
		do    func(s session.Session) error
		waits bool
	}{
		{"Load", func(s session.Session) error { _, err := store.Load(ctx, s.Ref()); return err }, false},
		{"Touch", func(s session.Session) error { return store.Touch(ctx, s.Ref()) }, false},
		{"Create", func(session.Session) error {
			_, err := store.Create(ctx, draft(), session.CreateOptions{Lifetime: time.Hour})
			return err
		}, false},
		{"Update", func(s session.Session) error { _, err := store.Update(ctx, s); return err }, true},
		{"Rotate", func(s session.Session) error {
			next := s
			next.ID = session.NewID()
			_, err := store.Rotate(ctx, s.Ref(), next, digest("first"))
			return err
		}, true},
		{"Refresh", func(s session.Session) error {
			_, err := store.Refresh(ctx, s.Ref(), session.RefreshStep{Presented: digest("first"), Next: digest("second"), Grace: time.Minute})
			return err
		}, true},
		{"End", func(s session.Session) error { return store.End(ctx, s.Ref(), s.Version) }, true},
		{"Revoke", func(s session.Session) error { return store.Revoke(ctx, s.Ref()) }, true},
		{"RevokeOthers", func(s session.Session) error { return store.RevokeOthers(ctx, s.Ref()) }, true},
		{"SetTenantStatus", func(session.Session) error { return store.SetTenantStatus(ctx, acme, tenant.Active) }, true},
		{"RevokeUser", func(session.Session) error { return store.RevokeUser(ctx, acme, alice) }, true},
		{"RevokeTenant", func(session.Session) error { return store.RevokeTenant(ctx, acme) }, true},
		{"RevokeAll", func(session.Session) error { return store.RevokeAll(ctx) }, true},
		{"RotateWithGrace", func(s session.Session) error {
			_, err := store.RotateWithGrace(ctx, s.Ref(), renamed(s), session.Digest{}, time.Second)
			return err
		}, true},
		{"Retire", func(s session.Session) error {
			return store.Retire(ctx, s.Ref(), s.Version, renamed(s).Ref(), time.Second)
		}, true},
		{"Begin", func(session.Session) error { _, err := store.Begin(ctx, acme, alice); return err }, false},
		{"Regrant", func(s session.Session) error {
			ticket, err := store.Begin(ctx, acme, alice)
			if err != nil {
				return err
			}
			_, err = store.Regrant(ctx, s, ticket)
			return err
		}, true},
		{"UpdateUser", func(session.Session) error { return store.UpdateUser(ctx, acme, alice, rolesFor("viewer")) }, true},
		{"Stale", func(session.Session) error { return store.Stale(ctx, acme, alice) }, true},
		{"Stale of a tenant", func(session.Session) error { return store.Stale(ctx, acme, session.UserID{}) }, true},
		{"Block", func(session.Session) error { return store.Block(ctx, acme, bob) }, true},
		{"Unblock", func(session.Session) error { return store.Unblock(ctx, acme, bob) }, true},
		{"EndSignIn", func(session.Session) error { return store.EndSignIn(ctx, provider, rand.Text()) }, true},
		{"RevokePerson", func(session.Session) error { return store.RevokePerson(ctx, provider, alice) }, true},
		{"Adopt", func(session.Session) error { return adoptNow(store, rand.Text()) }, false},
		{"Adopt by a newer token", func(session.Session) error {
			name := rand.Text()
			return firstError(func() error { return adoptNow(store, name) }, func() error { return adoptNow(store, name) })
		}, true},
		{"AddTenant", func(session.Session) error {
			return store.AddTenant(ctx, tenant.MustParse(strings.ToLower(rand.Text())))
		}, true},
		{"EraseUser", func(session.Session) error {
			return store.EraseUser(ctx, acme, session.MustParseUserID("erika"))
		}, true},
		{"EraseTenant", func(session.Session) error { return store.EraseTenant(ctx, closed, nil) }, true},
	}
	named := map[string]bool{"List": true, "Peek": true, "Events": true, "TenantStatus": true} // which change nothing
	for _, c := range changes {
		method, _, _ := strings.Cut(c.name, " ")
		named[method] = true
	}
	for i, methods := 0, reflect.TypeFor[session.Store](); i < methods.NumMethod(); i++ {
		if !named[methods.Method(i).Name] {
			t.Errorf("%s has no row", methods.Method(i).Name)
		}
	}
	for _, c := range changes {
		f.create() // for RevokeOthers
		s := f.create()
		if err := c.do(s); err != nil { // a busy machine may need several until one is there in time
			f.eventually(c.name, func() error { return c.do(f.create()) })
		}
	}
	p.replica.Promote()
	for _, c := range changes {
		f.create()
		if err := c.do(f.create()); c.waits != isOutage(err) || !c.waits && err != nil {
			t.Errorf("%s without a replica: %v, waits: %v", c.name, err, c.waits)
		}
	}
}

// The end of a session whose refresh token was stolen is a change as any other: with WaitReplicas
// nobody is told of it who could meet the session again after a failover.
func TestTheEndOfAStolenSessionWaitsForReplicas(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := newPair(t)
	p.opts.WaitReplicas = 1
	store := p.instance()
	f := &fixture{T: t, store: store}
	f.eventually("the tenant is set up", func() error { return store.SetTenantStatus(ctx, acme, tenant.Active) })
	s := p.create(store, session.SessionLimit{})
	step := session.RefreshStep{Presented: digest("first"), Next: digest("second")}
	f.eventually("the first step is on the replica", func() error { _, err := store.Refresh(ctx, s.Ref(), step); return err })
	p.inStep()
	p.replica.Promote() // it hears of nothing from here on
	theft := session.RefreshStep{Presented: digest("first"), Next: digest("third")}
	if _, err := store.Refresh(ctx, s.Ref(), theft); !errors.Is(err, session.ErrUnavailable) || errors.Is(err, session.ErrRefreshReused) {
		t.Errorf("the thief's step is answered %v before a replica has the end", err)
	}
	p.replicaAllows(s.Ref())
	if _, err := store.Load(ctx, s.Ref()); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("the session that has ended loads: %v", err)
	}
}

// adoptNow adopts a sign-in of dave's, as soon as it is later than what has ended those before.
func adoptNow(store *redisstore.Store, name string) error {
	for {
		stranger := session.Stranger{
			Issuer: provider, Name: name, Tenant: acme, User: session.MustParseUserID("dave"),
			IssuedAt: time.Now().Add(session.MaxSkew - 50*time.Millisecond), // which a clock may be ahead
		}
		_, err := store.Adopt(context.Background(), adoption(stranger))
		if !errors.Is(err, session.ErrSignInTooClose) {
			return err
		}
		<-time.After(10 * time.Millisecond)
	}
}

func firstError(do ...func() error) error {
	for _, f := range do {
		if err := f(); err != nil {
			return err
		}
	}
	return nil
}

// With WaitReplicas a revocation that returned is on the replica, and one that cannot get
// there says so. A busy machine may need several revocations until one is there in time.
func TestARevocationWaitsForTheReplicasItIsToldTo(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := newPair(t)
	p.opts.WaitReplicas = 1
	store := p.instance()
	p.opts.WaitReplicas = 0
	f := &fixture{T: t, store: store}
	f.eventually("the tenant is set up", func() error { return store.SetTenantStatus(ctx, acme, tenant.Active) })
	for name, revoke := range map[string]func(s session.Session) error{
		"Revoke":       func(s session.Session) error { return store.Revoke(ctx, s.Ref()) },
		"End":          func(s session.Session) error { return store.End(ctx, s.Ref(), s.Version) },
		"RevokeUser":   func(session.Session) error { return store.RevokeUser(ctx, acme, alice) },
		"RevokeTenant": func(session.Session) error { return store.RevokeTenant(ctx, acme) },
		"RevokeAll":    func(session.Session) error { return store.RevokeAll(ctx) },
	} {
		f.eventually(name, func() error { return revoke(f.create()) })
	}
	f.eventually("Revoke", func() error { return store.Revoke(ctx, f.create().Ref()) })
	last := f.create()
	f.eventually("the last sign-in is ended", func() error { return store.RevokeUser(ctx, acme, alice) })
	p.replica.Promote()
	behind := f.create()
	if err := store.Revoke(ctx, behind.Ref()); !isOutage(err) {
		t.Errorf("Revoke without a replica: %v", err)
	}
	f.eventually("what was revoked here is dead", func() error {
		_, err := store.Load(ctx, behind.Ref())
		if errors.Is(err, session.ErrNotFound) {
			return nil
		}
		if err == nil {
			return errors.New("it is live")
		}
		return err
	})
	p.current.Store(p.replica)
	p.primary.Kill()
	unaware := p.instance() // knows of nothing
	f.eventually("the replica has every revocation that returned", func() error {
		listed, err := unaware.List(ctx, acme, alice)
		if err == nil && len(listed) != 0 {
			return fmt.Errorf("%d sessions are listed", len(listed))
		}
		return err
	})
	if _, err := unaware.Load(ctx, last.Ref()); !errors.Is(err, session.ErrNotFound) && !isOutage(err) {
		t.Errorf("on the replica: Load of a revoked session: %v", err)
	}
}
