package authztest_test

import (
	"crypto/ed25519"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/authztest"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// The test of a service looks like this: its routes, a session of one user, and the attack.
func TestHostileAgainstASmallService(t *testing.T) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	signer := authz.Must(token.NewSigner(token.SignerConfig{Issuer: "https://id.test", Audience: "billing", KeyID: "1", Algorithm: token.EdDSA, Key: session.NewPrivateKey(key)}))
	sessions := authz.Must(session.NewManager(memstore.New(), session.Config{Key: session.NewSecretKey([]byte(strings.Repeat("k-", 16)))}))
	acme := tenant.MustParse("acme")
	if err := sessions.SetTenantStatus(t.Context(), acme, tenant.Active); err != nil {
		t.Fatal(err)
	}
	s, _, err := sessions.Create(t.Context(), session.SignIn{Tenant: acme, User: session.MustParseUserID("alice")})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{
		Tokens:   authz.Must(token.NewVerifier(signer.Issuer())),
		Sessions: sessions,
		Policy:   smallPolicy(t, "p, role:authenticated, *, /me, GET, true, allow\n"),
		Timeout:  20 * time.Second, // a busy machine must not look like an outage
	}))
	e.GET("/me", func(c echo.Context) error { return c.String(http.StatusOK, "hello\n") })

	service := authztest.Service{
		Handler: e,
		Method:  "GET", Path: "/me",
		Token: func() string { return authz.Must(signer.Sign(s)).Reveal() },
	}
	for name, options := range map[string]authztest.Options{"without options": {}, "with the key": {Key: session.NewPrivateKey(key)}} {
		t.Run(name, func(t *testing.T) {
			left := authztest.Hostile(t, service, options)
			want := 41
			if !options.Key.IsZero() {
				want = 75
			}
			if ran := 111 - len(left); ran < want {
				t.Errorf("%d rows of 111 ran, want at least %d; left: %v", ran, want, left)
			}
		})
	}
}

func smallPolicy(t *testing.T, rules string) *policy.Engine {
	t.Helper()
	model, err := fs.ReadFile(policies.Files(), "model.conf")
	if err != nil {
		t.Fatal(err)
	}
	return authz.Must(policy.Load(fstest.MapFS{
		"model.conf": {Data: model}, "policy.csv": {Data: []byte(rules)}, "attributes.csv": {},
	}, policy.Options{}))
}
