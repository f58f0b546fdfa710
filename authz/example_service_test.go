package authz_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"io/fs"
	"net/http/httptest"
	"testing/fstest"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/authz/policy"
	"github.com/reevehq/reeve/policies"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// exampleService is shared by the examples: the three required parts of a Config, and
// sign-ins of alice of acme.
type exampleService struct {
	tokens   *token.Verifier
	sessions *session.Manager
	policy   *policy.Engine
	signer   *token.Signer
}

func newExampleService(rules string) *exampleService {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	signer := authz.Must(token.NewSigner(token.SignerConfig{
		Issuer: "https://id.example.com", Audience: "https://api.example.com",
		KeyID: "2026-11", Algorithm: token.EdDSA, Key: session.NewPrivateKey(authz.Must(private, err)),
	}))
	s := &exampleService{
		signer: signer,
		tokens: authz.Must(token.NewVerifier(token.Issuer{
			Name: "https://id.example.com", Audience: "https://api.example.com",
			Algorithms: []token.Algorithm{token.EdDSA}, Keys: authz.Must(token.ParseJWKS(authz.Must(signer.JWKS()))),
		})),
		sessions: authz.Must(session.NewManager(memstore.New(), session.Config{Key: session.NewSecretKey([]byte("for an example alone, 32 bytes!!"))})),
		policy:   exampleEngine(rules),
	}
	if err := s.sessions.SetTenantStatus(context.Background(), tenant.MustParse("acme"), tenant.Active); err != nil {
		panic(err)
	}
	return s
}

func exampleEngine(rules string) *policy.Engine {
	return authz.Must(policy.Load(fstest.MapFS{
		"model.conf":     {Data: authz.Must(fs.ReadFile(policies.Files(), "model.conf"))},
		"attributes.csv": {Data: authz.Must(fs.ReadFile(policies.Files(), "attributes.csv"))},
		"policy.csv":     {Data: []byte(rules)},
	}, policy.Options{}))
}

// signIn returns a token for a session of alice.
func (s *exampleService) signIn(as session.SignIn) string {
	as.Tenant, as.User = tenant.MustParse("acme"), session.MustParseUserID("alice")
	created, _, err := s.sessions.Create(context.Background(), as)
	return authz.Must(s.signer.Sign(authz.Must(created, err))).Reveal()
}

func exampleRequest(e *echo.Echo, method, target, bearer string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, r)
	return rec
}
