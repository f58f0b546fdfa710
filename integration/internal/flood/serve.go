//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing/fstest"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

const rules = `p, role:authenticated, *, /me, GET, true, allow`

// service is the flooded one.
type service struct {
	manager *session.Manager
	signer  *token.Signer
}

// serve is a service with its sessions in Redis and the limits that the middleware has by
// default. It first tells its address and tokens.
func serve(flags *flag.FlagSet, args []string, o *orders) error {
	near := flags.String("redis", "", "`host:port` of the Redis for the sessions")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := newService(*near)
	if err != nil {
		return err
	}
	handler, err := s.handler()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	h, err := s.hello(l.Addr().String())
	if err != nil {
		return err
	}
	if err := o.out.Encode(h); err != nil {
		return err
	}
	return each(o, func(o order) (any, error) {
		if o.Collect {
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return use{cpu(), m.HeapAlloc}, nil
	})
}

// use is the service's use of the machine.
type use struct {
	CPU  time.Duration
	Heap uint64
}

func newService(redisAddr string) (*service, error) {
	client := redis.NewClient(&redis.Options{
		Addr: redisAddr, PoolSize: max(16, 10*runtime.GOMAXPROCS(0)), ContextTimeoutEnabled: true,
		DialTimeout: time.Second, ReadTimeout: time.Second, WriteTimeout: time.Second, PoolTimeout: time.Second,
		MaxRetries: 1, DisableIdentity: true, PipelinePoolSize: -1,
	})
	secret := session.NewSecretKey(bytes.Repeat([]byte("k-"), 16))
	store, err := redisstore.New(client, redisstore.Config{NameKey: secret, SealKeys: []session.SecretKey{secret}, Timeout: 5 * time.Second})
	if err != nil {
		return nil, err
	}
	s := &service{}
	if s.manager, err = session.NewManager(store, session.Config{Key: secret}); err != nil {
		return nil, err
	}
	s.signer, err = newSigner()
	return s, err
}

// handler is the middleware before /me, and beside it /bare, which answers what a request
// that is refused gets without any of the middleware: what a flood costs at the least.
func (s *service) handler() (http.Handler, error) {
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		return nil, err
	}
	engine, err := policy.Load(fstest.MapFS{
		"model.conf": {Data: model}, "policy.csv": {Data: []byte(rules)}, "attributes.csv": {},
	}, policy.Options{})
	if err != nil {
		return nil, err
	}
	verifier, err := token.NewVerifier(s.signer.Issuer())
	if err != nil {
		return nil, err
	}
	guard, err := authz.Config{Tokens: verifier, Sessions: s.manager, Policy: engine, Timeout: 2 * time.Second}.ToMiddleware()
	if err != nil {
		return nil, err
	}
	e := echo.New()
	e.Use(guard)
	e.GET("/me", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	bare := echo.New()
	problem, _ := middleware.FromError(middleware.ErrOverloaded)
	bare.GET("/bare", func(c echo.Context) error { return middleware.Respond(c.Response(), problem, "api") })
	mux := http.NewServeMux()
	mux.Handle("/", e)
	mux.Handle("/bare", bare)
	return mux, nil
}

// hello is where the service is, and tokens for it.
type hello struct {
	Addr         string
	Acme, Globex string
	Revoked      string   // of a session that acme has revoked
	Forged       string   // names globex's session, and somebody else has signed it
	Invented     []string // likewise, each of a tenant of its own
}

func (s *service) hello(addr string) (*hello, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	h, made := &hello{Addr: addr}, map[string]session.Session{}
	for name, into := range map[string]*string{"acme": &h.Acme, "globex": &h.Globex, "acme again": &h.Revoked} {
		id := tenant.MustParse(strings.Fields(name)[0])
		if err := s.manager.SetTenantStatus(ctx, id, tenant.Active); err != nil {
			return nil, err
		}
		created, _, err := s.manager.Create(ctx, session.SignIn{Tenant: id, User: session.MustParseUserID("alice")})
		if err != nil {
			return nil, err
		}
		if *into, err = sign(s.signer, created); err != nil {
			return nil, err
		}
		made[name] = created
	}
	if err := s.manager.Revoke(ctx, made["acme again"].Ref()); err != nil {
		return nil, err
	}
	forger, err := newSigner()
	if err != nil {
		return nil, err
	}
	if h.Forged, err = sign(forger, made["globex"]); err != nil {
		return nil, err
	}
	for i := range 500 {
		invented := made["globex"]
		invented.Tenant = tenant.MustParse(fmt.Sprintf("invented-%d", i))
		raw, err := sign(forger, invented)
		if err != nil {
			return nil, err
		}
		h.Invented = append(h.Invented, raw)
	}
	return h, nil
}

func newSigner() (*token.Signer, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	return token.NewSigner(token.SignerConfig{
		Issuer: "https://issuer.test", Audience: "api", KeyID: "k1", Algorithm: token.EdDSA, Key: session.NewPrivateKey(key), Lifetime: time.Hour,
	})
}

func sign(by *token.Signer, s session.Session) (string, error) {
	raw, err := by.Sign(s)
	if err != nil {
		return "", err
	}
	return raw.Reveal(), nil
}
