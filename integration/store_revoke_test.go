//go:build unix

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// With very many sessions in a tenant, ending one, those of a user, all of them or everyone's
// is one command each, whatever Redis holds, and as fast.
func TestRevokingATenantCostsTheSameForManySessions(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	f.do("config", "set", "appendonly", "no")
	f.do("config", "set", "save", "")
	total := scale(10_000, 1_000_000)
	var wg sync.WaitGroup
	var outages atomic.Int64
	const workers = 16
	samples := make([]session.Ref, workers)
	for w := range workers {
		wg.Go(func() {
			for n := range total / workers {
				for ; ; <-time.After(time.Millisecond) {
					s := draft()
					s.User = session.MustParseUserID(fmt.Sprintf("user-%d-%d", w, n%1000))
					_, err := f.store.Create(context.Background(), s, session.CreateOptions{Lifetime: 12 * time.Hour, Refresh: digest("first")})
					if err == nil {
						samples[w] = s.Ref()
						break
					}
					// On a busy machine the time of one in a hundred may be lost.
					if lost := outages.Add(1); !errors.Is(err, session.ErrUnavailable) || lost > int64(total/100) {
						t.Errorf("a sign-in, after %d outages: %v", lost, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	stalls := watchStalls(t)
	ctx := t.Context()
	other := session.Ref{Tenant: tenant.MustParse("other"), User: alice, ID: session.NewID()}
	f.eventually("the scripts are known", func() error {
		return errors.Join(f.store.Revoke(ctx, other), f.store.RevokeUser(ctx, other.Tenant, other.User), f.store.RevokeTenant(ctx, other.Tenant))
	})
	dead := func(what string, refs ...session.Ref) {
		t.Helper()
		for _, ref := range refs {
			if _, err := f.store.Load(ctx, ref); !errors.Is(err, session.ErrNotFound) {
				t.Errorf("after %s: Load: %v", what, err)
			}
		}
	}
	for _, c := range []struct {
		name  string
		do    func() error
		ended []session.Ref
	}{
		{"Revoke", func() error { return f.store.Revoke(ctx, samples[0]) }, samples[:1]},
		{"RevokeUser", func() error { return f.store.RevokeUser(ctx, acme, samples[1].User) }, samples[1:2]},
		{"RevokeTenant", func() error { return f.store.RevokeTenant(ctx, acme) }, samples},
		{"RevokeAll", func() error { return f.store.RevokeAll(ctx) }, samples},
	} {
		f.do("config", "resetstat")
		began := time.Now()
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		took := time.Since(began)
		stats, err := f.raw.Info(ctx, "commandstats").Result()
		if err != nil {
			t.Fatal(err)
		}
		var inside []string
		for _, name := range commands(stats) {
			switch {
			case name == "scan" || name == "keys" || strings.HasSuffix(name, "scan"):
				t.Errorf("%s used %s", c.name, name)
			case name != "evalsha" && name != "info" && name != "config|resetstat":
				inside = append(inside, name)
			}
		}
		var calls, usec int
		for line := range strings.Lines(stats) {
			if rest, ok := strings.CutPrefix(line, "cmdstat_evalsha:"); ok {
				if _, err := fmt.Sscanf(rest, "calls=%d,usec=%d,", &calls, &usec); err != nil {
					t.Fatal(err)
				}
			}
		}
		t.Logf("%d sessions: %s took %v at the caller and %dµs in Redis, EVALSHA ran %d times, and within it %v", total/workers*workers, c.name, took, usec, calls, inside)
		if calls != 1 || len(inside) > 12 {
			t.Errorf("%s: EVALSHA ran %d times, and within it %v", c.name, calls, inside)
		}
		if slack := stalls.slack(); testneed.Soak() && took > 5*time.Millisecond+slack {
			t.Errorf("%s of %d sessions took %v, %dµs of it in Redis, with a slack of %v", c.name, total, took, usec, slack)
		}
		dead(c.name, c.ended...)
	}
}
