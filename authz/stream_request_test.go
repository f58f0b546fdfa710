package authz_test

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
)

// TestARequestThatRunsLongBecomesAStream shows that declaring a stream makes it end
// sooner, not at all otherwise.
func TestARequestThatRunsLongBecomesAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreams(t, authz.StreamGuardConfig{})
		bearer, of := s.login(acme, alice, "viewer")
		open := s.open("/slow", bearer)
		if err := s.manager.Revoke(t.Context(), of.Ref()); err != nil {
			t.Fatal(err)
		}
		if !open.alive(4900 * time.Millisecond) {
			t.Fatal("a short request was cut off")
		}
		if open.alive(1100 * time.Millisecond) {
			t.Error("an undeclared stream outlives its session")
		}
	})
}

// TestAShortRequestIsLetFinish revokes a request's own session under it, and lets its
// token expire: it has five seconds.
func TestAShortRequestIsLetFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreams(t, authz.StreamGuardConfig{})
		s.echo.GET("/slow", func(c echo.Context) error {
			ctx := c.Request().Context()
			caller, _ := authz.FromContext(ctx)
			of, _ := caller.Session()
			if err := s.manager.RevokeUser(ctx, of.Tenant, of.User); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(3 * time.Second):
				return c.NoContent(http.StatusNoContent)
			}
		})
		bearer, _ := s.login(acme, alice, "viewer")
		time.Sleep(time.Minute - 1500*time.Millisecond)
		if rec := s.do("GET", "/slow", bearer); rec.Code != 204 {
			t.Errorf("got %d %s", rec.Code, rec.Body)
		}
		if n := s.sessions.calls.Load(); n != 0 {
			t.Errorf("a short request asked the watch %d times", n)
		}
	})
}

// TestATokenInItsLeewayOpensNoStream: for a request it is good, a stream would end at once.
func TestATokenInItsLeewayOpensNoStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreams(t, authz.StreamGuardConfig{})
		bearer, _ := s.login(acme, alice, "viewer")
		time.Sleep(time.Minute + 10*time.Second)
		if rec := s.do("GET", "/me", bearer); rec.Code != 200 {
			t.Fatalf("within the leeway a request is answered %d", rec.Code)
		}
		s.reached.Store(0)
		s.want(s.do("GET", "/events", bearer), 401, "invalid-token")
		s.want(s.do("GET", "/socket", bearer, headers{"Upgrade": "websocket"}), 401, "invalid-token")
		if len(s.opened) != 0 {
			t.Error("a handler ran")
		}
	})
}

// TestAStreamThatCannotBeWatchedIsRefused: without a watch, and after it is closed.
func TestAStreamThatCannotBeWatchedIsRefused(t *testing.T) {
	s := newStreams(t, authz.StreamGuardConfig{}, func(c *authz.Config) { c.Streams = nil })
	bearer, _ := s.login(acme, alice, "viewer")
	s.want(s.do("GET", "/events", bearer), 500, "internal-error")
	s.watch.Close()

	s = newStreams(t, authz.StreamGuardConfig{})
	bearer, _ = s.login(acme, alice, "viewer")
	s.watch.Close()
	s.want(s.do("GET", "/events", bearer), 503, "auth-unavailable")
	s.want(s.do("GET", "/socket", bearer, headers{"Upgrade": "websocket"}), 503, "auth-unavailable")
	if len(s.opened) != 0 {
		t.Error("a handler ran")
	}
	if rec := s.do("GET", "/me", bearer); rec.Code != 200 {
		t.Errorf("a plain request is answered %d", rec.Code)
	}
}

// TestWithoutAWatchRequestsEndWithTheirToken holds the guarantee that remains without one.
func TestWithoutAWatchRequestsEndWithTheirToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreams(t, authz.StreamGuardConfig{}, func(c *authz.Config) { c.Streams = nil })
		s.watch.Close()
		bearer, _ := s.login(acme, alice, "viewer")
		for target, h := range map[string]headers{"/socket": {"Upgrade": "websocket"}, "/slow": nil} {
			start := time.Now()
			open := s.open(target, bearer, h)
			if !open.alive(50 * time.Second) {
				t.Errorf("%s ended early", target)
			}
			<-open.answer
			if took := open.ended.Sub(start); took > time.Minute {
				t.Errorf("%s ended %v after a token of one minute was issued", target, took)
			}
			bearer, _ = s.login(acme, alice, "viewer")
		}
	})
}

// TestAPublicStreamNeedsNobody: an anonymous caller has nothing that could end.
func TestAPublicStreamNeedsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreams(t, authz.StreamGuardConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		for _, upgrade := range []http.Header{{}, {"Upgrade": {"websocket"}}} {
			go func() {
				r := httptest.NewRequest("GET", "/news", nil).WithContext(ctx)
				r.Header = upgrade
				s.echo.ServeHTTP(httptest.NewRecorder(), r)
			}()
			<-s.opened
		}
		time.Sleep(time.Hour)
		if n := s.watch.Stats().Streams; n != 0 {
			t.Errorf("%d anonymous streams are watched", n)
		}
		cancel()
	})
}

// TestARequestThatHasEndedLeavesNothingBehind uses a context after its request, which may
// neither start a timer nor join the watch.
func TestARequestThatHasEndedLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStreams(t, authz.StreamGuardConfig{})
		var kept context.Context
		s.echo.GET("/me", func(c echo.Context) error { kept = c.Request().Context(); return nil })
		bearer, _ := s.login(acme, alice, "viewer")
		s.do("GET", "/me", bearer)
		if kept.Err() != nil {
			t.Error("middleware outside the gate finds the context ended")
		}
		time.Sleep(time.Hour)
		if kept.Err() != nil || s.watch.Stats().Streams != 0 {
			t.Errorf("the context says %v and %d streams are watched", kept.Err(), s.watch.Stats().Streams)
		}
	})
}

// TestAWatchIsFreeForOrdinaryRequests counts allocations with a watch and without.
func TestAWatchIsFreeForOrdinaryRequests(t *testing.T) {
	with := newStreams(t, authz.StreamGuardConfig{})
	without := newStreams(t, authz.StreamGuardConfig{}, func(c *authz.Config) { c.Streams = nil })
	without.watch.Close()
	cost := func(s *streams, handler echo.HandlerFunc) float64 {
		s.echo.GET("/me", handler)
		bearer, _ := s.login(acme, alice, "viewer")
		r := httptest.NewRequest("GET", "/me", nil)
		r.Header.Set("Authorization", "Bearer "+bearer)
		rec := discard{http.Header{}}
		least := math.MaxFloat64 // other goroutines of the process allocate too
		for range 10 {
			least = min(least, testing.AllocsPerRun(100, func() { s.echo.ServeHTTP(rec, r) }))
		}
		return least
	}
	plain := func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }
	asking := func(c echo.Context) error { _ = c.Request().Context().Done(); return c.NoContent(http.StatusNoContent) }
	base := cost(without, plain)
	if n := cost(with, plain); n > base {
		t.Errorf("%v allocations with a watch, %v without", n, base)
	}
	if n := cost(with, asking); n > base+8 {
		t.Errorf("%v allocations when the handler asks for Done, %v when not", n, base)
	}
	t.Logf("allocations: %v, asking for Done %v", base, cost(with, asking))
}
