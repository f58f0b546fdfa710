package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/service"
)

// probe asks for a path and returns the status and the body.
func probe(h http.Handler, path string) (int, map[string]any) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	var body map[string]any
	_ = json.Unmarshal(w.Body.Bytes(), &body)
	return w.Code, body
}

// Each probe answers as follows in each state.
func TestProbesFollowTheState(t *testing.T) {
	var l service.Lifecycle
	h, err := service.NewHealth(service.HealthConfig{Lifecycle: &l, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	for _, c := range []struct {
		state          service.State
		ready, started int
	}{
		{service.Stopped, 503, 503}, {service.Starting, 503, 503}, {service.Degraded, 200, 200}, {service.Running, 200, 200},
		{service.Paused, 503, 200}, {service.Draining, 503, 200}, {service.Stopped, 503, 503},
	} {
		if c.state != service.Stopped || l.State() != service.Stopped {
			if err := l.Move(c.state); err != nil {
				t.Fatal(err)
			}
		}
		for path, want := range map[string]int{"/livez": 200, "/readyz": c.ready, "/startupz": c.started} {
			if code, body := probe(h, path); code != want || body["state"] != c.state.String() || body["ok"] != (want == 200) {
				t.Errorf("%v: %s: %d %v, want %d", c.state, path, code, body, want)
			}
		}
	}
	if code, _ := probe(h, "/readyz/"); code != http.StatusNotFound {
		t.Error(code)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/readyz", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Error(w.Code)
	}
}

// running returns a lifecycle that runs.
func running(t *testing.T) *service.Lifecycle {
	t.Helper()
	l := &service.Lifecycle{}
	if err := errors.Join(l.Move(service.Starting), l.Move(service.Running)); err != nil {
		t.Fatal(err)
	}
	return l
}

// A check that has not answered yet has not failed: it ends readiness, and the service is not
// degraded for a moment at each start.
func TestACheckThatWasNotAskedDegradesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t)
		slow := make(chan error)
		h, err := service.NewHealth(service.HealthConfig{Lifecycle: l, Timeout: time.Hour, Logger: quiet(), Checks: []service.Check{
			{Name: "fast", Ask: func(context.Context) error { return nil }},
			{Name: "slow", Ask: func(context.Context) error { return <-slow }},
		}})
		if err != nil {
			t.Fatal(err)
		}
		l.Observe(func(from, to service.State) { t.Errorf("%v follows %v", to, from) })
		if err := h.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if h.Ready() {
			t.Error("it is ready before a check has answered")
		}
		slow <- nil
		synctest.Wait()
		if !h.Ready() {
			t.Error("it is not ready once all checks have passed")
		}
		close(slow)
		_ = h.Close()
	})
}

// held is a handler of logs that holds back lines about one check.
type held struct {
	slog.Handler
	check string
	until chan struct{}
}

func (h held) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "check" && a.Value.String() == h.check && strings.Contains(r.Message, "passes") {
			<-h.until
		}
		return true
	})
	return nil
}

// The state follows the checks as they are when it moves: an answer that is late to move it does not
// undo the move of a later one.
func TestALateAnswerDegradesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := running(t)
		until := make(chan struct{})
		var fails atomic.Bool
		fails.Store(true)
		h, err := service.NewHealth(service.HealthConfig{
			Lifecycle: l, Logger: slog.New(held{slog.NewTextHandler(&bytes.Buffer{}, nil), "first", until}), Checks: []service.Check{
				{Name: "first", Ask: func(context.Context) error { return nil }},
				{Name: "second", Ask: func(context.Context) error {
					if fails.Load() {
						return errors.New("no")
					}
					return nil
				}},
			}})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if l.State() != service.Degraded {
			t.Fatalf("it is %v while a check fails", l.State())
		}
		fails.Store(false)
		time.Sleep(time.Second)
		synctest.Wait()
		close(until)
		synctest.Wait()
		if l.State() != service.Running {
			t.Errorf("it is %v while no check fails", l.State())
		}
		_ = h.Close()
	})
}

// A required check that fails ends readiness within its interval and moves the state, one that passes
// again brings both back, and why it failed is in the log alone.
func TestReadinessFollowsItsChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var required, optional atomic.Bool
		ask := func(fails *atomic.Bool) func(context.Context) error {
			return func(context.Context) error {
				if fails.Load() {
					return errors.New("hunter2 at 10.0.0.1")
				}
				return nil
			}
		}
		l := running(t)
		h, err := service.NewHealth(service.HealthConfig{
			Lifecycle: l, Interval: time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil)),
			Checks: []service.Check{{Name: "redis", Ask: ask(&required)}, {Name: "audit", Ask: ask(&optional), Optional: true}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if h.Ready() {
			t.Error("ready before anything was asked")
		}
		if err := h.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		for i, c := range []struct {
			required, optional bool
			ready              bool
			state              service.State
		}{
			{false, false, true, service.Running}, {true, false, false, service.Degraded}, {true, true, false, service.Degraded},
			{false, true, true, service.Degraded}, {false, false, true, service.Running},
		} {
			required.Store(c.required)
			optional.Store(c.optional)
			time.Sleep(1100 * time.Millisecond)
			code, body := probe(h, "/readyz")
			if (code == 200) != c.ready || l.State() != c.state {
				t.Errorf("%d: %d %v %v", i, code, body, l.State())
			}
			checks, _ := body["checks"].([]any)
			if len(checks) != 3 || checks[1].(map[string]any)["ok"] == c.required || checks[2].(map[string]any)["ok"] == c.optional {
				t.Errorf("%d: %v", i, body)
			}
			if text, _ := json.Marshal(body); strings.Contains(string(text), "hunter2") {
				t.Errorf("a cause reached the client: %s", text)
			}
		}
		if n := strings.Count(log.String(), "hunter2"); n != 2 {
			t.Errorf("%d lines tell why:\n%s", n, log.String())
		}
		if err := l.Move(service.Paused); err != nil {
			t.Fatal(err)
		}
		required.Store(true)
		time.Sleep(3 * time.Second)
		if l.State() != service.Paused {
			t.Errorf("a check moved a paused service to %v", l.State())
		}
		if err := h.Close(); err != nil || h.Ready() {
			t.Error("ready after Close", err)
		}
		if err := h.Start(context.Background()); !errors.Is(err, service.ErrStarted) {
			t.Error(err)
		}
	})
}

// A check that hangs has failed, and is asked again when it has come back, not before.
func TestACheckThatHangsHasFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		release := make(chan struct{})
		h, err := service.NewHealth(service.HealthConfig{
			Lifecycle: running(t), Interval: time.Second, Timeout: time.Second, Logger: quiet(),
			Checks: []service.Check{{Name: "redis", Ask: func(context.Context) error {
				if asked.Add(1) == 2 {
					<-release
				}
				return nil
			}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		time.Sleep(500 * time.Millisecond)
		if !h.Ready() {
			t.Error("not ready at first")
		}
		time.Sleep(time.Hour)
		if h.Ready() || asked.Load() != 2 {
			t.Errorf("ready %v after %d questions", h.Ready(), asked.Load())
		}
		close(release)
		time.Sleep(2 * time.Second)
		if !h.Ready() {
			t.Error("it is not ready when the check has come back")
		}
	})
}

// However many probes there are, checks are asked as often.
func TestProbesAskNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		h, err := service.NewHealth(service.HealthConfig{
			Lifecycle: running(t), Interval: time.Second, Logger: quiet(),
			Checks: []service.Check{{Name: "redis", Ask: func(context.Context) error { asked.Add(1); return nil }}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		for range 1000 {
			probe(h, "/readyz")
			time.Sleep(time.Millisecond)
		}
		if n := asked.Load(); n > 2 {
			t.Errorf("%d questions in a second", n)
		}
	})
}

func TestAHealthThatCannotWorkIsRefused(t *testing.T) {
	ask := func(context.Context) error { return nil }
	for want, cfg := range map[string]service.HealthConfig{
		"Lifecycle: required":           {},
		`Checks: "a" is there twice`:    {Lifecycle: &service.Lifecycle{}, Checks: []service.Check{{Name: "a", Ask: ask}, {Name: "a", Ask: ask}}},
		`Checks: "state" is there`:      {Lifecycle: &service.Lifecycle{}, Checks: []service.Check{{Name: "state", Ask: ask}}},
		"Checks: check 0: Name and Ask": {Lifecycle: &service.Lifecycle{}, Checks: []service.Check{{Name: "a"}}},
		"Interval: -1ns is less than 0": {Lifecycle: &service.Lifecycle{}, Interval: -1},
		"Timeout: -1ns is less than 0":  {Lifecycle: &service.Lifecycle{}, Timeout: -1},
	} {
		if _, err := service.NewHealth(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// A start that failed has not come to its end: a probe of startup says so while what is open is closed.
func TestAStartThatFailedIsNotOver(t *testing.T) {
	l := &service.Lifecycle{}
	h, err := service.NewHealth(service.HealthConfig{Lifecycle: l, Logger: quiet()})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		to   service.State
		want int
	}{{service.Starting, 503}, {service.Draining, 503}, {service.Stopped, 503}} {
		if err := l.Move(c.to); err != nil {
			t.Fatal(err)
		}
		if code, _ := probe(h, "/startupz"); code != c.want || h.Started() {
			t.Errorf("%v: %d", c.to, code)
		}
	}
	ran := running(t)
	if h, err = service.NewHealth(service.HealthConfig{Lifecycle: ran, Logger: quiet()}); err != nil {
		t.Fatal(err)
	}
	if err := ran.Move(service.Draining); err != nil {
		t.Fatal(err)
	}
	if code, _ := probe(h, "/startupz"); code != 200 {
		t.Errorf("the end of one that ran: %d", code)
	}
}
