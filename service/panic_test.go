package service_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/service"
)

// A part that panics has failed, and what is open is closed: an audit log is written to its end, whatever
// else is broken.
func TestAPartThatPanicsHasFailed(t *testing.T) {
	for name, c := range map[string]struct {
		broken func(*service.Part)
		says   string
		events []string
	}{
		"in Open":  {func(p *service.Part) { p.Open = func(context.Context) error { panic("boom") } }, `part "broken": open: panic: boom`, []string{"open audit", "close audit"}},
		"in Run":   {func(p *service.Part) { p.Run = func(context.Context) error { panic("boom") } }, `part "broken": panic: boom`, []string{"open audit", "open broken", "close broken", "close audit"}},
		"in Close": {func(p *service.Part) { p.Close = func(context.Context) error { panic("boom") } }, `part "broken": close: panic: boom`, []string{"open audit", "open broken", "close audit"}},
		"in Open, without a word": {func(p *service.Part) { p.Open = func(context.Context) error { runtime.Goexit(); return nil } }, `part "broken": open: its goroutine was ended`,
			[]string{"open audit", "close audit"}},
		"in Run, without a word": {func(p *service.Part) { p.Run = func(context.Context) error { runtime.Goexit(); return nil } }, `part "broken": its goroutine was ended`,
			[]string{"open audit", "open broken", "close broken", "close audit"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var d diary
				var log bytes.Buffer
				broken := d.part("broken", "audit")
				c.broken(&broken)
				g := newGroup(t, service.Config{Parts: []service.Part{d.part("audit"), broken}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
				ctx, stop := context.WithTimeout(context.Background(), time.Minute)
				defer stop()
				if err := g.Run(ctx); err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v, want %s", err, c.says)
				}
				if got := d.all(); !slices.Equal(got, c.events) {
					t.Errorf("%v, want %v", got, c.events)
				}
				if strings.Contains(c.says, "boom") && !strings.Contains(log.String(), "panic_test.go") {
					t.Errorf("nothing says where:\n%s", log.String())
				}
				if g.Lifecycle().State() != service.Stopped {
					t.Error(g.Lifecycle().State())
				}
			})
		})
	}
}

// A panic with an error is one that errors.Is finds.
func TestAPanicWithAnErrorIsThatError(t *testing.T) {
	cause := errors.New("boom")
	g := newGroup(t, service.Config{Parts: []service.Part{{Name: "broken", Open: func(context.Context) error { panic(cause) }}}})
	if err := g.Run(t.Context()); !errors.Is(err, cause) {
		t.Error(err)
	}
}

// A check that panics fails. It once ended the process.
func TestACheckThatPanicsHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t)
		var broken atomic.Bool
		broken.Store(true)
		h, err := service.NewHealth(service.HealthConfig{Lifecycle: l, Logger: quiet(), Checks: []service.Check{{Name: "one", Ask: func(context.Context) error {
			if broken.Load() {
				panic("boom")
			}
			return nil
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		synctest.Wait()
		if h.Ready() || l.State() != service.Degraded || !strings.Contains(h.Stats()[0].Err.Error(), "panic: boom") {
			t.Errorf("ready: %t, %v, %v", h.Ready(), l.State(), h.Stats()[0].Err)
		}
		broken.Store(false)
		time.Sleep(time.Second)
		synctest.Wait()
		if !h.Ready() || l.State() != service.Running {
			t.Errorf("it answers again: %t, %v", h.Ready(), l.State())
		}
	})
}
