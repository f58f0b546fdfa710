//go:build unix

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/tenant"
)

// churn does random changes to the sessions of one user until ctx is done or n are done.
// It never has more than a few sessions, so that those it changes are mostly live.
func churn(ctx context.Context, store *redisstore.Store, user session.UserID, n int, lifetime time.Duration) {
	var mine []session.Session
	secret := map[session.ID]int{}
	fresh := func() session.Session {
		s := draft()
		s.User = user
		return s
	}
	for range n {
		if ctx.Err() != nil {
			return
		}
		at := 0
		if len(mine) > 0 {
			at = rand.N(len(mine))
		}
		op := rand.N(10)
		if len(mine) == 0 {
			op = 0
		}
		var err error
		switch op {
		case 0, 1, 2:
			var s session.Session
			limit := session.SessionLimit{Sessions: 4, Policy: session.EvictOldest}
			if s, err = store.Create(ctx, fresh(), session.CreateOptions{Lifetime: lifetime, Refresh: digest("0"), Limit: limit}); err == nil {
				mine = append(mine, s)
				if len(mine) > 4 {
					mine = mine[1:]
				}
			}
		case 3, 4:
			var s session.Session
			if s, err = store.Update(ctx, mine[at]); err == nil {
				mine[at] = s
			}
		case 5:
			next := mine[at]
			next.ID = session.NewID()
			var s session.Session
			if s, err = store.Rotate(ctx, mine[at].Ref(), next, digest("0")); err == nil {
				mine[at] = s
			}
		case 6, 7:
			id := mine[at].ID
			from := secret[id]
			if _, err = store.Refresh(ctx, mine[at].Ref(), session.RefreshStep{Presented: digest(fmt.Sprint(from)), Next: digest(fmt.Sprint(from + 1))}); err == nil {
				secret[id]++
			}
		case 8:
			if err = store.Revoke(ctx, mine[at].Ref()); err == nil {
				mine = append(mine[:at], mine[at+1:]...)
			}
		case 9:
			if rand.N(5) == 0 {
				err = store.RevokeUser(ctx, acme, user)
				mine = nil
			} else {
				err = store.RevokeOthers(ctx, mine[at].Ref())
				mine = mine[at : at+1 : at+1]
				if kept, failed := store.Load(ctx, mine[0].Ref()); failed == nil {
					mine[0] = kept // which has another version now
				}
			}
		}
		if errors.Is(err, session.ErrNotFound) || errors.Is(err, session.ErrRefreshReused) || errors.Is(err, session.ErrConflict) {
			mine = nil // the rest expires or makes room
		}
	}
}

// replay returns the sessions that are live after the events, with their versions.
func replay(events []session.Event) map[string]uint64 {
	live := map[string]uint64{}
	for _, e := range events {
		switch e.Kind {
		case session.EventCreated:
			live[e.Session] = 1
		case session.EventUpdated:
			live[e.Session]++
		case session.EventRotated:
			live[e.Next] = live[e.Session] + 1
			delete(live, e.Session)
		case session.EventRefreshed:
		case session.EventRefreshReused, session.EventRevoked, session.EventEvicted:
			delete(live, e.Session)
		case session.EventOthersRevoked:
			live = map[string]uint64{e.Session: live[e.Session] + 1}
		case session.EventUserRevoked:
			clear(live)
		case session.EventStoreBehind:
			if delete(live, e.Session); e.Session == "" {
				clear(live)
			}
		}
	}
	return live
}

// A change and its event are one: whenever Redis is killed, the events it has lead to
// exactly the sessions it has, each at its version.
func TestEventsEqualTheStateAfterACrash(t *testing.T) {
	t.Parallel()
	f := newFixture(t, time.Second)
	users := make([]session.UserID, 8)
	for i := range users {
		users[i] = session.MustParseUserID(fmt.Sprintf("user-%d", i))
	}
	total := 0
	// A busy machine gets little done before a crash and needs more of them.
	for round := 0; round < scale(3, 30) || total < 100 && round < 100; round++ {
		var writers sync.WaitGroup
		ctx, cancel := context.WithCancel(context.Background())
		for _, user := range users {
			// Few enough that no event is trimmed away before it is replayed.
			writers.Go(func() { churn(ctx, f.store, user, scale(60, 25), time.Hour) })
		}
		time.AfterFunc(time.Duration(20+rand.N(150))*time.Millisecond, cancel)
		<-ctx.Done()
		f.server.Kill()
		writers.Wait()
		f.server.Restart()
		f.eventually("Redis answers after the restart", func() error { return f.store.Ping(context.Background()) })
		for _, user := range users {
			var events []session.Event
			var listed []session.Session
			f.eventually("the events are read", func() (err error) {
				events, err = f.store.Events(context.Background(), acme, user)
				return err
			})
			f.eventually("the sessions are listed", func() (err error) {
				// An instance of its own: what this one remembers must not hide anything.
				listed, err = open(t, f.server.URL(), f.opts).List(context.Background(), acme, user)
				return err
			})
			if len(events) >= 1000 {
				t.Fatalf("round %d: %d events, some of which may have been trimmed", round, len(events))
			}
			total += len(events)
			want := replay(events)
			got := map[string]uint64{}
			for _, s := range listed {
				got[s.ID.Fingerprint()] = s.Version
			}
			for id, version := range want {
				if got[id] != version {
					t.Errorf("round %d, %v: by the events %s is live at version %d, it is at %d", round, user, id, version, got[id])
				}
			}
			for id := range got {
				if want[id] == 0 {
					t.Errorf("round %d, %v: %s is live and by the events it is not", round, user, id)
				}
			}
		}
	}
	if total < 100 {
		t.Errorf("only %d events were compared", total)
	}
}

// Likewise of tenants: each status has become the next one by an event, and the last one tells
// what the tenant is. Nothing that an instance remembers takes part: each crash ends those before.
func TestEventsOfTenantsEqualTheirStatusesAfterACrash(t *testing.T) {
	t.Parallel()
	f := newFixture(t, time.Second)
	tenants := make([]tenant.ID, 6)
	for i := range tenants {
		tenants[i] = tenant.MustParse(fmt.Sprint("tenant-", i))
	}
	statuses := []tenant.Status{tenant.Active, tenant.Suspended}
	total := 0
	for round := 0; round < scale(3, 30) || total < 60 && round < 100; round++ {
		var writers sync.WaitGroup
		ctx, cancel := context.WithCancel(context.Background())
		for _, id := range tenants {
			for range 2 {
				store := open(t, f.server.URL(), f.opts)
				writers.Go(func() {
					for range scale(40, 10) {
						if rand.N(4) == 0 {
							_ = store.AddTenant(ctx, id)
						} else {
							_ = store.SetTenantStatus(ctx, id, statuses[rand.N(2)])
						}
					}
				})
			}
		}
		time.AfterFunc(time.Duration(20+rand.N(150))*time.Millisecond, cancel)
		<-ctx.Done()
		f.server.Kill()
		writers.Wait()
		f.server.Restart()
		f.eventually("Redis answers after the restart", func() error { return f.store.Ping(context.Background()) })
		unaware := open(t, f.server.URL(), f.opts)
		for _, id := range tenants {
			var events []session.Event
			f.eventually("the events are read", func() (err error) {
				events, err = unaware.Events(context.Background(), id, session.UserID{})
				return err
			})
			var status tenant.Status
			f.eventually("the status is read", func() (err error) {
				status, err = unaware.TenantStatus(context.Background(), id)
				return err
			})
			if len(events) >= 1000 {
				t.Fatalf("round %d: %d events, some of which may have been trimmed", round, len(events))
			}
			total += len(events)
			told := tenant.Unknown
			for i, e := range events {
				before := told
				told = map[session.EventKind]tenant.Status{
					session.EventTenantSetUp: tenant.Active, session.EventTenantActivated: tenant.Active, session.EventTenantSuspended: tenant.Suspended,
				}[e.Kind]
				if told == before || told == tenant.Unknown || (e.Kind == session.EventTenantSetUp) && i > 0 {
					t.Errorf("round %d, %v: event %d is %s, and the tenant was %v", round, id, i, e.Kind, before)
				}
			}
			if told != status {
				t.Errorf("round %d, %v: the tenant is %v, and %v by its events", round, id, status, told)
			}
		}
	}
	if total < 60 {
		t.Errorf("only %d events were compared", total)
	}
}

// Sessions end without a trace: after churn and the end of the last session, no key of a session and
// no member of an index is left, only the epochs and events of users, which end by themselves later.
func TestChurnLeavesNoKeyAndNoMemberOfAnIndexBehind(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	f.do("config", "set", "appendfsync", "no")
	users := scale(8, 16)
	sessions := scale(8000, 1_000_000)
	var writers sync.WaitGroup
	for i := range users {
		user := session.MustParseUserID(fmt.Sprintf("user-%d", i))
		// About a third of the changes create a session.
		writers.Go(func() { churn(context.Background(), f.store, user, 3*sessions/users, 2*time.Second) })
	}
	writers.Wait()
	ctx := context.Background()
	f.indexesAgree()
	for deadline := time.Now().Add(testwait.Limit); ; time.Sleep(50 * time.Millisecond) {
		var left []string
		keys, err := f.raw.Keys(ctx, "*").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if strings.Contains(key, ":{u-") && !strings.HasSuffix(key, ":e") && !strings.HasSuffix(key, ":l") && !strings.HasSuffix(key, ":q") && !strings.HasSuffix(key, ":n") {
				left = append(left, key)
			}
		}
		if len(left) == 0 {
			if len(keys) > 4*users+5 {
				t.Errorf("%d keys are left for %d users", len(keys), users)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d keys are left, such as %q", len(left), left[0])
		}
	}
	streams, err := f.raw.Keys(ctx, "*:{u-*}:l").Result()
	if err != nil || len(streams) != users {
		t.Fatalf("%d streams of events, %v", len(streams), err)
	}
	for _, stream := range streams {
		if length, err := f.raw.XLen(ctx, stream).Result(); err != nil || length < 100 || length > 1200 {
			t.Errorf("a stream has %d events, %v", length, err)
		}
	}
	stats, err := f.raw.Info(ctx, "commandstats").Result()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(stats) {
		if strings.HasPrefix(line, "cmdstat_hset:") {
			t.Logf("%d changes of %d users: %s", 3*sessions, users, strings.TrimSpace(line))
		}
	}
}

// indexesAgree fails the test when the two indexes of a user list different sessions: what
// only one of them lists is never taken off.
func (f *fixture) indexesAgree() {
	f.Helper()
	keys, err := f.raw.Keys(f.Context(), "*:{u-*}:i").Result()
	if err != nil || len(keys) == 0 {
		f.Fatalf("indexes: %v, %v", keys, err)
	}
	for _, key := range keys {
		order, err := f.raw.ZRange(f.Context(), strings.TrimSuffix(key, "i")+"o", 0, -1).Result()
		if err != nil {
			f.Fatal(err)
		}
		index, err := f.raw.ZRange(f.Context(), key, 0, -1).Result()
		if err != nil {
			f.Fatal(err)
		}
		slices.Sort(order)
		slices.Sort(index)
		if len(index) > 0 && !slices.Equal(order, index) {
			f.Errorf("%s lists %d sessions, and the order %d", key, len(index), len(order))
		}
		if len(index) > 8 {
			f.Errorf("%s lists %d sessions of a user with at most 4", key, len(index))
		}
	}
}
