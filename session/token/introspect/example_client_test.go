package introspect_test

import (
	"os"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/introspect"
)

// Tokens that are no JWT are asked about at their issuer (RFC 7662), and the answer is remembered.
func ExampleNewClient() {
	client, err := introspect.NewClient(introspect.Config{
		URL: "https://id.example.com/oauth2/introspect", ClientID: "billing", Secret: session.NewSecretKey([]byte(os.Getenv("CLIENT_SECRET"))),
	})
	if err != nil {
		panic(err)
	}
	opaque, err := token.NewIntrospector(token.IntrospectorConfig{
		Form: token.Form{Prefix: "ory_at_", MinLength: 40, MaxLength: 200},
		Ask:  client.Ask,
	})
	if err != nil {
		panic(err)
	}
	foreign := token.Keycloak(nil)
	foreign.Kind = map[string]string{"token_use": "access_token"} // refresh tokens are active too
	_ = token.Issuer{Name: "https://id.example.com", Audience: "billing", Foreign: foreign, Opaque: opaque}
}
