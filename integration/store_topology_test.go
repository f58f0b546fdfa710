//go:build unix

package integration_test

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/sessiontest"
	"github.com/reevehq/reeve/tenant"
)

// patient is a store that calls again what a server refused before it did anything, as a
// client of the service would.
type patient struct{ session.Store }

// again repeats do while a slot is moving or a server is giving up its place, less and less often.
// A refusal that lasts longer is the error of the call.
func again(ctx context.Context, do func() error) {
	for began, pause := time.Now(), time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		err := do()
		if err == nil || !errors.Is(err, session.ErrUnavailable) || ctx.Err() != nil || time.Since(began) > testwait.Limit {
			return
		}
		refused := false
		for _, why := range []string{"TRYAGAIN", "ASK ", "MOVED ", "CLUSTERDOWN", "READONLY", "UNBLOCKED", "connection pool timeout"} {
			refused = refused || strings.Contains(err.Error(), why)
		}
		if !refused {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause/2 + rand.N(pause)): // not all at the same time
		}
	}
}

func (p patient) Create(ctx context.Context, s session.Session, c session.CreateOptions) (out session.Session, err error) {
	again(ctx, func() error { out, err = p.Store.Create(ctx, s, c); return err })
	return out, err
}

func (p patient) Load(ctx context.Context, ref session.Ref) (out session.Session, err error) {
	again(ctx, func() error { out, err = p.Store.Load(ctx, ref); return err })
	return out, err
}

func (p patient) Update(ctx context.Context, s session.Session) (out session.Session, err error) {
	again(ctx, func() error { out, err = p.Store.Update(ctx, s); return err })
	return out, err
}

func (p patient) Rotate(ctx context.Context, old session.Ref, next session.Session, d session.Digest) (out session.Session, err error) {
	again(ctx, func() error { out, err = p.Store.Rotate(ctx, old, next, d); return err })
	return out, err
}

func (p patient) Touch(ctx context.Context, ref session.Ref) (err error) {
	again(ctx, func() error { err = p.Store.Touch(ctx, ref); return err })
	return err
}

func (p patient) Refresh(ctx context.Context, ref session.Ref, step session.RefreshStep) (out session.RefreshOutcome, err error) {
	again(ctx, func() error { out, err = p.Store.Refresh(ctx, ref, step); return err })
	return out, err
}

func (p patient) Revoke(ctx context.Context, ref session.Ref) (err error) {
	again(ctx, func() error { err = p.Store.Revoke(ctx, ref); return err })
	return err
}

func (p patient) End(ctx context.Context, ref session.Ref, version uint64) (err error) {
	again(ctx, func() error { err = p.Store.End(ctx, ref, version); return err })
	return err
}

func (p patient) RevokeOthers(ctx context.Context, ref session.Ref) (err error) {
	again(ctx, func() error { err = p.Store.RevokeOthers(ctx, ref); return err })
	return err
}

func (p patient) RevokeUser(ctx context.Context, t tenant.ID, u session.UserID) (err error) {
	again(ctx, func() error { err = p.Store.RevokeUser(ctx, t, u); return err })
	return err
}

func (p patient) RevokeTenant(ctx context.Context, t tenant.ID) (err error) {
	again(ctx, func() error { err = p.Store.RevokeTenant(ctx, t); return err })
	return err
}

func (p patient) RevokeAll(ctx context.Context) (err error) {
	again(ctx, func() error { err = p.Store.RevokeAll(ctx); return err })
	return err
}

func (p patient) List(ctx context.Context, t tenant.ID, u session.UserID) (out []session.Session, err error) {
	again(ctx, func() error { out, err = p.Store.List(ctx, t, u); return err })
	return out, err
}

func (p patient) Events(ctx context.Context, t tenant.ID, u session.UserID) (out []session.Event, err error) {
	again(ctx, func() error { out, err = p.Store.Events(ctx, t, u); return err })
	return out, err
}

func (p patient) TenantStatus(ctx context.Context, t tenant.ID) (out tenant.Status, err error) {
	again(ctx, func() error { out, err = p.Store.TenantStatus(ctx, t); return err })
	return out, err
}

func (p patient) SetTenantStatus(ctx context.Context, t tenant.ID, status tenant.Status) (err error) {
	again(ctx, func() error { err = p.Store.SetTenantStatus(ctx, t, status); return err })
	return err
}

func (p patient) Adopt(ctx context.Context, a session.Adoption) (out session.Session, err error) {
	again(ctx, func() error { out, err = p.Store.Adopt(ctx, a); return err })
	return out, err
}

func (p patient) EndSignIn(ctx context.Context, issuer, name string) (err error) {
	again(ctx, func() error { err = p.Store.EndSignIn(ctx, issuer, name); return err })
	return err
}

func (p patient) RevokePerson(ctx context.Context, issuer string, u session.UserID) (err error) {
	again(ctx, func() error { err = p.Store.RevokePerson(ctx, issuer, u); return err })
	return err
}

func (p patient) Block(ctx context.Context, t tenant.ID, u session.UserID) (err error) {
	again(ctx, func() error { err = p.Store.Block(ctx, t, u); return err })
	return err
}

func (p patient) Unblock(ctx context.Context, t tenant.ID, u session.UserID) (err error) {
	again(ctx, func() error { err = p.Store.Unblock(ctx, t, u); return err })
	return err
}

func (p patient) EraseUser(ctx context.Context, t tenant.ID, u session.UserID) (err error) {
	again(ctx, func() error { err = p.Store.EraseUser(ctx, t, u); return err })
	return err
}

func (p patient) EraseTenant(ctx context.Context, t tenant.ID, users iter.Seq2[session.UserID, error]) (err error) {
	again(ctx, func() error { err = p.Store.EraseTenant(ctx, t, users); return err })
	return err
}

func (p patient) RotateWithGrace(ctx context.Context, old session.Ref, next session.Session, d session.Digest, grace time.Duration) (out session.Session, err error) {
	again(ctx, func() error { out, err = p.Store.RotateWithGrace(ctx, old, next, d, grace); return err })
	return out, err
}

func (p patient) Retire(ctx context.Context, ref session.Ref, version uint64, to session.Ref, grace time.Duration) (err error) {
	again(ctx, func() error { err = p.Store.Retire(ctx, ref, version, to, grace); return err })
	return err
}

func (p patient) Begin(ctx context.Context, t tenant.ID, u session.UserID) (out session.Ticket, err error) {
	again(ctx, func() error { out, err = p.Store.Begin(ctx, t, u); return err })
	return out, err
}

func (p patient) Stale(ctx context.Context, t tenant.ID, u session.UserID) (err error) {
	again(ctx, func() error { err = p.Store.Stale(ctx, t, u); return err })
	return err
}

func (p patient) UpdateUser(ctx context.Context, t tenant.ID, u session.UserID, change session.UserChange) (err error) {
	again(ctx, func() error { err = p.Store.UpdateUser(ctx, t, u, change); return err })
	return err
}

func (p patient) Regrant(ctx context.Context, s session.Session, under session.Ticket) (out session.Session, err error) {
	again(ctx, func() error { out, err = p.Store.Regrant(ctx, s, under); return err })
	return out, err
}

func (p patient) Peek(ctx context.Context, t tenant.ID, u session.UserID, ids []session.ID) (out []session.Session, err error) {
	again(ctx, func() error { out, err = p.Store.Peek(ctx, t, u, ids); return err })
	return out, err
}

func (p patient) AddTenant(ctx context.Context, t tenant.ID) (err error) {
	again(ctx, func() error { err = p.Store.AddTenant(ctx, t); return err })
	return err
}

// topologyCases are those of someCases, and of each call that a sign-in at a provider, a change of
// grants and a grace are made of.
func topologyCases(t *testing.T, n int) []sessiontest.Case {
	t.Helper()
	some := someCases(n)
	for _, name := range []string{
		"a sign-in at a provider finds one session, also after a refresh there",
		"the same name of another issuer, user or tenant is another sign-in",
		"a sign-in finds its session after a rotation",
		"a logout ends the sessions of that sign-in in all tenants and no others",
		"a user who is blocked has no session and gets none until it is lifted",
		"a stale session can be used, listed and ended",
		"a stale session is written only under a ticket from after that",
		"a session that was replaced loads until its grace ends and is dead otherwise",
		"a session that was retired loads until its grace ends and is dead otherwise",
	} {
		is := func(c sessiontest.Case) bool { return c.Name == name }
		all := sessiontest.Cases()
		at := slices.IndexFunc(all, is)
		if at < 0 {
			t.Fatalf("the suite has no case %q", name)
		}
		if !slices.ContainsFunc(some, is) {
			some = slices.Insert(some, len(some)/2, all[at]) // around the failover
		}
	}
	return some
}

// someCases is the suite, or every n-th case of it unless the long proofs run. Those of
// hundreds of concurrent rounds are left to them: each round waits for slots that move.
func someCases(n int) []sessiontest.Case {
	var some []sessiontest.Case
	for i, c := range sessiontest.Cases() {
		if testneed.Soak() || i%n == 0 && !c.Slow && !strings.Contains(c.Name, "concurrent") && !strings.Contains(c.Name, "at once") {
			some = append(some, c)
		}
	}
	return some
}

// mover moves slots of a cluster, one at a time, until it is stopped.
type mover struct {
	addrs  []string
	client *redis.ClusterClient

	at              map[int]time.Time // when a slot was moved
	moved, withKeys int
}

// pick returns a slot of a master that holds keys now, which are the ones worth moving, or
// another one, and none that is at rest.
func (m *mover) pick(ctx context.Context, addr string) (slot int, keys bool) {
	node := redis.NewClient(&redis.Options{Addr: addr, MaxRetries: -1})
	defer node.Close()
	for range 10 {
		key, err := node.RandomKey(ctx).Result()
		if err != nil {
			break
		}
		at, err := m.client.ClusterKeySlot(ctx, key).Result()
		if err == nil && time.Since(m.at[int(at)]) > redisserver.SlotRest {
			return int(at), true
		}
	}
	for slot = rand.N(16384); time.Since(m.at[slot]) <= redisserver.SlotRest; slot = rand.N(16384) {
	}
	return slot, false
}

func (m *mover) run(ctx context.Context) error {
	for ; ctx.Err() == nil; m.moved++ {
		slot, keys := m.pick(ctx, m.addrs[m.moved%len(m.addrs)])
		// A slot whose move was begun is moved to the end, or its keys would be in two
		// places when the test ends.
		if err := redisserver.MoveSlot(context.WithoutCancel(ctx), m.addrs, slot); err != nil {
			return err
		}
		m.at[slot] = time.Now()
		if keys {
			m.withKeys++
		}
		select {
		case <-ctx.Done():
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

// The contract is kept while slots move from master to master, each with all its keys: no
// script meets half of them.
func TestStoreConformanceOnAClusterThatIsResharded(t *testing.T) {
	t.Parallel()
	addrs := redisserver.StartCluster(t)
	client := clusterClient(t, addrs)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the cluster at the end:\n%s", redisserver.ClusterView(context.Background(), addrs))
		}
	})
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	m := &mover{addrs: addrs, client: client, at: map[int]time.Time{}}
	done := make(chan error, 1)
	go func() { done <- m.run(ctx) }()
	for _, c := range topologyCases(t, 8) {
		t.Run(c.Name, func(t *testing.T) {
			c.Run(t, sessiontest.Harness{Store: patient{storeOn(t, client, storeOptions())}})
		})
		if t.Failed() || len(done) > 0 {
			break // later calls would wait for a slot that answers nobody
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("a slot is between two masters: %v", err)
	}
	t.Logf("%d slots were moved, %d of them with keys", m.moved, m.withKeys)
	if m.withKeys < 5 && !t.Failed() {
		t.Errorf("only %d slots with keys were moved", m.withKeys)
	}
}

// The contract is kept by a primary that Sentinel names, before and after it names another
// one, without a restart; and what was revoked before is dead after.
func TestStoreConformanceOnSentinelWithAFailover(t *testing.T) {
	t.Parallel()
	sentinel := redisserver.StartSentinel(t)
	client := redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: redisserver.SentinelMaster, SentinelAddrs: []string{sentinel.Addr()},
		ContextTimeoutEnabled: true, MaxRetries: 1, DialTimeout: time.Second, ReadTimeout: time.Second,
	})
	t.Cleanup(func() { client.Close() })
	store := storeOn(t, client, storeOptions())
	ctx := context.Background()
	f := &fixture{T: t, store: store}
	f.eventually("the tenant is set up", func() error { return store.SetTenantStatus(ctx, acme, tenant.Active) })
	kept, gone := f.create(), f.create()
	f.eventually("a session is revoked", func() error { return store.Revoke(ctx, gone.Ref()) })

	// Somebody asks all the time; no answer but an outage may be wrong.
	asking, stop := context.WithCancel(ctx)
	asked := make(chan int)
	go func() {
		n := 0
		for asking.Err() == nil {
			if _, err := store.Load(ctx, kept.Ref()); err != nil && !isOutage(err) {
				t.Errorf("Load of a live session: %v", err)
				break
			}
			if _, err := store.Load(ctx, gone.Ref()); !errors.Is(err, session.ErrNotFound) && !isOutage(err) {
				t.Errorf("Load of a revoked session: %v", err)
				break
			}
			n++
			time.Sleep(time.Millisecond)
		}
		asked <- n
	}()
	cases := topologyCases(t, 5)
	for i, c := range cases {
		if i == len(cases)/2 {
			sentinel.Failover()
			f.eventually("the new primary answers", func() error { _, err := store.Load(ctx, kept.Ref()); return err })
		}
		t.Run(c.Name, func(t *testing.T) {
			c.Run(t, sessiontest.Harness{Store: patient{storeOn(t, client, storeOptions())}})
		})
	}
	stop()
	if n := <-asked; n < 20 {
		t.Errorf("only %d questions were asked meanwhile", n)
	}
	if _, err := store.Load(ctx, gone.Ref()); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Load of a revoked session: %v", err)
	}
}
