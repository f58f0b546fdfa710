//go:build unix

package integration_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/middleware"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/redisstore"
	"github.com/reevehq/reeve/session/sessiontest"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/tenant"
)

const dpopOrigin = "https://api.example.com"

// dpopService is two replicas of a service behind one Redis, a client with a key, and an
// identity provider that signs users out.
type dpopService struct {
	*fixture
	replicas [2]*httptest.Server
	signer   *token.Signer
	manager  *session.Manager
	key, idp ed25519.PrivateKey
	retries  *retries
}

func newDPoPService(t *testing.T) *dpopService {
	t.Helper()
	d := &dpopService{fixture: newFixture(t, 2*time.Second), retries: newRetries(t)}
	_, private, _ := ed25519.GenerateKey(nil)
	_, d.key, _ = ed25519.GenerateKey(nil)
	_, d.idp, _ = ed25519.GenerateKey(nil)
	var err error
	if d.signer, err = token.NewSigner(token.SignerConfig{Issuer: "https://id.test", Audience: "api", KeyID: "k1", Algorithm: token.EdDSA, Key: session.NewPrivateKey(private)}); err != nil {
		t.Fatal(err)
	}
	opts := storeOptions()
	opts.Timeout = 2 * time.Second // a busy machine keeps it
	for i := range d.replicas {
		store := open(t, d.server.URL(), opts)
		e := d.replica(store)
		d.replicas[i] = httptest.NewServer(e)
		t.Cleanup(d.replicas[i].Close)
	}
	d.eventually("the tenant is set up", func() error { return d.manager.SetTenantStatus(t.Context(), acme, tenant.Active) })
	return d
}

func (d *dpopService) replica(store *redisstore.Store) *echo.Echo {
	d.Helper()
	must := func(err error) {
		if err != nil {
			d.Fatal(err)
		}
	}
	engine := engineOf(d, "p, role:authenticated, *, /me, GET, true, allow\np, role:anyone, *, /logout, POST, true, allow\n")
	var err error
	d.manager, err = session.NewManager(store, session.Config{Key: secretKey(3)})
	must(err)
	idpKey, err := token.NewKey("idp", token.EdDSA, d.idp.Public())
	must(err)
	idpKeys, err := token.NewKeySet(idpKey)
	must(err)
	verifier, err := token.NewVerifier(d.signer.Issuer(), token.Issuer{
		Name: "https://idp.test", Audience: "api", Algorithms: []token.Algorithm{token.EdDSA}, Keys: idpKeys,
		Logout: &token.LogoutConfig{Audience: "web", Tenant: acme},
	})
	must(err)
	proofs, err := token.NewDPoPVerifier(token.DPoPConfig{Origins: []string{dpopOrigin}})
	must(err)
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{
		Tokens: verifier, Sessions: d.manager, Policy: engine, Timeout: 4 * time.Second,
		DPoP: &middleware.DPoP{Proofs: proofs, Replay: store.Replay()},
	}))
	e.GET("/me", func(c echo.Context) error { return c.String(200, "ok") })
	e.POST("/logout", authz.BackchannelLogout(authz.LogoutConfig{Tokens: verifier, Sessions: d.manager, Replay: store.Replay()}))
	return e
}

func raw64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func (d *dpopService) jwk() string {
	return `{"crv":"Ed25519","kty":"OKP","x":"` + raw64(d.key[32:]) + `"}`
}

// signIn returns an access token that is bound to the client's key.
func (d *dpopService) signIn() string {
	d.Helper()
	var bound string
	d.eventually("alice signs in", func() error {
		s, _, err := d.manager.Create(d.Context(), session.SignIn{Tenant: acme, User: alice})
		if err != nil {
			return err
		}
		sum := sha256.Sum256([]byte(d.jwk()))
		signed, err := d.signer.SignBound(s, raw64(sum[:]))
		bound = signed.Reveal()
		return err
	})
	return bound
}

func (d *dpopService) proof(bound string) string {
	ath := sha256.Sum256([]byte(bound))
	head := `{"typ":"dpop+jwt","alg":"EdDSA","jwk":` + d.jwk() + `}`
	body := fmt.Sprintf(`{"jti":%q,"htm":"GET","htu":%q,"iat":%d,"ath":%q}`, rand.Text(), dpopOrigin+"/me", time.Now().Unix(), raw64(ath[:]))
	text := raw64([]byte(head)) + "." + raw64([]byte(body))
	return text + "." + raw64(ed25519.Sign(d.key, []byte(text)))
}

// ask returns the status and the challenges of one request to one replica.
func (d *dpopService) ask(replica int, bound, proof string) (int, string) {
	d.Helper()
	r, err := http.NewRequestWithContext(context.Background(), "GET", d.replicas[replica].URL+"/me", nil)
	if err != nil {
		d.Fatal(err)
	}
	r.Header.Set("Authorization", "DPoP "+bound)
	r.Header.Set("DPoP", proof)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		d.Errorf("replica %d: %v", replica, err)
		return 0, ""
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, strings.Join(resp.Header.Values("WWW-Authenticate"), "\n")
}

func (d *dpopService) good(replica int, bound string) {
	d.Helper()
	status := 0
	d.retries.ask(d, fmt.Sprintf("a good request to replica %d", replica), func() bool {
		status, _ = d.ask(replica, bound, d.proof(bound))
		return status == 503
	})
	if status != 200 {
		d.Fatalf("a good request to replica %d gets %d", replica, status)
	}
}

// back waits until a replica serves again after an outage.
func (d *dpopService) back(replica int, bound string) {
	d.Helper()
	testwait.Until(d, fmt.Sprintf("replica %d serves again", replica), func() bool {
		status, _ := d.ask(replica, bound, d.proof(bound))
		if status != 200 && status != 503 {
			d.Fatalf("a good request to replica %d gets %d", replica, status)
		}
		return status == 200
	})
}

// A proof that one replica has accepted is refused by the other, also when both see it at
// once.
func TestADPoPProofIsUsedOnceOnAllReplicas(t *testing.T) {
	t.Parallel()
	d := newDPoPService(t)
	bound := d.signIn()
	d.good(0, bound)
	d.good(1, bound)
	p := d.proof(bound)
	if status, _ := d.ask(0, bound, p); status != 200 {
		t.Fatalf("the first use gets %d", status)
	}
	for _, replica := range []int{1, 0} {
		status, challenge := d.ask(replica, bound, p)
		if status != 401 || !strings.Contains(challenge, `error="invalid_dpop_proof"`) {
			t.Errorf("replica %d answers a replay %d %s", replica, status, challenge)
		}
	}
	for range scale(10, 2000) {
		p := d.proof(bound)
		var accepted atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if status, _ := d.ask(i%2, bound, p); status == 200 {
					accepted.Add(1)
				}
			})
		}
		wg.Wait()
		if n := accepted.Load(); n > 1 {
			t.Fatalf("one proof was accepted %d times", n)
		}
	}
	d.good(0, bound)
	d.everyReplayKeyEnds(3 * time.Minute)
}

// everyReplayKeyEnds shows that what replays leave in Redis is bounded by time.
func (d *dpopService) everyReplayKeyEnds(within time.Duration) {
	d.Helper()
	keys, err := d.raw.Keys(d.Context(), "*:{p-*").Result()
	if err != nil || len(keys) == 0 {
		d.Fatalf("no replay keys: %v", err)
	}
	for _, key := range keys {
		if ttl := d.raw.PTTL(d.Context(), key).Val(); ttl <= 0 || ttl > within {
			d.Errorf("%s ends after %v", key, ttl)
		}
	}
}

// Without Redis a proof cannot be known to be fresh: 503 on every replica, and not 401,
// which would make the client sign in again.
func TestDPoPWithoutRedisIs503(t *testing.T) {
	t.Parallel()
	d := newDPoPService(t)
	bound := d.signIn()
	d.good(0, bound)
	d.server.Freeze()
	used := d.proof(bound)
	refused := func(what, proof string) {
		t.Helper()
		for replica := range d.replicas {
			for range 3 {
				if status, challenge := d.ask(replica, bound, proof); status != 503 || challenge != "" {
					t.Errorf("%s: replica %d answers %d %s", what, replica, status, challenge)
				}
			}
		}
	}
	refused("frozen", used)
	d.server.Thaw()
	d.back(0, bound)
	d.back(1, bound)

	// After a restart Redis may have lost which proofs were used, so none is believed for as long
	// as a proof lives, although Redis answers.
	d.server.Kill()
	d.server.Restart()
	testwait.Until(t, "Redis answers", func() bool {
		return open(t, d.server.URL(), storeOptions()).Ping(t.Context()) == nil
	})
	for replica := range d.replicas { // a check is a second old at most
		testwait.Until(t, "the restart is seen", func() bool {
			status, _ := d.ask(replica, bound, d.proof(bound))
			return status == 503
		})
	}
	refused("restarted", d.proof(bound))
}

// TestReplayConformance proves the contract of token.ReplayStore for two clients of one
// server.
func TestReplayConformance(t *testing.T) {
	t.Parallel()
	url, opts := redisserver.Shared(t), storeOptions()
	sessiontest.RunReplay(t, open(t, url, opts).Replay(), open(t, url, opts).Replay())
}

// TestReplayConformanceOnCluster proves it on three masters.
func TestReplayConformanceOnCluster(t *testing.T) {
	t.Parallel()
	store := storeOn(t, clusterClient(t, redisserver.StartCluster(t)), storeOptions())
	sessiontest.RunReplay(t, store.Replay(), store.Replay())
}
