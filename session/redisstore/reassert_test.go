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
	r.met.limit = keepServers
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
		if r.met.get("a") != 0 {
			t.Error("a server is taken for one that was told everything")
		}
		r.begin("a", push(nil))
		time.Sleep(2 * time.Second)
		if n := pushes.Load(); n != 2 || r.met.get("a") == 0 {
			t.Errorf("%d pushes, met: %v", n, r.met.get("a") != 0)
		}
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
		if !ended || r.met.get("a") != 0 {
			t.Errorf("ended: %v, met: %v", ended, r.met.get("a") != 0)
		}
	})
}

func TestAReadAsksOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newReassertion()
		defer r.close()
		for second := range 3 {
			if !r.due(time.Now()) || r.due(time.Now()) || r.due(time.Now().Add(meetInterval-1)) {
				t.Errorf("second %d: a read does not ask once", second)
			}
			time.Sleep(meetInterval)
		}
		if !r.due(time.Now().Add(-time.Hour)) {
			t.Error("a clock that was set back keeps reads from asking")
		}
	})
}

// What is remembered of a session is the name of its record; ending it takes all its keys.
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
