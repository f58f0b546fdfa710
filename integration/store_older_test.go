//go:build unix

package integration_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/session"
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

// An address leads to a promoted replica, and back to the former primary, which has gone on all
// the time: the id of its replication is one that the instance has met, and it is older all the
// same. It is told again.
func TestAServerThatComesBackOlderWithoutARestartIsToldAgain(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	knowing, stranger := p.instance(), p.instance()
	globex := tenant.MustParse("globex")
	f := &fixture{T: t, store: knowing}
	for _, id := range []tenant.ID{acme, globex} {
		f.eventually("a tenant is set up", func() error { return knowing.SetTenantStatus(t.Context(), id, tenant.Active) })
	}
	other, s := f.create(), draft()
	s.Tenant = globex
	f.eventually("a session is created", func() (err error) {
		s, err = knowing.Create(t.Context(), s, session.Creation{Lifetime: time.Hour})
		return err
	})
	keepLoading(t, knowing, other.Ref())
	time.Sleep(1500 * time.Millisecond) // it has asked the primary whose data it has
	p.inStep()
	p.replica.Promote()
	lead := func(from, to *redisserver.Server) {
		p.current.Store(to)
		raw := from.Client()
		defer raw.Close()
		if err := raw.ClientKillByFilter(t.Context(), "TYPE", "normal").Err(); err != nil {
			t.Fatal(err)
		}
	}
	lead(p.primary, p.replica)
	f.eventually("the user is revoked", func() error { return knowing.RevokeUser(t.Context(), s.Tenant, s.User) })
	time.Sleep(1500 * time.Millisecond) // it has met the promoted replica
	if _, err := open(t, p.replica.URL(), p.opts).Load(t.Context(), s.Ref()); !errors.Is(err, session.ErrNotFound) {
		t.Fatalf("the promoted replica was not told of the revocation: %v", err)
	}
	lead(p.replica, p.primary)
	soon(t, "who never heard of the revocation denies", func() bool {
		_, err := stranger.Load(context.Background(), s.Ref())
		return errors.Is(err, session.ErrNotFound)
	})
}
