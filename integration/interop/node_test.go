package interop

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/reevehq/reeve/session/token"
)

// TestNodeOIDCProvider: node-oidc-provider issues JWTs of RFC 9068, bound by DPoP where the client
// proves a key, and sends logout tokens.
func TestNodeOIDCProvider(t *testing.T) {
	dir := programs(t)
	api := newService(t)
	port := freePort(t)
	start(t, false, []string{
		"PORT=" + strconv.Itoa(port), "LOGOUT_URI=" + api.url + "/logout", "REDIRECT_URI=" + redirectURI, "AUDIENCE=" + audience, "TENANT=acme",
	}, filepath.Join(dir, "node", "node_modules", ".bin", "node"), filepath.Join(dir, "node", "op.mjs"))
	answers(t, local(port)+"/.well-known/openid-configuration")
	api.serve(t, token.Issuer{
		Name: local(port), Audience: audience, Algorithms: []token.Algorithm{token.ES256},
		Foreign: &token.Foreign{Tenant: "tenant", Session: "sid", AuthTime: "auth_time", ACR: "acr"},
		Logout:  &token.LogoutConfig{Audience: "spa"},
	})
	c := newClient(t)
	signIn := func(name, browser string, more args) args {
		a := args{"name": name, "browser": browser, "user": "ann", "issuer": local(port), "client_id": "spa", "redirect_uri": redirectURI,
			"parameters": args{"scope": "openid docs", "resource": audience}}
		for k, v := range more {
			a[k] = v
		}
		return a
	}
	me, pay := api.url+"/me", api.url+"/pay"

	c.must("signIn", signIn("bearer", "laptop", nil))
	first := c.call("an access token", 200, args{"name": "bearer", "url": me})
	c.call("the ID token", 401, args{"name": "bearer", "url": me, "as": "id_token"})
	nextSecond()
	if !c.must("refresh", args{"name": "bearer"}).Changed {
		t.Error("the refreshed token is the same")
	}
	if r := c.call("refreshed at the provider", 200, args{"name": "bearer", "url": me}); r.Body != first.Body {
		t.Error("a refresh made another session")
	}

	challenge := c.call("a route for another class of sign-in", 401, args{"name": "bearer", "url": pay, "method": "POST"})
	if challenge.Error != "insufficient_user_authentication" || challenge.ACRValues != "phr" {
		t.Errorf("the client reads the challenge as %+v", challenge)
	}
	nextSecond()
	c.must("signIn", signIn("stepped", "laptop", args{"acr": challenge.ACRValues}))
	if r := c.call("after the step-up", 200, args{"name": "stepped", "url": pay, "method": "POST"}); r.Body != first.Body {
		t.Error("the step-up made another session")
	}

	if r := c.must("signIn", signIn("bound", "phone", args{"dpop": true})); r.TokenType != "dpop" {
		t.Fatalf("the token is of the type %q", r.TokenType)
	}
	bound := c.call("a bound token with its proof", 200, args{"name": "bound", "url": me})
	if bound.Body == first.Body {
		t.Error("two sessions of the provider are one")
	}
	c.call("a bound token as a bearer token", 401, args{"name": "bound", "url": me, "as": "bearer"})
	c.call("a bound token with a proof of another key", 401, args{"name": "bound", "url": me, "as": "another key"})
	c.must("refresh", args{"name": "bound"})
	if r := c.call("a bound token, refreshed", 200, args{"name": "bound", "url": me}); r.Body != bound.Body {
		t.Error("a refresh made another session")
	}

	c.must("signOut", args{"name": "bound"})
	c.call("signed out at the provider", 401, args{"name": "bound", "url": me})
	c.call("another session of the user", 200, args{"name": "bearer", "url": me})
	c.must("signIn", signIn("unseen", "tablet", nil))
	c.must("signOut", args{"name": "unseen"})
	c.call("signed out before the first request", 401, args{"name": "unseen", "url": me})

	if err := api.sessions.RevokeUser(t.Context(), acme, ann); err != nil {
		t.Fatal(err)
	}
	c.call("after RevokeUser", 401, args{"name": "bearer", "url": me})
	nextSecond()
	c.must("refresh", args{"name": "bearer"})
	c.call("refreshed after RevokeUser", 401, args{"name": "bearer", "url": me})
	if r := signInAnew(t, c, me, signIn("anew", "", nil)); r.Body == first.Body {
		t.Error("the session of the new sign-in is the revoked one")
	}
}
