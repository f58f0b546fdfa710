package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/authz/policy/filepolicy"
	"github.com/reevehq/reeve/examples/service/config"
	"github.com/reevehq/reeve/examples/tracker/app"
	"github.com/reevehq/reeve/service"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
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
	follower  *filepolicy.Follower // nil for the policy of the program
	store     *redisstore.Store    // nil for sessions in the process
	app       atomic.Pointer[app.App]
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
	if url := cfg.Redis.URL.Reveal(); url != "" {
		if t.store, err = redisstore.Open(url, redisstore.Config{
			NameKey: cfg.Keys.RedisName, SealKeys: []session.SecretKey{cfg.Keys.RedisSeal}, Prefix: cfg.Redis.Prefix, Logger: t.log.Logger,
		}); err != nil {
			return nil, usageError{err}
		}
	}
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
		Addr: t.cfg.HTTP.Addr, Handler: traced(handler, t.log.Logger), Lifecycle: t.lifecycle, Drain: t.cfg.HTTP.Drain, Logger: t.log.Logger,
	})
	return err
}

// checks are what /readyz is about, besides the state.
func (t *tracker) checks() []service.Check {
	checks := []service.Check{{Name: "policy", Ask: func(context.Context) error {
		if t.follower == nil {
			return nil
		}
		return t.follower.Stats().Err
	}}, {Name: "audit", Optional: true, Ask: func(context.Context) error { return t.audit.Err() }}}
	if t.store != nil {
		checks = append(checks, service.Check{Name: "redis", Ask: t.store.Ping})
	}
	return checks
}

// parts are opened in this order and closed in the reverse one: the listener, the requests in flight,
// the jobs that they have asked for, the probes of health, the follower of the policy, the audit log,
// the database, Redis, and last what tells of all this.
func (t *tracker) parts() []service.Part {
	return append(append(t.ops.Parts(),
		service.Part{Name: "redis", Needs: []string{"telemetry listener"}, Open: t.openRedis, Close: t.closeRedis, OpenTimeout: t.patience()},
		service.Part{Name: "database", Needs: []string{"redis"}, Open: t.openApp, Close: t.closeApp},
		service.Part{Name: "audit", Needs: []string{"database"}, Open: t.audit.open, Close: t.audit.close},
		service.Part{Name: "policy", Needs: []string{"audit"}, Open: t.openPolicy, Close: t.closePolicy},
		service.Part{Name: "health", Needs: []string{"redis", "policy"}, Open: t.openHealth, Close: func(context.Context) error { return t.health.Close() }},
		service.Part{Name: "jobs", Needs: []string{"database", "audit", "policy"}, Close: t.waitForJobs, CloseTimeout: t.cfg.HTTP.Drain},
	), t.api.Parts("jobs", "health")...)
}

// patience is how long the start waits for Redis.
func (t *tracker) patience() time.Duration {
	if t.cfg.Redis.StartTimeout > 0 {
		return t.cfg.Redis.StartTimeout
	}
	return -1
}

const (
	redisPause    = 100 * time.Millisecond // between two questions whether Redis is there
	redisReminder = 10 * time.Second       // between two lines that say that it is not
)

// openRedis waits until Redis answers. One that is set up so that it can lose revocations is refused,
// since no waiting mends that.
func (t *tracker) openRedis(ctx context.Context) error {
	if t.store == nil {
		return nil
	}
	var said time.Time
	for {
		err := t.store.Ping(ctx)
		if err == nil || errors.Is(err, redisstore.ErrMisconfigured) {
			return err
		}
		if time.Since(said) > redisReminder {
			t.log.Warn("the start waits for Redis", slog.String("error", err.Error()))
			said = time.Now()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("redis does not answer: %w", context.Cause(ctx))
		case <-time.After(redisPause):
		}
	}
}

func (t *tracker) closeRedis(context.Context) error {
	if t.store == nil {
		return nil
	}
	return t.store.Close()
}

func (t *tracker) openApp(ctx context.Context) error {
	cfg := app.Config{
		Data: t.cfg.Data.Dir, Policy: t.engine, Observer: t.observe, Logger: t.log.Logger,
		PostgreSQL: app.PostgreSQL{URL: t.cfg.Database.URL.Reveal(), OwnerURL: t.cfg.Database.OwnerURL.Reveal(), Key: t.cfg.TenantKey},
		SessionKey: t.cfg.Keys.Session, SigningKey: t.cfg.Keys.Signing,
	}
	if t.store != nil {
		cfg.Store = t.store
	}
	opened, err := app.New(ctx, cfg)
	if err != nil {
		return err
	}
	t.app.Store(opened)
	return nil
}

func (t *tracker) closeApp(context.Context) error { return t.app.Load().Close() }

// waitForJobs waits for the exports that requests have asked for: they are decided about and audited
// as requests are.
func (t *tracker) waitForJobs(context.Context) error {
	t.app.Load().Wait()
	return nil
}

func (t *tracker) openPolicy(ctx context.Context) error {
	if t.follower == nil {
		return nil
	}
	return t.follower.Start(context.WithoutCancel(ctx))
}

func (t *tracker) closePolicy(context.Context) error {
	if t.follower == nil {
		return nil
	}
	return t.follower.Close()
}

func (t *tracker) openHealth(ctx context.Context) error {
	return t.health.Start(context.WithoutCancel(ctx))
}

// reload reads the configuration again. The level of the log holds at once; a file that was moved
// away is opened anew. A configuration that is wrong changes nothing.
func (t *tracker) reload() {
	cfg, err := t.load()
	if err != nil {
		t.log.Error("reload: nothing has changed", slog.String("error", err.Error()))
		return
	}
	t.log.reload(cfg)
	t.audit.reopen()
	changed := []string{}
	for i, v := range cfg.Values() {
		if old := t.cfg.Values()[i]; old.Text != v.Text && v.Path != "log.level" {
			changed = append(changed, v.Path)
		}
	}
	t.log.Info("reload", slog.String("log_level", cfg.Log.Level), slog.Any("after_a_restart", changed))
}
