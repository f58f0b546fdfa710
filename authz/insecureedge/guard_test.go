package insecureedge_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/httpauthz"
	"github.com/reevehq/reeve/authz/insecureedge"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// losable is a store that can be lost.
type losable struct {
	session.Store
	lost atomic.Bool
}

func (s *losable) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	if s.lost.Load() {
		return session.Session{}, session.ErrUnavailable
	}
	return s.Store.Load(ctx, ref)
}

// service is one behind a guard with an edge.
type service struct {
	*fixture
	store   *losable
	manager *session.Manager
	mux     *httpauthz.Mux
	engine  *policy.Engine
	cfg     authz.Config
	token   string
	events  []authz.Event
}

func newService(t *testing.T) *service {
	t.Helper()
	sv := &service{fixture: newFixture(t), store: &losable{Store: memstore.New()}}
	key, _ := newKey(t)
	var err error
	if sv.manager, err = session.NewManager(sv.store, session.Config{Key: session.NewSecretKey([]byte(strings.Repeat("k-", 16)))}); err != nil {
		t.Fatal(err)
	}
	if err := sv.manager.SetTenantStatus(t.Context(), acme, tenant.Active); err != nil {
		t.Fatal(err)
	}
	signer, err := token.NewSigner(token.SignerConfig{Issuer: "https://issuer.test", Audience: "api", KeyID: "k1", Algorithm: token.EdDSA, Key: key, Lifetime: 10 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(signer.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	if sv.engine, err = policy.LoadBundle(bundle(t, rules+"p, role:viewer, *, /only, GET, true, allow\n"), policy.Options{}); err != nil {
		t.Fatal(err)
	}
	node, err := insecureedge.NewNode(insecureedge.NodeConfig{
		Feed: sv.feed, Keys: []ed25519.PublicKey{sv.key.Signer().Public().(ed25519.PublicKey)},
		Routes: []string{"GET /notes/:id", "GET /notes", "GET /only"},
	})
	if err != nil {
		t.Fatal(err)
	}
	sv.node = node
	insecureedge.SetClock(node, sv.clock)
	signed, err := insecureedge.SignPolicy(sv.key, bundle(t, rules), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := node.AcceptPolicy(signed); err != nil {
		t.Fatal(err)
	}
	s, _, err := sv.manager.Create(t.Context(), session.SignIn{Tenant: acme, User: alice, Roles: session.MustRoles("viewer")})
	if err != nil {
		t.Fatal(err)
	}
	sv.s = s
	access, err := signer.Sign(s)
	if err != nil {
		t.Fatal(err)
	}
	sv.token = access.Reveal()
	sv.cfg = authz.Config{
		Tokens: verifier, Sessions: sv.manager, Policy: sv.engine, InsecureEdge: node, Timeout: 20 * time.Second,
		Tenant: []middleware.Locator{middleware.TenantHeader("X-Tenant")}, Cookie: "__Host-session",
		Logger:   slog.New(slog.DiscardHandler),
		Observer: func(_ context.Context, e authz.Event) { sv.events = append(sv.events, e) },
	}
	if sv.mux, err = httpauthz.NewMux(sv.cfg); err != nil {
		t.Fatal(err)
	}
	note := authz.Object{Type: "note", ID: "1", Tenant: acme}
	sv.mux.HandleFunc("GET /notes/{id}", func(_ http.ResponseWriter, r *http.Request) error {
		caller, _ := authz.FromContext(r.Context())
		if lost := sv.store.lost.Load(); caller.Edge() != lost {
			t.Errorf("the caller says that the store is lost: %t, want %t", caller.Edge(), lost)
		}
		_, err := authz.Check(r.Context(), "read", note)
		return err
	})
	sv.mux.HandleFunc("GET /notes", func(_ http.ResponseWriter, r *http.Request) error {
		_, err := authz.Filter(r.Context(), "read", "note")
		return err
	})
	ok := func(http.ResponseWriter, *http.Request) error { return nil }
	sv.mux.HandleFunc("POST /notes", ok)
	sv.mux.HandleFunc("GET /other", ok)
	sv.mux.HandleFunc("GET /only", ok)
	return sv
}

func (sv *service) ask(method, target string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, http.NoBody)
	r.Header.Set("Authorization", "Bearer "+sv.token)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	sv.mux.ServeHTTP(rec, r)
	return rec
}

// lose has the node see the session, and lose the store with a good list in its hands.
func (sv *service) lose() {
	sv.t.Helper()
	if rec := sv.ask("GET", "/notes/1"); rec.Code != 200 || rec.Header().Get(authz.EdgeHeader) != "" {
		sv.t.Fatal(rec.Code, rec.Header())
	}
	sv.clock.Pass(time.Second)
	sv.mustAccept(sv.list())
	sv.store.lost.Store(true)
	sv.events = nil
}

func TestOnlyListedGetRoutesAreDecidedInAnOutage(t *testing.T) {
	sv := newService(t)
	sv.lose()
	for name, row := range map[string]struct {
		method, target string
		headers        []string
		want           int
	}{
		"a listed route":                           {"GET", "/notes/1", nil, 200},
		"HEAD":                                     {"HEAD", "/notes/1", nil, 503},
		"a route that is not listed":               {"GET", "/other", nil, 503},
		"another method of a listed one":           {"POST", "/notes", nil, 503},
		"a path that no route serves":              {"GET", "/nowhere", nil, 503},
		"a list that is filtered":                  {"GET", "/notes", nil, 503},
		"a route that the signed policy refuses":   {"GET", "/only", nil, 403},
		"a connection that is to outlive the list": {"GET", "/notes/1", []string{"Upgrade", "websocket"}, 503},
		"another tenant":                           {"GET", "/notes/1", []string{"X-Tenant", "globex"}, 403},
	} {
		sv.events = nil
		rec := sv.ask(row.method, row.target, row.headers...)
		if rec.Code != row.want {
			t.Errorf("%s: %d, want %d", name, rec.Code, row.want)
		}
		if rec.Header().Get(authz.EdgeHeader) != "1" {
			t.Errorf("%s: the answer is not marked", name)
		}
		if len(sv.events) == 0 {
			t.Errorf("%s: no event", name)
		}
		for _, e := range sv.events {
			if !e.Edge || !strings.Contains(e.LogValue().String(), "edge=true") {
				t.Errorf("%s: an event is not marked: %+v", name, e)
			}
		}
	}
	sv.clock.Pass(time.Minute)
	if rec := sv.ask("GET", "/notes/1"); rec.Code != 503 || rec.Header().Get("Retry-After") == "" {
		t.Errorf("after the list: %d", rec.Code)
	}
	sv.store.lost.Store(false)
	if rec := sv.ask("GET", "/notes/1"); rec.Code != 200 || rec.Header().Get(authz.EdgeHeader) != "" {
		t.Errorf("the store is back: %d", rec.Code)
	}
	if err := sv.manager.Revoke(t.Context(), sv.s.Ref()); err != nil {
		t.Fatal(err)
	}
	if rec := sv.ask("GET", "/notes/1"); rec.Code != 401 {
		t.Errorf("a revoked session: %d", rec.Code)
	}
	sv.clock.Pass(time.Second)
	sv.mustAccept(sv.list())
	sv.store.lost.Store(true)
	if rec := sv.ask("GET", "/notes/1"); rec.Code != 503 {
		t.Errorf("a session that was revoked before the cut: %d", rec.Code)
	}
}

func TestHowTheUserSignedInIsNotDecidedInAnOutage(t *testing.T) {
	sv := newService(t)
	mux, err := httpauthz.NewMux(sv.cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux.HandleFunc("GET /notes/{id}", func(http.ResponseWriter, *http.Request) error { return nil }, authz.MaxAge(time.Hour))
	sv.mux = mux
	sv.lose()
	if rec := sv.ask("GET", "/notes/1"); rec.Code != 503 {
		t.Errorf("a route for recent sign-ins: %d", rec.Code)
	}
}

func TestACookieIsDecidedOnLikeATokenInAnOutage(t *testing.T) {
	sv := newService(t)
	sv.lose()
	r := httptest.NewRequest("GET", "/notes/1", http.NoBody)
	r.Header.Set("Cookie", "__Host-session="+sv.token)
	rec := httptest.NewRecorder()
	sv.mux.ServeHTTP(rec, r)
	if rec.Code != 200 || rec.Header().Get(authz.EdgeHeader) != "1" {
		t.Errorf("%d", rec.Code)
	}
}

func TestWithoutAnEdgeAnOutageIs503(t *testing.T) {
	sv := newService(t)
	sv.cfg.InsecureEdge = nil
	mux, err := httpauthz.NewMux(sv.cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux.HandleFunc("GET /notes/{id}", func(http.ResponseWriter, *http.Request) error { return nil })
	sv.mux = mux
	if rec := sv.ask("GET", "/notes/1"); rec.Code != 200 {
		t.Fatal(rec.Code)
	}
	sv.store.lost.Store(true)
	if rec := sv.ask("GET", "/notes/1"); rec.Code != 503 {
		t.Errorf("%d", rec.Code)
	}
	sv.cfg.InsecureEdge = (*insecureedge.Node)(nil)
	if _, err := httpauthz.NewMux(sv.cfg); err == nil || !strings.Contains(err.Error(), "InsecureEdge") {
		t.Errorf("a nil node: %v", err)
	}
}

func TestVerifyRefusesAnEdgeThatNobodyNames(t *testing.T) {
	sv := newService(t)
	named := authz.InsecureEdgeRoutes("GET /notes/:id", "GET /notes", "GET /only")
	e := echo.New()
	e.Use(authz.Middleware(sv.cfg))
	nothing := func(echo.Context) error { return nil }
	for _, path := range []string{"/notes/:id", "/notes", "/other", "/only"} {
		e.GET(path, nothing)
	}
	e.POST("/notes", nothing)
	e.GET("/own", nothing)
	sv.mux.HandleFunc("GET /own", func(http.ResponseWriter, *http.Request) error { return nil })
	for door, verify := range map[string]func(...authz.VerifyOption) error{
		"net/http": func(o ...authz.VerifyOption) error { return httpauthz.Verify(sv.mux, sv.mux, sv.engine, o...) },
		"Echo":     func(o ...authz.VerifyOption) error { return authz.Verify(e, sv.engine, o...) },
	} {
		if err := verify(named); err != nil {
			t.Errorf("%s: named in full: %v", door, err)
		}
		for name, row := range map[string]struct {
			options []authz.VerifyOption
			want    string
		}{
			"nobody names it":     {nil, "GET /notes/:id is decided in an outage, and InsecureEdgeRoutes does not name it"},
			"one is not named":    {[]authz.VerifyOption{authz.InsecureEdgeRoutes("GET /notes/:id", "GET /notes")}, "GET /only is decided in an outage"},
			"one is named beside": {[]authz.VerifyOption{authz.InsecureEdgeRoutes("GET /notes/:id", "GET /notes", "GET /only", "GET /other")}, "GET /other is named by InsecureEdgeRoutes, and is not"},
		} {
			if err := verify(row.options...); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%s: %s: %v", door, name, err)
			}
		}
	}
}

// TestAStaleSessionIsNotDecidedOnByItsRolesFromBefore: the store answers, and who says which roles
// the user has does not.
func TestAStaleSessionIsNotDecidedOnByItsRolesFromBefore(t *testing.T) {
	sv := newService(t)
	asked := session.Config{Key: session.NewSecretKey([]byte(strings.Repeat("k-", 16)))}
	asked.Grants = func(context.Context, tenant.ID, session.UserID) (session.Grants, error) {
		return session.Grants{}, errors.New("the directory is down")
	}
	manager, err := session.NewManager(sv.store, asked)
	if err != nil {
		t.Fatal(err)
	}
	sv.cfg.Sessions = manager
	if sv.mux, err = httpauthz.NewMux(sv.cfg); err != nil {
		t.Fatal(err)
	}
	sv.mux.HandleFunc("GET /notes/{id}", func(http.ResponseWriter, *http.Request) error { return nil })
	sv.lose()
	if rec := sv.ask("GET", "/notes/1"); rec.Code != 200 {
		t.Fatalf("%d", rec.Code)
	}
	sv.store.lost.Store(false)
	if err := manager.Stale(t.Context(), acme, alice); err != nil {
		t.Fatal(err)
	}
	if rec := sv.ask("GET", "/notes/1"); rec.Code != 503 || rec.Header().Get(authz.EdgeHeader) != "" {
		t.Errorf("the directory is down, and a stale session is answered %d", rec.Code)
	}
	sv.store.lost.Store(true)
	if rec := sv.ask("GET", "/notes/1"); rec.Code != 503 {
		t.Errorf("the store is lost too, and a session that is known to be stale is answered %d", rec.Code)
	}
}
