package idpserver

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// signedIn is how a user signed in, which every token of the sign-in says.
type signedIn struct {
	user, session, acr string
	at                 time.Time
}

// grant is the grant to a client; it is an op.RefreshTokenRequest.
type grant struct {
	signedIn
	client     string
	audience   string // of the service
	scopes     []string
	thumbprint string // of the key that the client names in dpop_jkt
}

func (g *grant) GetAMR() []string          { return []string{"pwd"} }
func (g *grant) GetAuthTime() time.Time    { return g.at }
func (g *grant) GetClientID() string       { return g.client }
func (g *grant) GetScopes() []string       { return g.scopes }
func (g *grant) GetSubject() string        { return g.user }
func (g *grant) SetCurrentScopes([]string) {}

// GetAudience is that of access tokens and ID tokens alike, as of Zitadel.
func (g *grant) GetAudience() []string { return []string{g.client, g.audience} }

// request is a request to sign in; it is an op.AuthRequest.
type request struct {
	grant
	id   string
	asks *oidc.AuthRequest
	done bool
}

func (r *request) GetID() string                      { return r.id }
func (r *request) GetACR() string                     { return r.acr }
func (r *request) GetNonce() string                   { return r.asks.Nonce }
func (r *request) GetRedirectURI() string             { return r.asks.RedirectURI }
func (r *request) GetResponseType() oidc.ResponseType { return r.asks.ResponseType }
func (r *request) GetResponseMode() oidc.ResponseMode { return r.asks.ResponseMode }
func (r *request) GetState() string                   { return r.asks.State }
func (r *request) Done() bool                         { return r.done }

func (r *request) GetCodeChallenge() *oidc.CodeChallenge {
	return &oidc.CodeChallenge{Challenge: r.asks.CodeChallenge, Method: r.asks.CodeChallengeMethod}
}

// suffices reports whether a sign-in is all that the request asks for.
func (r *request) suffices(s signedIn) bool {
	return s.user == r.asks.LoginHint && len(r.asks.Prompt) == 0 &&
		(len(r.asks.ACRValues) == 0 || slices.Contains(r.asks.ACRValues, s.acr))
}

// grantOf returns the grant that op hands to the storage as a request for tokens.
func grantOf(r op.TokenRequest) *grant {
	switch r := r.(type) {
	case *request:
		return &r.grant
	case *grant:
		return r
	}
	return nil
}

type keyOfContext struct{}

// withKey keeps dpop_jkt (RFC 9449 §10) of an authorization request, which op drops.
func withKey(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), keyOfContext{}, r.URL.Query().Get("dpop_jkt"))))
	})
}
