// Package app is the tracker: organisations with projects, tasks, comments and attachments, a
// worker, and exports that it writes. Each organisation is a tenant.
//
// Three things keep tenants apart, and each does so alone for what it sees: authz.Check refuses
// an object of another tenant, the database has no rows of one, and a job names its tenant under
// a signature.
package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

const (
	issuer        = "reeve-tracker"
	audience      = "reeve-tracker-api"
	tokenLifetime = 15 * time.Minute
)

// Config configures an App.
type Config struct {
	// Data is the folder of SQLite's files. Default: a temporary one, removed by Close.
	Data string

	// PostgreSQL has the data in place of SQLite where its URL is set.
	PostgreSQL PostgreSQL

	// Store keeps the sessions, such as in Redis, where several instances share them. Default: nil,
	// they are in the process, under random keys.
	Store session.Store

	// SessionKey authenticates refresh tokens and SigningKey signs access tokens (HS256), on every
	// instance the same. Required with Store.
	SessionKey, SigningKey session.SecretKey

	// Policy decides, loaded of [PolicyFiles] or of a folder that somebody edits. Default: one of
	// PolicyFiles.
	Policy *policy.Engine

	// Observer is told of every decision. Default: none.
	Observer authz.Observer

	// Tracer is told of the stages of each request. Default: none.
	Tracer middleware.Tracer

	// Unchecked is told of handlers that forget authz.Check. Default: one that logs.
	Unchecked *authz.Unchecked

	// Logger is told of refused requests and failed jobs. Default: [slog.Default].
	Logger *slog.Logger
}

// App is the service. It is safe for concurrent use and must be closed.
type App struct {
	cfg       Config
	engine    *policy.Engine
	sessions  *session.Manager
	tenants   tenant.Statuses
	signer    *token.Signer
	tokens    *token.Verifier
	guard     authz.Config
	signIns   *middleware.SignInLimit
	store     store
	summaries *cache
	worker    *worker
	handlers  map[string]echo.HandlerFunc // by "GET /tasks/:task"
	routes    *echo.Echo
	closers   []func() error // in the order of opening
}

// New opens everything, stores the example data where there is none, and checks that every route
// has a rule. Nothing is left open when it returns an error.
func New(ctx context.Context, cfg Config) (*App, error) {
	a := &App{cfg: cfg, summaries: newCache(tenant.ID.String)}
	if a.cfg.Logger == nil {
		a.cfg.Logger = slog.Default()
	}
	if err := a.open(ctx); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

func (a *App) open(ctx context.Context) error {
	var err error
	if a.engine = a.cfg.Policy; a.engine == nil {
		if a.engine, err = policy.Load(PolicyFiles(), policy.Options{}); err != nil {
			return fmt.Errorf("the policy does not load:\n%w", err)
		}
	}
	if a.signIns, err = middleware.NewSignInLimit(middleware.SignInConfig{}); err != nil {
		return err
	}
	if err := a.openSessions(ctx); err != nil {
		return err
	}
	if err := a.openStore(ctx); err != nil {
		return err
	}
	if err := a.seed(ctx); err != nil {
		return fmt.Errorf("example data: %w", err)
	}
	if a.worker, err = newWorker(a); err != nil {
		return err
	}
	a.closers = append(a.closers, a.worker.close)
	a.handlers = a.listHandlers()
	if err := a.openRoutes(); err != nil {
		return err
	}
	return a.worker.start(a.guard)
}

// PolicyFiles returns the policy that comes with the program.
func PolicyFiles() fs.FS {
	files, err := fs.Sub(policyFiles, "policy")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return files
}

// openSessions keeps sessions and the status of tenants in the process, or where the config says.
func (a *App) openSessions(ctx context.Context) error {
	if a.cfg.Store != nil {
		return a.openShared()
	}
	a.cfg.SessionKey, a.cfg.SigningKey = randomKey(), randomKey()
	var err error
	if a.sessions, err = session.NewManager(memstore.New(), session.Config{Key: a.cfg.SessionKey}); err != nil {
		return err
	}
	a.tenants = a.sessions
	for _, o := range organisations {
		if err := a.sessions.SetTenantStatus(ctx, o.id, tenant.Active); err != nil {
			return err
		}
	}
	return a.openSigner()
}

// openShared keeps sessions in a store that other instances use as well.
func (a *App) openShared() error {
	var known []tenant.ID
	for _, o := range organisations {
		known = append(known, o.id)
	}
	var err error
	if a.sessions, err = session.NewManager(a.cfg.Store, session.Config{Key: a.cfg.SessionKey, Tenants: session.ActiveTenants(known...)}); err != nil {
		return err
	}
	a.tenants = tenants{a.sessions}
	return a.openSigner()
}

func (a *App) openSigner() (err error) {
	a.signer, err = token.NewSigner(token.SignerConfig{Issuer: issuer, Audience: audience, KeyID: "1", Algorithm: token.HS256, Key: a.cfg.SigningKey, Lifetime: tokenLifetime})
	return err
}

// randomKey returns a key that lives as long as the process.
func randomKey() session.SecretKey {
	random := make([]byte, 32)
	rand.Read(random)
	return session.NewSecretKey(random)
}

func (a *App) openStore(ctx context.Context) error {
	if a.cfg.PostgreSQL.URL != "" {
		db, err := openPostgreSQL(ctx, a.cfg.PostgreSQL, a.engine.Attributes(), a.tenants)
		if err != nil {
			return err
		}
		a.store, a.closers = store{db}, append(a.closers, db.close)
		return nil
	}
	dir := a.cfg.Data
	if dir == "" {
		temporary, err := os.MkdirTemp("", "reeve-tracker-")
		if err != nil {
			return err
		}
		a.closers = append(a.closers, func() error { return os.RemoveAll(temporary) })
		dir = temporary
	} else if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	db, err := openSQLite(dir, a.tenants)
	if err != nil {
		return err
	}
	a.store, a.closers = store{db}, append(a.closers, db.close)
	return nil
}

// ServeHTTP serves the API.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.routes.ServeHTTP(w, r) }

// Tokens returns the verifier of access tokens. Issuers of others may be added to it and removed
// while the App serves: their users get sessions by their tokens.
func (a *App) Tokens() *token.Verifier { return a.tokens }

// Ping asks whether the database answers, for a probe of readiness.
func (a *App) Ping(ctx context.Context) error { return a.store.ping(ctx) }

// Close ends the worker and closes what New opened.
func (a *App) Close() error {
	var err error
	for i := len(a.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, a.closers[i]())
	}
	a.closers = nil
	return err
}
