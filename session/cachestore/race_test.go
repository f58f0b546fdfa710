package cachestore_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
)

// A revocation meets a load of the same session in every order of their steps: asking, reading,
// answering on one side; revoking, announcing on the other. In every order the load after both is
// refused.
func TestALoadThatRacesWithARevocationLeavesNothingBehind(t *testing.T) {
	const steps = 3 // before the read, after it, after the load has returned
	for revoked := range steps {
		for announced := revoked; announced < steps; announced++ {
			t.Run(fmt.Sprintf("revoked at %d, announced at %d", revoked, announced), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := newFleet(t)
					f.wire.announce(session.ScopeAll, "") // the next load asks
					f.wire.lost.Store(true)
					at := func(step int) {
						if step == revoked {
							if err := f.direct.Revoke(t.Context(), f.session.Ref()); err != nil {
								t.Error(err)
							}
						}
						if step == announced {
							f.wire.lost.Store(false)
							f.wire.announce(session.ScopeSession, f.wire.Topics(f.session.Ref()).Session)
						}
					}
					f.store.set(func(w *watched) {
						w.before, w.after = first(func() { at(0) }), first(func() { at(1) })
					})
					_, err := f.here.Load(t.Context(), f.session.Ref())
					if announced < 2 && !errors.Is(err, session.ErrNotFound) {
						t.Errorf("the load that heard of it during the read returned %v", err)
					}
					at(2)
					f.refused("after both", session.ErrNotFound)
				})
			})
		}
	}
}

// A load whose second read is outdated too answers what it has, and nothing is kept.
func TestAReadThatIsOutdatedTwiceIsNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		f.wire.announce(session.ScopeAll, "")
		second := first(func() {
			if err := f.there.Revoke(t.Context(), f.session.Ref()); err != nil {
				t.Error(err)
			}
		})
		reads := 0
		f.store.set(func(w *watched) {
			w.after = func() {
				if reads++; reads == 1 {
					f.wire.announce(session.ScopeAll, "")
					return
				}
				second()
			}
		})
		_, _ = f.here.Load(t.Context(), f.session.Ref())
		f.refused("after it", session.ErrNotFound)
	})
}

// The same with a call of this instance: it returned, so the next load knows of it, though
// a read that began earlier is still under way.
func TestALoadAfterALocalChangeWaitsForNoReadOfBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		f.wire.announce(session.ScopeAll, "")
		f.wire.lost.Store(true)
		gate := make(chan struct{})
		f.store.set(func(w *watched) { w.after = first(func() { <-gate }) })
		go func() { _, _ = f.here.Load(context.Background(), f.session.Ref()) }()
		synctest.Wait() // it has read, and not answered
		if err := f.here.Revoke(t.Context(), f.session.Ref()); err != nil {
			t.Fatal(err)
		}
		f.refused("while the read of before is under way", session.ErrNotFound)
		close(gate)
		synctest.Wait()
		f.refused("after it", session.ErrNotFound)
	})
}

// Without a lease no announcement says that a read under way is of before a change.
func TestWithoutALeaseOldReadsAreNotJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		f.wire.silent.Store(true)
		f.wire.lost.Store(true)
		time.Sleep(2 * cachestore.DefaultLease)
		gate := make(chan struct{})
		f.store.set(func(w *watched) { w.after = first(func() { <-gate }) })
		go func() { _, _ = f.here.Load(context.Background(), f.session.Ref()) }()
		synctest.Wait()
		if err := f.direct.Revoke(t.Context(), f.session.Ref()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
		f.refused("while an old read is under way", session.ErrNotFound)
		close(gate)
	})
}

func TestManyLoadsOfOneSessionAskOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		f.wire.announce(session.ScopeAll, "")
		f.store.asked()
		f.store.set(func(w *watched) { w.before = func() { time.Sleep(10 * time.Millisecond) } })
		first, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := f.here.Load(first, f.session.Ref())
			wantErr(t, "the load whose caller left", err, session.ErrUnavailable)
			wantErr(t, "the load whose caller left", err, context.Canceled)
		})
		synctest.Wait()
		for range 10_000 {
			wg.Go(func() {
				if s, err := f.here.Load(t.Context(), f.session.Ref()); err != nil || s.Ref() != f.session.Ref() {
					t.Errorf("one of 10,000 loads: %v", err)
				}
			})
		}
		leave() // the one who asked goes; the others get their answer
		wg.Wait()
		if n := f.store.asked(); n != 1 {
			t.Errorf("the store was asked %d times", n)
		}
	})
}

func TestAClosedCacheAsksTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		for range 2 {
			if err := f.here.Close(); err != nil {
				t.Error(err)
			}
		}
		wantErr(t, "Start after Close", f.here.Start(t.Context()), cachestore.ErrStarted)
		for range 2 {
			f.live("after Close")
		}
		if n := f.store.asked(); n != 2 {
			t.Errorf("the store was asked %d times for two loads", n)
		}
		if stats := f.here.Stats(); stats.Fresh || stats.Entries != 0 {
			t.Errorf("after Close: %+v", stats)
		}
	}) // the bubble ends only when every goroutine has
}

// Close does not wait for a store that hangs.
func TestCloseEndsReadsThatAreUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		f.wire.announce(session.ScopeAll, "")
		hung := &hanging{f.store}
		c := startCache(t, hung, f.wire)
		go func() {
			if _, err := c.Load(context.Background(), f.session.Ref()); !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("Load: %v", err)
			}
		}()
		synctest.Wait()
		began := time.Now()
		if err := c.Close(); err != nil || time.Since(began) != 0 {
			t.Errorf("Close: %v after %v", err, time.Since(began))
		}
	})
}

// hanging never answers a load.
type hanging struct{ session.Store }

// Found by the outage proofs: feeds reset when Redis goes, and a read that failed was made
// once more for that, at twice the wait.
func TestAReadThatFailedIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t)
		f.wire.announce(session.ScopeAll, "")
		for _, fail := range []error{session.ErrUnavailable, session.ErrNotFound} {
			c := startCache(t, failing{f.store, func() error {
				f.wire.each(session.Listener.Reset)
				return fail
			}}, f.wire)
			_, err := c.Load(t.Context(), f.session.Ref())
			wantErr(t, "Load", err, fail)
			if n := c.Stats().Reads; n != 1 {
				t.Errorf("%v: %d reads", fail, n)
			}
		}
	})
}

// failing is a store whose loads fail.
type failing struct {
	session.Store
	fail func() error
}

func (f failing) Load(context.Context, session.Ref) (session.Session, error) {
	return session.Session{}, f.fail()
}
