package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/reevehq/reeve/session/token"
)

// hydra is Ory Hydra with a login, consent and logout app that asks nobody.
type hydra struct {
	*testing.T
	issuer, admin string
}

// TestOryHydra: Hydra issues JWTs, in which its consent app writes the tenant and the session, and
// sends logout tokens of a draft: without exp, of the type JWT, that name the session alone. It
// knows no DPoP.
func TestOryHydra(t *testing.T) {
	dir := programs(t)
	binary := filepath.Join(dir, "hydra")
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("%s is missing: make interop builds it, or says why not", binary)
	}
	api := newService(t)
	port, adminPort := freePort(t), freePort(t)
	h := &hydra{T: t, issuer: local(port), admin: local(adminPort)}
	app := httptest.NewServer(h)
	t.Cleanup(app.Close)
	config := fmt.Sprintf(`
log: {level: error}
serve: {public: {port: %d, host: 127.0.0.1}, admin: {port: %d, host: 127.0.0.1}}
dsn: memory
urls: {self: {issuer: %s}, login: %s/login, consent: %s/consent, logout: %s/logout, post_logout_redirect: %s/signed-out}
strategies: {access_token: jwt}
secrets: {system: [%q]}
`, port, adminPort, h.issuer, app.URL, app.URL, app.URL, app.URL, "no secret, but of the test alone")
	file := filepath.Join(t.TempDir(), "hydra.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, false, nil, binary, "serve", "all", "--dev", "--sqa-opt-out", "--config", file)
	answers(t, h.admin+"/health/ready")
	answers(t, h.issuer+"/.well-known/openid-configuration")
	var registered struct {
		ID string `json:"client_id"`
	}
	h.ask("POST", "/admin/clients", args{
		"redirect_uris": []string{redirectURI}, "grant_types": []string{"authorization_code", "refresh_token"}, "response_types": []string{"code"},
		"scope": "openid offline_access docs", "audience": []string{audience}, "token_endpoint_auth_method": "none", "skip_consent": false,
		"backchannel_logout_uri": api.url + "/logout", "backchannel_logout_session_required": true,
	}, &registered)
	c := newClient(t)
	signIn := func(name, browser string) args {
		return args{"name": name, "browser": browser, "user": "ann", "issuer": h.issuer, "client_id": registered.ID, "redirect_uri": redirectURI,
			"parameters": args{"scope": "openid offline_access docs", "audience": audience}}
	}
	c.must("signIn", signIn("bearer", "laptop")) // with which Hydra makes the key of access tokens
	foreign := token.Hydra("docs")
	foreign.Session, foreign.AuthTime = "/ext/sid", "/ext/auth_time"
	api.serve(t, token.Issuer{
		Name: h.issuer, Audience: audience, Algorithms: []token.Algorithm{token.RS256}, Foreign: foreign,
		Logout: &token.LogoutConfig{Audience: registered.ID, Types: []string{"JWT"}, OptionalExpiry: true},
	})
	me := api.url + "/me"

	first := c.call("an access token", 200, args{"name": "bearer", "url": me})
	c.call("the ID token", 401, args{"name": "bearer", "url": me, "as": "id_token"})
	nextSecond()
	if !c.must("refresh", args{"name": "bearer"}).Changed {
		t.Error("the refreshed token is the same")
	}
	if r := c.call("refreshed at the provider", 200, args{"name": "bearer", "url": me}); r.Body != first.Body {
		t.Error("a refresh made another session")
	}
	c.must("signIn", signIn("phone", "phone"))
	c.call("another session", 200, args{"name": "phone", "url": me})
	c.must("signOut", args{"name": "phone"})
	h.soon401(c, "phone", me) // Hydra does not wait for the answer
	c.call("the first session after it", 200, args{"name": "bearer", "url": me})

	if err := api.sessions.RevokeUser(t.Context(), acme, ann); err != nil {
		t.Fatal(err)
	}
	c.call("after RevokeUser", 401, args{"name": "bearer", "url": me})
	nextSecond()
	c.must("refresh", args{"name": "bearer"})
	c.call("refreshed after RevokeUser", 401, args{"name": "bearer", "url": me})
	if r := signInAnew(t, c, me, signIn("anew", "")); r.Body == first.Body {
		t.Error("the session of the new sign-in is the revoked one")
	}
}

func (h *hydra) soon401(c *client, name, url string) {
	h.Helper()
	for deadline := time.Now().Add(waitLimit); ; <-time.After(50 * time.Millisecond) {
		r := c.must("call", args{"name": name, "url": url})
		if r.Status == http.StatusUnauthorized {
			h.Logf("%-55s %d", "signed out at the provider", r.Status)
			return
		}
		if time.Now().After(deadline) {
			h.Fatalf("signed out at the provider: %d", r.Status)
		}
	}
}

// ask is a request to Hydra's administration.
func (h *hydra) ask(method, path string, body, into any) {
	h.Helper()
	text, _ := json.Marshal(body)
	r, err := http.NewRequestWithContext(h.Context(), method, h.admin+path, bytes.NewReader(text))
	if err != nil {
		h.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		h.Errorf("%s: %v", path, err)
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		h.Errorf("%s: %s", path, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		h.Errorf("%s: %v", path, err)
	}
}

// ServeHTTP is the app: it accepts what the login_hint and the client ask for.
func (h *hydra) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind := r.URL.Path[1:] // login, consent, logout
	if kind == "signed-out" {
		return
	}
	challenge := kind + "_challenge"
	query := "?" + url.Values{challenge: {r.FormValue(challenge)}}.Encode()
	var asked struct {
		OIDC struct {
			LoginHint string `json:"login_hint"`
		} `json:"oidc_context"`
		Subject      string
		LoginSession string          `json:"login_session_id"`
		Scope        []string        `json:"requested_scope"`
		Audience     []string        `json:"requested_access_token_audience"`
		Context      json.RawMessage `json:"context"`
	}
	h.ask("GET", "/admin/oauth2/auth/requests/"+kind+query, nil, &asked)
	var accept args
	switch kind {
	case "login":
		accept = args{"subject": asked.OIDC.LoginHint, "remember": true, "context": time.Now().Unix()}
	case "consent":
		accept = args{
			"grant_scope": asked.Scope, "grant_access_token_audience": asked.Audience,
			"session": args{"access_token": args{"tenant": "acme", "sid": asked.LoginSession, "auth_time": asked.Context}},
		}
	default:
		accept = args{}
	}
	var next struct {
		To string `json:"redirect_to"`
	}
	h.ask("PUT", "/admin/oauth2/auth/requests/"+kind+"/accept"+query, accept, &next)
	http.Redirect(w, r, next.To, http.StatusFound)
}
