package main

import (
	"context"
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
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/token"
)

// The tokens' issuer and audience are names, not addresses: instances that share keys
// accept each other's tokens wherever they listen.
const (
	issuer        = "reeve-quickstart"
	audience      = "reeve-quickstart-api"
	tokenLifetime = 15 * time.Minute
)

// config configures an app.
type config struct {
	policies fs.FS
	redis    string // URL; "" keeps sessions in the process
	data     string // folder; "" is a temporary one
	activate string // tenant whose status was lost
	logger   *slog.Logger
}

// app is the service. It is safe for concurrent use and must be closed.
type app struct {
	logger    *slog.Logger
	routes    *echo.Echo
	engine    *policy.Engine
	policies  fs.FS
	accounts  []account
	directory *directory
	remembers bool   // whether sessions outlive the process
	activate  string // tenant whose status was lost
	signIns   *middleware.SignInLimit
	sessions  *session.Manager
	ping      func(context.Context) error // asks the session store
	signer    *token.Signer
	jwks      []byte
	invoices  *invoices
	closers   []func() error // in the order of opening

	authenticate func(all []account, tenant, user, password string) (account, bool)
}

// newApp opens everything and checks that every route has a rule. Nothing is left open
// when it returns an error.
func newApp(ctx context.Context, cfg config) (*app, error) {
	a := &app{logger: cfg.logger, policies: cfg.policies, remembers: cfg.redis != "", activate: cfg.activate, accounts: accounts(), authenticate: authenticate}
	if err := a.open(ctx, cfg); err != nil {
		return nil, errors.Join(err, a.closeAll())
	}
	return a, nil
}

func (a *app) open(ctx context.Context, cfg config) error {
	var err error
	if a.engine, err = policy.Load(cfg.policies, policy.Options{}); err != nil {
		return fmt.Errorf("the policy does not load:\n%w", err)
	}
	if a.signIns, err = middleware.NewSignInLimit(middleware.SignInConfig{}); err != nil {
		return err
	}
	dir, err := a.folder(cfg.data)
	if err != nil {
		return err
	}
	secrets, err := loadKeys(dir)
	if err != nil {
		return err
	}
	if err := a.openSigner(secrets); err != nil {
		return err
	}
	if a.directory, err = openDirectory(ctx, dir); err != nil {
		return err
	}
	a.closers = append(a.closers, a.directory.close)
	if err := a.openSessions(ctx, cfg, secrets); err != nil {
		return err
	}
	if a.invoices, err = openInvoices(ctx, dir); err != nil {
		return err
	}
	a.closers = append(a.closers, a.invoices.close)
	return a.openRoutes()
}

// folder returns the data folder, made when it is missing.
func (a *app) folder(dir string) (string, error) {
	if dir != "" {
		return dir, os.MkdirAll(dir, 0o700)
	}
	dir, err := os.MkdirTemp("", "reeve-quickstart-")
	if err != nil {
		return "", err
	}
	a.closers = append(a.closers, func() error { return os.RemoveAll(dir) })
	return dir, nil
}

func (a *app) openSigner(secrets keys) error {
	key, id := secrets.signing()
	signer, err := token.NewSigner(token.SignerConfig{
		Issuer:    issuer,
		Audience:  audience,
		KeyID:     id,
		Algorithm: token.EdDSA,
		Key:       key,
		Lifetime:  tokenLifetime,
	})
	if err != nil {
		return err
	}
	a.signer = signer
	a.jwks, err = signer.JWKS()
	return err
}

func (a *app) openSessions(ctx context.Context, cfg config, secrets keys) error {
	store, err := a.openStore(cfg.redis, secrets)
	if err != nil {
		return err
	}
	if err := a.ping(ctx); err != nil {
		if errors.Is(err, redisstore.ErrMisconfigured) {
			return fmt.Errorf("Redis at %s cannot be used: %w", redisHost(cfg.redis), err)
		}
		return fmt.Errorf("Redis at %s cannot be reached: %w", redisHost(cfg.redis), err)
	}
	if a.sessions, err = session.NewManager(store, session.Config{Key: secrets.Session}); err != nil {
		return err
	}
	return a.setUpTenants(ctx)
}

func (a *app) openStore(redisURL string, secrets keys) (session.Store, error) {
	if redisURL == "" {
		a.ping = func(context.Context) error { return nil }
		return memstore.New(), nil
	}
	store, err := redisstore.Open(redisURL, redisstore.Config{
		NameKey:  secrets.RedisName,
		SealKeys: []session.SecretKey{secrets.RedisSeal},
		Prefix:   "quickstart",
		Logger:   a.logger,
	})
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, store.Close)
	a.ping = store.Ping
	return store, nil
}

// openRoutes puts Reeve in front of every route. The policy says who may use which.
func (a *app) openRoutes() error {
	verifier, err := token.NewVerifier(a.signer.Issuer())
	if err != nil {
		return err
	}
	guard, err := authz.Config{
		Tokens:   verifier,
		Sessions: a.sessions,
		Policy:   a.engine,
		Tenant:   []middleware.Locator{middleware.TenantHeader("X-Tenant")},
		Realm:    realm,
		Observer: observe,
		Logger:   slog.New(slog.DiscardHandler), // each request's own line says why
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, p middleware.Problem, cause error) {
			noteCause(r.Context(), cause)
			if err := middleware.Respond(w, p, realm); err != nil {
				noteCause(r.Context(), err)
			}
		},
	}.ToMiddleware()
	if err != nil {
		return err
	}
	e := echo.New()
	e.HTTPErrorHandler = answerError
	e.Use(logRequests(a.logger, a.engine), guard)

	e.POST("/login", a.login, authz.SameOrigin())
	e.POST("/refresh", a.refresh)
	e.POST("/logout", a.logout)
	e.POST("/logout/all", a.logoutAll)
	e.POST("/invoices", a.createInvoice)
	e.PUT("/invoices/:id", a.updateInvoice)
	e.DELETE("/invoices/:id", a.deleteInvoice)
	for path, handler := range map[string]echo.HandlerFunc{
		"/me":                    a.me,
		"/invoices":              a.listInvoices,
		"/invoices/:id":          a.getInvoice,
		"/.well-known/jwks.json": a.keySet,
		"/livez":                 a.live,
		"/readyz":                a.ready,
	} {
		e.GET(path, handler)
		e.HEAD(path, handler)
	}
	a.routes = e
	return authz.Verify(e, a.engine)
}

// reload reads the policy again. One that does not load, or that leaves a route without a
// rule, is reported; the first never serves.
func (a *app) reload() {
	old := a.engine.Revision()
	if err := a.engine.Reload(a.policies); err != nil {
		a.logger.Error("policy does not load, the old one serves", "revision", old, "error", err)
		return
	}
	a.logger.Info("policy loaded", "old_revision", old, "revision", a.engine.Revision())
	if err := authz.VerifyRoutes(a.routes, a.engine); err != nil {
		a.logger.Warn("policy does not fit the routes", "error", err)
	}
}

// close closes what newApp opened and logs what fails.
func (a *app) close() {
	if err := a.closeAll(); err != nil {
		a.logger.Error("close", "error", err)
	}
}

func (a *app) closeAll() error {
	var err error
	for i := len(a.closers) - 1; i >= 0; i-- {
		err = errors.Join(err, a.closers[i]())
	}
	return err
}
