//go:build unix

package integration_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/history"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
)

// work lets every instance load and change sessions at random until done is closed: each session is
// its user's only one, is updated a few times and then revoked, on an instance that writers names,
// one way or another. Every user stays revoked for a while, in which the others could be seen to
// let them in.
func (f *instances) work(done <-chan struct{}, writers []int) {
	const users = 24
	var mu sync.Mutex
	var current [users]session.Session
	get := func(u int) session.Session { mu.Lock(); defer mu.Unlock(); return current[u] }
	put := func(u int, s session.Session) { mu.Lock(); defer mu.Unlock(); current[u] = s }
	pause := func(d time.Duration) bool {
		select {
		case <-done:
			return false
		case <-time.After(d):
			return true
		}
	}
	var running sync.WaitGroup
	for u := range users {
		running.Go(func() {
			user := session.MustParseUserID(fmt.Sprintf("user-%d", u))
			for pause(rand.N(20 * time.Millisecond)) {
				i := writers[rand.N(len(writers))]
				s := draft()
				s.User = user
				err := f.note(history.Create, i, &s, 1, func() (err error) {
					s, err = f.caches[i].Create(context.Background(), s, session.CreateOptions{Lifetime: time.Hour})
					return err
				})
				if err != nil {
					continue
				}
				put(u, s)
				for range rand.N(4) {
					if !pause(rand.N(40 * time.Millisecond)) {
						return
					}
					i := writers[rand.N(len(writers))]
					_ = f.note(history.Update, i, &s, s.Version+1, func() error {
						next, err := f.caches[i].Update(context.Background(), s)
						if err == nil {
							s = next
						}
						return err
					})
				}
				pause(rand.N(40 * time.Millisecond))
				i = writers[rand.N(len(writers))]
				kind := history.Revoke
				if rand.N(2) == 0 {
					kind = history.RevokeUser
				}
				for {
					err := f.note(kind, i, &s, 0, func() error {
						if kind == history.RevokeUser {
							return f.caches[i].RevokeUser(context.Background(), s.Tenant, s.User)
						}
						return f.caches[i].Revoke(context.Background(), s.Ref())
					})
					if err == nil || !pause(20*time.Millisecond) {
						break
					}
				}
				if !pause(100*time.Millisecond + rand.N(100*time.Millisecond)) {
					return
				}
			}
		})
	}
	for i := range 4 * len(f.caches) { // readers
		i %= len(f.caches)
		running.Go(func() {
			for pause(rand.N(4 * time.Millisecond)) {
				for range 4 {
					if s := get(rand.N(users)); !s.ID.IsZero() {
						if _, err := f.load(i, s.Ref()); err != nil && !errors.Is(err, session.ErrNotFound) && !isOutage(err) {
							f.Errorf("Load: %v", err)
						}
					}
				}
			}
		})
	}
	running.Wait()
}

// run works for a time while fault does its worst, and checks the history.
func (f *instances) run(bound time.Duration, writers []int, fault func(pause func(time.Duration))) {
	f.Helper()
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { f.work(done, writers) })
	pause := func(d time.Duration) { <-time.After(d) }
	rounds := scale(1, 30)
	// enough says whether there is what to check; on a busy machine that takes more rounds.
	enough := func() bool {
		loads, changes := f.changes()
		for _, c := range f.caches {
			if c.Stats().Hits == 0 {
				return false // it served nothing from memory, which proves nothing about it
			}
		}
		return loads >= 100 && changes >= 20 && f.log.Count(history.Done, history.Revoke, history.RevokeUser) >= 5
	}
	for round, began := 0, time.Now(); round < rounds || !enough() && time.Since(began) < 30*time.Second; round++ {
		fault(pause)
	}
	close(done)
	running.Wait()
	slack := f.stalls.slack()
	verdict := f.log.Judge(history.Rules{Lease: bound, Slack: slack})
	for _, w := range verdict.Wrong[:min(len(verdict.Wrong), 10)] {
		f.Errorf("%v; the bound is %v", w, bound)
	}
	loads, changes := f.changes()
	f.Logf("%d wrong of %d allowed loads and %d changes; the latest stale load was invoked %v after the change had returned; bound %v with a slack of %v",
		len(verdict.Wrong), loads, changes, verdict.Latest, bound, slack)
	if !enough() {
		f.Errorf("%d loads and %d changes are too few to prove anything", loads, changes)
	}
	f.Logf("instance c: %+v", f.caches[2].Stats())
}

// changes returns how many loads were allowed and how many changes acknowledged.
func (f *instances) changes() (loads, changes int) {
	return f.log.Count(history.Done, history.Act), f.log.Count(history.Done, history.Changes...)
}

// outage is a fault for run: it begins, lasts, in which time who may allow nothing, and ends.
// An empty who is everybody.
func (f *instances) outage(instance string, lasts time.Duration, begin, end func()) func(pause func(time.Duration)) {
	return func(pause func(time.Duration)) {
		pause(500 * time.Millisecond)
		begin()
		from := f.log.Now()
		pause(lasts)
		f.log.AddCut(history.Cut{Who: instance, From: from, Till: f.log.Now()})
		end()
		pause(1500 * time.Millisecond)
	}
}

// It runs beside no other test: its bound is the shortest.
func TestRevocationReachesEveryInstance(t *testing.T) {
	f := newInstances(t)
	f.run(announced, everyone, func(pause func(time.Duration)) { pause(1500 * time.Millisecond) })
}

// An instance that hears nothing while the others revoke. That it can reach nobody is a
// hole too: from the lease on it must allow nothing at all.
func TestRevocationReachesAnInstanceThatIsCutOff(t *testing.T) {
	t.Parallel()
	f := newInstances(t)
	f.run(leased, []int{0, 1}, f.outage("c", leased+700*time.Millisecond, f.proxy.Freeze, f.proxy.Restore))
}

// The worst case: its questions are answered and its announcements swallowed.
func TestRevocationReachesAnInstanceThatIsDeaf(t *testing.T) {
	t.Parallel()
	f := newInstances(t)
	f.run(leased, everyone, func(pause func(time.Duration)) {
		pause(300 * time.Millisecond)
		f.proxy.FreezeFeeds()
		pause(leased + 700*time.Millisecond)
		s := f.create()
		f.eventually("a deaf instance asks", func() error { _, err := f.caches[2].Load(context.Background(), s.Ref()); return err })
		f.proxy.Restore()
		pause(500 * time.Millisecond)
	})
}

func TestRevocationWhileSubscribersAreKilled(t *testing.T) {
	t.Parallel()
	f := newInstances(t)
	f.run(leased, everyone, func(pause func(time.Duration)) {
		for range 10 {
			pause(150 * time.Millisecond)
			if err := f.raw.ClientKillByFilter(context.Background(), "type", "pubsub").Err(); err != nil {
				f.Error(err)
			}
		}
	})
	for i, c := range f.caches {
		if c.Stats().Resets < 5 { // one that is killed while it connects notices nothing
			f.Errorf("instance %d noticed %d lost connections", i, c.Stats().Resets)
		}
	}
}

func TestRevocationOverASlowNetwork(t *testing.T) {
	t.Parallel()
	f := newInstances(t)
	f.run(leased, everyone, func(pause func(time.Duration)) {
		f.proxy.Delay(10 * time.Millisecond)
		pause(time.Second)
		f.proxy.Cut()
		pause(time.Second)
		f.proxy.Restore()
	})
}

func TestNothingIsAllowedWhileRedisHangs(t *testing.T) {
	t.Parallel()
	f := newInstances(t)
	f.run(leased, everyone, f.outage("", leased+700*time.Millisecond, f.server.Freeze, f.server.Thaw))
}

func TestNothingIsAllowedWhileRedisIsDead(t *testing.T) {
	t.Parallel()
	f := newInstances(t)
	f.run(leased, everyone, f.outage("", leased+300*time.Millisecond, f.server.Kill, f.server.Restart))
}

// Records that an instance reads while it is not subscribed may change unheard. They are forgotten
// when the instance hears again.
func TestWhatWasReadWhileDeafIsForgotten(t *testing.T) {
	t.Parallel()
	f := newInstances(t)
	for range scale(1, 20) {
		f.proxy.FreezeFeeds()
		testwait.Until(t, "the lease ends", func() bool { return !f.caches[2].Stats().Fresh })
		resets := f.caches[2].Stats().Resets
		testwait.Until(t, "it subscribes anew", func() bool { return f.caches[2].Stats().Resets > resets })
		<-time.After(200 * time.Millisecond) // it waits for the answer to SUBSCRIBE
		s := f.create()
		if _, err := f.caches[2].Load(t.Context(), s.Ref()); err != nil {
			t.Fatal(err)
		}
		if err := f.caches[0].Revoke(t.Context(), s.Ref()); err != nil {
			t.Fatal(err)
		}
		f.proxy.Restore()
		testwait.Until(t, "it hears again", func() bool { return f.caches[2].Stats().Fresh })
		if _, err := f.caches[2].Load(t.Context(), s.Ref()); !errors.Is(err, session.ErrNotFound) {
			t.Errorf("a session that was revoked while nobody listened: %v", err)
		}
	}
}
