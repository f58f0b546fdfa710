package authzen_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/authzen"
	"github.com/reevehq/reeve/authz/httpauthz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

var (
	acme = tenant.MustParse("acme")
	evil = tenant.MustParse("evil")
)

// askers are the rules for who may ask.
const askers = `
p, role:gateway, *, /access/v1/*, POST, true, allow
p, role:anyone,  *, /.well-known/authzen-configuration, GET, true, allow
`

// directory are the users by tenant and id.
type directory map[string]policy.Subject

func (d directory) find(_ context.Context, t tenant.ID, s authzen.Subject) (policy.Subject, error) {
	found, there := d[t.String()+"/"+s.ID]
	if !there {
		return policy.Subject{}, middleware.ErrNotFound
	}
	return found, nil
}

// fixture is a decision point behind a guard.
type fixture struct {
	t       *testing.T
	engine  *policy.Engine
	mux     *httpauthz.Mux
	manager *session.Manager
	signer  *token.Signer
	pdp     *authzen.Handler
	events  []authzen.Event
}

func load(t *testing.T, rules, attributes string) *policy.Engine {
	t.Helper()
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	e, err := policy.Load(fstest.MapFS{
		"model.conf": {Data: model}, "policy.csv": {Data: []byte(rules + askers)}, "attributes.csv": {Data: []byte(attributes)},
	}, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func newFixture(t *testing.T, rules, attributes string, change func(*authzen.Config)) *fixture {
	t.Helper()
	w := &fixture{t: t, engine: load(t, rules, attributes)}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if w.manager, err = session.NewManager(memstore.New(), session.Config{Key: session.NewSecretKey([]byte(strings.Repeat("k-", 16)))}); err != nil {
		t.Fatal(err)
	}
	for _, id := range []tenant.ID{acme, evil} {
		if err := w.manager.SetTenantStatus(t.Context(), id, tenant.Active); err != nil {
			t.Fatal(err)
		}
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
	if w.mux, err = httpauthz.NewMux(authz.Config{
		Tokens: verifier, Sessions: w.manager, Policy: w.engine, Logger: slog.New(slog.DiscardHandler), Timeout: 20 * time.Second,
		Tenant: []middleware.Locator{middleware.TenantHeader("X-Tenant")},
	}); err != nil {
		t.Fatal(err)
	}
	cfg := authzen.Config{
		Policy:   w.engine,
		Subjects: directory{}.find,
		Resources: func(_ context.Context, t tenant.ID, r authzen.Resource) (policy.Object, error) {
			return r.Object(t, w.engine.Attributes()), nil
		},
		Identifier: "https://pdp.test",
		Observer:   func(_ context.Context, e authzen.Event) { w.events = append(w.events, e) },
	}
	change(&cfg)
	if w.pdp, err = authzen.NewHandler(cfg); err != nil {
		t.Fatal(err)
	}
	w.pdp.Register(w.mux)
	return w
}

// signIn returns the credential of a user of a tenant.
func (w *fixture) signIn(t tenant.ID, user string, roles ...string) string {
	w.t.Helper()
	s, _, err := w.manager.Create(w.t.Context(), session.SignIn{Tenant: t, User: session.MustParseUserID(user), Roles: session.MustRoles(roles...)})
	if err != nil {
		w.t.Fatal(err)
	}
	signed, err := w.signer.Sign(s)
	if err != nil {
		w.t.Fatal(err)
	}
	return signed.Reveal()
}

// post asks over HTTP.
func (w *fixture) post(credential, path, body string, header ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if credential != "" {
		r.Header.Set("Authorization", "Bearer "+credential)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.mux.ServeHTTP(rec, r)
	return rec
}

// scenario returns the path of a published interop scenario, which is optional.
func scenario(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("REEVE_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "vectors")
	}
	file := filepath.Join(dir, "authzen", name+".json")
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no scenarios here: set REEVE_VECTORS to a folder that holds authzen/%s.json", name)
	}
	return file
}
