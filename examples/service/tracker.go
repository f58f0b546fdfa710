package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/authz/detect"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/filepolicy"
	"github.com/reevehq/reeve/examples/service/config"
	"github.com/reevehq/reeve/examples/tracker/app"
	"github.com/reevehq/reeve/service"
	"github.com/reevehq/reeve/service/fleet"
)

// tracker is the service: the application and the life around it.
type tracker struct {
	cfg       *config.Config
	load      func() (*config.Config, error) // again, on reload
	log       *logs
	lifecycle *service.Lifecycle
	group     *service.Group
	health    *service.Health
	api, ops  *service.Server
	metrics   *metrics
	audit     *audit
	engine    *policy.Engine
	follower  *filepolicy.Follower // nil for a policy that is in no folder
	issuers   *issuers
	traces    *traces
	detector  *detect.Detector // nil without detect.alerts
	app       atomic.Pointer[app.App]
	reloading sync.Mutex
	onMove    atomic.Pointer[fleet.Member] // is told of moves
	shared
}

// newTracker builds everything and opens nothing but the log.
func newTracker(cfg *config.Config, load func() (*config.Config, error), stdout io.Writer) (_ *tracker, err error) {
	t := &tracker{cfg: cfg, load: load, lifecycle: &service.Lifecycle{}}
	if t.log, err = newLogs(cfg, stdout); err != nil {
		return nil, usageError{err}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, t.log.Close())
		}
	}()
	if err = t.loadPolicy(); err != nil {
		return nil, usageError{err}
	}
	if err = t.openShared(); err != nil {
		return nil, usageError{err}
	}
	if t.issuers, err = newIssuers(cfg.Issuers.File, cfg.Issuers.Poll, t.log.Logger); err != nil {
		return nil, usageError{err}
	}
	if t.traces, err = newTraces(cfg, t.log.Logger); err != nil {
		return nil, usageError{err}
	}
	if t.detector, err = newDetector(cfg, t.log.Logger); err != nil {
		return nil, usageError{err}
	}
	t.lifecycle.Observe(func(_, _ service.State) {
		if m := t.onMove.Load(); m != nil {
			m.Wake()
		}
	})
	t.audit = newAudit(cfg.Audit.File, cfg.Audit.Queue, t.log.Logger)
	t.metrics = newMetrics(t)
	if err = t.buildServers(); err != nil {
		return nil, err
	}
	t.group, err = service.NewGroup(service.Config{Parts: t.parts(), Lifecycle: t.lifecycle, Wait: cfg.HTTP.Wait, Logger: t.log.Logger})
	return t, err
}

func (t *tracker) loadPolicy() (err error) {
	files := app.PolicyFiles()
	if t.cfg.Policy.Dir != "" {
		files = os.DirFS(t.cfg.Policy.Dir)
	}
	if t.engine, err = policy.Load(files, policy.Options{Logger: t.log.Logger}); err != nil {
		return fmt.Errorf("the policy does not load:\n%w", err)
	}
	if t.cfg.Policy.Dir == "" {
		return nil
	}
	t.follower, err = filepolicy.NewFollower(filepolicy.Config{Engine: t.engine, Folder: t.cfg.Policy.Dir, Logger: t.log.Logger})
	return err
}

func (t *tracker) buildServers() (err error) {
	if t.health, err = service.NewHealth(service.HealthConfig{Lifecycle: t.lifecycle, Checks: t.checks(), Logger: t.log.Logger}); err != nil {
		return err
	}
	ops := http.NewServeMux()
	ops.Handle("/", t.health)
	ops.Handle("GET /metrics", t.metrics.handler())
	if t.ops, err = service.NewServer(service.ServerConfig{Name: "telemetry", Addr: t.cfg.Ops.Addr, Handler: ops, Drain: time.Second, Logger: t.log.Logger}); err != nil {
		return err
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.app.Load().ServeHTTP(w, r) })
	t.api, err = service.NewServer(service.ServerConfig{
		Addr: t.cfg.HTTP.Addr, Handler: t.traces.span(logged(handler, t.log.Logger)), Lifecycle: t.lifecycle, Drain: t.cfg.HTTP.Drain, Logger: t.log.Logger,
	})
	return err
}

// checks returns the checks of /readyz, besides the state.
func (t *tracker) checks() []service.Check {
	checks := []service.Check{{Name: "policy", Ask: func(context.Context) error {
		switch {
		case t.follower != nil:
			return t.follower.Stats().Err
		case t.published != nil:
			return t.published.Stats().Err
		}
		return nil
	}},
		{Name: "audit", Optional: true, Ask: func(context.Context) error { return t.audit.Err() }},
		{Name: "log", Optional: true, Ask: func(context.Context) error { return t.log.Err() }},
		{Name: "issuers", Optional: true, Ask: func(context.Context) error { return t.issuers.Err() }},
	}
	if t.store != nil {
		checks = append(checks, service.Check{Name: "redis", Ask: t.store.Ping},
			service.Check{Name: "instances", Optional: true, Ask: func(context.Context) error { return t.member.Stats().Err }})
	}
	if t.cfg.Database.URL != "" {
		checks = append(checks, service.Check{Name: "database", Ask: func(ctx context.Context) error { return t.app.Load().Ping(ctx) }})
	}
	return checks
}

// parts are opened in this order and closed in the reverse one: the listener, the requests in flight,
// the jobs that they have asked for, the probes of health, the follower of the policy, the issuers with
// their keys, the audit log, the database, the place among the instances, Redis, and last what tells of
// all this.
func (t *tracker) parts() []service.Part {
	parts := append([]service.Part{{Name: "traces", Close: t.traces.close, CloseTimeout: tracesTimeout}}, t.ops.Parts("traces")...)
	parts = append(parts,
		service.Part{Name: "redis", Needs: []string{"telemetry listener"}, Open: t.openRedis, Close: t.closeRedis, OpenTimeout: t.waitLimit()},
		service.Part{Name: "instances", Needs: []string{"redis"}, Open: t.openInstances, Close: t.closeInstances},
		service.Part{Name: "database", Needs: []string{"redis", "instances"}, Open: t.openApp, Close: t.closeApp, OpenTimeout: databaseTimeout},
		service.Part{Name: "audit", Needs: []string{"database"}, Open: t.audit.open, Close: t.audit.close},
		service.Part{Name: "issuers", Needs: []string{"database", "audit"}, Open: t.openIssuers, Close: t.issuers.close},
		service.Part{Name: "policy", Needs: []string{"audit", "issuers"}, Open: t.openPolicy, Close: t.closePolicy},
		service.Part{Name: "health", Needs: []string{"redis", "policy"}, Open: t.openHealth, Close: func(context.Context) error { return t.health.Close() }},
		service.Part{Name: "jobs", Needs: []string{"database", "audit", "policy"}, Close: t.waitForJobs, CloseTimeout: t.cfg.HTTP.Drain},
	)
	return append(parts, t.api.Parts("jobs", "health")...)
}

// tracesTimeout is for a collector that takes the last spans.
const tracesTimeout = 3 * time.Second

// databaseTimeout is how long the start waits for PostgreSQL. A service manager that gives up after some
// failures within a minute sees few enough of them.
const databaseTimeout = 30 * time.Second

// waitLimit is how long the start waits for Redis.
func (t *tracker) waitLimit() time.Duration {
	if t.cfg.Redis.StartTimeout > 0 {
		return t.cfg.Redis.StartTimeout
	}
	return -1
}

func (t *tracker) openApp(ctx context.Context) error {
	cfg := app.Config{
		Data: t.cfg.Data.Dir, Policy: t.engine, Observer: t.observe, Tracer: t.traces.stages, Logger: t.log.Logger,
		PostgreSQL: app.PostgreSQL{URL: t.cfg.Database.URL.Reveal(), OwnerURL: t.cfg.Database.OwnerURL.Reveal(), Key: t.cfg.TenantKey},
		SessionKey: t.cfg.Keys.Session, SigningKey: t.cfg.Keys.Signing,
	}
	if t.store != nil {
		cfg.Store = t.store
	}
	return t.await(ctx, "the database", func() (stays bool, err error) {
		opened, err := app.New(ctx, cfg)
		if err == nil {
			t.app.Store(opened)
		}
		return !comesBack(err), err
	})
}

func (t *tracker) closeApp(context.Context) error { return t.app.Load().Close() }

// waitForJobs waits for the exports that requests have asked for: they are decided about and audited
// as requests are.
func (t *tracker) waitForJobs(context.Context) error {
	t.app.Load().Wait()
	return nil
}

func (t *tracker) openIssuers(ctx context.Context) error {
	return t.issuers.open(ctx, t.app.Load().Tokens())
}

func (t *tracker) openPolicy(ctx context.Context) error {
	switch ctx = context.WithoutCancel(ctx); {
	case t.follower != nil:
		return t.follower.Start(ctx)
	case t.published != nil:
		return t.published.Start(ctx)
	}
	return nil
}

func (t *tracker) closePolicy(context.Context) error {
	switch {
	case t.follower != nil:
		return t.follower.Close()
	case t.published != nil:
		return t.published.Close()
	}
	return nil
}

func (t *tracker) openHealth(ctx context.Context) error {
	return t.health.Start(context.WithoutCancel(ctx))
}

// reload reads the configuration again. The level of the log holds at once; files of logs that were
// moved away are opened anew. A configuration that is wrong changes nothing. Of two calls at once the
// second waits.
func (t *tracker) reload() {
	t.reloading.Lock()
	defer t.reloading.Unlock()
	cfg, err := t.load()
	if err != nil {
		t.log.Error("reload: nothing has changed", slog.String("error", err.Error()))
		return
	}
	if err := t.log.reload(cfg); err != nil {
		t.log.Error("reload: the log is not opened anew", slog.String("error", err.Error()))
	}
	_ = t.issuers.sync() // which says itself what is wrong
	t.audit.reopen()
	changed := slices.DeleteFunc(t.cfg.Changed(cfg), func(path string) bool { return path == "log.level" })
	t.log.Info("reload", slog.String("log_level", cfg.Log.Level), slog.Any("after_a_restart", changed))
}
