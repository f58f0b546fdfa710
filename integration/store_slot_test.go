//go:build unix

package integration_test

import (
	"context"
	"errors"
	"slices"
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

// newCluster starts three masters and a store on them, with acme active. The store is all
// that its client is used for.
func newCluster(t *testing.T, opts redisstore.Config) (*fixture, []string) {
	t.Helper()
	addrs := redisserver.StartCluster(t)
	store := storeOn(t, clusterClient(t, addrs), opts)
	f := &fixture{T: t, opts: opts, store: store}
	f.eventually("the tenant is set up", func() error {
		err := store.SetTenantStatus(t.Context(), acme, tenant.Active)
		if err != nil && strings.Contains(err.Error(), "of 1 replicas") {
			return nil // done, and there is no replica
		}
		return err
	})
	return f, addrs
}

// slotOfUser returns the slot that holds the keys of the store's only user, and them.
func (f *fixture) slotOfUser(addrs []string) (slot int, keys []string) {
	f.Helper()
	for _, addr := range addrs {
		node := redis.NewClient(&redis.Options{Addr: addr})
		defer node.Close()
		here, err := node.Keys(f.Context(), f.opts.Prefix+":{u-*").Result()
		if err != nil {
			f.Fatal(err)
		}
		if len(here) == 0 {
			continue
		}
		at, err := node.ClusterKeySlot(f.Context(), here[0]).Result()
		if err != nil {
			f.Fatal(err)
		}
		slot, keys = int(at), append(keys, here...)
	}
	if len(keys) < 4 {
		f.Fatalf("the user has %d keys", len(keys))
	}
	return slot, keys
}

// While the keys of a user are on two masters no script can run on them. Calls wait until
// the slot has moved, for as long as their budget lasts; they do not fail, and none is made
// twice.
func TestACallWaitsForASlotThatMoves(t *testing.T) {
	t.Parallel()
	f, addrs := newCluster(t, storeOptions())
	s := f.create()
	for _, m := range []method{
		{"Update", func(ctx context.Context, store *redisstore.Store) error {
			updated, err := store.Update(ctx, s)
			if err == nil {
				s = updated
			}
			return err
		}},
		{"Create", func(ctx context.Context, store *redisstore.Store) error {
			_, err := store.Create(ctx, draft(), session.CreateOptions{Lifetime: time.Hour})
			return err
		}},
		{"Revoke", func(ctx context.Context, store *redisstore.Store) error { return store.Revoke(ctx, s.Ref()) }},
	} {
		slot, keys := f.slotOfUser(addrs) // each of the scripts needs more than half of them
		finish, err := redisserver.BeginMove(t.Context(), addrs, slot, len(keys)/2)
		if err != nil {
			t.Fatal(err)
		}
		// Without the wait the call has no chance.
		bare, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := m.do(bare, f.store); !isOutage(err) {
			t.Errorf("%s while half of the keys have moved: %v", m.name, err)
		}
		cancel()
		done := make(chan error, 1)
		go func() { done <- m.do(context.Background(), f.store) }()
		select {
		case err := <-done:
			t.Errorf("%s did not wait: %v", m.name, err)
			done <- err
		case <-time.After(100 * time.Millisecond):
		}
		if err := finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Errorf("%s after the slot has moved: %v", m.name, err)
		}
	}
	if s.Version != 2 {
		t.Errorf("the session has version %d after one update", s.Version)
	}
	if _, err := f.store.Load(t.Context(), s.Ref()); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("Load after Revoke: %v", err)
	}
	if listed, err := f.store.List(t.Context(), acme, alice); err != nil || len(listed) != 1 {
		t.Errorf("%d sessions after one sign-in, %v", len(listed), err)
	}
	if n := f.store.Stats().BreakerOpened; n != 0 {
		t.Errorf("the breaker opened %d times", n)
	}
}

// A revocation that waits for replicas speaks to one server, and has to learn by itself
// that the slot is on another one now. Nobody else uses the client.
func TestARevocationThatWaitsForReplicasFollowsItsSlot(t *testing.T) {
	t.Parallel()
	opts := storeOptions()
	opts.WaitReplicas = 1 // and there is none
	f, addrs := newCluster(t, opts)
	for range 2 {
		s := f.create()
		slot, _ := f.slotOfUser(addrs)
		if err := redisserver.MoveSlot(t.Context(), addrs, slot); err != nil {
			t.Fatal(err)
		}
		err := f.store.Revoke(t.Context(), s.Ref())
		if !isOutage(err) || !strings.Contains(err.Error(), "changed, and on 0 of 1 replicas") {
			t.Errorf("Revoke on the new master: %v", err)
		}
		if _, err := f.store.Load(t.Context(), s.Ref()); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("Load after Revoke: %v", err)
		}
	}
}

// TestAClientOfOneServerLoadsFromAServerOfACluster: such a server runs no script whose keys are in
// several slots, so that tenant and user are asked for apart. It refuses one load's script, once.
func TestAClientOfOneServerLoadsFromAServerOfACluster(t *testing.T) {
	t.Parallel()
	server := redisserver.Start(t, "--cluster-enabled", "yes")
	raw := server.Client()
	defer raw.Close()
	if err := raw.Do(t.Context(), "cluster", "addslotsrange", 0, 16383).Err(); err != nil {
		t.Fatal(err)
	}
	testwait.Until(t, "the server has all slots", func() bool {
		info, err := raw.ClusterInfo(t.Context()).Result()
		return err == nil && strings.Contains(info, "cluster_state:ok")
	})
	var m meter
	store := hooked(t, server.Addr(), storeOptions(), &m)
	if err := store.SetTenantStatus(t.Context(), acme, tenant.Active); err != nil {
		t.Fatal(err)
	}
	s, err := store.Create(t.Context(), draft(), session.CreateOptions{Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if got, err := store.Load(t.Context(), s.Ref()); err != nil || got.Ref() != s.Ref() {
			t.Fatalf("Load: %v, %v", got.Ref(), err)
		}
	}
	whole := 0
	for _, trip := range m.take() {
		if slices.Contains(trip, "load") {
			whole++
		}
	}
	if whole > 2 { // with EVALSHA of a script that is not known, and then with EVAL
		t.Errorf("the script of all keys was sent %d times", whole)
	}
	if err := store.RevokeUser(t.Context(), acme, alice); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(t.Context(), s.Ref()); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("a session that was revoked: %v", err)
	}
}
