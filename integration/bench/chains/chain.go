//go:build unix

package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/casbin/casbin/v2"
	casbinmodel "github.com/casbin/casbin/v2/model"
	"github.com/golang-jwt/jwt/v5"
	echojwt "github.com/labstack/echo-jwt/v4"
	"github.com/labstack/echo/v4"
	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/cachestore"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// chainNames are the chains: net/http and Echo alone with the same routes; Echo alone whose answers are
// kept from caches, as Reeve keeps those to signed-in callers; Reeve with a token, a session in Redis
// behind the cache, and the decision; the same without the cache; and what a service assembles without
// Reeve, with Casbin's cache, which a revoked right outlives, and without.
var chainNames = []string{"net/http", "echo", "echo no-store", "reeve", "reeve: no cache", "echo-jwt+scs+casbin cached", "echo-jwt+scs+casbin"}

// slow are the chains that are not asked about many rules.
var slow = map[string]bool{chainNames[5]: true, chainNames[6]: true}

// built is a chain that serves, what it is asked, and what it has to close.
type built struct {
	handler  http.Handler
	requests []signedRequest
	close    []func() error
}

func (b *built) Close() {
	for _, c := range slices.Backward(b.close) {
		_ = c()
	}
}

// build makes the chain of a name.
func build(ctx context.Context, name, url string, w population) (*built, error) {
	b := &built{}
	signer, err := newSigner()
	if err != nil {
		return nil, err
	}
	switch name {
	case chainNames[0]:
		mux := http.NewServeMux()
		for _, route := range w.routes() {
			mux.HandleFunc("GET "+strings.Replace(route, ":id", "{id}", 1), func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
		}
		b.handler = mux
		return b, b.sign(signer, w)
	case chainNames[1]:
		b.handler = withRoutes(echo.New(), w, answerNothing)
		return b, b.sign(signer, w)
	case chainNames[2]:
		b.handler = withRoutes(echo.New(), w, func(c echo.Context) error {
			c.Response().Header().Set("Cache-Control", middleware.PrivateNoStore)
			return answerNothing(c)
		})
		return b, b.sign(signer, w)
	case chainNames[3], chainNames[4]:
		return b, b.reeve(ctx, signer, url, w, name == chainNames[3])
	case chainNames[5], chainNames[6]:
		return b, b.assembled(ctx, signer, url, w, name == chainNames[5])
	}
	return nil, fmt.Errorf("no chain %q", name)
}

// withRoutes adds every route.
func withRoutes(e *echo.Echo, w population, handler echo.HandlerFunc) *echo.Echo {
	for _, route := range w.routes() {
		e.GET(route, handler)
	}
	return e
}

func answerNothing(c echo.Context) error { return c.NoContent(http.StatusNoContent) }

// sign gives each user a token of a session that nobody asks for.
func (b *built) sign(signer *token.Signer, w population) error {
	for _, p := range w.people() {
		signed, err := signer.Sign(session.Session{
			ID: session.NewID(), Tenant: tenant.MustParse(p.tenant), User: session.MustParseUserID(p.user), ExpiresAt: time.Now().Add(12 * time.Hour),
		})
		if err != nil {
			return err
		}
		b.requests = append(b.requests, signedRequest{Path: p.path, Bearer: signed.Reveal()})
	}
	return nil
}

// reeve is Echo behind Reeve.
func (b *built) reeve(ctx context.Context, signer *token.Signer, url string, w population, near bool) error {
	secret := session.NewSecretKey([]byte(strings.Repeat("k-", 16)))
	store, err := redisstore.Open(url, redisstore.Config{
		NameKey: secret, SealKeys: []session.SecretKey{secret}, Timeout: 5 * time.Second, Prefix: "chains-" + session.NewID().Fingerprint(),
	})
	if err != nil {
		return err
	}
	b.close = append(b.close, store.Close)
	var sessions session.Store = store
	if near {
		cache, err := cachestore.New(cachestore.Config{Store: store, Feed: redisstore.NewFeed(store)})
		if err != nil {
			return err
		}
		if err := cache.Start(ctx); err != nil {
			return err
		}
		b.close = append(b.close, cache.Close)
		sessions = cache
	}
	manager, err := session.NewManager(sessions, session.Config{Key: secret})
	if err != nil {
		return err
	}
	files, err := w.files()
	if err != nil {
		return err
	}
	engine, err := policy.Load(files, policy.Options{})
	if err != nil {
		return err
	}
	verifier, err := token.NewVerifierWithConfig(token.VerifierConfig{Issuers: []token.Issuer{signer.Issuer()}, CacheSize: 1 << 15})
	if err != nil {
		return err
	}
	mw, err := authz.Config{Tokens: verifier, Sessions: manager, Policy: engine, Timeout: 5 * time.Second}.ToMiddleware()
	if err != nil {
		return err
	}
	for t := range w.tenants {
		if err := manager.SetTenantStatus(ctx, tenant.MustParse(fmt.Sprintf("t%d", t)), tenant.Active); err != nil {
			return err
		}
	}
	for _, p := range w.people() {
		s, _, err := manager.Create(ctx, session.SignIn{
			Tenant: tenant.MustParse(p.tenant), User: session.MustParseUserID(p.user), Roles: session.MustRoles(p.role),
		})
		if err != nil {
			return err
		}
		signed, err := signer.Sign(s)
		if err != nil {
			return err
		}
		b.requests = append(b.requests, signedRequest{Path: p.path, Bearer: signed.Reveal()})
	}
	e := echo.New()
	e.Use(mw)
	b.handler = withRoutes(e, w, answerNothing)
	return nil
}

// enforcer answers the assembled chain.
type enforcer interface {
	Enforce(values ...any) (bool, error)
}

// assembled is the chain of a service without Reeve: echo-jwt verifies the token, scs loads
// the session of its cookie from Redis, and Casbin decides.
func (b *built) assembled(ctx context.Context, signer *token.Signer, url string, w population, remember bool) error {
	options, err := redis.ParseURL(url)
	if err != nil {
		return err
	}
	client := redis.NewClient(options)
	b.close = append(b.close, client.Close)
	sessions := scs.New()
	sessions.Store = goredisstore.NewWithPrefix(client, "chains-"+session.NewID().Fingerprint()+":")
	sessions.IdleTimeout = 30 * time.Minute
	m, err := casbinmodel.NewModelFromString(model)
	if err != nil {
		return err
	}
	p, g := w.rows()
	var ask enforcer
	if remember {
		e, err := casbin.NewSyncedCachedEnforcer(m)
		if err != nil {
			return err
		}
		if _, err := e.AddPolicies(p); err != nil {
			return err
		}
		if _, err := e.AddGroupingPolicies(g); err != nil {
			return err
		}
		ask = e
	} else {
		e, err := casbin.NewSyncedEnforcer(m)
		if err != nil {
			return err
		}
		if _, err := e.AddPolicies(p); err != nil {
			return err
		}
		if _, err := e.AddGroupingPolicies(g); err != nil {
			return err
		}
		ask = e
	}
	if err := b.sign(signer, w); err != nil {
		return err
	}
	for i, p := range w.people() {
		sctx, err := sessions.Load(ctx, "")
		if err != nil {
			return err
		}
		sessions.Put(sctx, "tenant", p.tenant)
		sessions.Put(sctx, "user", p.user)
		id, _, err := sessions.Commit(sctx)
		if err != nil {
			return err
		}
		b.requests[i].Cookie = "session=" + id
	}
	e := echo.New()
	e.Use(echo.WrapMiddleware(sessions.LoadAndSave), echojwt.WithConfig(echojwt.Config{SigningKey: publicKey(), SigningMethod: "ES256"}),
		func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				user, domain := sessions.GetString(c.Request().Context(), "user"), sessions.GetString(c.Request().Context(), "tenant")
				claims, _ := c.Get("user").(*jwt.Token).Claims.(jwt.MapClaims)
				if user == "" || claims["sub"] != user || claims["tenant"] != domain {
					return echo.ErrUnauthorized
				}
				ok, err := ask.Enforce(user, domain, c.Request().URL.Path, c.Request().Method)
				if err != nil || !ok {
					return echo.ErrForbidden
				}
				return next(c)
			}
		})
	b.handler = withRoutes(e, w, answerNothing)
	return nil
}
