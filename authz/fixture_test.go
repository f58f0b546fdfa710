package authz_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

var (
	acme   = tenant.MustParse("acme")
	globex = tenant.MustParse("globex")
	alice  = session.MustParseUserID("alice")
)

const rules = `
p, role:anyone,        *,    /public,        GET,    true, allow
p, role:anyone,        *,    /public,        POST,   true, allow
p, role:authenticated, *,    /me,            GET,    true, allow
p, role:authenticated, *,    /me,            POST,   true, allow
p, role:authenticated, *,    //own.test/me,  GET,    true, allow
p, role:viewer,        *,    /notes/:id,     GET,    true, allow
p, role:editor,        *,    /notes/:id,     PUT,    true, allow
p, role:viewer,        *,    note,           read,   true, allow
p, role:editor,        *,    note,           update, r.obj.owner == r.sub.id, allow
p, role:viewer,        acme, note:13,        read,   true, deny
g, role:editor, role:viewer, *
`

const attributes = `
note, owner, string, no, owner
`

// policyFiles is the standard model with a policy of notes.
func policyFiles(policyCSV string) fstest.MapFS {
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		panic(err) // it is embedded
	}
	return fstest.MapFS{
		"model.conf":     {Data: model},
		"policy.csv":     {Data: []byte(policyCSV)},
		"attributes.csv": {Data: []byte(attributes)},
	}
}

func engine(t testing.TB, policyCSV string) *policy.Engine {
	t.Helper()
	e, err := policy.Load(policyFiles(policyCSV), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// fixture is a service with everything real but Redis.
type fixture struct {
	t       testing.TB
	echo    *echo.Echo
	store   *countingStore
	manager *session.Manager
	signer  *token.Signer
	engine  *policy.Engine
	reached atomic.Int64 // requests that a handler saw
	events  []authz.Event
	caller  *authz.Caller // of the last request to /me
}

type option func(*authz.Config)

func newFixture(t testing.TB, options ...option) *fixture {
	t.Helper()
	w := &fixture{t: t, echo: echo.New(), store: &countingStore{Store: memstore.New()}, engine: engine(t, rules)}
	var err error
	if w.manager, err = session.NewManager(w.store, session.Config{Key: session.NewSecretKey([]byte(strings.Repeat("k-", 16)))}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []tenant.ID{acme, globex} {
		if err := w.manager.SetTenantStatus(t.Context(), id, tenant.Active); err != nil {
			t.Fatal(err)
		}
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	w.signer, err = token.NewSigner(token.SignerConfig{
		Issuer: "https://issuer.test", Audience: "api", KeyID: "k1", Algorithm: token.EdDSA, Key: session.NewPrivateKey(key), Lifetime: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(w.signer.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	cfg := authz.Config{
		Tokens: verifier, Sessions: w.manager, Policy: w.engine,
		Tenant:   []middleware.Locator{middleware.TenantHeader("X-Tenant")},
		Observer: func(_ context.Context, e authz.Event) { w.events = append(w.events, e) },
		Timeout:  20 * time.Second, // a busy machine must not look like an outage
		Logger:   slog.New(slog.DiscardHandler),
	}
	for _, o := range options {
		o(&cfg)
	}
	w.echo.Use(authz.Middleware(cfg))
	w.routes()
	w.store.calls.Store(0)
	return w
}

func (w *fixture) routes() {
	ok := func(c echo.Context) error {
		w.reached.Add(1)
		return c.String(http.StatusOK, "ok\n")
	}
	w.echo.GET("/public", ok)
	w.echo.POST("/public", ok)
	w.echo.POST("/me", ok)
	w.echo.GET("/me", func(c echo.Context) error {
		w.reached.Add(1)
		caller, _ := authz.FromContext(c.Request().Context())
		w.caller = caller
		return c.String(http.StatusOK, caller.Tenant().String()+"/"+caller.User().String()+"\n")
	})
	note := func(c echo.Context) (authz.Object, error) {
		return authz.Object{Type: "note", ID: c.Param("id"), Tenant: acme, Attributes: authz.Values{"owner": "alice"}}, nil
	}
	w.echo.GET("/notes/:id", ok, authz.Require("read", note))
	w.echo.PUT("/notes/:id", ok, authz.Require("update", note))
	w.echo.GET("/unruled", ok)
}

// login returns a token for a new session of the user, with the given roles.
func (w *fixture) login(t tenant.ID, u session.UserID, roles ...string) (string, session.Session) {
	w.t.Helper()
	s, _, err := w.manager.Create(context.Background(), session.SignIn{Tenant: t, User: u, Roles: session.MustRoles(roles...)})
	if err != nil {
		w.t.Fatal(err)
	}
	return w.sign(s), s
}

func (w *fixture) sign(s session.Session) string {
	w.t.Helper()
	signed, err := w.signer.Sign(s)
	if err != nil {
		w.t.Fatal(err)
	}
	return signed.Reveal()
}

type headers map[string]string

func (w *fixture) do(method, target, bearer string, extra ...headers) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(method, target, nil)
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	for _, h := range extra {
		for k, v := range maps.All(h) {
			r.Header.Set(k, v)
		}
	}
	rec := httptest.NewRecorder()
	w.echo.ServeHTTP(rec, r)
	return rec
}

// want checks the status, and that a refusal reached no handler and keeps its manners.
func (w *fixture) want(rec *httptest.ResponseRecorder, status int, problem string) {
	w.t.Helper()
	if rec.Code != status {
		w.t.Errorf("got %d %s, want %d", rec.Code, rec.Body, status)
		return
	}
	if problem == "" {
		return
	}
	if got := rec.Header().Get("Content-Type"); got != "application/problem+json" {
		w.t.Errorf("content type is %q", got)
	}
	if !strings.Contains(rec.Body.String(), `"/problems/`+problem+`"`) {
		w.t.Errorf("body is %s, want problem %s", rec.Body, problem)
	}
	if rec.Header().Get("Cache-Control") != "no-store" {
		w.t.Error("a refusal may be cached")
	}
	if len(rec.Header().Values("Set-Cookie")) > 0 {
		w.t.Error("a refusal sets a cookie")
	}
	if n := w.reached.Load(); n != 0 {
		w.t.Errorf("%d refused requests reached a handler", n)
	}
}

// countingStore counts calls and can fail.
type countingStore struct {
	session.Store
	calls atomic.Int64
	fail  atomic.Pointer[error]
	swap  atomic.Pointer[session.Session] // is the answer to everything
}

func (s *countingStore) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	s.calls.Add(1)
	if err := s.fail.Load(); err != nil {
		return session.Session{}, *err
	}
	if other := s.swap.Load(); other != nil {
		return *other, nil
	}
	return s.Store.Load(ctx, ref)
}

func (s *countingStore) Adopt(ctx context.Context, a session.Adoption) (session.Session, error) {
	s.calls.Add(1)
	if err := s.fail.Load(); err != nil {
		return session.Session{}, *err
	}
	if other := s.swap.Load(); other != nil {
		return *other, nil
	}
	return s.Store.Adopt(ctx, a)
}

var errDown = errors.Join(session.ErrUnavailable, errors.New("dial tcp: refused, password=hunter2"))
