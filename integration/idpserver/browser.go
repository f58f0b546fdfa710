package idpserver

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/http/cookiejar"
	"net/url"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Browser is a user's browser and the clients that they use in it. The clients are those of
// coreos/go-oidc and x/oauth2.
type Browser struct {
	server   *Server
	http     *http.Client
	provider *oidc.Provider
}

// Request holds what a client asks for.
type Request struct {
	Client string // JWTClient or OpaqueClient
	User   string
	ACR    string // "" for none
	Key    string // the thumbprint of a key, to which the tokens are bound; "" for bearer tokens
	Prompt bool   // the user signs in again, even if they are signed in
}

// Tokens are the tokens that a client holds.
type Tokens struct {
	Access, ID string
	held       *oauth2.Token
	config     *oauth2.Config
	server     *Server
}

// Browser returns a browser in which nobody is signed in.
func (s *Server) Browser() *Browser {
	s.Helper()
	jar, _ := cookiejar.New(nil)
	provider, err := oidc.NewProvider(s.Context(), s.URL)
	if err != nil {
		s.Fatal(err)
	}
	return &Browser{server: s, provider: provider, http: &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/signed-in" {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

// SignIn is the code flow with PKCE and nonce.
func (b *Browser) SignIn(r Request) *Tokens {
	s := b.server
	s.Helper()
	config := &oauth2.Config{ClientID: r.Client, Endpoint: b.provider.Endpoint(), RedirectURL: redirectURI, Scopes: []string{"openid", "offline_access"}}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier), oidc.Nonce(nonce), oauth2.SetAuthURLParam("login_hint", r.User)}
	if r.ACR != "" {
		options = append(options, oauth2.SetAuthURLParam("acr_values", r.ACR))
	}
	if r.Key != "" {
		options = append(options, oauth2.SetAuthURLParam("dpop_jkt", r.Key))
	}
	if r.Prompt {
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"))
	}
	back := b.follow(config.AuthCodeURL(state, options...))
	if back.Query().Get("state") != state || back.Query().Get("code") == "" {
		s.Fatalf("the provider sends the browser to %s", back)
	}
	held, err := config.Exchange(s.Context(), back.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		s.Fatal(err)
	}
	t := (&Tokens{config: config, server: s}).with(held)
	id, err := b.provider.Verifier(&oidc.Config{ClientID: r.Client}).Verify(s.Context(), t.ID)
	if err != nil || id.Nonce != nonce || id.Subject != r.User {
		s.Fatalf("the ID token is refused or not of %s: %v", r.User, err)
	}
	return t
}

// follow follows redirects until the client's own page.
func (b *Browser) follow(from string) *url.URL {
	b.server.Helper()
	resp, err := b.http.Get(from)
	if err != nil {
		b.server.Fatal(err)
	}
	resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		b.server.Fatalf("%s: %s", resp.Request.URL, resp.Status)
	}
	return to
}

// SignOut ends the session at the provider (RP-initiated logout), which tells the service. It
// returns the status of the page at which the browser ends.
func (b *Browser) SignOut(t *Tokens) int {
	b.server.Helper()
	resp, err := b.http.Get(b.server.URL + "/end_session?" + url.Values{"id_token_hint": {t.ID}}.Encode())
	if err != nil {
		b.server.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// Refresh returns the next tokens of a sign-in.
func (t *Tokens) Refresh() *Tokens {
	t.server.Helper()
	next, err := t.TryRefresh(t.server.Context())
	if err != nil {
		t.server.Fatal(err)
	}
	return next
}

// TryRefresh is Refresh with its error, as after the user has signed out.
func (t *Tokens) TryRefresh(ctx context.Context) (*Tokens, error) {
	held, err := t.config.TokenSource(ctx, &oauth2.Token{RefreshToken: t.held.RefreshToken}).Token()
	if err != nil {
		return nil, err
	}
	return (&Tokens{config: t.config, server: t.server}).with(held), nil
}

func (t *Tokens) with(held *oauth2.Token) *Tokens {
	t.held, t.Access = held, held.AccessToken
	t.ID, _ = held.Extra("id_token").(string)
	return t
}
