//go:build unix

package integration_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/sessiontest"
	"github.com/reevehq/reeve/tenant"
)

var (
	acme  = tenant.MustParse("acme")
	alice = session.MustParseUserID("alice")
)

// secretKey is a test key that begins with b.
func secretKey(b byte) session.SecretKey {
	return session.NewSecretKey(append([]byte{b}, bytes.Repeat([]byte{7}, 31)...))
}

// storeOptions has a prefix of its own for each call, since tests may share a server, and
// a budget that a busy machine keeps.
func storeOptions() redisstore.Config {
	return redisstore.Config{
		NameKey:  secretKey(1),
		SealKeys: []session.SecretKey{secretKey(2)},
		Prefix:   "t-" + session.NewID().Fingerprint(),
		Timeout:  5 * time.Second,
	}
}

// fixture is a store on a server of its own, with acme active.
type fixture struct {
	*testing.T
	server *redisserver.Server
	opts   redisstore.Config
	store  *redisstore.Store
	raw    *redis.Client // behind the store's back
}

// newFixture gives the store its default budget when timeout is 0.
func newFixture(t *testing.T, timeout time.Duration) *fixture {
	t.Helper()
	server := redisserver.Start(t)
	opts := storeOptions()
	opts.Timeout = timeout
	f := &fixture{T: t, server: server, opts: opts, store: open(t, server.URL(), opts), raw: server.Client()}
	t.Cleanup(func() { f.raw.Close() })
	meet(f.store)
	f.eventually("the tenant is set up", func() error {
		return f.store.SetTenantStatus(t.Context(), acme, tenant.Active)
	})
	return f
}

// meet has a store ask whose data its server has while there is nothing that it would put
// back, so that a test sees no calls but its own.
func meet(store *redisstore.Store) {
	_, _ = store.Load(context.Background(), session.Ref{Tenant: tenant.MustParse("nobody"), User: alice, ID: session.NewID()})
}

func draft() session.Session {
	return session.Session{ID: session.NewID(), Tenant: acme, User: alice, IdleTimeout: time.Hour}
}

func digest(s string) session.Digest { return sha256.Sum256([]byte(s)) }

func (f *fixture) create() session.Session {
	f.Helper()
	var s session.Session
	f.eventually("a session is created", func() (err error) {
		s, err = f.store.Create(f.Context(), draft(), session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first")})
		return err
	})
	return s
}

func (f *fixture) eventually(what string, do func() error) {
	f.Helper()
	eventually(f.T, what, do)
}

// method is a call of one method of the store.
type method struct {
	name string
	do   func(ctx context.Context, s *redisstore.Store) error
}

// methods calls every method, on the session of ref where it takes one. Those that would
// end it come last.
func methods(ref session.Ref) []method {
	as := func(id session.ID) session.Session {
		s := draft()
		s.ID, s.Version = id, 1
		return s
	}
	return []method{
		{"Ping", func(ctx context.Context, s *redisstore.Store) error { return s.Ping(ctx) }},
		{"Load", func(ctx context.Context, s *redisstore.Store) error { _, err := s.Load(ctx, ref); return err }},
		{"Touch", func(ctx context.Context, s *redisstore.Store) error { return s.Touch(ctx, ref) }},
		{"List", func(ctx context.Context, s *redisstore.Store) error { _, err := s.List(ctx, acme, alice); return err }},
		{"Peek", func(ctx context.Context, s *redisstore.Store) error {
			_, err := s.Peek(ctx, acme, alice, []session.ID{ref.ID})
			return err
		}},
		{"TenantStatus", func(ctx context.Context, s *redisstore.Store) error { _, err := s.TenantStatus(ctx, acme); return err }},
		{"SetTenantStatus", func(ctx context.Context, s *redisstore.Store) error {
			return s.SetTenantStatus(ctx, acme, tenant.Active)
		}},
		{"Create", func(ctx context.Context, s *redisstore.Store) error {
			_, err := s.Create(ctx, draft(), session.CreateOptions{Lifetime: time.Hour, Refresh: digest("first")})
			return err
		}},
		{"Refresh", func(ctx context.Context, s *redisstore.Store) error {
			_, err := s.Refresh(ctx, ref, session.RefreshStep{Presented: digest("first"), Next: digest("second"), Grace: time.Minute})
			return err
		}},
		{"Rotate with a stale version", func(ctx context.Context, s *redisstore.Store) error {
			next := as(session.NewID())
			next.Version = 99
			_, err := s.Rotate(ctx, ref, next, digest("first"))
			if errors.Is(err, session.ErrConflict) {
				return nil
			}
			return err
		}},
		{"Update", func(ctx context.Context, s *redisstore.Store) error { _, err := s.Update(ctx, as(ref.ID)); return err }},
		{"Rotate", func(ctx context.Context, s *redisstore.Store) error {
			next := as(session.NewID())
			next.Version = 2
			_, err := s.Rotate(ctx, ref, next, digest("first"))
			return err
		}},
		{"RevokeOthers", func(ctx context.Context, s *redisstore.Store) error {
			if err := s.RevokeOthers(ctx, ref); !errors.Is(err, session.ErrNotFound) { // of Rotate
				return err
			}
			return nil
		}},
		{"End", func(ctx context.Context, s *redisstore.Store) error {
			if err := s.End(ctx, ref, 1); !errors.Is(err, session.ErrNotFound) {
				return err
			}
			return nil
		}},
		{"Events", func(ctx context.Context, s *redisstore.Store) error { _, err := s.Events(ctx, acme, alice); return err }},
		{"Revoke", func(ctx context.Context, s *redisstore.Store) error { return s.Revoke(ctx, ref) }},
		{"RevokeUser", func(ctx context.Context, s *redisstore.Store) error { return s.RevokeUser(ctx, acme, alice) }},
		{"RevokeTenant", func(ctx context.Context, s *redisstore.Store) error { return s.RevokeTenant(ctx, acme) }},
		{"RevokeAll", func(ctx context.Context, s *redisstore.Store) error { return s.RevokeAll(ctx) }},
	}
}

// learn has the server know every script, so that each is one command from here on.
func (f *fixture) learn(store *redisstore.Store) {
	f.Helper()
	for _, m := range methods(f.create().Ref()) {
		if err := m.do(f.Context(), store); err != nil {
			f.Fatalf("%s: %v", m.name, err)
		}
	}
}

// TestStoreConformance proves the contract of session.Store on one server.
func TestStoreConformance(t *testing.T) {
	t.Parallel()
	url := redisserver.Shared(t)
	conforms(t, sessiontest.Cases(), func(t *testing.T) sessiontest.Harness {
		return sessiontest.Harness{Store: open(t, url, storeOptions()), Full: testneed.Soak()}
	})
}

// TestStoreConformanceOnCluster proves it on three masters: keys of one script that are
// not in one slot, and keys that a script is not given, show here.
func TestStoreConformanceOnCluster(t *testing.T) {
	t.Parallel()
	client := clusterClient(t, redisserver.StartCluster(t))
	conforms(t, sessiontest.Cases(), func(t *testing.T) sessiontest.Harness {
		return sessiontest.Harness{Store: storeOn(t, client, storeOptions())}
	})
}

// conforms runs cases of the suite as sessiontest.Run does, on stores that share a server and
// have prefixes of their own. The cases that wait for TouchInterval do so beside the others,
// and take no place of -parallel meanwhile.
func conforms(t *testing.T, cases []sessiontest.Case, open func(t *testing.T) sessiontest.Harness) {
	t.Helper()
	var waiting sync.WaitGroup
	defer waiting.Wait()
	for _, c := range cases {
		run := func() { t.Run(c.Name, func(t *testing.T) { c.Run(t, open(t)) }) }
		if c.Slow {
			waiting.Go(run)
		} else {
			run()
		}
	}
}
