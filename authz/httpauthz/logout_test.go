package httpauthz_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
)

// TestAProviderSignsOutThroughEitherDoor: the handler of back-channel logout ends the session behind
// net/http as it does behind Echo.
func TestAProviderSignsOutThroughEitherDoor(t *testing.T) {
	for name, door := range map[string]func(w *fixture) http.Handler{
		"the Mux": func(w *fixture) http.Handler { return w.mux },
		"Echo":    func(w *fixture) http.Handler { return w.echo },
	} {
		w := newFixture(t)
		bearer, s := w.login("viewer")
		good := http.Header{"Authorization": {"Bearer " + bearer}}
		if rec := ask(door(w), "GET", "/me", good); rec.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", name, rec.Code, rec.Body)
		}
		if code := w.signOut(door(w), s); code != http.StatusOK {
			t.Errorf("%s: the logout is answered %d", name, code)
		}
		if rec := ask(door(w), "GET", "/me", good); rec.Code != http.StatusUnauthorized {
			t.Errorf("%s: the session goes on: %d", name, rec.Code)
		}
	}
}

// signOut sends a logout token for a session.
func (w *fixture) signOut(door http.Handler, s session.Session) int {
	w.t.Helper()
	private, ok := w.key.Signer().(ed25519.PrivateKey)
	if !ok {
		w.t.Fatal("the world signs with another kind of key")
	}
	now := time.Now().Unix()
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"EdDSA","kid":"k1","typ":"logout+jwt"}`)) + "." + encode(fmt.Appendf(nil,
		`{"iss":"https://issuer.test","aud":"client","iat":%d,"exp":%d,"jti":"%s","sub":"%s","tenant":"acme","sid":"%s","events":{"http://schemas.openid.net/event/backchannel-logout":{}}}`,
		now, now+60, s.ID.Fingerprint(), s.User, s.ID.Reveal()))
	signed += "." + encode(ed25519.Sign(private, []byte(signed)))
	r := httptest.NewRequest("POST", "/logout", strings.NewReader(url.Values{"logout_token": {signed}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	door.ServeHTTP(rec, r)
	return rec.Code
}
