package idpserver

import (
	"context"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// claims returns those of a grant's access tokens beside the claims of op.
func (s *storage) claims(g *grant) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.Realm {
		return s.realmClaims(g)
	}
	c := map[string]any{KindClaim: KindAccess, TenantClaim: s.cfg.Tenant, "acr": g.acr}
	roles := map[string]any{}
	for _, role := range s.roles[g.user] {
		roles[role] = map[string]string{s.cfg.Tenant: "acme.test"}
	}
	if len(roles) > 0 {
		c[RolesClaim] = roles
	}
	if s.cfg.NamesSessions {
		c["sid"] = g.session
	}
	if s.cfg.SaysWhen {
		c["auth_time"] = g.at.Unix()
	}
	if g.thumbprint != "" {
		c["cnf"] = map[string]string{"jkt": g.thumbprint}
	}
	return c
}

// realmClaims are those of a realm of Keycloak, as its mappers write them.
func (s *storage) realmClaims(g *grant) map[string]any {
	return map[string]any{
		"typ": "Bearer", "azp": g.client, "sid": g.session, "acr": g.acr, "auth_time": g.at.Unix(), "organization": []string{s.cfg.Tenant},
		"realm_access": map[string][]string{"roles": append([]string{"offline_access"}, s.roles[g.user]...)},
	}
}

// audience is the service for which access tokens are, beside their client.
func (c Config) audience() string {
	if c.Realm {
		return API
	}
	return Audience
}

func (s *storage) GetPrivateClaimsFromRequest(_ context.Context, r op.TokenRequest, _ []string) (map[string]any, error) {
	g := grantOf(r)
	if g == nil {
		return nil, errUnknown
	}
	return s.claims(g), nil
}

// SetUserinfoFromRequest writes sid into ID tokens, by which a sign-out names its session.
func (s *storage) SetUserinfoFromRequest(_ context.Context, info *oidc.UserInfo, r op.IDTokenRequest, _ []string) error {
	g := grantOf(r)
	if g == nil {
		return errUnknown
	}
	info.Subject = g.user // op takes the claims of the user from here, sub among them
	info.AppendClaims("sid", g.session)
	return nil
}

// SetIntrospectionFromToken says of a token what its JWT would say.
func (s *storage) SetIntrospectionFromToken(_ context.Context, info *oidc.IntrospectionResponse, id, subject, client string) error {
	s.mu.Lock()
	token, ok := s.tokens[id]
	s.mu.Unlock()
	if !ok || token.user != subject || client != API || time.Now().After(token.expires) {
		return errUnknown
	}
	info.Issuer, info.Subject, info.Audience, info.ClientID, info.TokenType = s.issuer, subject, token.GetAudience(), token.client, oidc.BearerToken
	info.IssuedAt, info.Expiration, info.JWTID, info.Scope = oidc.FromTime(token.at), oidc.FromTime(token.expires), id, token.scopes
	info.Claims = s.claims(token.grant)
	return nil
}

func (s *storage) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return nil
}

func (s *storage) SetUserinfoFromToken(context.Context, *oidc.UserInfo, string, string, string) error {
	return errUnused
}

func (s *storage) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, errUnused
}

func (s *storage) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errUnused
}

func (s *storage) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errUnused
}

var errUnused = errors.New("idpserver: not used here")
