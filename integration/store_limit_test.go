//go:build unix

package integration_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
)

// A session that made room is dead by the script that did it: what is left of it in Redis until it
// is discarded lets nobody in.
func TestASessionThatMadeRoomIsDeadBeforeItIsDiscarded(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	var hook between
	slow := hooked(t, f.server.Addr(), f.opts, &hook)
	// Redis knows the scripts, so that each is one command.
	if err := f.store.RevokeOthers(t.Context(), f.create().Ref()); err != nil {
		t.Fatal(err)
	}
	if err := f.store.RevokeUser(t.Context(), acme, alice); err != nil {
		t.Fatal(err)
	}
	old := f.create()
	f.create()
	records, ran := f.records(), false
	unaware := open(t, f.server.URL(), f.opts) // ended nothing itself
	look := func() {
		ran = true
		if f.records() < records {
			t.Error("the records are gone already: this test proves nothing")
		}
		step := session.RefreshStep{Presented: digest("first"), Next: digest("second"), Grace: time.Minute}
		_, loaded := unaware.Load(t.Context(), old.Ref())
		_, updated := unaware.Update(t.Context(), old)
		_, refreshed := unaware.Refresh(t.Context(), old.Ref(), step)
		for method, err := range map[string]error{"Load": loaded, "Update": updated, "Refresh": refreshed, "Touch": unaware.Touch(t.Context(), old.Ref())} {
			if !errors.Is(err, session.ErrNotFound) {
				t.Errorf("%s: %v", method, err)
			}
		}
		if listed, err := unaware.List(t.Context(), acme, alice); err != nil || len(listed) != 1 {
			t.Errorf("%d sessions are listed, %v", len(listed), err)
		}
	}
	first := func() { hook.do.Store(&look) } // before the script, and then before what follows it
	hook.do.Store(&first)
	if _, err := slow.Create(t.Context(), draft(), session.CreateOptions{
		Lifetime: time.Hour, Limit: session.SessionLimit{Sessions: 1, Policy: session.EvictOldest},
	}); err != nil {
		t.Fatal(err)
	}
	if !ran {
		t.Error("nothing was looked at")
	}
}

// lowered signs alice in at a limit of two.
func lowered(ctx context.Context, store session.Store) (session.Session, error) {
	return store.Create(ctx, draft(), session.CreateOptions{
		Lifetime: time.Hour, Refresh: digest("first"), Limit: session.SessionLimit{Sessions: 2, Policy: session.EvictOldest},
	})
}

// happened counts alice's events of some kinds.
func (f *fixture) happened(kinds ...session.EventKind) map[session.EventKind]int {
	f.Helper()
	events, err := f.store.Events(f.Context(), acme, alice)
	if err != nil {
		f.Fatal(err)
	}
	counts := map[session.EventKind]int{}
	for _, e := range events {
		for _, kind := range kinds {
			if e.Kind == kind {
				counts[kind]++
			}
		}
	}
	return counts
}

// removed returns how many members a run of a script takes off the index, and whether it stores
// a session.
func removed(run []string) (members int, stores bool) {
	for _, line := range run[1:] {
		args := words.FindAllString(line[strings.Index(line, "]")+1:], -1)
		if len(args) < 3 {
			continue // of no member
		}
		name, key := strings.ToLower(strings.Trim(args[0], `"`)), strings.Trim(args[1], `"`)
		if name == "zrem" && strings.HasSuffix(key, ":i") {
			members += len(args) - 2
		}
		stores = stores || name == "zadd" && strings.HasSuffix(key, ":i")
	}
	return members, stores
}

// Where a limit was lowered, no script ends more than a hundred, nothing is stored before the last
// one, and it is one event.
func TestALoweredLimitEndsAHundredAtATime(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	all := f.legacy(450)
	before := f.happened(session.EventCreated)[session.EventCreated]
	w := watch(t, f.server.Addr())
	w.take(t, f.raw)
	last, err := lowered(t.Context(), f.store)
	if err != nil {
		t.Fatal(err)
	}
	together, steps, stored := 0, 0, false
	for _, run := range w.take(t, f.raw) {
		n, stores := removed(run)
		if n > 100 {
			t.Errorf("a script ends %d sessions", n)
		}
		if n > 0 && stored {
			t.Error("sessions end after the new one was stored")
		}
		if n > 0 {
			steps++
		}
		together, stored = together+n, stored || stores
	}
	if together != len(all)-1 || steps != 5 || !stored {
		t.Errorf("%d sessions end in %d steps, want %d in 5; the new one is stored: %v", together, steps, len(all)-1, stored)
	}
	got := f.happened(session.EventLimited, session.EventEvicted, session.EventCreated)
	if got[session.EventLimited] != 1 || got[session.EventEvicted] != 0 || got[session.EventCreated] != before+1 {
		t.Errorf("events: %v, want one that it was limited, after %d sign-ins", got, before)
	}
	f.are(t, all, last, len(all)-1)
}

// are fails unless the sessions from the first that is kept on are live with last, and no others.
func (f *fixture) are(t *testing.T, all []session.Session, last session.Session, kept int) {
	t.Helper()
	unaware := open(t, f.server.URL(), f.opts)
	for i, s := range append(all, last) {
		if _, err := unaware.Load(t.Context(), s.Ref()); i < kept && !errors.Is(err, session.ErrNotFound) || i >= kept && err != nil {
			t.Fatalf("session %d of %d, of which those from %d on are kept: %v", i, len(all)+1, kept, err)
		}
	}
}

// A series that is cut short has ended some that the limit ends in any case, the oldest first, has
// signed nobody in, and is gone on with by the next sign-in.
func TestASignInAtALoweredLimitThatIsCutShortEndsNoneButTheOldest(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	var hook between
	slow := hooked(t, f.server.Addr(), f.opts, &hook)
	all := f.legacy(350)
	ctx, cancel := context.WithCancel(t.Context())
	cut := func() { cancel() }
	second := func() { hook.do.Store(&cut) } // the second step, after the change was counted
	first := func() { hook.do.Store(&second) }
	hook.do.Store(&first)
	if s, err := lowered(ctx, slow); !errors.Is(err, session.ErrUnavailable) {
		t.Fatalf("a sign-in that is cut short: %v, %v", s.ID, err)
	}
	listed, err := f.store.List(t.Context(), acme, alice)
	if err != nil || len(listed) != 250 || listed[0].ID != all[100].ID || listed[249].ID != all[349].ID {
		t.Fatalf("%d sessions are left, %v; want the 250 youngest", len(listed), err)
	}
	last, err := lowered(t.Context(), slow)
	if err != nil {
		t.Fatal(err)
	}
	f.are(t, all, last, len(all)-1)
}

// Of sign-ins at the same time at a lowered limit none leaves a session too many.
func TestSignInsAtOnceAtALoweredLimitKeepIt(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	all := f.legacy(350)
	var running sync.WaitGroup
	made := make([]session.Session, 2)
	for i, store := range []session.Store{f.store, open(t, f.server.URL(), f.opts)} {
		running.Go(func() {
			var err error
			if made[i], err = lowered(t.Context(), store); err != nil {
				t.Error(err)
			}
			if listed, err := store.List(t.Context(), acme, alice); err != nil || len(listed) > 2 {
				t.Errorf("after a sign-in there are %d sessions, %v", len(listed), err)
			}
		})
	}
	running.Wait()
	f.are(t, append(all, made[0]), made[1], len(all))
}

// The sign-in that began first is stored last: what it ends is older than it, and not all that is
// older than the other.
func TestTheEarlierOfTwoSignInsAtOnceAtALoweredLimitLives(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 5*time.Second)
	var hook between
	slow := hooked(t, f.server.Addr(), f.opts, &hook)
	all := f.legacy(350)
	var other session.Session
	var failed error
	overtake := func() { other, failed = lowered(t.Context(), f.store) }
	first := func() { hook.do.Store(&overtake) }
	hook.do.Store(&first)
	last, err := lowered(t.Context(), slow)
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	for _, s := range []session.Session{other, last} {
		if _, err := slow.Load(t.Context(), s.Ref()); err != nil {
			t.Errorf("%v where the first of them was signed in", err)
		}
	}
	f.are(t, append(all, other), last, len(all))
}

// Redis may lose the order of a user's sessions alone, by an eviction: a sign-in at a limit does
// not know then who is the oldest, and keeps to it.
func TestALimitIsKeptWhereTheOrderOfTheSessionsIsLost(t *testing.T) {
	t.Parallel()
	for _, n := range []int{5, 150} {
		f := newFixture(t, 5*time.Second)
		all := f.legacy(n)
		if err := f.raw.Del(t.Context(), f.raw.Keys(t.Context(), "*:o").Val()...).Err(); err != nil {
			t.Fatal(err)
		}
		last, err := lowered(t.Context(), f.store)
		if err != nil {
			t.Fatal(err)
		}
		f.are(t, all, last, len(all))
	}
}
