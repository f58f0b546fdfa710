//go:build unix

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// keepLoading has an instance load a session of somebody else until the test ends.
func keepLoading(t *testing.T, store session.Store, other session.Ref) {
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_, _ = store.Load(ctx, other)
			select {
			case <-ctx.Done():
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
}

// hasAsked waits until the instance that keeps loading has asked a server twice from now on whose
// data it has, so that it has heard the first answer.
func hasAsked(t *testing.T, server *redisserver.Server) {
	t.Helper()
	raw := server.Client()
	defer raw.Close()
	own := 0 // INFO of ours
	asked := func() (n int) {
		own++
		for line := range strings.Lines(raw.Info(t.Context(), "commandstats").Val()) {
			_, _ = fmt.Sscanf(line, "cmdstat_info:calls=%d,", &n)
		}
		return n - own
	}
	before := asked()
	testwait.Until(t, "the server is asked whose data it has", func() bool { return asked() >= before+2 })
}

// An address leads to a promoted replica, and back to the former primary, which has gone on all
// the time: the id of its replication is one that the instance has met, and it is older all the
// same. It is told again.
func TestAServerThatComesBackOlderWithoutARestartIsToldAgain(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	knowing, unaware := p.instance(), p.instance()
	globex := tenant.MustParse("globex")
	f := &fixture{T: t, store: knowing}
	for _, id := range []tenant.ID{acme, globex} {
		f.eventually("a tenant is set up", func() error { return knowing.SetTenantStatus(t.Context(), id, tenant.Active) })
	}
	other, s := f.create(), draft()
	s.Tenant = globex
	f.eventually("a session is created", func() (err error) {
		s, err = knowing.Create(t.Context(), s, session.CreateOptions{Lifetime: time.Hour})
		return err
	})
	keepLoading(t, knowing, other.Ref())
	hasAsked(t, p.primary)
	p.inStep()
	p.replica.Promote()
	cut := func(from *redisserver.Server) {
		raw := from.Client()
		defer raw.Close()
		if err := raw.ClientKillByFilter(t.Context(), "TYPE", "normal").Err(); err != nil {
			t.Fatal(err)
		}
	}
	lead := func(from, to *redisserver.Server) {
		p.current.Store(to)
		cut(from)
	}
	lead(p.primary, p.replica)
	f.eventually("the user is revoked", func() error { return knowing.RevokeUser(t.Context(), s.Tenant, s.User) })
	hasAsked(t, p.replica)
	if _, err := open(t, p.replica.URL(), p.opts).Load(t.Context(), s.Ref()); !errors.Is(err, session.ErrNotFound) {
		t.Fatalf("the promoted replica was not told of the revocation: %v", err)
	}
	lead(p.replica, p.primary)
	testwait.Until(t, "who never heard of the revocation denies", func() bool {
		cut(p.replica) // also what was being dialled when the address changed
		_, err := unaware.Load(context.Background(), s.Ref())
		return errors.Is(err, session.ErrNotFound)
	})
}

// A list on an instance that knows better shows no session as it was before, also of a user who
// has changed more than is remembered one by one.
func TestAListAfterARestartShowsNothingOlder(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for name, list := range map[string]func(store session.Store, all []session.Session) ([]session.Session, error){
		"List": func(store session.Store, _ []session.Session) ([]session.Session, error) {
			return store.List(ctx, acme, alice)
		},
		"Peek": func(store session.Store, all []session.Session) ([]session.Session, error) {
			var ids []session.ID
			for _, s := range all {
				ids = append(ids, s.ID)
			}
			return store.Peek(ctx, acme, alice, ids)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newSetBack(t)
			store := b.instance(false)
			eventually(t, "the tenant is set up", func() error { return store.SetTenantStatus(ctx, acme, tenant.Active) })
			var all []session.Session
			for range 70 { // two kinds of marks, 32 of each
				all = append(all, b.create(store, editor(t)))
			}
			b.server.Save()
			for _, s := range all {
				s.Roles = session.Roles{}
				eventually(t, "the role is removed", func() error {
					if _, err := store.Update(ctx, s); !errors.Is(err, session.ErrConflict) {
						return err
					}
					return nil // it was made, and the answer lost
				})
			}
			b.crash()
			eventually(t, "the sessions are listed", func() error {
				sessions, err := list(store, all)
				for _, s := range sessions {
					if s.Roles.Len() != 0 {
						t.Fatalf("a list shows %v, which was removed", s.Roles.Names())
					}
				}
				return err
			})
		})
	}
}

// The end of a session by a lowered limit is back before anybody asks for it: an instance that knows
// nothing denies it as well.
func TestWhatALoweredLimitHasEndedIsBackBeforeAnyoneAsksForIt(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	b := newSetBack(t)
	b.opts.Timeout = 5 * time.Second
	store := b.instance(false).(*redisstore.Store)
	f := &fixture{T: t, server: b.server, opts: b.opts, store: store, raw: b.server.Client()}
	defer f.raw.Close()
	f.eventually("the tenant is set up", func() error { return store.SetTenantStatus(ctx, acme, tenant.Active) })
	other := draft()
	other.User = session.MustParseUserID("bob")
	other = b.create(store, other)
	all := f.legacy(250)
	b.server.Save()
	f.eventually("a sign-in at a lowered limit", func() error {
		_, err := store.Create(ctx, draft(), session.CreateOptions{Lifetime: time.Hour, Limit: session.SessionLimit{Sessions: 2, Policy: session.EvictOldest}})
		return err
	})
	b.crash()
	unaware := b.instance(false)
	keepLoading(t, store, other.Ref())
	for _, s := range all[:len(all)-1] {
		testwait.Until(t, "who knows of nothing denies a session that was beyond the limit", func() bool {
			_, err := unaware.Load(ctx, s.Ref())
			return errors.Is(err, session.ErrNotFound)
		})
	}
	f.eventually("a bystander is as it was", func() error { _, err := unaware.Load(ctx, other.Ref()); return err })
}

// A change that is asked for again, because its answer was lost or it was on too few replicas,
// writes something even where nothing is left to do: WAIT speaks of the last write of its own
// connection, and would vouch for nothing after a script that only reads.
func TestARepeatedChangeIsAWriteThatReplicasAreAskedFor(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	ctx := t.Context()
	s := f.create()
	if _, err := f.store.Load(ctx, s.Ref()); err != nil {
		t.Fatal(err)
	}
	step := session.RefreshStep{Presented: digest("first"), Next: digest("second"), Grace: time.Minute}
	gone, erika, globex := f.create(), session.MustParseUserID("erika"), tenant.MustParse("globex")
	frank, initech := session.MustParseUserID("frank"), tenant.MustParse("initech")
	there := draft()
	there.Tenant, there.User = initech, frank
	if err := f.store.SetTenantStatus(ctx, initech, tenant.Active); err != nil {
		t.Fatal(err)
	}
	if _, err := f.store.Create(ctx, there, session.CreateOptions{Lifetime: time.Hour}); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func() error{
		"RevokeOthers without others": func() error { return f.store.RevokeOthers(ctx, s.Ref()) },
		"a refresh that is repeated":  func() error { _, err := f.store.Refresh(ctx, s.Ref(), step); return err },
		"Revoke of an ended session":  func() error { return f.store.Revoke(ctx, gone.Ref()) },
		"RevokeUser":                  func() error { return f.store.RevokeUser(ctx, acme, erika) },
		"Stale of a user":             func() error { return f.store.Stale(ctx, initech, frank) },
		"Stale of a tenant":           func() error { return f.store.Stale(ctx, initech, session.UserID{}) },
		"SetTenantStatus":             func() error { return f.store.SetTenantStatus(ctx, globex, tenant.Suspended) },
		"Block":                       func() error { return f.store.Block(ctx, globex, erika) },
		"Unblock":                     func() error { return f.store.Unblock(ctx, globex, frank) },
		"EndSignIn":                   func() error { return f.store.EndSignIn(ctx, "https://id.example.com", "one") },
		"RevokePerson":                func() error { return f.store.RevokePerson(ctx, "https://id.example.com", erika) },
		"EraseUser":                   func() error { return f.store.EraseUser(ctx, acme, erika) },
	} {
		if err := change(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		before := unsaved(t, f.raw)
		if err := change(); err != nil {
			t.Fatalf("%s, again: %v", name, err)
		}
		if after := unsaved(t, f.raw); after == before {
			t.Errorf("%s writes nothing the second time", name)
		}
	}
}

// unsaved is how many writes there were since the last snapshot.
func unsaved(t *testing.T, raw *redis.Client) string {
	t.Helper()
	info, err := raw.InfoMap(t.Context(), "persistence").Result()
	if err != nil {
		t.Fatal(err)
	}
	return info["Persistence"]["rdb_changes_since_last_save"]
}

// A role that was removed, and a tenant that was suspended, on a primary whose replica did not
// hear of it: whoever made the change lets the older state count at no time after the failover,
// and those who never heard of it only until an instance that knows has met the replica.
func TestARemovedRoleSurvivesAFailoverThatLosesIt(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	p := newPair(t)
	knowing, unaware := p.instance(), p.instance()
	f := &fixture{T: t, store: knowing}
	globex := tenant.MustParse("globex")
	for _, id := range []tenant.ID{acme, globex} {
		f.eventually("a tenant is set up", func() error { return knowing.SetTenantStatus(ctx, id, tenant.Active) })
	}
	other, s := f.create(), editor(t)
	f.eventually("an editor signs in", func() (err error) {
		s, err = knowing.Create(ctx, s, session.CreateOptions{Lifetime: time.Hour})
		return err
	})
	p.inStep()
	p.replica.Promote() // it hears of nothing from here on
	bare := s
	bare.Roles = session.Roles{}
	if _, err := knowing.Update(ctx, bare); err != nil {
		t.Fatal(err)
	}
	if err := knowing.SetTenantStatus(ctx, globex, tenant.Suspended); err != nil {
		t.Fatal(err)
	}
	p.replicaAllows(s.Ref())
	p.current.Store(p.replica)
	p.primary.Kill()
	keepLoading(t, knowing, other.Ref())
	testwait.Until(t, "who never heard of the change refuses the session", func() bool {
		if got, err := knowing.Load(ctx, s.Ref()); err == nil && got.Roles.Len() > 0 {
			t.Fatalf("who removed the role lets it count: %v", got.Roles.Names())
		}
		_, err := unaware.Load(ctx, s.Ref())
		return errors.Is(err, session.ErrNotFound)
	})
	testwait.Until(t, "who never heard of the suspension says so", func() bool {
		status, err := unaware.TenantStatus(ctx, globex)
		return err == nil && status == tenant.Suspended
	})
	f.eventually("a bystander is as it was", func() error { _, err := unaware.Load(ctx, other.Ref()); return err })
}
