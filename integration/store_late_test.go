//go:build unix

package integration_test

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/integration/faultproxy"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// nth is a hook that does something before the n-th round trip after it was armed.
type nth struct {
	left atomic.Int32
	do   func()
}

func (h *nth) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, addr string) (net.Conn, error) { return next(ctx, network, addr) }
}

func (h *nth) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

func (h *nth) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		if h.left.Add(-1) == 0 {
			h.do()
		}
		return next(ctx, cmds)
	}
}

// What a dead network delivers when it is back loses to what was acknowledged since: each
// change carries the version that it was made from, or a deadline by Redis's clock. The
// network dies when the change is on the way, and the caller is told of an outage.
func TestWhatADeadNetworkDeliversLaterLosesToWhatWasAcknowledgedSince(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, c := range []struct {
		name  string
		trips int32 // until the change is sent
		hold  time.Duration
		late  func(store *redisstore.Store, s session.Session) error
		since func(store *redisstore.Store, s session.Session) error // acknowledged meanwhile
		check func(t *testing.T, store *redisstore.Store, s session.Session)
	}{
		{"an activation, after a suspension", 2, time.Second,
			func(store *redisstore.Store, _ session.Session) error {
				return store.SetTenantStatus(ctx, acme, tenant.Active)
			},
			func(store *redisstore.Store, _ session.Session) error {
				return store.SetTenantStatus(ctx, acme, tenant.Suspended)
			},
			func(t *testing.T, store *redisstore.Store, _ session.Session) {
				if status, err := store.TenantStatus(ctx, acme); err != nil || status != tenant.Suspended {
					t.Errorf("the suspension that was acknowledged last is undone: %v, %v", status, err)
				}
				tellsLast(t, store, session.EventTenantSuspended)
			}},
		{"a suspension, after an activation", 2, time.Second,
			func(store *redisstore.Store, _ session.Session) error {
				return store.SetTenantStatus(ctx, acme, tenant.Suspended)
			},
			func(store *redisstore.Store, _ session.Session) error {
				return store.SetTenantStatus(ctx, acme, tenant.Active)
			},
			func(t *testing.T, store *redisstore.Store, s session.Session) {
				isLoaded(t, store, s)
				tellsLast(t, store, session.EventTenantRevoked)
			}},
		{"the end of a user's sessions, after a sign-in", 1, 2 * time.Second,
			func(store *redisstore.Store, _ session.Session) error { return store.RevokeUser(ctx, acme, alice) }, nil, isLoaded},
		{"the end of a tenant's sessions, after a sign-in", 1, 2 * time.Second,
			func(store *redisstore.Store, _ session.Session) error { return store.RevokeTenant(ctx, acme) }, nil, isLoaded},
		{"the end of everyone's sessions, after a sign-in", 1, 2 * time.Second,
			func(store *redisstore.Store, _ session.Session) error { return store.RevokeAll(ctx) }, nil, isLoaded},
		{"the end of one session", 1, 2 * time.Second,
			func(store *redisstore.Store, s session.Session) error { return store.Revoke(ctx, s.Ref()) }, nil, isLoaded},
		{"the end of the others, after a sign-in", 2, time.Second,
			func(store *redisstore.Store, s session.Session) error { return store.RevokeOthers(ctx, s.Ref()) },
			func(store *redisstore.Store, s session.Session) error {
				_, err := store.Update(ctx, s) // which moves the version on
				return err
			},
			func(t *testing.T, store *redisstore.Store, _ session.Session) {
				if sessions, err := store.List(ctx, acme, alice); err != nil || len(sessions) != 2 {
					t.Errorf("%d sessions are left, %v", len(sessions), err)
				}
			}},
		{"a role, after it was removed", 2, time.Second,
			func(store *redisstore.Store, s session.Session) error {
				s.Roles, _ = session.NewRoles("admin")
				_, err := store.Update(ctx, s)
				return err
			},
			func(store *redisstore.Store, s session.Session) error { _, err := store.Update(ctx, s); return err },
			func(t *testing.T, store *redisstore.Store, s session.Session) {
				if got, err := store.Load(ctx, s.Ref()); err != nil || got.Roles.Len() != 0 {
					t.Errorf("Load: roles %v, %v", got.Roles.Names(), err)
				}
			}},
		{"a sign-in that its client has given up", 2, 6 * time.Second,
			func(store *redisstore.Store, _ session.Session) error {
				_, err := store.Create(ctx, draft(), session.CreateOptions{Lifetime: time.Hour})
				return err
			}, nil,
			func(t *testing.T, store *redisstore.Store, s session.Session) {
				if sessions, err := store.List(ctx, acme, alice); err != nil || len(sessions) != 2 {
					t.Errorf("%d sessions are there, %v", len(sessions), err)
				}
			}},
		{"a use that was long ago", 2, 6 * time.Second,
			func(store *redisstore.Store, s session.Session) error { return store.Touch(ctx, s.Ref()) }, nil,
			func(t *testing.T, store *redisstore.Store, s session.Session) {
				sessions, err := store.List(ctx, acme, alice)
				if err != nil || len(sessions) != 2 {
					t.Fatalf("%d sessions are there, %v", len(sessions), err)
				}
				for _, got := range sessions {
					if got.ID == s.ID && got.LastSeenAt.After(s.LastSeenAt) {
						t.Errorf("the use was recorded %v later", got.LastSeenAt.Sub(s.LastSeenAt))
					}
				}
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := redisserver.Start(t, redisserver.Snapshots()...)
			proxy := faultproxy.Start(t, server.Addr())
			opts := storeOptions()
			sound := open(t, server.URL(), opts)
			opts.Timeout = 300 * time.Millisecond
			hook := &nth{do: proxy.Freeze}
			cut := hooked(t, proxy.Addr(), opts, hook)
			eventually(t, "the tenant is set up", func() error { return sound.SetTenantStatus(ctx, acme, tenant.Active) })
			create := func() (s session.Session) {
				eventually(t, "a sign-in", func() (err error) {
					s, err = sound.Create(ctx, draft(), session.CreateOptions{Lifetime: time.Hour})
					return err
				})
				return s
			}
			w := create()
			create()
			eventually(t, "the scripts are known", func() error {
				return errors.Join(sound.Touch(ctx, w.Ref()), sound.RevokeOthers(ctx, w.Ref()), sound.Revoke(ctx, w.Ref()),
					sound.RevokeUser(ctx, acme, alice), sound.RevokeTenant(ctx, acme), sound.RevokeAll(ctx))
			})
			s := create()
			create()
			eventually(t, "its last script is known", func() (err error) { s, err = sound.Update(ctx, s); return err })
			eventually(t, "the other instance has heard Redis's clock", func() error { _, err := cut.Load(ctx, s.Ref()); return err })

			hook.left.Store(c.trips)
			if err := c.late(cut, s); !isOutage(err) {
				t.Fatalf("in a dead network: %v", err)
			}
			if left := hook.left.Load(); left > 0 {
				t.Fatalf("the network was cut %d trips too late", left)
			}
			if c.since != nil {
				eventually(t, "the change that is acknowledged", func() error { return c.since(sound, s) })
			} else {
				<-time.After(c.hold)
			}
			proxy.Heal()
			<-time.After(500 * time.Millisecond) // it arrives
			c.check(t, sound, s)
		})
	}
}

func isLoaded(t *testing.T, store *redisstore.Store, s session.Session) {
	eventually(t, "a session that nobody ended since", func() error { _, err := store.Load(context.Background(), s.Ref()); return err })
}

// tellsLast fails the test unless the last event of the tenant is of a kind: what came too late is none.
func tellsLast(t *testing.T, store *redisstore.Store, kind session.EventKind) {
	t.Helper()
	eventually(t, "the events of the tenant are read", func() error {
		events, err := store.Events(context.Background(), acme, session.UserID{})
		if err == nil && (len(events) == 0 || events[len(events)-1].Kind != kind) {
			t.Errorf("the last of the tenant's events is not %s: %v", kind, events)
		}
		return err
	})
}
