package token_test

import (
	"context"
	"fmt"

	"github.com/reevehq/reeve/session/token"
)

// A realm of Keycloak whose users belong to organizations: the realm's roles are the service's
// by a map, and those that it does not have are dropped.
func ExampleKeycloak() {
	keys, err := token.ParseJWKS([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1","alg":"EdDSA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	verifier, err := token.NewVerifier(token.Issuer{
		Name:       "https://id.example.com/realms/customers",
		Audience:   "billing",
		Algorithms: []token.Algorithm{token.EdDSA},
		Keys:       keys,
		Foreign:    token.Keycloak(map[string]string{"billing-editor": "editor"}),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = verifier.Verify(context.Background(), "not a token")
	fmt.Println(err)
	// Output: token: invalid: a byte outside base64url and dots
}
