package redisstore

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

func newReassertion() *reassertion {
	r := &reassertion{}
	r.synced.limit, r.asked.limit = keepServers, keepServers
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// A push that fails halfway has not told the server everything: the next meeting is as good
// as the first. One that succeeds is not repeated, and two never run at once.
func TestAPushIsRepeatedUntilItSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReassertion()
		defer r.close()
		var pushes atomic.Int32
		push := func(err error) func(context.Context) error {
			return func(context.Context) error { pushes.Add(1); time.Sleep(time.Second); return err }
		}
		r.begin("a", push(errors.New("gone again")))
		r.begin("a", push(nil))
		synctest.Wait()
		if n := pushes.Load(); n != 1 {
			t.Errorf("%d pushes run at once", n)
		}
		time.Sleep(2 * time.Second)
		if r.synced.get("a") != 0 {
			t.Error("a server is taken for one that was told everything")
		}
		r.begin("a", push(nil))
		time.Sleep(2 * time.Second)
		if n := pushes.Load(); n != 2 || r.synced.get("a") == 0 {
			t.Errorf("%d pushes, met: %v", n, r.synced.get("a") != 0)
		}
	})
}

// Of one server at a time, one that was told everything is to be told again after another was seen,
// whether that one was told or not, and also where it was seen while this one was being told.
func TestAServerIsToldAgainAfterAnotherWasSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReassertion()
		defer r.close()
		r.one = true
		told := func(id string, err error) {
			r.begin(id, func(context.Context) error { time.Sleep(time.Second); return err })
		}
		if !r.sees("a") {
			t.Error("a server that nobody has told is not to be told")
		}
		told("a", nil)
		time.Sleep(2 * time.Second)
		if r.sees("a") {
			t.Error("a server that was told is to be told again")
		}
		if !r.sees("b") {
			t.Error("another server is not to be told")
		}
		told("b", errors.New("gone"))
		time.Sleep(2 * time.Second)
		if !r.sees("a") {
			t.Error("one that comes back after another, which was not told, is not to be told")
		}
		told("a", nil)
		r.sees("b")
		time.Sleep(2 * time.Second)
		if !r.sees("a") {
			t.Error("one that was told while another was seen is not to be told")
		}
	})
}

// A loss of keys is a reason to tell the server everything again, once; where keys are lost all the
// time, pushes take a tenth of it, and one for a server that was not met waits for nothing.
func TestALossIsAnsweredByAPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReassertion()
		defer r.close()
		var pushes atomic.Int32
		push := func(context.Context) error { pushes.Add(1); time.Sleep(100 * time.Millisecond); return nil }
		want := func(n int32, what string) {
			t.Helper()
			if got := pushes.Load(); got != n {
				t.Errorf("%s: %d pushes, want %d", what, got, n)
			}
		}
		r.pushOwed(time.Now(), push)
		time.Sleep(time.Second)
		want(0, "nothing was lost")
		r.owe()
		r.pushOwed(time.Now(), push)
		time.Sleep(10 * time.Millisecond)
		r.owe() // while the first is under way, which may have passed what is lost
		r.pushOwed(time.Now(), push)
		time.Sleep(200 * time.Millisecond)
		want(1, "two losses at once")
		r.pushOwed(time.Now(), push)
		want(1, "too soon after the first")
		time.Sleep(pushRest * 100 * time.Millisecond)
		r.pushOwed(time.Now(), push)
		time.Sleep(200 * time.Millisecond)
		want(2, "after the rest")
		r.pushOwed(time.Now(), push)
		time.Sleep(time.Second)
		want(2, "nothing more was lost")
		began := time.Now()
		for time.Since(began) < 100*time.Second {
			r.owe()
			r.pushOwed(time.Now(), push)
			time.Sleep(10 * time.Millisecond)
		}
		if n := pushes.Load() - 2; n < 90 || n > 101 {
			t.Errorf("%d pushes in 100 s of losses, want one a second", n)
		}
		r.begin("a", push)
		time.Sleep(200 * time.Millisecond)
		if r.synced.get("a") == 0 {
			t.Error("a server that was not met waits")
		}
		failing := func(context.Context) error { pushes.Add(1); return errors.New("gone again") }
		time.Sleep(2 * time.Second)
		pushes.Store(0)
		r.owe()
		r.pushOwed(time.Now(), failing)
		synctest.Wait()
		r.pushOwed(time.Now(), push)
		synctest.Wait()
		want(2, "one that fails is made again")
	})
}

// Close waits for a push, and no push begins after it.
func TestCloseEndsAPush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReassertion()
		ended := false
		r.begin("a", func(ctx context.Context) error { <-ctx.Done(); ended = true; return ctx.Err() })
		r.close()
		r.begin("b", func(context.Context) error { t.Error("a push after Close"); return nil })
		synctest.Wait()
		if !ended || r.synced.get("a") != 0 {
			t.Errorf("ended: %v, met: %v", ended, r.synced.get("a") != 0)
		}
	})
}

// In an outage too, in which each question fails, there are few of them.
func TestAQuestionWithoutAnAnswerIsAskedTenTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReassertion()
		defer r.close()
		asked := 0
		for range 1000 {
			if r.due("", time.Now()) {
				asked++
				primaryCheck{r, ""}.unanswered()
			}
			time.Sleep(time.Millisecond)
		}
		if asked != 10 {
			t.Errorf("%d questions in a second, want 10", asked)
		}
	})
}

// Of a cluster each master is asked, however few of the reads it has.
func TestAReadAsksOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReassertion()
		defer r.close()
		for second := range 3 {
			for _, server := range []string{"", "another master"} {
				if !r.due(server, time.Now()) || r.due(server, time.Now()) || r.due(server, time.Now().Add(meetInterval-1)) {
					t.Errorf("second %d: a read does not ask %q once", second, server)
				}
			}
			time.Sleep(meetInterval)
		}
		if !r.due("", time.Now().Add(-time.Hour)) {
			t.Error("a clock that was set back keeps reads from asking")
		}
	})
}

// The store remembers of a session the name of its record; ending it takes all its keys.
func TestTheKeysOfASessionAreFoundFromItsRecord(t *testing.T) {
	n, err := newNames("reeve", session.NewSecretKey(make([]byte, session.MinKeyLength)))
	if err != nil {
		t.Fatal(err)
	}
	wantUser, want := n.ref(session.Ref{Tenant: tenant.MustParse("acme"), User: session.MustParseUserID("alice"), ID: session.NewID()})
	user, keys := n.ofRecord(want.record)
	if keys != want || user.base != wantUser.base || user.epoch != wantUser.epoch || user.index != wantUser.index ||
		user.order != wantUser.order || user.events != wantUser.events || user.last != wantUser.last {
		t.Errorf("got %+v and %+v, want %+v and %+v", user, keys, wantUser, want)
	}
}
