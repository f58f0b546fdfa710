package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/examples/service/config"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/service"
)

func testConfig(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Load(config.Sources{Platform: "console", Flags: map[string]string{"http.addr": "127.0.0.1:0", "ops.addr": "127.0.0.1:0"}})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// stub is a service manager as that of Windows: it sends commands and is told of states.
type stub struct {
	commands chan command
	ended    chan error

	mu     sync.Mutex
	states []service.State
}

func newStub(g *service.Group, reload func()) *stub {
	s := &stub{commands: make(chan command), ended: make(chan error, 1)}
	go func() {
		s.ended <- controls(g, reload, s.commands, func(state service.State) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.states = append(s.states, state)
		})
	}()
	return s
}

func (s *stub) told() []service.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.states)
}

func (s *stub) await(t *testing.T, state service.State) {
	t.Helper()
	testwait.Until(t, "the manager is told of "+state.String(), func() bool {
		told := s.told()
		return len(told) > 0 && told[len(told)-1] == state
	})
}

func group(t *testing.T, parts ...service.Part) *service.Group {
	t.Helper()
	g, err := service.NewGroup(service.Config{Parts: parts, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Every command in every state that the manager can send it in, and what it is told.
func TestTheManagerIsToldOfEveryMove(t *testing.T) {
	closed, reloads := 0, 0
	g := group(t, service.Part{Name: "one", Close: func(context.Context) error { closed++; return nil }})
	m := newStub(g, func() { reloads++ })
	m.await(t, service.Running)
	for _, step := range []struct {
		command command
		state   service.State
	}{
		{commandInterrogate, service.Running},
		{commandContinue, service.Running}, // which it is not paused for
		{commandPause, service.Paused},
		{commandPause, service.Paused},
		{commandReload, service.Paused},
		{0, service.Paused},
		{200, service.Paused},
		{commandInterrogate, service.Paused},
		{commandContinue, service.Running},
		{commandPause, service.Paused},
		{commandStop, service.Stopped}, // from Paused
	} {
		m.commands <- step.command
		m.await(t, step.state)
	}
	if err := <-m.ended; err != nil || closed != 1 || reloads != 1 {
		t.Errorf("%v, %d closed, %d reloads", err, closed, reloads)
	}
	told := slices.Compact(m.told())
	want := []service.State{
		service.Starting, service.Running, service.Paused, service.Running, service.Paused, service.Draining, service.Stopped,
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
}

// A stop that comes during the start ends it, and a part that fails is an error, after which the
// manager is told that all has stopped.
func TestTheManagerHearsOfFailures(t *testing.T) {
	waits := service.Part{Name: "waits", OpenTimeout: -1, Open: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
	m := newStub(group(t, waits), nil)
	m.await(t, service.Starting)
	m.commands <- commandStop
	if err := <-m.ended; err != nil || m.told()[len(m.told())-1] != service.Stopped {
		t.Error(err, m.told())
	}
	broken := errors.New("the disk is gone")
	fails := service.Part{Name: "fails", Run: func(context.Context) error { return broken }}
	m = newStub(group(t, fails), nil)
	select {
	case err := <-m.ended:
		if !errors.Is(err, broken) || m.told()[len(m.told())-1] != service.Stopped {
			t.Error(err, m.told())
		}
	case <-time.After(testwait.Limit):
		t.Error("it does not end")
	}
}
