//go:build unix

package integration_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/redisstore"
)

// A change by one instance to the roles of an adopted session, or to its id, counts for the stranger
// at another one that knows the session already, and at one with a cache.
func TestAStrangerFindsElsewhereWhatBecameOfTheSession(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	there := open(t, f.server.URL(), f.opts)
	behind := open(t, f.server.URL(), f.opts)
	cache, err := cachestore.New(cachestore.Config{Store: behind, Feed: redisstore.NewFeed(behind)})
	if err != nil {
		t.Fatal(err)
	}
	if err := cache.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cache.Close() })
	n := 0
	for kind, stranger := range kinds {
		for where, other := range map[string]session.Store{"another instance": there, "a cache": cache} {
			t.Run(kind+" at "+where, func(t *testing.T) {
				n++
				stranger := stranger // of its own user and session
				stranger.User, stranger.IssuedAt = session.MustParseUserID(fmt.Sprint("adopted-", n)), time.Now().Add(-time.Minute).Truncate(time.Second)
				if stranger.Name != "" {
					stranger.Name = fmt.Sprint("sso-", n)
				}
				s, err := f.store.Adopt(t.Context(), adoption(stranger))
				if err != nil {
					t.Fatal(err)
				}
				adopt := func(what string, ok func(session.Session) bool) {
					t.Helper()
					// A session in a cache that has not heard yet is old for a moment.
					testwait.Until(t, what, func() bool {
						got, err := other.Adopt(t.Context(), adoption(stranger))
						return err == nil && ok(got)
					})
				}
				adopt("before", func(got session.Session) bool { return got.ID == s.ID })
				if err := f.store.UpdateUser(t.Context(), stranger.Tenant, stranger.User, session.UserChange{Roles: &guestRole}); err != nil {
					t.Fatal(err)
				}
				adopt("updated", func(got session.Session) bool {
					return got.ID == s.ID && got.Roles.Has("guest") && got.Roles.Len() == 1
				})
				if err := f.store.Stale(t.Context(), stranger.Tenant, stranger.User); err != nil {
					t.Fatal(err)
				}
				adopt("stale", func(got session.Session) bool { return got.ID == s.ID && got.Stale })
				ticket, err := f.store.Begin(t.Context(), stranger.Tenant, stranger.User)
				if err != nil {
					t.Fatal(err)
				}
				read, err := f.store.Load(t.Context(), s.Ref())
				if err != nil {
					t.Fatal(err)
				}
				read.Roles = adminRole
				if read, err = f.store.Regrant(t.Context(), read, ticket); err != nil {
					t.Fatal(err)
				}
				adopt("regranted", func(got session.Session) bool { return got.ID == s.ID && !got.Stale && got.Roles.Has("admin") })
				next := read
				next.ID = session.NewID()
				if next, err = f.store.RotateWithGrace(t.Context(), read.Ref(), next, session.Digest{1}, session.MaxRotateGrace); err != nil {
					t.Fatal(err)
				}
				adopt("moved, in the grace", func(got session.Session) bool { return got.ID == next.ID && got.MovedTo.IsZero() })
				to := session.Ref{Tenant: globex, User: stranger.User, ID: session.NewID()}
				if err := f.store.Retire(t.Context(), next.Ref(), next.Version, to, session.MaxRotateGrace); err != nil {
					t.Fatal(err)
				}
				testwait.Until(t, "retired", func() bool {
					_, err := other.Adopt(t.Context(), adoption(stranger))
					return errors.Is(err, session.ErrSignedOut)
				})
			})
		}
	}
}
