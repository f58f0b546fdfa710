// Package idpserver gives tests a real OpenID provider on a loopback port: the op package of
// zitadel/oidc, with sign-ins kept in memory.
//
//	idp := idpserver.Start(t, idpserver.Config{NamesSessions: true})
//	browser := idp.Browser()
//	tokens := browser.SignIn(idpserver.Request{Client: idpserver.JWTClient})
//	tokens = tokens.Refresh()
//	browser.SignOut(tokens) // posts logout tokens to Config.Logout
//
// Requests, codes, PKCE, tokens, refreshes, introspection, discovery and keys are zitadel/oidc's.
// The parts that the library leaves to its storage are here: the login page, the claims, the
// keys, and the sending of logout tokens, for which it has the claims and the signer. It knows no
// DPoP: a token is bound by a cnf claim that the storage adds, and its token endpoint asks for no
// proof.
package idpserver

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"

	"github.com/reevehq/reeve/session/token"
)

// The clients of the provider. Each signs in with PKCE and has no secret, but for API, which asks
// about tokens. Audience is that of all access tokens, but of those of a realm.
const (
	JWTClient    = "jwt"
	OpaqueClient = "opaque"
	API          = "billing"
	APISecret    = "billing's own secret"
	Audience     = "https://billing.test"
)

// Claims of access tokens, beside those of the standards. KindClaim is there in access tokens
// alone, as an action of Zitadel would add it.
const (
	KindClaim   = "kind"
	KindAccess  = "access"
	TenantClaim = "urn:zitadel:iam:user:resourceowner:id"
	RolesClaim  = "urn:zitadel:iam:org:project:roles"
)

// Config says what the provider's access tokens say. The zero Config is a provider whose tokens
// name neither its session nor when the user signed in.
type Config struct {
	// NamesSessions writes sid, the provider's session, into access tokens.
	NamesSessions bool

	// SaysWhen writes auth_time into access tokens.
	SaysWhen bool

	// EncryptedTokens has the tokens of OpaqueClient be the encrypted JWTs that op makes by itself.
	EncryptedTokens bool

	// Realm has access tokens say what those of a realm of Keycloak do, with the realm's names of
	// claims, for API and signed with RS256: they name the session and say when the user signed in.
	Realm bool

	// Tenant is that of every user. See [Server.SetTenant].
	Tenant string

	// Logout is where logout tokens are posted, when there is one. See [Server.SetLogout].
	Logout string
}

// Server is a provider.
type Server struct {
	testing.TB
	URL     string // the issuer
	storage *storage
	http    *httptest.Server
}

// Start starts a provider, which stops when the test ends.
func Start(tb testing.TB, cfg Config) *Server {
	tb.Helper()
	s := &Server{TB: tb, storage: newStorage(cfg)}
	var handler http.Handler
	var ready sync.WaitGroup
	ready.Add(1)
	s.http = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ready.Wait()
		handler.ServeHTTP(w, r)
	}))
	tb.Cleanup(s.http.Close)
	s.URL = s.http.URL
	s.storage.issuer = s.URL
	var texts op.Crypto = &references{texts: map[string]string{}}
	if cfg.EncryptedTokens {
		texts = op.NewAES256GCMCrypto([32]byte{1, 2, 3}, "1")
	}
	provider, err := op.NewProvider(&op.Config{
		CryptoKey: [32]byte{1, 2, 3}, CryptoKeyId: "1", CodeMethodS256: true, GrantTypeRefreshToken: true,
		BackChannelLogoutSupported: true, BackChannelLogoutSessionSupported: true, DefaultLogoutRedirectURI: s.URL + "/signed-out",
		SupportedScopes: []string{"openid", "offline_access"},
	}, s.storage, op.StaticIssuer(s.URL), op.WithAllowInsecure(), op.WithCrypto(texts), op.WithHttpInterceptors(withKey),
		op.WithIDTokenHintVerifierOpts(op.WithSupportedIDTokenHintSigningAlgorithms(string(cfg.algorithm()))))
	if err != nil {
		tb.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", provider)
	mux.HandleFunc("GET /login", s.login)
	mux.HandleFunc("GET /signed-out", func(http.ResponseWriter, *http.Request) {})
	handler = mux
	ready.Done()
	return s
}

// OpaqueForm is that of the tokens of OpaqueClient.
func (s *Server) OpaqueForm() token.Form {
	if s.storage.cfg.EncryptedTokens {
		return token.Form{Encrypted: true, MinLength: 100, MaxLength: 1000}
	}
	return token.Form{Prefix: opaquePrefix, MinLength: 55, MaxLength: 55}
}

// SetLogout says where logout tokens are posted from now on.
func (s *Server) SetLogout(url string) {
	s.storage.mu.Lock()
	defer s.storage.mu.Unlock()
	s.storage.cfg.Logout = url
}

// SetTenant says which tenant users are of from now on.
func (s *Server) SetTenant(name string) {
	s.storage.mu.Lock()
	defer s.storage.mu.Unlock()
	s.storage.cfg.Tenant = name
}

// SetRoles says which roles a user has from now on.
func (s *Server) SetRoles(user string, roles ...string) {
	s.storage.mu.Lock()
	defer s.storage.mu.Unlock()
	s.storage.roles[user] = roles
}

// Rotate has the provider publish a new key and sign with it from now on. The old ones stay
// published.
func (s *Server) Rotate() {
	s.storage.mu.Lock()
	defer s.storage.mu.Unlock()
	s.storage.keys = append(s.storage.keys, newKey(s.storage.cfg.algorithm()))
}

// IntrospectionURL is where the API asks about tokens.
func (s *Server) IntrospectionURL() string { return s.URL + "/oauth/introspect" }

// login is the login page. Its user is the login_hint of the request, who needs no password. A
// browser that is signed in at the provider stays so, unless the request asks for another acr or
// a prompt; then the user signs in again, in the same session of the provider.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	var name string
	if cookie, err := r.Cookie(sessionCookie); err == nil {
		name = cookie.Value
	}
	name, err := s.storage.signIn(r.FormValue("id"), name, time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	http.SetCookie(w, &http.Cookie{Name: sessionCookie, Value: name, Path: "/", HttpOnly: true})
	http.Redirect(w, r, "/authorize/callback?id="+r.FormValue("id"), http.StatusFound)
}

const sessionCookie = "op"
