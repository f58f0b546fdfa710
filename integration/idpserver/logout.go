package idpserver

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/zitadel/oidc/v3/pkg/crypto"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

func (s *storage) TerminateSession(context.Context, string, string) error { return errUnused }

// TerminateSessionFromRequest ends the provider's session that an ID token names, and tells the
// service of it before it answers the browser.
func (s *storage) TerminateSessionFromRequest(ctx context.Context, r *op.EndSessionRequest) (string, error) {
	name, _ := r.IDTokenHintClaims.Claims["sid"].(string)
	s.mu.Lock()
	in, known := s.sessions[name]
	delete(s.sessions, name)
	for refresh, g := range s.refresh {
		if g.session == name {
			delete(s.refresh, refresh)
		}
	}
	target := s.cfg.Logout
	s.mu.Unlock()
	if !known || target == "" {
		return r.RedirectURI, nil
	}
	raw, err := s.logoutToken(ctx, in, r.ClientID)
	if err != nil {
		return "", err
	}
	resp, err := http.PostForm(target, url.Values{"logout_token": {raw}})
	if err != nil {
		return "", err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("idpserver: the logout token is answered %d", resp.StatusCode)
	}
	return r.RedirectURI, nil
}

// logoutToken is the provider's word that a session has ended.
func (s *storage) logoutToken(ctx context.Context, in signedIn, client string) (string, error) {
	signing, err := s.SigningKey(ctx)
	if err != nil {
		return "", err
	}
	signer, err := op.SignerFromKey(signing)
	if err != nil {
		return "", err
	}
	claims := oidc.NewLogoutTokenClaims(s.issuer, in.user, oidc.Audience{client}, time.Now().Add(2*time.Minute), rand.Text(), in.session, 0)
	return crypto.Sign(claims, signer)
}
