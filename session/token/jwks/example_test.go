package jwks_test

import (
	"context"
	"fmt"
	"time"

	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/jwks"
	"github.com/reevehq/reeve/tenant"
)

// A service that trusts one provider from the start, and customers' own while it runs.
func Example() {
	fetcher, err := jwks.New(jwks.Config{PublicOnly: true}) // customers choose URLs
	if err != nil {
		panic(err)
	}
	if err := fetcher.Start(context.Background()); err != nil {
		panic(err)
	}
	defer fetcher.Close()

	verifier, err := token.NewVerifierWithConfig(token.VerifierConfig{MaxIssuers: 200})
	if err != nil {
		panic(err)
	}
	keys, err := fetcher.Add(jwks.Endpoint{Issuer: "https://id.customer.example", URL: "https://id.customer.example/jwks.json"})
	if err != nil {
		panic(err)
	}
	err = verifier.Add(token.Issuer{
		Name: "https://id.customer.example", Audience: "billing", Algorithms: []token.Algorithm{token.ES256}, Keys: keys,
		Tenant: tenant.MustParse("customer"), // it signs for no other
	})
	if err != nil {
		panic(err)
	}

	// The other way round: refuse first, then stop fetching.
	fmt.Println(verifier.Remove("https://id.customer.example"), fetcher.Remove("https://id.customer.example"))
	_, err = keys.Key(context.Background(), "k1", token.ES256)
	fmt.Println(err)

	for _, h := range fetcher.Stats() {
		if !h.Ready || h.Age > time.Hour {
			fmt.Println(h.Issuer, h.LastError)
		}
	}
	// Output:
	// true true
	// jwks: no keys were fetched yet: token: keys unavailable
}
