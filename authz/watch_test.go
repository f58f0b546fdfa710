package authz_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
)

// TestAnOutageWithinTheGraceEndsNoStream shows that a restart of the store is survived, and
// that what was revoked meanwhile is found as soon as the store answers again.
func TestAnOutageWithinTheGraceEndsNoStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreams(t, authz.StreamGuardConfig{})
		stays, _ := s.login(acme, alice, "viewer")
		goes, of := s.login(acme, session.MustParseUserID("bob"), "viewer")
		staying, going := s.open("/events", stays), s.open("/events", goes)
		for range 3 {
			s.sessions.fail.Store(&errDown)
			if !staying.alive(4 * time.Second) {
				t.Fatal("an outage of 4 s ended a stream; the grace is 5 s")
			}
			s.sessions.fail.Store(nil)
			if !staying.alive(time.Second) {
				t.Fatal("a stream ended after the outage")
			}
		}
		s.sessions.fail.Store(&errDown)
		if err := s.manager.Revoke(t.Context(), of.Ref()); err != nil {
			t.Fatal(err)
		}
		if !going.alive(3 * time.Second) {
			t.Fatal("a stream ended before its session could be asked about")
		}
		s.sessions.fail.Store(nil)
		if going.alive(time.Second) {
			t.Error("a stream goes on although its session was revoked in the outage")
		}
	})
}

// TestAStreamHasAGraceOfItsOwn opens a second stream of a user about whom the watch knows
// nothing for a while; its session was loaded when it opened.
func TestAStreamHasAGraceOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreams(t, authz.StreamGuardConfig{})
		bearer, _ := s.login(acme, alice, "viewer")
		first := s.open("/events", bearer)
		s.sessions.fail.Store(&errDown)
		if !first.alive(4 * time.Second) {
			t.Fatal("the first stream ended early")
		}
		second := s.open("/events", bearer)
		if first.alive(2 * time.Second) {
			t.Error("the first stream goes on")
		}
		if !second.alive(3*time.Second) || second.alive(2*time.Second) {
			t.Error("the second stream did not end 5 s after it opened")
		}
	})
}

// TestAUserWhoComesBackIsWatchedAgain closes the last stream of a user and opens another.
func TestAUserWhoComesBackIsWatchedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreams(t, authz.StreamGuardConfig{})
		for range 3 {
			bearer, of := s.login(acme, alice, "viewer")
			open := s.open("/events", bearer)
			if !open.alive(2 * time.Second) {
				t.Fatal("the stream ended early")
			}
			if err := s.manager.Revoke(t.Context(), of.Ref()); err != nil {
				t.Fatal(err)
			}
			if open.alive(time.Second) {
				t.Fatal("the stream outlives its session")
			}
		}
	})
}

// TestAnOpenStreamIsNoUseOfItsSession shows that the watch leaves the last use alone.
func TestAnOpenStreamIsNoUseOfItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreams(t, authz.StreamGuardConfig{})
		bearer, of := s.login(acme, alice, "viewer")
		open := s.open("/events", bearer)
		if !open.alive(50 * time.Second) {
			t.Fatal("the stream ended early")
		}
		if n := s.sessions.calls.Load(); n < 100 {
			t.Fatalf("the session was checked %d times in 50 s", n)
		}
		now, err := s.manager.List(t.Context(), acme, alice)
		if err != nil || len(now) != 1 || !now[0].LastSeenAt.Equal(of.LastSeenAt) {
			t.Errorf("the last use moved: %v, %v", now, err)
		}
		time.Sleep(time.Minute)
	})
}

// TestAStreamThatOpensDuringACheckGoesOn signs the user in again after the store has
// answered and before the answer arrives, which knows nothing of the new session.
func TestAStreamThatOpensDuringACheckGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreams(t, authz.StreamGuardConfig{})
		bearer, _ := s.login(acme, alice, "viewer")
		asked, answer := make(chan struct{}), make(chan struct{})
		var once sync.Once
		s.sessions.late = func() {
			once.Do(func() { close(asked); <-answer })
		}
		first := s.open("/events", bearer)
		<-asked
		bearer, _ = s.login(acme, alice, "viewer")
		second := s.open("/events", bearer)
		close(answer)
		if !second.alive(5*time.Second) || !first.alive(0) {
			t.Error("a stream was judged by an answer older than its session")
		}
	})
}

// TestManyStreamsOfOneUserAreOneCheck counts what the store is asked.
func TestManyStreamsOfOneUserAreOneCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreams(t, authz.StreamGuardConfig{})
		bearer, _ := s.login(acme, alice, "viewer")
		var last *stream
		for range 100 {
			last = s.open("/events", bearer)
		}
		if n := s.watch.Stats().Streams; n != 100 {
			t.Errorf("%d streams are watched, want 100", n)
		}
		before := s.sessions.calls.Load()
		last.alive(10 * time.Second)
		if n := s.sessions.calls.Load() - before; n < 20 || n > 34 {
			t.Errorf("100 streams of one session asked the store %d times in 10 s", n)
		}
	})
}

// TestAStreamThatItsClientEndsLeavesTheWatch: nobody is asked about it any more.
func TestAStreamThatItsClientEndsLeavesTheWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreams(t, authz.StreamGuardConfig{})
		bearer, _ := s.login(acme, alice, "viewer")
		ctx, cancel := context.WithCancel(t.Context())
		r := httptest.NewRequest("GET", "/events", nil).WithContext(ctx)
		r.Header.Set("Authorization", "Bearer "+bearer)
		go s.echo.ServeHTTP(httptest.NewRecorder(), r)
		<-s.opened
		time.Sleep(2 * time.Second)
		cancel()
		time.Sleep(time.Second)
		before := s.sessions.calls.Load()
		time.Sleep(10 * time.Second)
		if n := s.sessions.calls.Load() - before; n != 0 || s.watch.Stats().Streams != 0 {
			t.Errorf("%d checks of %d streams that are gone", n, s.watch.Stats().Streams)
		}
	})
}

func TestWatchOptionsAreChecked(t *testing.T) {
	s := newStreams(t, authz.StreamGuardConfig{})
	for _, opts := range []authz.StreamGuardConfig{
		{Interval: time.Second}, {Interval: -1}, {Interval: time.Millisecond},
		{Grace: time.Second}, {Grace: time.Hour}, {Grace: -1},
		{Concurrency: -1}, {Concurrency: 1000},
	} {
		if w, err := authz.NewStreamGuard(func() authz.StreamGuardConfig { opts.Sessions = s.manager; return opts }()); err == nil {
			w.Close()
			t.Errorf("%+v is accepted", opts)
		}
	}
	if _, err := authz.NewStreamGuard(authz.StreamGuardConfig{Sessions: (*session.Manager)(nil)}); err == nil {
		t.Error("a watch without sessions is accepted")
	}
}

// TestStreamsNeedNoGoroutinesOfOurs opens many streams of as many users at once. Each has
// the goroutine that its handler runs in and no other, and when the tenant is revoked
// nothing is left.
func TestStreamsNeedNoGoroutinesOfOurs(t *testing.T) {
	n := 1500
	switch {
	case testneed.Soak():
		n = 10_000
	case testneed.Race: // each login and stream takes ten times as long
		n = 300
	}
	before := runtime.NumGoroutine()
	s := newStreams(t, authz.StreamGuardConfig{})
	own := runtime.NumGoroutine() - before
	if own > 8+1 {
		t.Errorf("a watch has %d goroutines", own)
	}
	var all []*stream
	for i := range n {
		bearer, _ := s.login(acme, session.MustParseUserID(fmt.Sprintf("user-%d", i)), "viewer")
		all = append(all, s.open("/events", bearer))
	}
	if extra := runtime.NumGoroutine() - before - own - n; extra > 10 {
		t.Errorf("%d streams have %d goroutines more than handlers", n, extra)
	}
	start, checked := time.Now(), s.sessions.calls.Load()
	testwait.Until(t, "every user is checked", func() bool { return s.sessions.calls.Load() >= checked+int64(n) })
	t.Logf("%d users are checked in %v", n, time.Since(start).Round(time.Millisecond))

	start = time.Now()
	if err := s.manager.RevokeTenant(t.Context(), acme); err != nil {
		t.Fatal(err)
	}
	var last time.Time
	for _, o := range all {
		<-o.answer
		if o.ended.After(last) {
			last = o.ended
		}
	}
	t.Logf("the last of %d streams ended %v after the revocation", n, last.Sub(start).Round(time.Millisecond))
	s.watch.Close()
	testwait.Until(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= before })
}
