//go:build unix

package integration_test

import (
	"context"
	"errors"
	"net"
	"slices"
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

// A change that a dead network delivers when it is back loses to what was acknowledged since: each
// change carries the version that it was made from, or a deadline by Redis's clock. The network dies
// when the change is on the way, and the caller is told of an outage.
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
		{"the lifting of a block, after a block", 2, time.Second,
			func(store *redisstore.Store, _ session.Session) error { return store.Unblock(ctx, acme, alice) },
			func(store *redisstore.Store, _ session.Session) error { return store.Block(ctx, acme, alice) },
			func(t *testing.T, store *redisstore.Store, _ session.Session) {
				eventually(t, "a sign-in of a user who is blocked", func() error {
					_, err := store.Create(ctx, draft(), session.CreateOptions{Lifetime: time.Hour})
					if err == nil || !errors.Is(err, session.ErrUnavailable) && !errors.Is(err, session.ErrBlocked) {
						t.Errorf("the block that was acknowledged last is lifted: %v", err)
					}
					return outageOf(err)
				})
			}},
		{"a block, after it was lifted", 2, time.Second,
			func(store *redisstore.Store, _ session.Session) error { return store.Block(ctx, acme, alice) },
			func(store *redisstore.Store, _ session.Session) error { return store.Unblock(ctx, acme, alice) }, isLoaded},
		{"roles of all of a user's sessions, after others", 2, time.Second,
			func(store *redisstore.Store, _ session.Session) error {
				return store.UpdateUser(ctx, acme, alice, rolesFor("admin"))
			},
			func(store *redisstore.Store, _ session.Session) error {
				return store.UpdateUser(ctx, acme, alice, rolesFor("viewer"))
			},
			func(t *testing.T, store *redisstore.Store, s session.Session) {
				eventually(t, "the session is loaded", func() error {
					got, err := store.Load(ctx, s.Ref())
					if err == nil && !slices.Equal(got.Roles.Names(), []string{"viewer"}) {
						t.Errorf("the roles that were acknowledged last are %v now", got.Roles.Names())
					}
					return err
				})
			}},
		{"that a user's sessions are stale, after a sign-in", 1, 2 * time.Second,
			func(store *redisstore.Store, _ session.Session) error { return store.Stale(ctx, acme, alice) }, nil, isFresh},
		{"that a tenant's sessions are stale, after a sign-in", 1, 2 * time.Second,
			func(store *redisstore.Store, _ session.Session) error {
				return store.Stale(ctx, acme, session.UserID{})
			}, nil, isFresh},
		{"a rotation, after a change of the session", 2, time.Second,
			func(store *redisstore.Store, s session.Session) error {
				_, err := store.Rotate(ctx, s.Ref(), renamed(s), session.Digest{})
				return err
			},
			func(store *redisstore.Store, s session.Session) error { _, err := store.Update(ctx, s); return err }, isLoaded},
		{"a replacement, after a change of the session", 2, time.Second,
			func(store *redisstore.Store, s session.Session) error {
				return store.Retire(ctx, s.Ref(), s.Version, session.Ref{Tenant: acme, User: alice, ID: session.NewID()}, time.Second)
			},
			func(store *redisstore.Store, s session.Session) error { _, err := store.Update(ctx, s); return err }, isFresh},
		{"the end of one version of a session, after a change of it", 2, time.Second,
			func(store *redisstore.Store, s session.Session) error { return store.End(ctx, s.Ref(), s.Version) },
			func(store *redisstore.Store, s session.Session) error { _, err := store.Update(ctx, s); return err }, isLoaded},
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
			for _, do := range []func(s session.Session) error{
				func(s session.Session) error { return sound.End(ctx, s.Ref(), s.Version) },
				func(s session.Session) error {
					return sound.Retire(ctx, s.Ref(), s.Version, session.Ref{Tenant: acme, User: alice, ID: session.NewID()}, time.Second)
				},
				func(s session.Session) error {
					_, err := sound.Rotate(ctx, s.Ref(), renamed(s), session.Digest{})
					return err
				},
			} {
				eventually(t, "the script is known", func() error { return do(create()) })
			}
			w := create()
			create()
			eventually(t, "the scripts are known", func() error {
				return errors.Join(sound.Touch(ctx, w.Ref()), sound.RevokeOthers(ctx, w.Ref()), sound.Revoke(ctx, w.Ref()),
					sound.RevokeUser(ctx, acme, alice), sound.Stale(ctx, acme, session.UserID{}), sound.RevokeTenant(ctx, acme), sound.RevokeAll(ctx),
					sound.Block(ctx, acme, alice), sound.Unblock(ctx, acme, alice), sound.Stale(ctx, acme, alice), sound.UpdateUser(ctx, acme, alice, rolesFor("known")))
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
			proxy.Restore()
			<-time.After(500 * time.Millisecond) // it arrives
			c.check(t, sound, s)
		})
	}
}

func isLoaded(t *testing.T, store *redisstore.Store, s session.Session) {
	eventually(t, "a session that nobody ended since", func() error { _, err := store.Load(context.Background(), s.Ref()); return err })
}

func isFresh(t *testing.T, store *redisstore.Store, s session.Session) {
	eventually(t, "the session is loaded", func() error {
		got, err := store.Load(context.Background(), s.Ref())
		if err == nil && (got.Stale || !got.MovedTo.IsZero()) {
			t.Errorf("the session is stale: %v, moved to %v", got.Stale, got.MovedTo)
		}
		return err
	})
}

// renamed is a session under another id, as a rotation makes it.
func renamed(s session.Session) session.Session {
	s.ID = session.NewID()
	return s
}

// outageOf returns err where it is an outage, and otherwise nil.
func outageOf(err error) error {
	if errors.Is(err, session.ErrUnavailable) {
		return err
	}
	return nil
}

func rolesFor(names ...string) session.UserChange {
	roles := session.MustRoles(names...)
	return session.UserChange{Roles: &roles}
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
