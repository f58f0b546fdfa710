package authz_test

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
)

const publicOrigin = "https://api.example.com"

const boundRules = `
p, role:editor, *, /notes/:id,    POST, true, allow
p, role:anyone, *, /public/token, POST, true, allow
`

// holder is a client with a key of its own. It signs with the standard library alone.
type holder struct{ key ed25519.PrivateKey }

func newHolder(t testing.TB) holder {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return holder{key}
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (h holder) jwk() string {
	return `{"crv":"Ed25519","kty":"OKP","x":"` + b64(h.key[32:]) + `"}`
}

func (h holder) thumbprint() string {
	sum := sha256.Sum256([]byte(h.jwk()))
	return b64(sum[:])
}

// edits are members of a proof to set to a JSON value, or to leave out with "". Those of
// the header begin with a dot.
type edits map[string]string

func (h holder) proof(method, uri, bearer string, change ...edits) string {
	sum := sha256.Sum256([]byte(bearer))
	head := map[string]string{"typ": `"dpop+jwt"`, "alg": `"EdDSA"`, "jwk": h.jwk()}
	body := map[string]string{
		"jti": `"` + rand.Text() + `"`, "htm": `"` + method + `"`, "htu": `"` + uri + `"`,
		"iat": fmt.Sprint(time.Now().Unix()), "ath": `"` + b64(sum[:]) + `"`,
	}
	for _, e := range change {
		for name, value := range e {
			if member, ok := strings.CutPrefix(name, "."); ok {
				head[member] = value
			} else {
				body[name] = value
			}
		}
	}
	text := b64([]byte(members(head))) + "." + b64([]byte(members(body)))
	return text + "." + b64(ed25519.Sign(h.key, []byte(text)))
}

func members(m map[string]string) string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if m[name] != "" {
			all = append(all, `"`+name+`":`+m[name])
		}
	}
	return "{" + strings.Join(all, ",") + "}"
}

// brokenReplay is a replay store that can be out.
type brokenReplay struct {
	token.ReplayStore
	err  atomic.Pointer[error]
	uses atomic.Int64
}

func (r *brokenReplay) Use(ctx context.Context, key token.ReplayKey, ttl time.Duration) (bool, error) {
	r.uses.Add(1)
	if err := r.err.Load(); err != nil {
		return true, *err // fresh is not to be believed
	}
	return r.ReplayStore.Use(ctx, key, ttl)
}

// boundFixture is a service that accepts bound tokens, with one caller that has one.
type boundFixture struct {
	*fixture
	holder holder
	replay *brokenReplay
	dpop   *middleware.DPoP
	bound  string // a token of alice bound to holder
	sess   session.Session
}

func newBoundFixture(t testing.TB, change ...func(*token.DPoPConfig, *middleware.DPoP)) *boundFixture {
	t.Helper()
	b := &boundFixture{holder: newHolder(t), replay: &brokenReplay{ReplayStore: memstore.NewReplay(0)}}
	cfg := token.DPoPConfig{Origins: []string{publicOrigin}}
	b.dpop = &middleware.DPoP{Replay: b.replay}
	for _, c := range change {
		c(&cfg, b.dpop)
	}
	var err error
	if b.dpop.Proofs, err = token.NewDPoPVerifier(cfg); err != nil {
		t.Fatal(err)
	}
	b.fixture = newFixture(t, func(c *authz.Config) { c.DPoP, c.Cookie, c.Policy = b.dpop, cookie, engine(t, rules+boundRules) })
	b.echo.POST("/notes/:id", func(c echo.Context) error { b.reached.Add(1); return c.NoContent(204) }, authz.RequireDPoP())
	_, b.sess = b.login(acme, alice, "editor")
	b.bound = b.bind(b.sess, b.holder)
	return b
}

func (b *boundFixture) bind(s session.Session, h holder) string {
	b.t.Helper()
	signed, err := b.signer.SignBound(s, h.thumbprint())
	if err != nil {
		b.t.Fatal(err)
	}
	return signed.Reveal()
}

// send asks with the scheme DPoP and any number of proofs.
func (b *boundFixture) send(method, target, bearer string, proofs ...string) *httptest.ResponseRecorder {
	b.t.Helper()
	r := httptest.NewRequest(method, target, nil)
	r.Header.Set("Authorization", "DPoP "+bearer)
	for _, p := range proofs {
		r.Header.Add("DPoP", p)
	}
	rec := httptest.NewRecorder()
	b.echo.ServeHTTP(rec, r)
	return rec
}

// good shows that a good request is answered 200, and forgets that a handler was reached.
func (b *boundFixture) good() {
	b.t.Helper()
	if rec := b.send("GET", "/me", b.bound, b.holder.proof("GET", publicOrigin+"/me", b.bound)); rec.Code != 200 {
		b.t.Fatalf("a good request gets %d %s", rec.Code, rec.Body)
	}
	b.reached.Store(0)
}

const (
	bearerChallenge = `Bearer realm="api", error="invalid_token"`
	boundChallenge  = `DPoP realm="api", error="invalid_token", algs="ES256 EdDSA"`
	proofChallenge  = `DPoP realm="api", error="invalid_dpop_proof", algs="ES256 EdDSA"`
	nonceChallenge  = `DPoP realm="api", error="use_dpop_nonce", algs="ES256 EdDSA"`
)

func (b *boundFixture) challenged(rec *httptest.ResponseRecorder, problem string, challenges ...string) {
	b.t.Helper()
	b.want(rec, 401, problem)
	if got := rec.Header().Values("WWW-Authenticate"); !slices.Equal(got, challenges) {
		b.t.Errorf("challenges are %q, want %q", got, challenges)
	}
}

func request(method, target string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// hs256Proof signs the proof's text with the public key as an HMAC secret.
func hs256Proof(h holder, raw string) string {
	text := raw[:strings.LastIndexByte(raw, '.')]
	mac := hmac.New(sha256.New, h.key[32:])
	mac.Write([]byte(text))
	return text + "." + b64(mac.Sum(nil))
}

func swapSignature(raw, other string) string {
	return raw[:strings.LastIndexByte(raw, '.')] + other[strings.LastIndexByte(other, '.'):]
}
