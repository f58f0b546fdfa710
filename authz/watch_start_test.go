package authz_test

import (
	"context"
	"errors"
	"testing"

	"github.com/reevehq/reeve/authz"
)

// TestAStreamGuardIsStartedOnce and only before it is closed.
func TestAStreamGuardIsStartedOnce(t *testing.T) {
	s := newFixture(t)
	g, err := authz.NewStreamGuard(authz.StreamGuardConfig{Sessions: s.manager})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Start(t.Context()); !errors.Is(err, authz.ErrStarted) {
		t.Errorf("a second Start: %v", err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if err := g.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	if err := g.Start(t.Context()); !errors.Is(err, authz.ErrStreamGuardClosed) {
		t.Errorf("Start after Close: %v", err)
	}
	never, err := authz.NewStreamGuard(authz.StreamGuardConfig{Sessions: s.manager})
	if err != nil {
		t.Fatal(err)
	}
	if err := never.Close(); err != nil {
		t.Errorf("Close without Start: %v", err)
	}
}

// TestNoStreamBeginsBeforeItsGuardIsStarted: it would go on for ever.
func TestNoStreamBeginsBeforeItsGuardIsStarted(t *testing.T) {
	var idle *authz.StreamGuard
	s := newStreams(t, authz.StreamGuardConfig{}, func(c *authz.Config) {
		var err error
		if idle, err = authz.NewStreamGuard(authz.StreamGuardConfig{Sessions: neverAsked{}}); err != nil {
			t.Fatal(err)
		}
		c.Streams = idle
	})
	bearer, _ := s.login(acme, alice, "viewer")
	if rec := s.do("GET", "/events", bearer); rec.Code != 503 || s.reached.Load() != 0 {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
	if n := idle.Stats(); n != (authz.StreamGuardStats{}) {
		t.Errorf("%+v are watched", n)
	}
}

// TestAStreamGuardEndsWithItsContext ends streams as Close does.
func TestAStreamGuardEndsWithItsContext(t *testing.T) {
	w := newFixture(t)
	g, err := authz.NewStreamGuard(authz.StreamGuardConfig{Sessions: w.manager})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := g.Start(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := g.Close(); err != nil { // returns when nothing runs
		t.Error(err)
	}
}

type neverAsked struct{ authz.SessionLister }
