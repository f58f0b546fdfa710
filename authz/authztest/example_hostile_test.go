package authztest_test

import (
	"context"
	"crypto/ed25519"
	"net/http"
	"testing"

	"github.com/reevehq/reeve/authz/authztest"
	"github.com/reevehq/reeve/session"
)

// A service attacks itself in its own tests. newService, signIn and revoke stand for what its
// tests have; the service there trusts the public half of the key.
func ExampleHostile() {
	var t *testing.T // the test's own
	newService := func(ed25519.PublicKey) http.Handler { return http.NotFoundHandler() }
	signIn := func(ed25519.PrivateKey) string { return "" }
	revoke := func(context.Context, string) {}

	TestHostile := func(t *testing.T) {
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		left := authztest.Hostile(t, authztest.Service{
			Handler: newService(public),
			Method:  "GET", Path: "/invoices/1",
			Token: func() string { return signIn(private) },
		}, authztest.Options{
			Key:       session.NewPrivateKey(private),
			Public:    "/livez",
			Forbidden: "DELETE /invoices/1",
			Revoke:    func(token string) { revoke(context.Background(), token) },
		})
		for id, why := range left {
			t.Logf("row %d did not run: %s", id, why)
		}
	}
	TestHostile(t)
}
