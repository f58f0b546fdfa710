//go:build unix

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// nobody listens to a feed and does nothing.
type nobody struct{}

func (nobody) Reset()                         {}
func (nobody) Changed(session.Scope, string)  {}
func (nobody) Heartbeat(time.Time, time.Time) {}

// An instance that knows of revocations puts them back as soon as it meets the promoted
// replica, and does not wait until somebody asks it for one of their sessions: those who
// never heard of them deny as well. More users are revoked than one round trip puts back.
func TestRevocationsAreBackAfterAFailoverBeforeAnyoneAsksForThem(t *testing.T) {
	t.Parallel()
	const users = 120
	globex := tenant.MustParse("globex")
	quiet := func(user string) session.Session {
		s := draft()
		s.Tenant, s.User = globex, session.MustParseUserID(user)
		return s
	}
	type revocation struct {
		name   string
		revoke func(store *redisstore.Store, s session.Session) error
		once   bool // it ends all of them
	}
	revocations := []revocation{
		{"Revoke", func(store *redisstore.Store, s session.Session) error {
			return store.Revoke(context.Background(), s.Ref())
		}, false},
		{"RevokeUser", func(store *redisstore.Store, s session.Session) error {
			return store.RevokeUser(context.Background(), s.Tenant, s.User)
		}, false},
		{"RevokeTenant", func(store *redisstore.Store, s session.Session) error {
			return store.RevokeTenant(context.Background(), s.Tenant)
		}, true},
		{"RevokeAll", func(store *redisstore.Store, _ session.Session) error {
			return store.RevokeAll(context.Background())
		}, true},
	}
	meetings := map[string]func(t *testing.T, store *redisstore.Store, other session.Ref){
		"by its feed": func(t *testing.T, store *redisstore.Store, _ session.Ref) {
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan struct{})
			go func() { defer close(done); redisstore.NewFeed(store).Listen(ctx, nobody{}) }()
			t.Cleanup(func() { stop(); <-done })
		},
		"by a load of another user": func(t *testing.T, store *redisstore.Store, other session.Ref) {
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
		},
	}
	for how, meet := range meetings {
		for _, r := range revocations {
			t.Run(r.name+" "+how, func(t *testing.T) {
				p := newPair(t)
				knowing, unaware := p.instance(), p.instance()
				f := &fixture{T: t, store: knowing}
				for _, id := range []tenant.ID{acme, globex} {
					f.eventually("a tenant is set up", func() error { return knowing.SetTenantStatus(t.Context(), id, tenant.Active) })
				}
				var gone []session.Session
				for i := range users {
					if r.once && i == 1 {
						break
					}
					var s session.Session
					f.eventually("a session is created", func() (err error) {
						s, err = knowing.Create(t.Context(), quiet(fmt.Sprintf("user-%d", i)), session.CreateOptions{Lifetime: time.Hour})
						return err
					})
					gone = append(gone, s)
				}
				other := f.create()
				p.inStep()
				p.replica.Promote() // it hears of nothing from here on
				for _, s := range gone {
					f.eventually("a session is revoked", func() error { return r.revoke(knowing, s) })
				}
				for _, s := range gone {
					p.replicaAllows(s.Ref())
				}

				p.current.Store(p.replica)
				p.primary.Kill()
				began := time.Now()
				meet(t, knowing, other.Ref())
				for _, s := range gone {
					testwait.Until(t, "who never heard of it denies", func() bool {
						_, err := unaware.Load(context.Background(), s.Ref())
						return errors.Is(err, session.ErrNotFound)
					})
				}
				t.Logf("%d sessions were dead again %v after the failover", len(gone), time.Since(began).Round(time.Millisecond))
				var fresh session.Session
				f.eventually("somebody signs in", func() (err error) {
					fresh, err = unaware.Create(t.Context(), quiet("user-0"), session.CreateOptions{Lifetime: time.Hour})
					return err
				})
				f.eventually("who signed in after the failover is let in", func() error {
					_, err := knowing.Load(t.Context(), fresh.Ref())
					return err
				})
			})
		}
	}
}

// A question that found no answer is asked again within a tenth of a second, not after a whole one: whoever
// knows nothing is let in for as long as nobody who knows has asked.
func TestAQuestionWithoutAnAnswerIsAskedAgainSoon(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	s := f.create()
	for range 3 {
		<-time.After(1100 * time.Millisecond) // so that the next load is to ask
		f.server.Kill()
		if _, err := f.store.Load(t.Context(), s.Ref()); !errors.Is(err, session.ErrUnavailable) {
			t.Fatalf("without Redis: %v", err)
		}
		f.server.Restart()
		<-time.After(100 * time.Millisecond)
		before := served(t, f.raw, "info")
		f.eventually("the session is loaded", func() error { _, err := f.store.Load(t.Context(), s.Ref()); return err })
		if asked := served(t, f.raw, "info") - before - 1; asked < 1 { // one question was this test's own
			t.Error("the first load after an outage does not ask whose data the server has")
		}
	}
}

// A server that cannot be asked whose data it has, or that was met before, is sent nothing
// more than one question a second.
func TestMeetingTheSameServerCostsOneQuestionASecond(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	s := f.create()
	store := open(t, f.server.URL(), f.opts)
	load := func() {
		f.eventually("the session is loaded", func() error { _, err := store.Load(t.Context(), s.Ref()); return err })
	}
	load()
	<-time.After(500 * time.Millisecond) // in which it tells the server what it remembers
	began, before, loads := time.Now(), served(t, f.raw, "info"), 0
	for ; loads < 50 || time.Since(began) < 1100*time.Millisecond; loads++ {
		load()
	}
	asked := served(t, f.raw, "info") - before - 1 // one question was this test's own
	if limit := 1 + int(time.Since(began)/time.Second); asked < 1 || asked > limit {
		t.Errorf("%d loads asked %d times whose data the server has, want 1 to %d", loads, asked, limit)
	}
	// An access list that forbids it costs the answer and nothing else.
	f.do("acl", "setuser", "default", "-info")
	<-time.After(1100 * time.Millisecond) // longer than what it was told counts
	var err error
	newRetries(t).ask(t, "a load without INFO", func() bool {
		_, err = store.Load(t.Context(), s.Ref())
		return errors.Is(err, session.ErrUnavailable)
	})
	if err != nil {
		t.Errorf("a load without INFO: %v", err)
	}
}
