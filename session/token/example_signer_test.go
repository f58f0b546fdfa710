package token_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// A service signs short tokens for its sessions and publishes its key.
func ExampleSigner() {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	signer, err := token.NewSigner(token.SignerConfig{
		Issuer: "https://api.example.com", Audience: "billing",
		KeyID: "2026-11", Algorithm: token.EdDSA, Key: session.NewPrivateKey(private),
	})
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(session.Session{
		ID: session.NewID(), Tenant: tenant.MustParse("acme"), User: session.MustParseUserID("alice"),
		ExpiresAt: time.Now().Add(time.Hour),
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(signed, time.Until(signed.ExpiresAt()).Round(time.Minute))

	document, err := signer.JWKS() // served under jwks.ContentType
	if err != nil {
		panic(err)
	}
	keys, err := token.ParseJWKS(document)
	fmt.Println(keys.Len(), err)
	// Output:
	// [redacted] 5m0s
	// 1 <nil>
}
