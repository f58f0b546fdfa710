package forwardauth_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/forwardauth"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

const rules = `
p, role:anyone,        *, /public,            GET,     true, allow
p, role:anyone,        *, /notes/:id,         OPTIONS, true, allow
p, role:viewer,        *, /notes/:id,         GET,     true, allow
p, role:editor,        *, /notes/:id,         PUT,     true, allow
p, role:viewer,        *, /files/*,           GET,     true, allow
p, role:viewer,        *, /dir/,              GET,     true, allow
p, role:admin,         *, /admin,             GET,     true, allow
p, role:viewer,        *, //own.test/notes,   GET,     true, allow
`

var routes = []string{
	"GET /public", "OPTIONS /notes/:id", "GET /notes/:id", "PUT /notes/:id", "GET /files/*", "GET /dir/", "GET /admin", "GET //own.test/notes",
}

const cookie = "__Host-session"

var acme = tenant.MustParse("acme")

// fixture is a server that proxies ask.
type fixture struct {
	t       testing.TB
	store   *faultyStore
	manager *session.Manager
	signer  *token.Signer
	cfg     forwardauth.Config
	server  *forwardauth.Server
	events  []authz.Event
}

// faultyStore can fail, and panic.
type faultyStore struct {
	session.Store
	fail   atomic.Bool
	panics atomic.Bool
}

func (s *faultyStore) Load(ctx context.Context, ref session.Ref) (session.Session, error) {
	if s.panics.Load() {
		panic("the store is broken")
	}
	if s.fail.Load() {
		return session.Session{}, session.ErrUnavailable
	}
	return s.Store.Load(ctx, ref)
}

func load(t testing.TB, rules string) *policy.Engine {
	t.Helper()
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	engine, err := policy.Load(fstest.MapFS{"model.conf": {Data: model}, "policy.csv": {Data: []byte(rules)}}, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

func newFixture(t testing.TB, proxy forwardauth.Proxy, change ...func(*forwardauth.Config)) *fixture {
	t.Helper()
	engine := load(t, rules)
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &fixture{t: t, store: &faultyStore{Store: memstore.New()}}
	w.manager, err = session.NewManager(w.store, session.Config{Key: session.NewSecretKey([]byte(strings.Repeat("k-", 16)))})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.manager.SetTenantStatus(t.Context(), acme, tenant.Active); err != nil {
		t.Fatal(err)
	}
	w.signer, err = token.NewSigner(token.SignerConfig{
		Issuer: "https://issuer.test", Audience: "api", KeyID: "k1", Algorithm: token.EdDSA, Key: session.NewPrivateKey(private), Lifetime: 10 * time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := token.NewVerifier(w.signer.Issuer())
	if err != nil {
		t.Fatal(err)
	}
	w.cfg = forwardauth.Config{
		Authz: authz.Config{
			Tokens: verifier, Sessions: w.manager, Policy: engine, Cookie: cookie, Timeout: 20 * time.Second,
			Logger:   slog.New(slog.DiscardHandler),
			Observer: func(_ context.Context, e authz.Event) { w.events = append(w.events, e) },
		},
		Routes: routes, Proxy: proxy,
	}
	for _, c := range change {
		c(&w.cfg)
	}
	if w.server, err = forwardauth.New(w.cfg); err != nil {
		t.Fatal(err)
	}
	return w
}

// login returns a token of a user.
func (w *fixture) login(user string, roles ...string) string {
	w.t.Helper()
	s, _, err := w.manager.Create(context.Background(), session.SignIn{Tenant: acme, User: session.MustParseUserID(user), Roles: session.MustRoles(roles...)})
	if err != nil {
		w.t.Fatal(err)
	}
	signed, err := w.signer.Sign(s)
	if err != nil {
		w.t.Fatal(err)
	}
	return signed.Reveal()
}

// names are the headers by which the proxies say which request they ask about.
var names = map[forwardauth.Proxy][3]string{
	forwardauth.Nginx:   {"X-Original-Method", "X-Original-Uri", "X-Original-Host"},
	forwardauth.Traefik: {"X-Forwarded-Method", "X-Forwarded-Uri", "X-Forwarded-Host"},
}

// ask asks as the proxy does about a request of a client.
func (w *fixture) ask(method, target string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, values := range header {
		r.Header[name] = values
	}
	host := "api.test"
	if values, ok := header["Host"]; ok {
		delete(r.Header, "Host")
		host = values[0]
	}
	if of, ok := names[w.cfg.Proxy]; ok {
		r.Header[of[0]], r.Header[of[1]], r.Header[of[2]] = []string{method}, []string{target}, []string{host}
	} else {
		r.Method, r.Host, r.RequestURI = method, host, target
	}
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	return rec
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

func with(h http.Header, name string, values ...string) http.Header {
	h = h.Clone()
	if h == nil {
		h = http.Header{}
	}
	h[name] = values
	return h
}
