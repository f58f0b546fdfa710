package token_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// A service that signs tokens for its own sessions, and trusts what it signs.
func Example() {
	_, private, _ := ed25519.GenerateKey(rand.Reader)
	signer, err := token.NewSigner(token.SignerConfig{
		Issuer:    "https://api.example.com",
		Audience:  "https://api.example.com",
		KeyID:     "2026-11",
		Algorithm: token.EdDSA,
		Key:       session.NewPrivateKey(private),
	})
	if err != nil {
		panic(err)
	}
	verifier, err := token.NewVerifier(signer.Issuer())
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
	verified, err := verifier.Verify(context.Background(), signed.Reveal())
	fmt.Println(verified.Ref().Tenant, verified.Ref().User, err)

	_, err = verifier.Verify(context.Background(), signed.Reveal()+"x")
	fmt.Println(errors.Is(err, token.ErrInvalid))
	fmt.Println(signed)
	// Output:
	// acme alice <nil>
	// true
	// [redacted]
}
