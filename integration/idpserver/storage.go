package idpserver

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

const tokenLifetime = 5 * time.Minute

var errUnknown = errors.New("idpserver: unknown")

// issued is an access token of the provider.
type issued struct {
	*grant
	at, expires time.Time
}

// storage keeps everything of a provider; it is an op.Storage.
type storage struct {
	issuer  string
	clients map[string]*registered

	mu       sync.Mutex
	cfg      Config
	keys     []*key // the last signs
	roles    map[string][]string
	sessions map[string]signedIn // by the cookie
	requests map[string]*request
	codes    map[string]string
	tokens   map[string]issued
	refresh  map[string]*grant
}

var (
	_ op.Storage                        = (*storage)(nil)
	_ op.CanSetUserinfoFromRequest      = (*storage)(nil)
	_ op.CanGetPrivateClaimsFromRequest = (*storage)(nil)
	_ op.CanTerminateSessionFromRequest = (*storage)(nil)
)

func newStorage(cfg Config) *storage {
	return &storage{
		clients: clients(), cfg: cfg, keys: []*key{newKey(cfg.algorithm())}, roles: map[string][]string{}, sessions: map[string]signedIn{},
		requests: map[string]*request{}, codes: map[string]string{}, tokens: map[string]issued{}, refresh: map[string]*grant{},
	}
}

// signIn signs the user of a request in, and returns the name of the provider's session.
func (s *storage) signIn(id, name string, now time.Time) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.requests[id]
	if r == nil || r.asks.LoginHint == "" {
		return "", errUnknown
	}
	in, known := s.sessions[name]
	if !known || !r.suffices(in) {
		if !known || in.user != r.asks.LoginHint {
			name = rand.Text()
		}
		in = signedIn{user: r.asks.LoginHint, session: name, acr: "pwd", at: now}
		if len(r.asks.ACRValues) > 0 {
			in.acr = r.asks.ACRValues[0]
		}
		s.sessions[name] = in
	}
	r.signedIn, r.done = in, true
	return name, nil
}

func (s *storage) CreateAuthRequest(ctx context.Context, asks *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	thumbprint, _ := ctx.Value(keyOfContext{}).(string)
	r := &request{id: rand.Text(), asks: asks, grant: grant{client: asks.ClientID, audience: s.cfg.audience(), scopes: asks.Scopes, thumbprint: thumbprint}}
	s.requests[r.id] = r
	return r, nil
}

func (s *storage) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.requests[id]; r != nil {
		return r, nil
	}
	return nil, errUnknown
}

func (s *storage) AuthRequestByCode(ctx context.Context, code string) (op.AuthRequest, error) {
	s.mu.Lock()
	id := s.codes[code]
	delete(s.codes, code) // a code serves once
	s.mu.Unlock()
	return s.AuthRequestByID(ctx, id)
}

func (s *storage) SaveAuthCode(_ context.Context, id, code string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[code] = id
	return nil
}

func (s *storage) DeleteAuthRequest(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.requests, id)
	return nil
}

func (s *storage) CreateAccessToken(_ context.Context, r op.TokenRequest) (string, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := grantOf(r)
	if g == nil {
		return "", time.Time{}, errUnknown
	}
	id, token := rand.Text(), issued{grant: g, at: time.Now(), expires: time.Now().Add(tokenLifetime)}
	s.tokens[id] = token
	return id, token.expires, nil
}

func (s *storage) CreateAccessAndRefreshTokens(ctx context.Context, r op.TokenRequest, current string) (id, refresh string, expires time.Time, err error) {
	if id, expires, err = s.CreateAccessToken(ctx, r); err != nil {
		return "", "", time.Time{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refresh, current)
	refresh = rand.Text()
	s.refresh[refresh] = grantOf(r)
	return id, refresh, expires, nil
}

func (s *storage) TokenRequestByRefreshToken(_ context.Context, refresh string) (op.RefreshTokenRequest, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.refresh[refresh]; g != nil {
		return g, nil
	}
	return nil, op.ErrInvalidRefreshToken
}

func (s *storage) GetRefreshTokenInfo(_ context.Context, _, refresh string) (user, id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g := s.refresh[refresh]; g != nil {
		return g.user, refresh, nil
	}
	return "", "", op.ErrInvalidRefreshToken
}

func (s *storage) RevokeToken(_ context.Context, token, _, _ string) *oidc.Error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.tokens, token)
	delete(s.refresh, token)
	return nil
}

func (s *storage) SigningKey(context.Context) (op.SigningKey, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[len(s.keys)-1], nil
}

func (s *storage) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []jose.SignatureAlgorithm{s.cfg.algorithm()}, nil
}

func (s *storage) KeySet(context.Context) (keys []op.Key, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys {
		keys = append(keys, published{k})
	}
	return keys, nil
}

func (s *storage) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if c := s.clients[id]; c != nil {
		return c, nil
	}
	return nil, errUnknown
}

func (s *storage) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if c := s.clients[id]; c != nil && c.secret != "" && c.secret == secret {
		return nil
	}
	return errUnknown
}

func (s *storage) Health(context.Context) error { return nil }
