package service

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/reevehq/reeve/internal/configerr"
)

// Defaults of a [HealthConfig].
const (
	defaultCheckInterval = 500 * time.Millisecond
	defaultCheckTimeout  = 400 * time.Millisecond
)

// Check asks about something that the service needs.
type Check struct {
	// Name is in answers and logs. Required, and unique.
	Name string

	// Ask returns nil when all is well. Its ctx ends with HealthConfig.Timeout. Required.
	Ask func(ctx context.Context) error

	// Optional checks make the service Degraded and leave it ready.
	Optional bool
}

// HealthConfig configures a [Health]. Lifecycle is required.
type HealthConfig struct {
	// Lifecycle is that of the group. A check that fails moves it from Running to Degraded, and
	// back when all pass. Required.
	Lifecycle *Lifecycle

	// Checks are asked again and again, whether somebody probes or not: a flood of probes asks
	// nobody anything. Default: none.
	Checks []Check

	// Interval is the pause between two runs of a check, and so how late /readyz is. Default
	// 500 ms.
	Interval time.Duration

	// Timeout bounds each run. A check that has not answered by then has failed. Default
	// 400 ms.
	Timeout time.Duration

	// Logger gets a line when a check begins to fail, with its error, and when it passes again.
	// Default: [slog.Default].
	Logger *slog.Logger
}

// complete returns the configuration with its defaults set, or every problem it has.
func (cfg HealthConfig) complete() (HealthConfig, error) {
	var problems configerr.Problems
	problems.Require("Lifecycle", cfg.Lifecycle, "")
	named := map[string]bool{stateCheck: true}
	for i, c := range cfg.Checks {
		switch {
		case c.Name == "" || c.Ask == nil:
			problems.Add("Checks", "check %d: Name and Ask are required", i)
		case named[c.Name]:
			problems.Add("Checks", "%q is there twice", c.Name)
		}
		named[c.Name] = true
	}
	if cfg.Interval < 0 {
		problems.Add("Interval", "%v is less than 0", cfg.Interval)
	}
	if cfg.Timeout < 0 {
		problems.Add("Timeout", "%v is less than 0", cfg.Timeout)
	}
	if cfg.Interval == 0 {
		cfg.Interval = defaultCheckInterval
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultCheckTimeout
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	cfg.Checks = slices.Clone(cfg.Checks)
	return cfg, problems.Err("service", nil)
}

// stateCheck is the name of the state among the checks of an answer.
const stateCheck = "state"

// errUnasked is the error of a check before its first answer.
var errUnasked = errors.New("it was not asked yet")

// CheckStats is the last result of a check.
type CheckStats struct {
	Name     string
	Optional bool
	Err      error         // nil when it passes; for logs, never for a client
	Since    time.Time     // from when it has passed, or failed
	Asked    time.Time     // when it last answered, zero for never
	Took     time.Duration // that the last answer took
	Failures int64         // answers that were errors
}

// Health asks checks and answers probes. Its methods are safe for concurrent use.
type Health struct {
	cfg HealthConfig

	mu      sync.Mutex
	started bool
	closed  bool
	cancel  context.CancelFunc
	asking  sync.WaitGroup
	checks  []CheckStats

	moving sync.Mutex // held from a look at the checks to the move that follows from it
}

// NewHealth returns a health that asks nobody yet, and until its first answers is not ready.
func NewHealth(cfg HealthConfig) (*Health, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	h := &Health{cfg: cfg}
	for _, c := range cfg.Checks {
		h.checks = append(h.checks, CheckStats{Name: c.Name, Optional: c.Optional, Err: errUnasked, Since: time.Now()})
	}
	return h, nil
}

// Start begins to ask, until ctx is over or Close is called. The second call returns [ErrStarted],
// and so does a call after Close.
func (h *Health) Start(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.started || h.closed {
		return ErrStarted
	}
	h.started = true
	ctx, h.cancel = context.WithCancel(ctx)
	for i := range h.cfg.Checks {
		h.asking.Go(func() { h.ask(ctx, i) })
	}
	return nil
}

// Close ends the asking, after which nothing is ready. It waits for runs that are under way,
// but not for one that does not heed its ctx. The error is nil.
func (h *Health) Close() error {
	h.mu.Lock()
	h.closed = true
	if h.cancel != nil {
		h.cancel()
	}
	h.mu.Unlock()
	h.asking.Wait()
	return nil
}

// ask asks one check until ctx is over.
func (h *Health) ask(ctx context.Context, i int) {
	for {
		began := time.Now()
		answer := h.startCheck(ctx, h.cfg.Checks[i])
		err, late := h.await(ctx, answer)
		h.note(i, err, time.Since(began))
		if late {
			// Another run would only queue behind this one.
			select {
			case <-ctx.Done():
				return
			case err := <-answer:
				h.note(i, err, time.Since(began))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(h.cfg.Interval):
		}
	}
}

func (h *Health) startCheck(ctx context.Context, c Check) <-chan error {
	return started(h.cfg.Logger, slog.String("check", c.Name), func() error {
		ctx, cancel := context.WithTimeout(ctx, h.cfg.Timeout)
		defer cancel()
		return c.Ask(ctx)
	})
}

// errSilent is the error of a check that does not heed its ctx.
var errSilent = errors.New("it did not answer in time")

func (h *Health) await(ctx context.Context, answer <-chan error) (err error, late bool) {
	timer := time.NewTimer(h.cfg.Timeout + graceOfClose)
	defer timer.Stop()
	select {
	case err := <-answer:
		return err, false
	case <-ctx.Done():
		return ctx.Err(), false
	case <-timer.C:
		return errSilent, true
	}
}

// note keeps an answer and moves the state by it.
func (h *Health) note(i int, err error, took time.Duration) {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return
	}
	c := &h.checks[i]
	changed := (c.Err == nil) != (err == nil) || errors.Is(c.Err, errUnasked)
	c.Err, c.Asked, c.Took = err, time.Now(), took
	if err != nil {
		c.Failures++
	}
	if changed {
		c.Since = c.Asked
	}
	name := c.Name
	h.mu.Unlock()
	switch {
	case changed && err != nil:
		h.cfg.Logger.Warn("service: check fails", slog.String("check", name), slog.String("error", err.Error()))
	case changed:
		h.cfg.Logger.Info("service: check passes", slog.String("check", name))
	}
	h.move()
}

// move has the state follow the checks of now. One that was not asked yet has not failed.
func (h *Health) move() {
	h.moving.Lock()
	defer h.moving.Unlock()
	h.mu.Lock()
	fails := slices.ContainsFunc(h.checks, func(c CheckStats) bool { return c.Err != nil && !errors.Is(c.Err, errUnasked) })
	h.mu.Unlock()
	// A state in which checks change nothing refuses the move.
	if fails {
		_ = h.cfg.Lifecycle.MoveFrom(Running, Degraded)
	} else {
		_ = h.cfg.Lifecycle.MoveFrom(Degraded, Running)
	}
}

// Stats returns what the checks last said, in the order of the config.
func (h *Health) Stats() []CheckStats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.checks)
}

// Ready reports whether requests should be sent here: the state is Running or Degraded, and no
// check fails but optional ones.
func (h *Health) Ready() bool {
	state := h.cfg.Lifecycle.State()
	if state != Running && state != Degraded {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.started && !h.closed && !slices.ContainsFunc(h.checks, func(c CheckStats) bool { return c.Err != nil && !c.Optional })
}

// Started reports whether the service has come through its start: a probe of startup.
func (h *Health) Started() bool {
	return h.cfg.Lifecycle.started()
}
