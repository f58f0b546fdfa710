package token_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

// A key is changed without signing anybody out: for a while the set has both.
func ExampleVerifier_Replace() {
	signer := func(keyID string) *token.Signer {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			panic(err)
		}
		s, err := token.NewSigner(token.SignerConfig{
			Issuer: "https://api.example.com", Audience: "billing",
			KeyID: keyID, Algorithm: token.EdDSA, Key: session.NewPrivateKey(private),
		})
		if err != nil {
			panic(err)
		}
		return s
	}
	s := session.Session{
		ID: session.NewID(), Tenant: tenant.MustParse("acme"), User: session.MustParseUserID("alice"),
		ExpiresAt: time.Now().Add(time.Hour),
	}
	before, after := signer("2026-11"), signer("2026-12")
	verifier, err := token.NewVerifier(before.Issuer())
	if err != nil {
		panic(err)
	}
	old, err := before.Sign(s)
	if err != nil {
		panic(err)
	}

	// First every instance learns the new key, then it signs.
	both := after.Issuer()
	if both.Keys, err = token.NewKeySet(before.Key(), after.Key()); err != nil {
		panic(err)
	}
	if err := verifier.Replace(both); err != nil {
		panic(err)
	}
	next, err := after.Sign(s)
	if err != nil {
		panic(err)
	}
	for _, signed := range []token.SignedToken{old, next} {
		verified, err := verifier.Verify(context.Background(), signed.Reveal())
		fmt.Println(verified.KeyID(), err)
	}
	// Output:
	// 2026-11 <nil>
	// 2026-12 <nil>
}
