//go:build unix

package integration_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/integration/idpserver"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/introspect"
	"github.com/reevehq/reeve/session/token/jwks"
	"github.com/reevehq/reeve/tenant"
)

// signInService is two replicas of a service whose users are signed in by a provider of their
// own, and have their sessions in one Redis.
type signInService struct {
	testing.TB
	idp      *idpserver.Server
	foreign  *token.Foreign
	replicas [2]*httptest.Server
	managers [2]*session.Manager
	retries  *retries
}

// providerKinds tell what access tokens say of a sign-in: an ended one can be told from a new
// sign-in by the provider's session, by when the user signed in, or by neither.
var providerKinds = []struct {
	name string
	cfg  idpserver.Config
}{
	{"the tokens name the session", idpserver.Config{NamesSessions: true, SaysWhen: true}},
	{"the tokens say when the user signed in", idpserver.Config{SaysWhen: true}},
	{"the tokens say neither", idpserver.Config{}},
}

func newSignInService(t *testing.T, cfg idpserver.Config) *signInService {
	t.Helper()
	cfg.Tenant = "acme"
	s := &signInService{TB: t, idp: idpserver.Start(t, cfg), retries: newRetries(t)}
	s.foreign = token.Zitadel(idpserver.KindClaim, idpserver.KindAccess, map[string]string{"writer": "editor"})
	s.foreign.ACR = "acr"
	if cfg.NamesSessions {
		s.foreign.Session = "sid"
	}
	if cfg.SaysWhen {
		s.foreign.AuthTime = "auth_time"
	}
	url, opts := redisserver.Shared(t), storeOptions()
	for i := range s.replicas {
		store := open(t, url, opts)
		meet(store)
		s.replicas[i] = httptest.NewServer(s.replica(i, store))
		t.Cleanup(s.replicas[i].Close)
	}
	eventually(t, "the tenant is set up", func() error { return s.managers[0].SetTenantStatus(t.Context(), acme, tenant.Active) })
	s.idp.SetLogout(s.replicas[1].URL + "/logout")
	return s
}

func (s *signInService) replica(i int, store *redisstore.Store) *echo.Echo {
	s.Helper()
	must := func(err error) {
		if err != nil {
			s.Helper()
			s.Fatal(err)
		}
	}
	engine := engineOf(s, "p, role:authenticated, *, /me, GET, true, allow\n"+
		"p, role:authenticated, *, /pay, POST, true, allow\n"+
		"p, role:editor, *, /docs, GET, true, allow\n"+
		"p, role:anyone, *, /logout, POST, true, allow\n")
	manager, err := session.NewManager(store, session.Config{Key: secretKey(3)})
	must(err)
	s.managers[i] = manager
	fetcher, err := jwks.New(jwks.Config{})
	must(err)
	keys, err := fetcher.Add(jwks.Endpoint{Issuer: s.idp.URL, Discover: true})
	must(err)
	must(fetcher.Start(context.Background()))
	s.Cleanup(func() { fetcher.Close() })
	client, err := introspect.NewClient(introspect.Config{URL: s.idp.IntrospectionURL(), ClientID: idpserver.API, Secret: session.NewSecretKey([]byte(idpserver.APISecret))})
	must(err)
	opaque, err := token.NewIntrospector(token.IntrospectorConfig{Form: s.idp.OpaqueForm(), Ask: client.Ask})
	must(err)
	verifier, err := token.NewVerifier(token.Issuer{
		Name: s.idp.URL, Audience: idpserver.Audience, Algorithms: []token.Algorithm{token.EdDSA}, Keys: keys, Foreign: s.foreign, Opaque: opaque,
		Logout: &token.LogoutConfig{Audience: idpserver.JWTClient, Types: []string{"JWT"}},
	})
	must(err)
	proofs, err := token.NewDPoPVerifier(token.DPoPConfig{Origins: []string{dpopOrigin}})
	must(err)
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{
		Tokens: verifier, Sessions: manager, Policy: engine, Timeout: 4 * time.Second,
		DPoP: &middleware.DPoP{Proofs: proofs, Replay: store.Replay()},
	}))
	name := func(c echo.Context) error {
		caller, _ := authz.FromContext(c.Request().Context())
		current, _ := caller.Session()
		return c.JSON(200, signInAnswer{Session: current.ID.Fingerprint(), User: current.User.String(), Tenant: current.Tenant.String(), Roles: current.Roles.Names()})
	}
	e.GET("/me", name)
	e.GET("/docs", name)
	e.POST("/pay", name, authz.RequireACR("phr"))
	e.POST("/logout", authz.BackchannelLogout(authz.LogoutConfig{Tokens: verifier, Sessions: manager, Replay: store.Replay()}))
	return e
}

// signInAnswer is the answer of a replica.
type signInAnswer struct {
	Session, User, Tenant string
	Roles                 []string
	status                int
	challenge, retryAfter string
}

// proofer makes the headers of a request.
type proofer func(r *http.Request)

func bearer(access string) proofer {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+access) }
}

// once is one request to one replica.
func (s *signInService) once(replica int, method, path string, with proofer) (a signInAnswer) {
	s.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, s.replicas[replica].URL+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	with(r)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	_ = json.Unmarshal(body, &a)
	a.status, a.retryAfter = resp.StatusCode, resp.Header.Get("Retry-After")
	a.challenge = strings.Join(resp.Header.Values("WWW-Authenticate"), "\n")
	return a
}

// ask is a request to one replica, which is out at no time.
func (s *signInService) ask(replica int, method, path string, with proofer) (a signInAnswer) {
	s.Helper()
	s.retries.ask(s, path, func() bool { a = s.once(replica, method, path, with); return a.status == 503 })
	return a
}

func (s *signInService) want(what string, a signInAnswer, status int) signInAnswer {
	s.Helper()
	if a.status != status {
		s.Errorf("%s: %d, not %d (%s)", what, a.status, status, a.challenge)
	}
	return a
}

var signInRequest = idpserver.Request{Client: idpserver.JWTClient, User: "alice"}

// An access token of the provider is a session from its first request on, on every replica, and
// so are those that are refreshed, and those that it signs with a key of which nobody knew.
func TestAProvidersUserHasOneSession(t *testing.T) {
	t.Parallel()
	for _, kind := range providerKinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newSignInService(t, kind.cfg)
			s.idp.SetRoles("alice", "writer", "unheard-of")
			tokens := s.idp.Browser().SignIn(signInRequest)
			first := s.want("the first request", s.ask(0, "GET", "/me", bearer(tokens.Access)), 200)
			if first.User != "alice" || first.Tenant != "acme" || fmt.Sprint(first.Roles) != "[editor]" {
				t.Errorf("the session is %+v", first)
			}
			s.want("the ID token", s.ask(0, "GET", "/me", bearer(tokens.ID)), 401)
			s.want("a token that was changed", s.ask(0, "GET", "/me", bearer(tokens.Access[:len(tokens.Access)-8]+"AAAAAAAA")), 401)
			nextSecond()
			s.idp.SetRoles("alice")
			refreshed := tokens.Refresh()
			if refreshed.Access == tokens.Access {
				t.Fatal("the refreshed token is the same")
			}
			s.want("a role that the provider took away", s.ask(1, "GET", "/docs", bearer(refreshed.Access)), 403)
			s.want("the token with the role", s.ask(1, "GET", "/docs", bearer(tokens.Access)), 403)
			s.idp.Rotate()
			rotated := refreshed.Refresh()
			for _, access := range []string{tokens.Access, refreshed.Access, rotated.Access} {
				for replica := range s.replicas {
					if a := s.want("a token of the sign-in", s.ask(replica, "GET", "/me", bearer(access)), 200); a.Session != first.Session {
						t.Errorf("replica %d: session %s, not %s", replica, a.Session, first.Session)
					}
				}
			}
		})
	}
}

// An opaque token is what the provider says of it, and its session is ended as that of a JWT is.
func TestAProvidersOpaqueTokenIsASession(t *testing.T) {
	t.Parallel()
	for name, parts := range map[string]int{"a reference": 1, "an encrypted JWT": 5} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			opaqueSession(t, parts)
		})
	}
}

func opaqueSession(t *testing.T, parts int) {
	cfg := providerKinds[0].cfg
	cfg.EncryptedTokens = parts == 5
	s := newSignInService(t, cfg)
	request := signInRequest
	request.Client = idpserver.OpaqueClient
	browser := s.idp.Browser()
	tokens := browser.SignIn(request)
	if n := strings.Count(tokens.Access, ".") + 1; n != parts {
		t.Fatalf("the token has %d parts, want %d", n, parts)
	}
	first := s.want("an opaque token", s.ask(0, "GET", "/me", bearer(tokens.Access)), 200)
	refreshed := tokens.Refresh()
	if a := s.want("after a refresh", s.ask(1, "GET", "/me", bearer(refreshed.Access)), 200); a.Session != first.Session {
		t.Error("a refresh made another session")
	}
	asJWT := browser.SignIn(signInRequest) // another client in the same session of the provider
	if a := s.want("a JWT of the session", s.ask(1, "GET", "/me", bearer(asJWT.Access)), 200); a.Session != first.Session {
		t.Error("another client in the provider's session has another session")
	}
	s.want("a text of the form that the provider did not make", s.ask(0, "GET", "/me", bearer(madeUp(tokens.Access))), 401)
	eventually(t, "alice is signed out", func() error { return s.managers[0].RevokeUser(t.Context(), acme, alice) })
	s.want("after the revocation", s.ask(1, "GET", "/me", bearer(tokens.Access)), 401)
	s.want("refreshed after the revocation", s.ask(0, "GET", "/me", bearer(refreshed.Refresh().Access)), 401)
}

// madeUp is another text of the form of a token.
func madeUp(raw string) string {
	kept := max(len("op_"), strings.LastIndex(raw, ".")+1)
	return raw[:kept] + strings.Repeat("A", len(raw)-kept)
}

// A sign-in that was revoked stays so for the tokens that the provider issues after it, until the
// user signs in anew.
func TestATokenRefreshedAfterARevocationIsRefused(t *testing.T) {
	t.Parallel()
	revocations := []struct {
		name string
		do   func(m *session.Manager, ref session.Ref) error
	}{
		{"Revoke", func(m *session.Manager, ref session.Ref) error { return m.Revoke(context.Background(), ref) }},
		{"RevokeUser", func(m *session.Manager, ref session.Ref) error {
			return m.RevokeUser(context.Background(), ref.Tenant, ref.User)
		}},
		{"RevokeTenant", func(m *session.Manager, ref session.Ref) error {
			return m.RevokeTenant(context.Background(), ref.Tenant)
		}},
		{"RevokeAll", func(m *session.Manager, _ session.Ref) error { return m.RevokeAll(context.Background()) }},
	}
	for _, kind := range providerKinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			var later []func() // all wait for the clocks at once
			for _, revocation := range revocations {
				s := newSignInService(t, kind.cfg)
				want := func(what string, a signInAnswer, status int) signInAnswer {
					t.Helper()
					return s.want(revocation.name+": "+what, a, status)
				}
				tokens := s.idp.Browser().SignIn(signInRequest)
				first := want("before", s.ask(0, "GET", "/me", bearer(tokens.Access)), 200)
				list, err := s.managers[0].List(t.Context(), acme, alice)
				if err != nil || len(list) != 1 {
					t.Fatalf("%d sessions, %v", len(list), err)
				}
				eventually(t, revocation.name, func() error { return revocation.do(s.managers[1], list[0].Ref()) })
				want("the same token", s.ask(0, "GET", "/me", bearer(tokens.Access)), 401)
				if !kind.cfg.SaysWhen {
					nextSecond() // a token of the second of the end cannot be told from one before it
				}
				refreshed := tokens.Refresh()
				if kind.cfg.SaysWhen {
					want("a refreshed token", s.ask(1, "GET", "/me", bearer(refreshed.Access)), 401)
				} else { // it may have been issued before, as clocks go
					want("a token refreshed within the skew", s.once(1, "GET", "/me", bearer(refreshed.Access)), 503)
				}
				later = append(later, func() {
					if next := s.signInAnew(); next.Session == first.Session {
						t.Errorf("%s: the session of the new sign-in is the revoked one", revocation.name)
					}
					if kind.cfg.SaysWhen {
						refreshed = refreshed.Refresh()
						for i := range s.replicas {
							want("a token refreshed after the new sign-in", s.ask(i, "GET", "/me", bearer(refreshed.Access)), 401)
						}
					}
				})
			}
			nextSecond() // and so a sign-in
			for _, rest := range later {
				rest()
			}
		})
	}
}

// signInAnew signs alice in with a browser in which nobody is, until the sign-in is later than
// what was ended by more than clocks may differ. Till then the answer is an outage.
func (s *signInService) signInAnew() (a signInAnswer) {
	s.Helper()
	testwait.Until(s, "a new sign-in is a session", func() bool {
		tokens := s.idp.Browser().SignIn(signInRequest)
		a = s.once(0, "GET", "/me", bearer(tokens.Access))
		switch {
		case a.status == 401:
			s.Errorf("a new sign-in: 401 %s", a.challenge)
		case a.status == 503 && a.retryAfter == "":
			s.Error("a new sign-in too close to the end: no Retry-After")
		}
		if a.status == 503 {
			<-time.After(200 * time.Millisecond)
		}
		return a.status != 503
	})
	return s.want("the new sign-in", a, 200)
}

// A provider that says neither its session nor when the user signed in undoes a revocation by its
// next token, so there is Block, which holds until it is lifted.
func TestABlockedUserIsRefusedWhateverTheProviderSays(t *testing.T) {
	t.Parallel()
	for _, kind := range providerKinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newSignInService(t, kind.cfg)
			tokens := s.idp.Browser().SignIn(signInRequest)
			s.want("before", s.ask(0, "GET", "/me", bearer(tokens.Access)), 200)
			eventually(t, "alice is blocked", func() error { return s.managers[1].Block(t.Context(), acme, alice) })
			s.want("the token", s.ask(0, "GET", "/me", bearer(tokens.Access)), 401)
			s.want("a refreshed token", s.ask(1, "GET", "/me", bearer(tokens.Refresh().Access)), 401)
			s.want("a new sign-in", s.ask(1, "GET", "/me", bearer(s.idp.Browser().SignIn(signInRequest).Access)), 401)
			eventually(t, "the block is lifted", func() error { return s.managers[0].Unblock(t.Context(), acme, alice) })
			if !kind.cfg.SaysWhen { // the others wait as long in the test above
				nextSecond() // a sign-in in the second of the end cannot be told from one before it
				s.signInAnew()
			}
		})
	}
}

// The provider's own sign-out ends the session on every replica, also when none of its tokens was
// seen before it, and lets the user sign in again.
func TestASignOutAtTheProviderEndsTheSession(t *testing.T) {
	t.Parallel()
	for _, kind := range providerKinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newSignInService(t, kind.cfg)
			browser := s.idp.Browser()
			tokens := browser.SignIn(signInRequest)
			s.want("before", s.ask(0, "GET", "/me", bearer(tokens.Access)), 200)
			other := s.idp.Browser().SignIn(signInRequest) // on another device
			s.want("the other device", s.ask(0, "GET", "/me", bearer(other.Access)), 200)
			if status := browser.SignOut(tokens); status != 200 {
				t.Fatalf("the sign-out ends at %d", status)
			}
			if _, err := tokens.TryRefresh(t.Context()); err == nil {
				t.Error("the provider refreshes after the sign-out")
			}
			for i := range s.replicas {
				s.want("after the sign-out", s.ask(i, "GET", "/me", bearer(tokens.Access)), 401)
			}
			still := map[bool]int{true: 200, false: 401}[kind.cfg.NamesSessions] // what the logout token names
			s.want("the other device after it", s.ask(1, "GET", "/me", bearer(other.Access)), still)
			if !kind.cfg.NamesSessions {
				nextSecond()
				s.signInAnew()
				return
			}
			unseen := browser.SignIn(signInRequest)
			if status := browser.SignOut(unseen); status != 200 {
				t.Fatalf("the sign-out before the first request ends at %d", status)
			}
			s.want("a token of which the end came first", s.ask(0, "GET", "/me", bearer(unseen.Access)), 401)
			s.want("a new sign-in", s.ask(0, "GET", "/me", bearer(browser.SignIn(signInRequest).Access)), 200)
		})
	}
}

// The challenge of a route that wants another class of sign-in is what the provider is asked for,
// and the session is then one that has it.
func TestTheProviderIsAskedForAStepUp(t *testing.T) {
	t.Parallel()
	for _, kind := range providerKinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s := newSignInService(t, kind.cfg)
			browser := s.idp.Browser()
			tokens := browser.SignIn(signInRequest)
			first := s.want("before", s.ask(0, "GET", "/me", bearer(tokens.Access)), 200)
			refused := s.want("without the class", s.ask(0, "POST", "/pay", bearer(tokens.Access)), 401)
			_, values, found := strings.Cut(refused.challenge, `error="insufficient_user_authentication"`)
			if _, values, _ = strings.Cut(values, `acr_values="`); !found || !strings.HasPrefix(values, `phr"`) {
				t.Fatalf("the challenge is %s", refused.challenge)
			}
			nextSecond()
			request := signInRequest
			request.ACR, _, _ = strings.Cut(values, `"`)
			stepped := browser.SignIn(request)
			if a := s.want("with the class", s.ask(1, "POST", "/pay", bearer(stepped.Access)), 200); a.Session != first.Session {
				t.Error("the step-up made another session")
			}
			s.want("refreshed", s.ask(0, "POST", "/pay", bearer(stepped.Refresh().Access)), 200)
		})
	}
}

// A token that the provider has bound to a key is one for the holder of the key alone.
func TestAProvidersBoundTokenNeedsItsProof(t *testing.T) {
	t.Parallel()
	s := newSignInService(t, providerKinds[0].cfg)
	_, key, _ := ed25519.GenerateKey(nil)
	_, another, _ := ed25519.GenerateKey(nil)
	request := signInRequest
	request.Key = thumbprintOf(key)
	tokens := s.idp.Browser().SignIn(request)
	first := s.want("with its proof", s.ask(0, "GET", "/me", proved(tokens.Access, key)), 200)
	s.want("as a bearer token", s.ask(0, "GET", "/me", bearer(tokens.Access)), 401)
	s.want("with a proof of another key", s.ask(0, "GET", "/me", proved(tokens.Access, another)), 401)
	refreshed := tokens.Refresh()
	s.want("with the proof of another token", s.ask(1, "GET", "/me", func(r *http.Request) {
		proved(tokens.Access, key)(r)
		r.Header.Set("Authorization", "DPoP "+refreshed.Access)
	}), 401)
	if a := s.want("refreshed", s.ask(1, "GET", "/me", proved(refreshed.Access, key)), 200); a.Session != first.Session {
		t.Error("a refresh made another session")
	}
	eventually(t, "alice is signed out", func() error { return s.managers[0].RevokeUser(t.Context(), acme, alice) })
	s.want("after the revocation", s.ask(1, "GET", "/me", proved(refreshed.Refresh().Access, key)), 401)
}

func jwkOf(key ed25519.PrivateKey) string {
	return `{"crv":"Ed25519","kty":"OKP","x":"` + raw64(key[32:]) + `"}`
}

func thumbprintOf(key ed25519.PrivateKey) string {
	sum := sha256.Sum256([]byte(jwkOf(key)))
	return raw64(sum[:])
}

// proved sends a token with a fresh proof of a key.
func proved(access string, key ed25519.PrivateKey) proofer {
	return func(r *http.Request) {
		ath := sha256.Sum256([]byte(access))
		head := `{"typ":"dpop+jwt","alg":"EdDSA","jwk":` + jwkOf(key) + `}`
		body := fmt.Sprintf(`{"jti":%q,"htm":%q,"htu":%q,"iat":%d,"ath":%q}`, rand.Text(), r.Method, dpopOrigin+r.URL.Path, time.Now().Unix(), raw64(ath[:]))
		text := raw64([]byte(head)) + "." + raw64([]byte(body))
		r.Header.Set("Authorization", "DPoP "+access)
		r.Header.Set("DPoP", text+"."+raw64(ed25519.Sign(key, []byte(text))))
	}
}
