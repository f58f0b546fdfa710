package authz_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
)

// Each of these requests is good in all but one thing. After each a good request is still
// answered 200.
func TestHostileDPoPRequests(t *testing.T) {
	b := newBoundFixture(t)
	uri := publicOrigin + "/me"
	thief := newHolder(t)
	bearer, _ := b.login(acme, alice, "editor")
	other := b.bind(b.sess, b.holder)
	proof := func(change ...edits) string { return b.holder.proof("GET", uri, b.bound, change...) }
	now := time.Now().Unix()

	invalidProofs := map[string][]string{
		"the method of another request":        {proof(edits{"htm": `"POST"`})},
		"the URI of another request":           {proof(edits{"htu": `"` + publicOrigin + `/notes/1"`})},
		"the URI of another service":           {proof(edits{"htu": `"https://evil.example/me"`})},
		"the Host that the client sent":        {proof(edits{"htu": `"https://example.com/me"`})},
		"the URI without TLS":                  {proof(edits{"htu": `"http://api.example.com/me"`})},
		"no htu":                               {proof(edits{"htu": ""})},
		"no ath":                               {proof(edits{"ath": ""})},
		"the ath of another token":             {b.holder.proof("GET", uri, other)},
		"two minutes old":                      {proof(edits{"iat": fmt.Sprint(now - 120)})},
		"two minutes ahead":                    {proof(edits{"iat": fmt.Sprint(now + 120)})},
		"no jti":                               {proof(edits{"jti": ""})},
		"a jti of 129 bytes":                   {proof(edits{"jti": `"` + strings.Repeat("j", 129) + `"`})},
		"a private key inside":                 {proof(edits{".jwk": strings.TrimSuffix(b.holder.jwk(), "}") + `,"d":"` + b64(b.holder.key.Seed()) + `"}`})},
		"HS256 keyed with the public key":      {hs256Proof(b.holder, proof(edits{".alg": `"HS256"`}))},
		"HS256 with a key of its own":          {proof(edits{".alg": `"HS256"`, ".jwk": `{"kty":"oct","k":"AAAA"}`})},
		"alg none":                             {proof(edits{".alg": `"none"`})},
		"a token instead of a proof":           {b.bound},
		"typ JWT":                              {proof(edits{".typ": `"JWT"`})},
		"more than 4 KiB":                      {proof(edits{"x": `"` + strings.Repeat("x", 4<<10) + `"`})},
		"a megabyte":                           {strings.Repeat("a", 1<<20)},
		"no text":                              {""},
		"two good proofs in two headers":       {proof(), proof()},
		"one good proof twice":                 slices.Repeat([]string{proof()}, 2),
		"two good proofs in one header":        {proof() + "," + proof()},
		"a signature that is another's":        {swapSignature(proof(), thief.proof("GET", uri, b.bound))},
		"a key in the kid of the header alone": {proof(edits{".jwk": "", ".kid": `"` + b.holder.thumbprint() + `"`})},
		"a certificate beside the key":         {proof(edits{".x5c": `["AAAA"]`})},
	}
	for name, proofs := range invalidProofs {
		b.challenged(b.send("GET", "/me", b.bound, proofs...), "invalid-dpop-proof", proofChallenge)
		if t.Failed() {
			t.Fatalf("in the row %q", name)
		}
		b.good()
	}

	for name, do := range map[string]func() *httptest.ResponseRecorder{
		"no proof for a bound token":             func() *httptest.ResponseRecorder { return b.send("GET", "/me", b.bound) },
		"a bound token from a bearer":            func() *httptest.ResponseRecorder { return b.do("GET", "/me", b.bound) },
		"a bound token from a bearer, and proof": func() *httptest.ResponseRecorder { return b.do("GET", "/me", b.bound, headers{"DPoP": proof()}) },
		"a good proof by a thief's key": func() *httptest.ResponseRecorder {
			return b.send("GET", "/me", b.bound, thief.proof("GET", uri, b.bound))
		},
		"a bearer token with a proof": func() *httptest.ResponseRecorder {
			return b.send("GET", "/me", bearer, b.holder.proof("GET", uri, bearer))
		},
		"a token that nobody signed": func() *httptest.ResponseRecorder {
			return b.send("GET", "/me", b.bound+"x", b.holder.proof("GET", uri, b.bound+"x"))
		},
		"a revoked session": func() *httptest.ResponseRecorder {
			_, s := b.login(acme, alice, "editor")
			if err := b.manager.Revoke(t.Context(), s.Ref()); err != nil {
				t.Fatal(err)
			}
			gone := b.bind(s, b.holder)
			return b.send("GET", "/me", gone, b.holder.proof("GET", uri, gone))
		},
	} {
		for _, target := range []string{"/me", "/public", "/unruled"} {
			if target != "/me" && name != "a bound token from a bearer" {
				continue
			}
			b.challenged(do(), "invalid-token", bearerChallenge, boundChallenge)
			if t.Failed() {
				t.Fatalf("in the row %q", name)
			}
			b.good()
		}
	}

	for name, r := range map[string]*http.Request{
		"two Authorization headers": request("GET", "/me", "Authorization", "DPoP "+b.bound, "Authorization", "DPoP "+b.bound, "DPoP", proof()),
		"both schemes":              request("GET", "/me", "Authorization", "DPoP "+b.bound, "Authorization", "Bearer "+bearer, "DPoP", proof()),
		"a scheme without a token":  request("GET", "/me", "Authorization", "DPoP", "DPoP", proof()),
		"two tokens":                request("GET", "/me", "Authorization", "DPoP "+b.bound+" "+b.bound, "DPoP", proof()),
		"a token and a cookie":      request("GET", "/me", "Authorization", "DPoP "+b.bound, "Cookie", cookie+"="+bearer, "DPoP", proof()),
		"a token in the query too":  request("GET", "/me?access_token=x", "Authorization", "DPoP "+b.bound, "DPoP", proof()),
	} {
		rec := httptest.NewRecorder()
		b.echo.ServeHTTP(rec, r)
		b.want(rec, 400, "invalid-request")
		if t.Failed() {
			t.Fatalf("in the row %q", name)
		}
		b.good()
	}

	// A bound token in a cookie has no proof, and counts as no cookie.
	rec := b.do("GET", "/me", "", headers{"Cookie": cookie + "=" + b.bound, "DPoP": proof()})
	b.challenged(rec, "authentication-required", `Bearer realm="api"`, `DPoP realm="api", algs="ES256 EdDSA"`)
	b.good()
}

func TestGoodDPoPRequests(t *testing.T) {
	b := newBoundFixture(t)
	b.good()
	for name, rec := range map[string]*httptest.ResponseRecorder{
		"a query, which the proof leaves out": b.send("GET", "/me?x=1", b.bound, b.holder.proof("GET", publicOrigin+"/me", b.bound)),
		"a query, which the proof has too":    b.send("GET", "/me?x=1", b.bound, b.holder.proof("GET", publicOrigin+"/me?x=1", b.bound)),
		"another method and a parameter":      b.send("PUT", "/notes/1", b.bound, b.holder.proof("PUT", publicOrigin+"/notes/1", b.bound)),
		"a bearer token":                      b.do("GET", "/me", b.sign(b.sess)),
		"a bearer token, and a DPoP header":   b.do("GET", "/me", b.sign(b.sess), headers{"DPoP": "whatever"}),
	} {
		if rec.Code != 200 {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	// RFC 9110 §11.1: the scheme's case does not matter.
	r := request("GET", "/me", "Authorization", "dpop "+b.bound, "DPoP", b.holder.proof("GET", publicOrigin+"/me", b.bound))
	rec := httptest.NewRecorder()
	if b.echo.ServeHTTP(rec, r); rec.Code != 200 {
		t.Errorf("the scheme in small letters: %d", rec.Code)
	}
}

func TestADPoPProofIsUsedOnce(t *testing.T) {
	b := newBoundFixture(t)
	p := b.holder.proof("GET", publicOrigin+"/me", b.bound)
	if rec := b.send("GET", "/me", b.bound, p); rec.Code != 200 {
		t.Fatal(rec.Code)
	}
	b.reached.Store(0)
	for range 3 {
		b.challenged(b.send("GET", "/me", b.bound, p), "invalid-dpop-proof", proofChallenge)
	}
	// The same jti in a proof of other bytes is the same proof.
	jti := edits{"jti": `"twice"`}
	if rec := b.send("GET", "/me", b.bound, b.holder.proof("GET", publicOrigin+"/me", b.bound, jti)); rec.Code != 200 {
		t.Fatal(rec.Code)
	}
	b.reached.Store(0)
	b.challenged(b.send("GET", "/me", b.bound, b.holder.proof("GET", publicOrigin+"/me", b.bound, jti, edits{"x": "1"})), "invalid-dpop-proof", proofChallenge)
	b.good()
}

// A request that is refused anyhow writes nothing to the replay store, so a stranger cannot fill it.
func TestARefusedRequestIsNotRemembered(t *testing.T) {
	b := newBoundFixture(t)
	thief := newHolder(t)
	b.send("GET", "/me", b.bound)
	b.send("GET", "/me", b.bound, thief.proof("GET", publicOrigin+"/me", b.bound))
	b.send("GET", "/me", b.bound, b.holder.proof("POST", publicOrigin+"/me", b.bound))
	b.send("GET", "/me", "junk", b.holder.proof("GET", publicOrigin+"/me", "junk"))
	b.send("GET", "/me", b.sign(b.sess), b.holder.proof("GET", publicOrigin+"/me", b.sign(b.sess)))
	if n := b.replay.uses.Load(); n != 0 {
		t.Errorf("%d refused requests were remembered", n)
	}
}

func TestAReplayStoreThatIsOutNeverAccepts(t *testing.T) {
	b := newBoundFixture(t)
	for _, err := range []error{
		session.ErrUnavailable, errors.New("odd hunter2"), context.DeadlineExceeded,
		session.ErrNotFound, session.ErrInvalid, token.ErrInvalidProof, // an outage, whatever it says
	} {
		b.replay.err.Store(&err)
		for _, target := range []string{"/me", "/public"} {
			rec := b.send("GET", target, b.bound, b.holder.proof("GET", publicOrigin+target, b.bound))
			b.want(rec, 503, "auth-unavailable")
			if rec.Header().Get("Retry-After") == "" || rec.Header().Get("WWW-Authenticate") != "" || strings.Contains(rec.Body.String(), "hunter2") {
				t.Errorf("%v: %v %s", err, rec.Header(), rec.Body)
			}
		}
		b.replay.err.Store(nil)
		b.good()
	}
}

func TestRequireDPoP(t *testing.T) {
	b := newBoundFixture(t)
	uri := publicOrigin + "/notes/1"
	bearer := b.sign(b.sess)
	if rec := b.send("POST", "/notes/1", b.bound, b.holder.proof("POST", uri, b.bound)); rec.Code != 204 {
		t.Fatalf("a bound token with its proof: %d %s", rec.Code, rec.Body)
	}
	b.reached.Store(0)
	b.challenged(b.do("POST", "/notes/1", bearer), "dpop-required", boundChallenge)
	b.challenged(b.do("POST", "/notes/1", "", headers{"Cookie": cookie + "=" + bearer, "Origin": "https://example.com"}), "dpop-required", boundChallenge)
	b.challenged(b.do("POST", "/notes/1", b.bound), "invalid-token", bearerChallenge, boundChallenge)
	b.want(b.do("POST", "/notes/1", ""), 401, "authentication-required")

	alone := echo.New()
	alone.GET("/", func(c echo.Context) error { return c.NoContent(200) }, authz.RequireDPoP())
	rec := httptest.NewRecorder()
	if alone.ServeHTTP(rec, httptest.NewRequest("GET", "/", nil)); rec.Code != 500 {
		t.Errorf("without the middleware: %d", rec.Code)
	}
}

func TestAlwaysRefusesWhatIsNotBound(t *testing.T) {
	b := newBoundFixture(t, func(_ *token.DPoPConfig, d *middleware.DPoP) { d.Always = true })
	bearer := b.sign(b.sess)
	b.good()
	for _, target := range []string{"/me", "/public", "/unruled"} {
		b.challenged(b.do("GET", target, bearer), "dpop-required", boundChallenge)
	}
	b.challenged(b.do("GET", "/me", b.bound), "invalid-token", boundChallenge)
	anonymous := `DPoP realm="api", algs="ES256 EdDSA"`
	b.challenged(b.do("GET", "/me", "", headers{"Cookie": cookie + "=" + bearer}), "authentication-required", anonymous)
	b.challenged(b.do("GET", "/me", ""), "authentication-required", anonymous)
	if rec := b.do("GET", "/public", ""); rec.Code != 200 {
		t.Errorf("a public route answers %d", rec.Code)
	}
}

func TestDPoPNonces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoundFixture(t, func(c *token.DPoPConfig, _ *middleware.DPoP) {
			c.NonceKey = session.NewSecretKey([]byte(strings.Repeat("n-", 16)))
		})
		uri := publicOrigin + "/me"
		send := func(change ...edits) *httptest.ResponseRecorder {
			return b.send("GET", "/me", b.bound, b.holder.proof("GET", uri, b.bound, change...))
		}
		with := func(nonce string) edits { return edits{"nonce": `"` + nonce + `"`} }
		rec := send()
		b.challenged(rec, "use-dpop-nonce", nonceChallenge)
		nonce := rec.Header().Get("DPoP-Nonce")
		if nonce == "" {
			t.Fatal("no nonce is told")
		}
		for _, bad := range []string{"x", nonce[1:] + nonce[:1], ""} {
			rec := send(with(bad))
			b.challenged(rec, "use-dpop-nonce", nonceChallenge)
			if rec.Header().Get("DPoP-Nonce") != nonce {
				t.Error("the nonce is not told")
			}
		}
		if rec := send(with(nonce)); rec.Code != 200 || rec.Header().Get("DPoP-Nonce") != "" {
			t.Errorf("with the nonce: %d, next %q", rec.Code, rec.Header().Get("DPoP-Nonce"))
		}
		if n := b.replay.uses.Load(); n != 1 {
			t.Errorf("%d proofs are remembered, want the good one", n)
		}
		time.Sleep(150 * time.Second)
		b.sess, b.bound = renewed(b)
		rec = send(with(nonce))
		next := rec.Header().Get("DPoP-Nonce")
		if rec.Code != 200 || next == "" || next == nonce || rec.Header().Get("Cache-Control") != "no-store" || !strings.Contains(rec.Header().Get("Access-Control-Expose-Headers"), "DPoP-Nonce") {
			t.Errorf("with the nonce before: %d, next %q, %v", rec.Code, next, rec.Header())
		}
		if rec := send(with(next)); rec.Code != 200 {
			t.Errorf("with the next one: %d", rec.Code)
		}
		time.Sleep(150 * time.Second)
		b.sess, b.bound = renewed(b)
		b.reached.Store(0)
		b.challenged(send(with(nonce)), "use-dpop-nonce", nonceChallenge)
	})
}

// renewed signs in again: the tokens of the tests last a minute.
func renewed(b *boundFixture) (session.Session, string) {
	_, s := b.login(acme, alice, "editor")
	return s, b.bind(s, b.holder)
}

// Without the field DPoP nothing changes but that bound tokens are refused to bearers.
func TestWithoutDPoPABoundTokenIsRefused(t *testing.T) {
	w := newFixture(t)
	bearer, s := w.login(acme, alice, "viewer")
	h := newHolder(t)
	signed, err := w.signer.SignBound(s, h.thumbprint())
	if err != nil {
		t.Fatal(err)
	}
	bound := signed.Reveal()
	rec := w.do("GET", "/me", bound)
	w.want(rec, 401, "invalid-token")
	if got := rec.Header().Values("WWW-Authenticate"); !slices.Equal(got, []string{bearerChallenge}) {
		t.Errorf("challenges are %q", got)
	}
	r := request("GET", "/me", "Authorization", "DPoP "+bound, "DPoP", h.proof("GET", publicOrigin+"/me", bound))
	rec = httptest.NewRecorder()
	w.echo.ServeHTTP(rec, r)
	w.want(rec, 401, "authentication-required")
	if rec := w.do("GET", "/me", bearer); rec.Code != 200 {
		t.Errorf("afterwards a good request gets %d", rec.Code)
	}
}

// Bind gives a sign-in handler the thumbprint for the token it signs.
func TestBindVerifiesAProofForNoToken(t *testing.T) {
	b := newBoundFixture(t)
	b.echo.POST("/public/token", func(c echo.Context) error {
		b.reached.Add(1)
		jkt, err := b.dpop.Bind(c.Response(), c.Request())
		if err != nil {
			b.reached.Add(-1)
			return err
		}
		return c.String(200, jkt)
	})
	uri := publicOrigin + "/public/token"
	ask := func(proofs ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/public/token", nil)
		r.Header["Dpop"] = proofs
		rec := httptest.NewRecorder()
		b.echo.ServeHTTP(rec, r)
		return rec
	}
	p := b.holder.proof("POST", uri, "", edits{"ath": ""})
	if rec := ask(p); rec.Code != 200 || rec.Body.String() != b.holder.thumbprint() {
		t.Fatalf("got %d %s", rec.Code, rec.Body)
	}
	b.reached.Store(0)
	b.challenged(ask(p), "invalid-dpop-proof", proofChallenge)
	b.challenged(ask(b.holder.proof("POST", uri, "")), "invalid-dpop-proof", proofChallenge)
	b.challenged(ask(b.holder.proof("POST", uri, b.bound)), "invalid-dpop-proof", proofChallenge)
	b.challenged(ask(p, p), "invalid-dpop-proof", proofChallenge)
	b.challenged(ask(), "invalid-dpop-proof", proofChallenge)
}

func TestHalfADPoPConfigIsRefused(t *testing.T) {
	proofs, err := token.NewDPoPVerifier(token.DPoPConfig{Origins: []string{publicOrigin}})
	if err != nil {
		t.Fatal(err)
	}
	var none *memstore.Replay
	for want, d := range map[string]*middleware.DPoP{
		"DPoP.Proofs: required": {Replay: memstore.NewReplay(0)},
		"DPoP.Replay: required": {Proofs: proofs, Replay: none},
	} {
		cfg := authz.Config{DPoP: d}
		if _, err := cfg.ToMiddleware(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestES256ProofsAreAccepted(t *testing.T) {
	b := newBoundFixture(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	jwk := `{"crv":"P-256","kty":"EC","x":"` + b64(point[1:33]) + `","y":"` + b64(point[33:]) + `"}`
	sum := sha256.Sum256([]byte(jwk))
	signed, err := b.signer.SignBound(b.sess, b64(sum[:]))
	if err != nil {
		t.Fatal(err)
	}
	raw := b.holder.proof("GET", publicOrigin+"/me", signed.Reveal(), edits{".alg": `"ES256"`, ".jwk": jwk})
	text := raw[:strings.LastIndexByte(raw, '.')]
	digest := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	sig := make([]byte, 64)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	if rec := b.send("GET", "/me", signed.Reveal(), text+"."+b64(sig)); rec.Code != 200 {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
}
