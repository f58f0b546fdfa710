package authz_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing/fstest"

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

// A service that accepts tokens bound to their sender's key, and nothing else for
// transfers. With more than one instance, Replay is that of a redisstore.Store.
func ExampleRequireDPoP() {
	tokens, sessions, engine := exampleParts()
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{
		Tokens: tokens, Sessions: sessions, Policy: engine,
		DPoP: &middleware.DPoP{
			Proofs: authz.Must(token.NewDPoPVerifier(token.DPoPConfig{Origins: []string{"https://api.example.com"}})),
			Replay: memstore.NewReplay(0),
		},
	}))
	e.POST("/transfers", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) }, authz.RequireDPoP())

	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequest("POST", "/transfers", nil))
	fmt.Println(rec.Code)
	fmt.Println(strings.Join(rec.Header().Values("WWW-Authenticate"), "\n"))
	// Output:
	// 401
	// Bearer realm="api"
	// DPoP realm="api", algs="ES256 EdDSA"
}

// An identity provider that signs users out here too. Its entry in the verifier has the
// field Logout, with the client id of this service. The provider signs in users of every
// tenant, and its logout tokens name none, so the service says which there are.
func ExampleBackchannelLogout() {
	tokens, sessions, engine := exampleParts()
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: tokens, Sessions: sessions, Policy: engine}))
	e.POST("/backchannel-logout", authz.BackchannelLogout(authz.LogoutConfig{
		Tokens: tokens, Sessions: sessions, Replay: memstore.NewReplay(0),
		Tenants: func(_ context.Context, issuer string) ([]tenant.ID, error) {
			return []tenant.ID{tenant.MustParse("acme"), tenant.MustParse("globex")}, nil // from your database
		},
	}))

	r := httptest.NewRequest("POST", "/backchannel-logout", strings.NewReader("logout_token=junk"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, r)
	fmt.Print(rec.Code, " ", rec.Body)
	// Output:
	// 400 {"error":"invalid_request","error_description":"the logout token is not accepted"}
}

func exampleParts() (*token.Verifier, *session.Manager, *policy.Engine) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	keys := authz.Must(token.NewKeySet(authz.Must(token.NewKey("2026-11", token.EdDSA, authz.Must(public, err)))))
	tokens := authz.Must(token.NewVerifier(token.Issuer{
		Name: "https://id.example.com", Audience: "https://api.example.com",
		Algorithms: []token.Algorithm{token.EdDSA}, Keys: keys,
		Logout: &token.LogoutConfig{Audience: "client-42"},
	}))
	sessions := authz.Must(session.NewManager(memstore.New(), session.Config{Key: session.MustParseSecretKey("g0Jp5vCQk0yW0m1l2c1mH7b9bK0oZ8t5c1sV7uQxJ3E=")}))
	engine := authz.Must(policy.Load(fstest.MapFS{
		"model.conf": {Data: authz.Must(fs.ReadFile(policies.Files(), "model.conf"))},
		"policy.csv": {Data: []byte("p, role:editor, *, /transfers, POST, true, allow\np, role:anyone, *, /backchannel-logout, POST, true, allow\n")},
	}, policy.Options{}))
	return tokens, sessions, engine
}
