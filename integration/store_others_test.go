//go:build unix

package integration_test

import (
	"context"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// allCalls is how many commands the server has run, those inside scripts included.
func allCalls(t *testing.T, raw *redis.Client) (n int) {
	t.Helper()
	stats, err := raw.Info(context.Background(), "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range commands(stats) {
		if name != "info" {
			n += served(t, raw, name)
		}
	}
	return n
}

// The user has as many sessions as you like: ending the others is a load and one script, which
// runs as many commands as for two.
func TestRevokingTheOthersCostsTheSameForAnyNumberOfSessions(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	f.learn(f.store)
	ctx := t.Context()
	cost := func(others int) int {
		f.eventually("nobody is signed in", func() error { return f.store.RevokeUser(ctx, acme, alice) })
		for range others {
			f.create()
		}
		keep := f.create()
		f.eventually("it is known", func() error { _, err := f.store.Load(ctx, keep.Ref()); return err })
		before := allCalls(t, f.raw)
		f.eventually("the others are ended", func() error { return f.store.RevokeOthers(ctx, keep.Ref()) })
		spent := allCalls(t, f.raw) - before
		if sessions, err := f.store.List(ctx, acme, alice); err != nil || len(sessions) != 1 || sessions[0].ID != keep.ID {
			t.Errorf("%d sessions are left of %d, %v", len(sessions), others+1, err)
		}
		return spent
	}
	cost(1) // once a second a read asks whose data the server has
	if few, many := cost(1), cost(90); many > few+3 {
		t.Errorf("ending 90 other sessions took %d commands, ending one took %d", many, few)
	}
}

// An instance of an earlier version sets a status without a version. It is adopted, and not
// taken for a Redis that was set back.
func TestAStatusThatAnEarlierVersionSetIsAdopted(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	ctx := t.Context()
	s := f.create()
	keys, err := f.raw.Keys(ctx, f.opts.Prefix+":{t-*}").Result()
	if err != nil || len(keys) == 0 {
		t.Fatal(keys, err)
	}
	key := ""
	for _, k := range keys {
		if f.raw.Exists(ctx, k).Val() == 1 && f.raw.HGet(ctx, k, "status").Val() != "" {
			key = k
		}
	}
	other := open(t, f.server.URL(), f.opts)
	for _, want := range []tenant.Status{tenant.Suspended, tenant.Active, tenant.Suspended} {
		version := f.raw.HGet(ctx, key, "sv").Val()
		if err := f.raw.HSet(ctx, key, "status", want.String()).Err(); err != nil { // as it did
			t.Fatal(err)
		}
		for name, store := range map[string]session.Store{"one instance": f.store, "another": other} {
			f.eventually(name, func() error {
				got, err := store.TenantStatus(ctx, acme)
				if err == nil && got != want {
					t.Errorf("%s: status %v, want %v", name, got, want)
				}
				return err
			})
		}
		if now := f.raw.HMGet(ctx, key, "sv", "ss").Val(); now[0] == version || now[1] != want.String() {
			t.Errorf("the status has no version of its own: %v, before it was %s", now, version)
		}
	}
	if _, err := other.Load(ctx, s.Ref()); err == nil {
		t.Error("a session of the suspended tenant is loaded")
	}
	// One that Redis has in no version, from before there were versions.
	if err := f.raw.HDel(ctx, key, "sv", "ss").Err(); err != nil {
		t.Fatal(err)
	}
	young := open(t, f.server.URL(), f.opts)
	f.eventually("it is adopted", func() error { _, err := young.TenantStatus(ctx, acme); return err })
	if f.raw.HGet(ctx, key, "ss").Val() != "suspended" {
		t.Error("a status without a version got none")
	}
}
