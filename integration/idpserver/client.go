package idpserver

import (
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// redirectURI is that of every client. Nothing listens there: the browser stops before it.
const redirectURI = "http://127.0.0.1/signed-in"

// registered is a client; it is an op.Client.
type registered struct {
	id     string
	secret string
	tokens op.AccessTokenType
}

func clients() map[string]*registered {
	return map[string]*registered{
		JWTClient:    {id: JWTClient, tokens: op.AccessTokenTypeJWT},
		OpaqueClient: {id: OpaqueClient, tokens: op.AccessTokenTypeBearer},
		API:          {id: API, secret: APISecret},
	}
}

func (c *registered) GetID() string                       { return c.id }
func (c *registered) RedirectURIs() []string              { return []string{redirectURI} }
func (c *registered) PostLogoutRedirectURIs() []string    { return nil }
func (c *registered) LoginURL(id string) string           { return "/login?id=" + id }
func (c *registered) AccessTokenType() op.AccessTokenType { return c.tokens }
func (c *registered) IDTokenLifetime() time.Duration      { return time.Hour }
func (c *registered) DevMode() bool                       { return false }
func (c *registered) IsScopeAllowed(string) bool          { return true }
func (c *registered) IDTokenUserinfoClaimsAssertion() bool {
	return false
}
func (c *registered) ClockSkew() time.Duration { return 0 }

func (c *registered) ApplicationType() op.ApplicationType {
	if c.secret != "" {
		return op.ApplicationTypeWeb
	}
	return op.ApplicationTypeNative
}

func (c *registered) AuthMethod() oidc.AuthMethod {
	if c.secret != "" {
		return oidc.AuthMethodBasic
	}
	return oidc.AuthMethodNone
}

func (c *registered) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}

func (c *registered) GrantTypes() []oidc.GrantType {
	return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken}
}

func (c *registered) RestrictAdditionalIdTokenScopes() func([]string) []string     { return same }
func (c *registered) RestrictAdditionalAccessTokenScopes() func([]string) []string { return same }

func same(scopes []string) []string { return scopes }

const opaquePrefix = "op_"
