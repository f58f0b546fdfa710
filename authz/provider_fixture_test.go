package authz_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
)

// kindOfProvider is how much a provider's tokens say of the sign-in that they are of.
type kindOfProvider string

const (
	named   kindOfProvider = "names its session"
	timed   kindOfProvider = "says when the user signed in"
	untimed kindOfProvider = "says neither"
)

// provider is an identity provider that knows nothing of this service: it signs what it is told
// to.
type provider struct {
	t              testing.TB
	kind           kindOfProvider
	key            ed25519.PrivateKey
	name, template string
	issuer         token.Issuer
	claims         map[string]any // that each token has
	count          int
}

// signIn is one of a user at a provider, whose tokens are refreshed there.
type signIn struct {
	session string
	at      time.Time
	roles   []string
}

func newProvider(t testing.TB, kind kindOfProvider) *provider {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := token.NewKey("p1", token.EdDSA, public)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.NewKeySet(key)
	if err != nil {
		t.Fatal(err)
	}
	f := &token.Foreign{
		Types: []string{"JWT"}, Kind: map[string]string{"kind": "access"}, Tenant: "org",
		Roles: "/realm/roles", RoleNames: map[string]string{"viewer": "viewer", "editor": "editor"}, ACR: "acr", AMR: "amr",
	}
	switch kind {
	case named:
		f.Session, f.AuthTime = "sid", "auth_time"
	case timed:
		f.AuthTime = "auth_time"
	}
	p := &provider{t: t, kind: kind, key: private, name: "https://login.test", claims: map[string]any{"org": "acme"}}
	p.issuer = token.Issuer{
		Name: p.name, Audience: "api", Algorithms: []token.Algorithm{token.EdDSA}, Keys: keys, Foreign: f,
		Logout: &token.LogoutConfig{Audience: "web"},
	}
	return p
}

// signIn signs bob in at the provider now.
func (p *provider) signIn(roles ...string) signIn {
	p.count++
	return signIn{fmt.Sprintf("session-%d", p.count), time.Now(), roles}
}

// token returns the provider's present token of a sign-in, with claims changed; nil leaves one out.
func (p *provider) token(of signIn, changes ...map[string]any) string {
	p.t.Helper()
	now := time.Now()
	claims := map[string]any{
		"iss": p.name, "aud": "api", "sub": "bob", "kind": "access", "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"realm": map[string]any{"roles": of.roles}, "acr": "phr", "amr": []string{"otp"},
	}
	maps.Copy(claims, p.claims)
	switch p.kind {
	case named:
		claims["sid"], claims["auth_time"] = of.session, of.at.Unix()
	case timed:
		claims["auth_time"] = of.at.Unix()
	}
	for _, c := range changes {
		maps.Copy(claims, c)
	}
	return p.sign("JWT", claims)
}

// logout returns the provider's logout token about a sign-in.
func (p *provider) logout(claims map[string]any) string {
	p.t.Helper()
	p.count++
	now := time.Now()
	all := map[string]any{
		"iss": p.name, "aud": "web", "iat": now.Unix(), "exp": now.Add(2 * time.Minute).Unix(), "jti": fmt.Sprintf("logout-%d", p.count),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}
	maps.Copy(all, claims)
	return p.sign("logout+jwt", all)
}

func (p *provider) sign(typ string, claims map[string]any) string {
	p.t.Helper()
	return p.signHeader(`{"alg":"EdDSA","kid":"p1","typ":"`+typ+`"}`, claims)
}

func (p *provider) signHeader(header string, claims map[string]any) string {
	p.t.Helper()
	for name, value := range claims {
		if value == nil {
			delete(claims, name)
		}
	}
	body, err := json.Marshal(claims)
	if err != nil {
		p.t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(body)
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(p.key, []byte(text)))
}

// trusting is a fixture that lets the provider's users in.
func (p *provider) trusting(options ...option) *fixture {
	p.t.Helper()
	return newFixture(p.t, append([]option{func(c *authz.Config) {
		verifier, err := token.NewVerifier(p.issuer)
		if err != nil {
			p.t.Fatal(err)
		}
		c.Tokens = verifier
	}}, options...)...)
}

// revokeCaller ends the session of a token's caller, as a handler of theirs would.
func (w *fixture) revokeCaller(bearer string) {
	w.t.Helper()
	if err := w.manager.Revoke(context.Background(), w.sessionOf(bearer).Ref()); err != nil {
		w.t.Fatal(err)
	}
}

// sessionOf returns the session that a token's caller has.
func (w *fixture) sessionOf(bearer string) session.Session {
	w.t.Helper()
	w.caller = nil
	if rec := w.do("GET", "/me", bearer); rec.Code != 200 || w.caller == nil {
		w.t.Fatalf("/me: %d %s", rec.Code, rec.Body)
	}
	s, _ := w.caller.Session()
	return s
}
