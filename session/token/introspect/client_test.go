package introspect_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/introspect"
)

const opaque = "ory_at_0123456789abcdefghijklmnopqrstuvwxyz"

func client(t *testing.T, answer http.HandlerFunc) *introspect.Client {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	c, err := introspect.NewClient(introspect.Config{URL: s.URL + "/introspect", ClientID: "billing", Secret: session.NewSecretKey([]byte("s3cret:with/odd"))})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnAnswerOfAnIssuerMakesAStranger(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		id, secret, ok := r.BasicAuth()
		if !ok || id != "billing" || secret != "s3cret%3Awith%2Fodd" || r.Method != http.MethodPost || r.FormValue("token_type_hint") != "access_token" {
			t.Errorf("asked as %s: %v", id, r.Method)
		}
		if r.FormValue("token") != opaque {
			fmt.Fprint(w, `{"active":false}`)
			return
		}
		now := time.Now().Unix()
		fmt.Fprintf(w, `{"active":true,"token_use":"access_token","aud":["billing"],"sub":"ann","client_id":"c-1","iat":%d,"exp":%d,"ext":{"tenant":"acme"}}`, now, now+300)
	})
	i, err := token.NewIntrospector(token.IntrospectorConfig{Form: token.Form{Prefix: "ory_at_", MinLength: 40, MaxLength: 200}, Ask: c.Ask})
	if err != nil {
		t.Fatal(err)
	}
	v, err := token.NewVerifier(token.Issuer{Name: "https://id.example.com", Audience: "billing", Opaque: i, Foreign: &token.Foreign{
		Kind: map[string]string{"token_use": "access_token"}, Tenant: "/ext/tenant",
	}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.Verify(t.Context(), opaque)
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := got.Stranger(); !ok || s.User.String() != "ann" || s.Tenant.String() != "acme" || s.Issuer != "https://id.example.com" {
		t.Errorf("%v, %v", s.User, ok)
	}
	if _, err := v.Verify(t.Context(), opaque+"x"); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("a token that is not active: %v", err)
	}
}

func TestAnythingButAnAnswerIsAnOutage(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"an error":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"unauthorized": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) },
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example.com", http.StatusTemporaryRedirect)
		},
		"no content": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) },
		"too much":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat(" ", 65<<10)) },
	} {
		got, err := client(t, answer).Ask(t.Context(), opaque)
		if err == nil || got != nil || strings.Contains(err.Error(), opaque) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client(t, func(http.ResponseWriter, *http.Request) {}).Ask(ctx, opaque); err == nil || !strings.Contains(err.Error(), "in time") {
		t.Errorf("a context that has ended: %v", err)
	}
}

func TestEveryBadFieldIsNamed(t *testing.T) {
	_, err := introspect.NewClient(introspect.Config{URL: "http://id.example.com"})
	for _, want := range []string{"introspect: invalid config: ", "URL: https is required", "ClientID: required", "Secret: required"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
	for _, u := range []string{"", "/x", "ftp://x/", "https://u:p@x/", "https://x/#f", "http://127.0.0.1.example.com/"} {
		if _, err := introspect.NewClient(introspect.Config{URL: u, ClientID: "a", Secret: session.NewSecretKey([]byte("x"))}); err == nil || !strings.Contains(err.Error(), "URL: ") {
			t.Errorf("%s: %v", u, err)
		}
	}
}
