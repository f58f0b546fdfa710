package authz_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"maps"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

const logoutRules = `
p, role:anyone, *, /backchannel-logout, POST, true, allow
`

// failing are the stores of a logout, each of which can be out.
type failing struct {
	session.Manager
	replay                            *memstore.Replay
	used, use, revoke, revokeUser     error
	downIn                            tenant.ID // where no user can be revoked
	revocations, revokedUsers, marked int
}

func (f *failing) Used(ctx context.Context, key token.ReplayKey, ttl time.Duration) (bool, error) {
	if f.used != nil {
		return false, f.used
	}
	return f.replay.Used(ctx, key, ttl)
}

func (f *failing) Use(ctx context.Context, key token.ReplayKey, ttl time.Duration) (bool, error) {
	if f.use != nil {
		return true, f.use
	}
	f.marked++
	return f.replay.Use(ctx, key, ttl)
}

func (f *failing) End(ctx context.Context, ref session.Ref) (bool, error) {
	if f.revoke != nil {
		return false, f.revoke
	}
	f.revocations++
	return f.Manager.End(ctx, ref)
}

func (f *failing) RevokeUser(ctx context.Context, t tenant.ID, u session.UserID) error {
	if f.revokeUser != nil {
		return f.revokeUser
	}
	if !f.downIn.IsZero() && t == f.downIn {
		return session.ErrUnavailable
	}
	f.revokedUsers++
	return f.Manager.RevokeUser(ctx, t, u)
}

// idpFixture is a service that an identity provider may sign users out of.
type idpFixture struct {
	*fixture
	key      ed25519.PrivateKey
	stores   *failing
	verifier *token.Verifier
	observed []error
}

func newIDPFixture(t testing.TB, change ...func(*authz.LogoutConfig)) *idpFixture {
	t.Helper()
	return newIDPFixtureOf(t, func(*token.Issuer) {}, change...)
}

func newIDPFixtureOf(t testing.TB, entry func(*token.Issuer), change ...func(*authz.LogoutConfig)) *idpFixture {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &idpFixture{key: key}
	w.fixture = newFixture(t, func(c *authz.Config) { c.Policy, c.Observer = engine(t, rules+logoutRules), nil })
	public, err := token.NewKey("idp-1", token.EdDSA, key.Public())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := token.NewKeySet(public)
	if err != nil {
		t.Fatal(err)
	}
	issuer := token.Issuer{
		Name: "https://idp.test", Audience: "api", Algorithms: []token.Algorithm{token.EdDSA}, Keys: keys,
		Logout: &token.LogoutConfig{Audience: "web"},
	}
	entry(&issuer)
	w.verifier, err = token.NewVerifier(w.signer.Issuer(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	w.stores = &failing{Manager: *w.manager, replay: memstore.NewReplay(0)}
	cfg := authz.LogoutConfig{
		Tokens: w.verifier, Sessions: w.stores, Replay: w.stores,
		Observer: func(_ context.Context, _ *token.LogoutToken, err error) { w.observed = append(w.observed, err) },
	}
	for _, c := range change {
		c(&cfg)
	}
	w.echo.POST("/backchannel-logout", authz.BackchannelLogout(cfg))
	return w
}

// logoutToken signs one for alice of acme with edited claims; "" leaves one out.
func (w *idpFixture) logoutToken(change ...edits) string {
	return w.sign(`{"alg":"EdDSA","kid":"idp-1","typ":"logout+jwt"}`, w.logoutClaims(change...))
}

func (w *idpFixture) logoutClaims(change ...edits) string {
	now := time.Now().Unix()
	body := map[string]string{
		"iss": `"https://idp.test"`, "aud": `"web"`, "iat": fmt.Sprint(now), "exp": fmt.Sprint(now + 120),
		"jti": `"` + rand.Text() + `"`, "sub": `"alice"`, "tenant": `"acme"`,
		"events": `{"http://schemas.openid.net/event/backchannel-logout":{}}`,
	}
	for _, e := range change {
		maps.Copy(body, e)
	}
	return members(body)
}

func (w *idpFixture) sign(header, payload string) string {
	text := b64([]byte(header)) + "." + b64([]byte(payload))
	return text + "." + b64(ed25519.Sign(w.key, []byte(text)))
}

func (w *idpFixture) post(raw string) *httptest.ResponseRecorder {
	return w.postBody("logout_token="+url.QueryEscape(raw), "application/x-www-form-urlencoded")
}

func (w *idpFixture) postBody(body, contentType string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest("POST", "/backchannel-logout", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	rec := httptest.NewRecorder()
	w.echo.ServeHTTP(rec, r)
	if rec.Header().Get("Cache-Control") != "no-store" {
		w.t.Errorf("%d may be cached", rec.Code)
	}
	return rec
}

func (w *idpFixture) status(bearer string) int {
	w.t.Helper()
	return w.do("GET", "/me", bearer).Code
}

// refused checks the answer of §2.8, which is the same for every cause.
func (w *idpFixture) refused(rec *httptest.ResponseRecorder) {
	w.t.Helper()
	const body = `{"error":"invalid_request","error_description":"the logout token is not accepted"}` + "\n"
	if rec.Code != 400 || rec.Header().Get("Content-Type") != "application/json" || rec.Body.String() != body {
		w.t.Errorf("got %d %s", rec.Code, rec.Body)
	}
}

// ownSessions makes the provider's sids those of our sessions.
func ownSessions(i *token.Issuer) { i.OwnSessions = true }

func sidOf(s session.Session) edits { return edits{"sid": `"` + s.ID.Reveal() + `"`} }
