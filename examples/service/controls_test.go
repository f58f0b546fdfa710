package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
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

// A state that flaps while the manager is slow to listen, and the moves that it then asks for itself,
// block nobody: the one that reports is the one that moves.
func TestAManagerThatIsSlowBlocksNoMove(t *testing.T) {
	g := group(t, service.Part{Name: "one"})
	commands, ended := make(chan command), make(chan error, 1)
	listens := make(chan struct{})
	var told []service.State
	go func() {
		ended <- controls(g, func() {}, commands, func(s service.State) {
			<-listens
			told = append(told, s)
		})
	}()
	testwait.Until(t, "it runs", func() bool { return g.Lifecycle().State() == service.Running })
	for range 50 {
		for _, to := range []service.State{service.Degraded, service.Running} {
			if err := g.Lifecycle().Move(to); err != nil {
				t.Fatal(err)
			}
		}
	}
	close(listens)
	for _, c := range []command{commandPause, commandContinue, commandPause, commandStop} {
		select {
		case commands <- c:
		case <-time.After(testwait.Limit):
			t.Fatal("the manager is not heard")
		}
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if len(told) < 100 || told[len(told)-1] != service.Stopped || told[len(told)-2] != service.Draining {
		t.Errorf("told %d states, the last %v", len(told), told[max(0, len(told)-3):])
	}
}

// A start and an end that take long are told again and again, or the manager takes them for hung.
func TestALongStartAndEndAreToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		long := func(context.Context) error { time.Sleep(time.Minute); return nil }
		m := newStub(group(t, service.Part{Name: "long", OpenTimeout: -1, Open: long, Close: long, CloseTimeout: time.Hour}), func() {})
		time.Sleep(time.Minute + time.Second)
		synctest.Wait()
		m.commands <- commandStop
		if err := <-m.ended; err != nil {
			t.Fatal(err)
		}
		count := map[service.State]int{}
		for _, s := range m.told() {
			count[s]++
		}
		if count[service.Starting] < 12 || count[service.Draining] < 12 || count[service.Running] != 1 || count[service.Stopped] != 1 {
			t.Errorf("told %v", count)
		}
	})
}

// A pause that comes during the start is refused, and told so: the service runs when it is open.
func TestAPauseDuringTheStartIsRefused(t *testing.T) {
	release := make(chan struct{})
	m := newStub(group(t, service.Part{Name: "slow", Open: func(context.Context) error { <-release; return nil }}), func() {})
	m.await(t, service.Starting)
	m.commands <- commandPause
	m.commands <- commandContinue
	m.commands <- commandInterrogate
	if told := slices.Compact(m.told()); len(told) != 1 || told[0] != service.Starting {
		t.Errorf("told %v", told)
	}
	close(release)
	m.await(t, service.Running)
	m.commands <- commandStop
	if err := <-m.ended; err != nil {
		t.Error(err)
	}
}

// A reload that hangs, as of a file on a server that is gone, delays neither a stop nor the end.
func TestAReloadThatHangsDelaysNoStop(t *testing.T) {
	hangs, began := make(chan struct{}), make(chan struct{})
	defer close(hangs)
	calls := 0
	reload, ended := background(func() { calls++; close(began); <-hangs }) // a second call would panic
	m := newStub(group(t, service.Part{Name: "one"}), reload)
	m.await(t, service.Running)
	for range 5 {
		m.commands <- commandReload
	}
	<-began
	m.commands <- commandStop
	select {
	case err := <-m.ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(testwait.Limit):
		t.Fatal("the stop waits for the reload")
	}
	over := make(chan struct{})
	go func() { defer close(over); ended() }()
	select {
	case <-over:
	case <-time.After(testwait.Limit):
		t.Error("the end waits for the reload")
	}
	if calls != 1 {
		t.Errorf("%d calls at once", calls)
	}
}

// With HTTP_PROXY in its environment and a listener that is not on loopback, the process asked the proxy
// whether it lives itself.
func TestNoProxyIsAskedWhetherTheProcessLives(t *testing.T) {
	transport, is := prober(time.Second).Transport.(*http.Transport)
	if !is || transport.Proxy != nil {
		t.Error("the watchdog asks a proxy")
	}
	p := serve(t)
	resp, err := prober(time.Second).Get(p.ops + "/livez")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if code := p.stop(); resp.StatusCode != http.StatusOK || code != exitFine {
		t.Error(resp.StatusCode, code)
	}
}
