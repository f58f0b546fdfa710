package service_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/service"
)

// diary lists the events of parts, in order.
type diary struct {
	mu      sync.Mutex
	entries []string
}

func (d *diary) add(entry string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.entries = append(d.entries, entry)
}

func (d *diary) all() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.entries)
}

// part returns one that writes down what it does.
func (d *diary) part(name string, needs ...string) service.Part {
	return service.Part{
		Name: name, Needs: needs,
		Open:  func(context.Context) error { d.add("open " + name); return nil },
		Close: func(context.Context) error { d.add("close " + name); return nil },
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func newGroup(t *testing.T, cfg service.Config) *service.Group {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = quiet()
	}
	g, err := service.NewGroup(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestPartsCloseBeforeWhatTheyNeed(t *testing.T) {
	var d diary
	g := newGroup(t, service.Config{Parts: []service.Part{
		d.part("listener", "requests"),
		d.part("requests", "database", "policy"),
		d.part("telemetry"),
		d.part("redis", "telemetry"),
		d.part("database", "redis"),
		d.part("policy", "redis"),
	}})
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	want := "open telemetry, open redis, open database, open policy, open requests, open listener, " +
		"close listener, close requests, close policy, close database, close redis, close telemetry"
	if got := strings.Join(d.all(), ", "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if g.Lifecycle().State() != service.Stopped {
		t.Error(g.Lifecycle().State())
	}
}

// Of any parts with any needs, none is opened before what it needs and none is closed after it; what
// was opened is closed, once; and of parts that need each other there is no group.
func TestAnyOrderOfPartsFollowsWhatTheyNeed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d diary
		n := rapid.IntRange(1, 8).Draw(t, "n")
		fails := rapid.IntRange(0, 2*n).Draw(t, "fails")
		var parts []service.Part
		for i := range n {
			var needs []string
			for j := range n {
				if rapid.IntRange(0, 4).Draw(t, "needs") == 0 {
					needs = append(needs, fmt.Sprint(j))
				}
			}
			p := d.part(fmt.Sprint(i), needs...)
			if i == fails {
				p.Open = func(context.Context) error { return errors.New("broken") }
			}
			parts = append(parts, p)
		}
		g, err := service.NewGroup(service.Config{Parts: parts, Logger: quiet()})
		if err != nil {
			if !strings.Contains(err.Error(), "need each other") {
				t.Fatal(err)
			}
			return
		}
		if err := g.Start(context.Background()); (err != nil) != (fails < n) {
			t.Fatal(err)
		}
		_ = g.Close()
		entries := d.all()
		at := func(entry string) int { return slices.Index(entries, entry) }
		for _, p := range parts {
			opened, closed := at("open "+p.Name), at("close "+p.Name)
			if (opened < 0) != (closed < 0) {
				t.Fatalf("%s: opened at %d and closed at %d: %v", p.Name, opened, closed, entries)
			}
			for _, dependency := range p.Needs {
				if opened >= 0 && (at("open "+dependency) < 0 || at("open "+dependency) > opened || at("close "+dependency) < closed) {
					t.Fatalf("%s needs %s: %v", p.Name, dependency, entries)
				}
			}
		}
		if len(slices.Compact(slices.Sorted(slices.Values(entries)))) != len(entries) {
			t.Fatalf("something happened twice: %v", entries)
		}
	})
}

func TestAConfigThatCannotWorkIsRefused(t *testing.T) {
	for want, parts := range map[string][]service.Part{
		"Parts: required":                            nil,
		"Parts: part 0 has no Name":                  {{}},
		`Parts: "a" is there twice`:                  {{Name: "a"}, {Name: "a"}},
		`Parts: "a" needs "b", which is no part`:     {{Name: "a", Needs: []string{"b"}}},
		"Parts: these need each other: a, b":         {{Name: "a", Needs: []string{"b"}}, {Name: "b", Needs: []string{"a"}}},
		"Parts: these need each other: a":            {{Name: "a", Needs: []string{"a"}}},
		`Parts: "a": CloseTimeout: -1s is less than`: {{Name: "a", CloseTimeout: -time.Second}},
	} {
		_, err := service.NewGroup(service.Config{Parts: parts})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "service: invalid config: ") {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := service.NewGroup(service.Config{Parts: []service.Part{{Name: "a"}}, Wait: -1}); err == nil {
		t.Error("a Wait below zero is accepted")
	}
}

// The first part that fails stops all, and is what Run returns.
func TestTheFirstPartThatFailsStopsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken, second := errors.New("the disk is gone"), errors.New("another")
		for name, run := range map[string]func(context.Context) error{
			"with an error":    func(context.Context) error { time.Sleep(time.Minute); return broken },
			"without an error": func(context.Context) error { time.Sleep(time.Minute); return nil },
		} {
			var d diary
			failing, late := d.part("failing", "redis"), d.part("late", "redis")
			failing.Run = run
			late.Run = func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Second); return second }
			g := newGroup(t, service.Config{Parts: []service.Part{d.part("redis"), failing, late}})
			err := g.Run(context.Background())
			if err == nil || !strings.HasPrefix(err.Error(), `service: part "failing": `) || !errors.Is(err, second) {
				t.Errorf("%s: %v", name, err)
			}
			if name == "with an error" && !errors.Is(err, broken) {
				t.Error(err)
			}
			if got := d.all()[3:]; !slices.Equal(got, []string{"close late", "close failing", "close redis"}) {
				t.Errorf("%s: %v", name, got)
			}
		}
	})
}

// A member that fails while others are being opened stops the opening.
func TestAFailureDuringTheStartEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		broken := errors.New("the disk is gone")
		failing, slow := d.part("failing"), d.part("slow")
		failing.Run = func(context.Context) error { time.Sleep(time.Second); return broken }
		slow.Open = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		g := newGroup(t, service.Config{Parts: []service.Part{failing, slow, d.part("never")}, Wait: time.Hour})
		began := time.Now()
		if err := g.Start(context.Background()); !errors.Is(err, broken) || time.Since(began) > time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if got := d.all(); !slices.Equal(got, []string{"open failing", "close failing"}) {
			t.Error(got)
		}
	})
}

// Each step has a time limit. A step that takes longer is named, and the next one follows.
func TestEachStepHasATimeLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		var log bytes.Buffer
		release := make(chan struct{})
		defer close(release)
		stuck := d.part("stuck", "redis")
		stuck.CloseTimeout = 3 * time.Second
		stuck.Close = func(context.Context) error { <-release; return nil }
		g := newGroup(t, service.Config{Parts: []service.Part{d.part("redis"), stuck}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err := g.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err := g.Close()
		if took := time.Since(began); err == nil || !strings.Contains(err.Error(), `part "stuck": close: given up: not within 3s`) || took > 4*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		if got := d.all(); got[len(got)-1] != "close redis" {
			t.Error(got)
		}
		for _, line := range []string{`service: opened" part=redis`, `service: closed with an error" part=stuck`, `service: closed" part=redis`} {
			if !strings.Contains(log.String(), line) {
				t.Errorf("no line %s in\n%s", line, log.String())
			}
		}

		slow := d.part("slow")
		slow.OpenTimeout = 2 * time.Second
		slow.Open = func(context.Context) error { <-release; return nil }
		if err := newGroup(t, service.Config{Parts: []service.Part{slow}}).Start(context.Background()); err == nil || !strings.Contains(err.Error(), "not within 2s") {
			t.Error(err)
		}
	})
}

// A stop during the start, by ctx or by Close, ends the opening, closes what is open and is no error.
func TestAStopDuringTheStartClosesWhatIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, stop := range map[string]func(*service.Group, context.CancelFunc) error{
			"by ctx":   func(_ *service.Group, cancel context.CancelFunc) error { cancel(); return nil },
			"by Close": func(g *service.Group, _ context.CancelFunc) error { return g.Close() },
		} {
			var d diary
			waits := d.part("waits")
			waits.OpenTimeout = -1
			waits.Open = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			g := newGroup(t, service.Config{Parts: []service.Part{d.part("redis"), waits}})
			ctx, cancel := context.WithCancel(context.Background())
			ran := make(chan error, 1)
			go func() { ran <- g.Run(ctx) }()
			time.Sleep(time.Hour)
			if err := stop(g, cancel); err != nil {
				t.Error(name, err)
			}
			if err := <-ran; name == "by ctx" && err != nil || name == "by Close" && !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
			if got := d.all(); !slices.Equal(got, []string{"open redis", "close redis"}) {
				t.Error(name, got)
			}
			cancel()
		}
	})
}

// Between the end of readiness and the first step everything goes on for the time of Wait.
func TestReadinessEndsBeforeAnythingIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		g := newGroup(t, service.Config{Parts: []service.Part{d.part("redis")}, Wait: 5 * time.Second})
		if err := g.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		closed := make(chan error, 2)
		for range 2 { // both wait for one closing
			go func() { closed <- g.Close() }()
		}
		time.Sleep(4 * time.Second)
		if g.Lifecycle().State() != service.Draining || len(d.all()) != 1 {
			t.Errorf("%v %v", g.Lifecycle().State(), d.all())
		}
		if err := errors.Join(<-closed, <-closed); err != nil || len(d.all()) != 2 {
			t.Error(err, d.all())
		}
	})
}

func TestAGroupStartsOnce(t *testing.T) {
	var d diary
	g := newGroup(t, service.Config{Parts: []service.Part{d.part("redis")}})
	if err := g.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := g.Start(t.Context()); !errors.Is(err, service.ErrStarted) {
		t.Error(err)
	}
	if err := g.Pause(); err != nil || g.Lifecycle().State() != service.Paused {
		t.Error(err)
	}
	if err := g.Resume(); err != nil || g.Lifecycle().State() != service.Running {
		t.Error(err)
	}
	if err := g.Resume(); err == nil {
		t.Error("a service that is not paused is resumed")
	}
	if s := g.Stats(); len(s) != 1 || !s[0].Open || s[0].Name != "redis" {
		t.Error(s)
	}
	if err := errors.Join(g.Close(), g.Close()); err != nil || g.Stats()[0].Open {
		t.Error(err)
	}
	if err := g.Start(t.Context()); !errors.Is(err, service.ErrStarted) {
		t.Error(err)
	}
	never := newGroup(t, service.Config{Parts: []service.Part{d.part("redis")}})
	if err := never.Close(); err != nil {
		t.Error(err)
	}
	if err := never.Start(t.Context()); !errors.Is(err, service.ErrStarted) {
		t.Error("a group that was closed starts")
	}
}

// A part that says why its ctx is over, by the cause, is no failure: a signal during the start was once
// exit 1 for a part that waits for a server.
func TestAStopDuringTheStartIsNoFailureWhateverThePartSays(t *testing.T) {
	told := errors.New("told to stop")
	for _, say := range []func(context.Context) error{context.Context.Err, context.Cause} {
		ctx, stop := context.WithCancelCause(t.Context())
		g, err := service.NewGroup(service.Config{Logger: quiet(), Parts: []service.Part{{Name: "waits", OpenTimeout: -1, Open: func(ctx context.Context) error {
			stop(told)
			<-ctx.Done()
			return say(ctx)
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Run(ctx); err != nil {
			t.Error(err)
		}
	}
}

// A group that could not start, since the state is another's, leaves that one as it is.
func TestAGroupThatCannotStartLeavesTheStateToItsOwner(t *testing.T) {
	l := &service.Lifecycle{}
	var d diary
	owner := newGroup(t, service.Config{Parts: []service.Part{d.part("one")}, Lifecycle: l})
	if err := owner.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := newGroup(t, service.Config{Parts: []service.Part{d.part("two")}, Lifecycle: l})
	if err := second.Start(t.Context()); !errors.As(err, new(*service.MoveError)) {
		t.Error(err)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if l.State() != service.Running {
		t.Errorf("the owner is %v", l.State())
	}
	if err := owner.Close(); err != nil || l.State() != service.Stopped {
		t.Errorf("%v, %v", err, l.State())
	}
	if got := strings.Join(d.all(), ", "); got != "open one, close one" {
		t.Error(got)
	}
}

// Somebody else who moves the state to its end, to end readiness early, keeps no part from being closed.
func TestAStateThatWasMovedByAnotherKeepsNothingOpen(t *testing.T) {
	for _, moves := range [][]service.State{{service.Draining}, {service.Draining, service.Stopped}} {
		var d diary
		g := newGroup(t, service.Config{Parts: []service.Part{d.part("one")}})
		if err := g.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, to := range moves {
			if err := g.Lifecycle().Move(to); err != nil {
				t.Fatal(err)
			}
		}
		if err := g.Close(); (err == nil) != (len(moves) == 1) {
			t.Errorf("%v: %v", moves, err)
		}
		if got := strings.Join(d.all(), ", "); got != "open one, close one" || g.Lifecycle().State() != service.Stopped {
			t.Errorf("%v: %s, and %v", moves, got, g.Lifecycle().State())
		}
	}
}

// An opening that was given up and comes to its end later is undone: a listener that nobody closes would
// answer for a service that has stopped.
func TestAnOpeningThatComesTooLateIsUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		late := d.part("late", "redis")
		late.OpenTimeout = time.Second
		late.Open = func(context.Context) error {
			time.Sleep(time.Minute)
			d.add("open late")
			return nil
		}
		failed := d.part("failed")
		failed.OpenTimeout = time.Second
		failed.Open = func(context.Context) error { time.Sleep(time.Minute); return errors.New("broken") }
		for _, p := range []service.Part{late, failed} {
			if err := newGroup(t, service.Config{Parts: []service.Part{d.part("redis"), p}}).Start(context.Background()); err == nil || !strings.Contains(err.Error(), "given up") {
				t.Error(err)
			}
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := strings.Join(d.all(), ", "); got != "open redis, close redis, open redis, close redis, open late, close late" {
			t.Error(got)
		}
	})
}
