package httpauthz_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/httpauthz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

const rules = `
p, role:anyone,        *,    /public,           GET,  true, allow
p, role:authenticated, *,    /me,               GET,  true, allow
p, role:authenticated, *,    /t/:tenant/me,     GET,  true, allow
p, role:authenticated, *,    //own.test/me,     GET,  true, allow
p, role:authenticated, *,    /files/*,          GET,  true, allow
p, role:authenticated, *,    /dir/,             GET,  true, allow
p, role:authenticated, *,    /pay,              POST, true, allow
p, role:authenticated, *,    /bound,            GET,  true, allow
p, role:authenticated, *,    /events,           GET,  true, allow
p, role:authenticated, *,    /fails,            GET,  true, allow
p, role:viewer,        *,    /notes/:id,        GET,  true, allow
p, role:editor,        *,    /notes/:id,        PUT,  true, allow
p, role:authenticated, *,    /checked,          GET,  true, allow
p, role:authenticated, *,    /refused,          GET,  true, allow
p, role:authenticated, *,    /unfound,          GET,  true, allow
p, role:authenticated, *,    /factor,           GET,  true, allow
p, role:authenticated, *,    /acr,              GET,  true, allow
p, role:anyone,        *,    /login,            POST, true, allow
p, role:anyone,        *,    /logout,           POST, true, allow
p, role:viewer,        *,    note,              read, true, allow
p, role:editor,        *,    note,              update, true, allow
`

const cookie = "__Host-session"

var (
	acme  = tenant.MustParse("acme")
	alice = session.MustParseUserID("alice")
)

// fixture is one service behind two doors: the same config, routes and sessions.
type fixture struct {
	t       testing.TB
	store   *flakyStore
	manager *session.Manager
	signer  *token.Signer
	tokens  *token.Verifier
	key     session.SecretKey
	engine  *policy.Engine
	mux     *httpauthz.Mux
	echo    *echo.Echo
	reached atomic.Int64
	events  []authz.Event
}

// flakyStore can fail.
type flakyStore struct {
	session.Store
	fail atomic.Pointer[error]
}

func (s *flakyStore) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	if err := s.fail.Load(); err != nil {
		return session.Session{}, *err
	}
	return s.Store.Load(ctx, ref)
}

func loadEngine(t testing.TB, csv string) *policy.Engine {
	t.Helper()
	e, err := policy.Load(files(t, csv), policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func newFixture(t testing.TB, change ...func(*authz.Config)) *fixture {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &fixture{t: t, store: &flakyStore{Store: memstore.New()}, engine: loadEngine(t, rules), key: session.NewPrivateKey(private)}
	w.manager, err = session.NewManager(w.store, session.Config{Key: session.NewSecretKey([]byte(strings.Repeat("k-", 16)))})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.manager.SetTenantStatus(t.Context(), acme, tenant.Active); err != nil {
		t.Fatal(err)
	}
	w.signer, err = token.NewSigner(token.SignerConfig{
		Issuer: "https://issuer.test", Audience: "api", KeyID: "k1", Algorithm: token.EdDSA, Key: w.key, Lifetime: 10 * time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	issuer := w.signer.Issuer()
	issuer.Logout = &token.LogoutConfig{Audience: "client"}
	if w.tokens, err = token.NewVerifier(issuer); err != nil {
		t.Fatal(err)
	}
	cfg := authz.Config{
		Tokens: w.tokens, Sessions: w.manager, Policy: w.engine, Cookie: cookie,
		Tenant:   []middleware.Locator{middleware.TenantHeader("X-Tenant"), middleware.TenantParam("tenant")},
		Observer: func(_ context.Context, e authz.Event) { w.events = append(w.events, e) },
		Timeout:  20 * time.Second, // a busy machine must not look like an outage
		Logger:   slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&cfg)
	}
	if w.mux, err = httpauthz.NewMux(cfg); err != nil {
		t.Fatal(err)
	}
	w.echo = echo.New()
	w.echo.Use(authz.Middleware(cfg))
	w.routes()
	return w
}

// routes registers the same handlers at both doors.
func (w *fixture) routes() {
	both := func(pattern, template string, h httpauthz.HandlerFunc, require authz.Requirement, of echo.MiddlewareFunc) {
		method, _, _ := strings.Cut(pattern, " ")
		var own []authz.Requirement
		var mw []echo.MiddlewareFunc
		if require != nil {
			own, mw = append(own, require), append(mw, of)
		}
		w.mux.HandleFunc(pattern, h, own...)
		w.echo.Add(method, template, func(c echo.Context) error { return h(c.Response(), c.Request()) }, mw...)
	}
	ok := func(rw http.ResponseWriter, r *http.Request) error {
		w.reached.Add(1)
		caller, _ := authz.FromContext(r.Context())
		_, err := fmt.Fprintf(rw, "%s %s/%s\n", r.URL.EscapedPath(), caller.Tenant(), caller.User())
		return err
	}
	note := func(rw http.ResponseWriter, r *http.Request) error {
		if _, err := authz.Check(r.Context(), "read", authz.Object{Type: "note", ID: "1", Tenant: acme}); err != nil {
			return err
		}
		return ok(rw, r)
	}
	both("GET /public", "/public", ok, nil, nil)
	both("GET /me", "/me", ok, nil, nil)
	both("GET /t/{tenant}/me", "/t/:tenant/me", ok, nil, nil)
	both("GET /files/{rest...}", "/files/*", ok, nil, nil)
	both("GET /dir/{$}", "/dir/", ok, nil, nil)
	both("GET /notes/{id}", "/notes/:id", note, nil, nil)
	both("PUT /notes/{id}", "/notes/:id", ok, nil, nil)
	both("GET /unruled", "/unruled", ok, nil, nil)
	both("POST /pay", "/pay", ok, authz.MaxAge(time.Hour), authz.RequireMaxAge(time.Hour))
	both("GET /bound", "/bound", ok, authz.BoundToken(), authz.RequireDPoP())
	both("GET /events", "/events", ok, authz.Streaming(), authz.Stream())
	object := func(*http.Request) (authz.Object, error) {
		return authz.Object{Type: "note", ID: "1", Tenant: acme}, nil
	}
	of := func(find func(*http.Request) (authz.Object, error)) func(echo.Context) (authz.Object, error) {
		return func(c echo.Context) (authz.Object, error) { return find(c.Request()) }
	}
	unfound := func(*http.Request) (authz.Object, error) { return authz.Object{}, authz.ErrHidden }
	both("GET /checked", "/checked", ok, authz.ObjectCheck("read", object), authz.Require("read", of(object)))
	both("GET /refused", "/refused", ok, authz.ObjectCheck("update", object), authz.Require("update", of(object)))
	both("GET /unfound", "/unfound", ok, authz.ObjectCheck("read", unfound), authz.Require("read", of(unfound)))
	both("GET /factor", "/factor", ok, authz.AMR("hwk"), authz.RequireAMR("hwk"))
	both("GET /acr", "/acr", ok, authz.ACR("gold"), authz.RequireACR("gold"))
	both("POST /login", "/login", ok, authz.SignInOrigin(), authz.SameOrigin())
	logout := authz.LogoutConfig{Tokens: w.tokens, Sessions: w.manager, Replay: memstore.NewReplay(0)}
	handler, err := authz.NewLogoutHandler(logout)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mux.Handle("POST /logout", handler)
	w.echo.POST("/logout", authz.BackchannelLogout(logout))
	both("GET /fails", "/fails", func(http.ResponseWriter, *http.Request) error {
		return fmt.Errorf("hunter2: %w", middleware.ErrInvalidValue)
	}, nil, nil)
	w.mux.HandleFunc("GET own.test/me", ok)
	w.echo.Host("own.test").GET("/me", func(c echo.Context) error { return ok(c.Response(), c.Request()) })
}

func (w *fixture) login(roles ...string) (string, session.Session) {
	w.t.Helper()
	s, _, err := w.manager.Create(context.Background(), session.SignIn{Tenant: acme, User: alice, Roles: session.MustRoles(roles...)})
	if err != nil {
		w.t.Fatal(err)
	}
	signed, err := w.signer.Sign(s)
	if err != nil {
		w.t.Fatal(err)
	}
	return signed.Reveal(), s
}

// ask sends one request to a door.
func ask(h http.Handler, method, target string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for name, values := range header {
		if name == "Host" {
			r.Host = values[0]
			continue
		}
		r.Header[name] = values
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}

func (w *fixture) verifier() *token.Verifier {
	w.t.Helper()
	v, err := token.NewVerifier(w.signer.Issuer())
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func files(t testing.TB, csv string) fs.FS {
	t.Helper()
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{"model.conf": {Data: model}, "policy.csv": {Data: []byte(csv)}}
}
