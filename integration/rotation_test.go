package integration_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/reevehq/reeve/authz"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/memstore"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/jwks"
	"github.com/reevehq/reeve/tenant"
)

// keyServer is an identity provider's key set over TLS, which counts who asks.
type keyServer struct {
	*httptest.Server
	mu    sync.Mutex
	set   []byte
	hangs int // how many of the next are not answered
	asked []time.Time
}

func newKeyServer(t *testing.T) *keyServer {
	t.Helper()
	k := &keyServer{}
	k.Server = httptest.NewUnstartedServer(k)
	k.Config.ErrorLog = log.New(io.Discard, "", 0)
	k.StartTLS()
	t.Cleanup(k.Close)
	return k
}

func (k *keyServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	k.asked = append(k.asked, time.Now())
	set, hang := k.set, k.hangs > 0
	k.hangs = max(0, k.hangs-1)
	k.mu.Unlock()
	if hang {
		<-r.Context().Done()
		return
	}
	w.Header().Set("Cache-Control", "max-age=86400")
	w.Write(set)
}

// publish replaces the set with the signers' keys, after which some requests hang.
func (k *keyServer) publish(t *testing.T, hangs int, signers ...*token.Signer) {
	t.Helper()
	var keys []token.Key
	for _, s := range signers {
		keys = append(keys, s.Key())
	}
	set, err := token.NewKeySet(keys...)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := set.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.set, k.hangs = doc, hangs
}

func (k *keyServer) times() []time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]time.Time(nil), k.asked...)
}

// rotatingService is a service over HTTP that trusts one provider, with one session.
type rotatingService struct {
	*httptest.Server
	t       *testing.T
	session session.Session
}

func newRotatingService(t *testing.T, k *keyServer, issuer string) *rotatingService {
	t.Helper()
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(k.Certificate())
	fetcher, err := jwks.New(jwks.Config{RootCAs: roots})
	must(err)
	keys, err := fetcher.Add(jwks.Endpoint{Issuer: issuer, URL: k.URL + "/keys"})
	must(err)
	verifier, err := token.NewVerifier(token.Issuer{Name: issuer, Audience: "api", Algorithms: []token.Algorithm{token.EdDSA}, Keys: keys})
	must(err)
	manager, err := session.NewManager(memstore.New(), session.Config{Key: secretKey(3)})
	must(err)
	must(manager.SetTenantStatus(t.Context(), acme, tenant.Active))
	s := &rotatingService{t: t}
	s.session, _, err = manager.Create(t.Context(), session.SignIn{Tenant: acme, User: session.MustParseUserID("alice")})
	must(err)
	engine := engineOf(t, "p, role:authenticated, *, /me, GET, true, allow\n")
	e := echo.New()
	e.Use(authz.Middleware(authz.Config{Tokens: verifier, Sessions: manager, Policy: engine}))
	e.GET("/me", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	must(fetcher.Start(context.Background()))
	t.Cleanup(func() { fetcher.Close() })
	s.Server = httptest.NewServer(e)
	t.Cleanup(s.Close)
	return s
}

// ask returns the status that a token of the signer gets.
func (s *rotatingService) ask(signer *token.Signer) int {
	s.t.Helper()
	raw, err := signer.Sign(s.session)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequest("GET", s.URL+"/me", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+raw.Reveal())
	resp, err := s.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

// flood sends tokens with made-up kids, so many a second or as many as there is time for,
// and counts the answers, until stop is called. Each must be a refusal.
func (s *rotatingService) flood(good string, perSecond int, answers *atomic.Int64) (stop func()) {
	const connections, batch = 8, 25
	end := make(chan struct{})
	var work sync.WaitGroup
	_, rest, _ := strings.Cut(good, ".")
	addr := s.Listener.Addr().String()
	for range connections {
		work.Go(func() {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				s.t.Error(err)
				return
			}
			defer conn.Close()
			reader := bufio.NewReader(conn)
			ticker := time.NewTicker(time.Second * connections * batch / time.Duration(perSecond))
			defer ticker.Stop()
			var requests bytes.Buffer
			for {
				select {
				case <-end:
					return
				case <-ticker.C:
				}
				requests.Reset()
				for range batch {
					header := raw64([]byte(`{"alg":"EdDSA","kid":"` + rand.Text() + `","typ":"at+jwt"}`))
					fmt.Fprintf(&requests, "GET /me HTTP/1.1\r\nHost: api.test\r\nAuthorization: Bearer %s.%s\r\n\r\n", header, rest)
				}
				if _, err := conn.Write(requests.Bytes()); err != nil {
					s.t.Error(err)
					return
				}
				for range batch {
					resp, err := http.ReadResponse(reader, nil)
					if err != nil {
						s.t.Error(err)
						return
					}
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
					// A made-up kid that waits for the fetch it caused holds a place, so that one of
					// many at once may be told to come again.
					if resp.StatusCode != 401 && resp.StatusCode != 503 {
						s.t.Errorf("a made-up kid gets %d", resp.StatusCode)
						return
					}
					answers.Add(1)
				}
			}
		})
	}
	return func() {
		close(end)
		work.Wait()
	}
}

// TestARotationOverTheWireDuringAFloodOfRandomKids has a provider rotate its keys, without
// publishing the new one beforehand and at the worst moment, just after the flood has
// caused a fetch; the second time it hangs once besides.
func TestARotationOverTheWireDuringAFloodOfRandomKids(t *testing.T) {
	if !testneed.Soak() {
		t.Skip("takes two minutes; session/token/jwks has it in virtual time")
	}
	const issuer = "https://id.test"
	provider := newKeyServer(t)
	sign := func(kid string) *token.Signer {
		_, private, _ := ed25519.GenerateKey(nil)
		s, err := token.NewSigner(token.SignerConfig{Issuer: issuer, Audience: "api", KeyID: kid, Algorithm: token.EdDSA, Key: session.NewPrivateKey(private)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	current := sign("k0")
	provider.publish(t, 0, current)
	s := newRotatingService(t, provider, issuer)
	wait := func(limit time.Duration, what string, is func() bool) time.Duration {
		t.Helper()
		start := time.Now()
		for !is() {
			if time.Since(start) > limit {
				t.Fatalf("%s: not in %v", what, limit)
			}
			time.Sleep(2 * time.Millisecond)
		}
		return time.Since(start)
	}
	wait(testwait.Limit, "the first keys", func() bool { return s.ask(current) == 204 })
	good, err := current.Sign(s.session)
	if err != nil {
		t.Fatal(err)
	}
	var answers atomic.Int64
	asked, late, start := 0, 0, time.Now()
	stop := s.flood(good.Reveal(), 10_000, &answers)
	for n, hangs := range []int{0, 1} {
		before := len(provider.times())
		wait(40*time.Second, "a fetch that the flood causes", func() bool { return len(provider.times()) > before })
		time.Sleep(100 * time.Millisecond) // until it has its answer, which is the last with the old keys alone
		next := sign(fmt.Sprint("k", n+1))
		provider.publish(t, hangs, current, next)
		took := wait(time.Minute, "the new key", func() bool {
			asked++
			switch status := s.ask(current); status {
			case 204:
			case 503: // this machine has too much to do
				late++
			default:
				t.Errorf("a good token gets %d", status)
			}
			return s.ask(next) == 204
		})
		t.Logf("the new key is accepted after %v, with %d fetches that hung", took, hangs)
		if took > 35*time.Second {
			t.Errorf("the new key is accepted after %v", took)
		}
		current = next
	}
	stop()
	rate := float64(answers.Load()) / time.Since(start).Seconds()
	fetches := provider.times()
	t.Logf("%d random kids, %.0f a second, %d fetches in %v", answers.Load(), rate, len(fetches), time.Since(start).Round(time.Second))
	for i := range fetches {
		if i >= 2 && fetches[i].Sub(fetches[i-2]) < 30*time.Second {
			t.Errorf("3 fetches in %v", fetches[i].Sub(fetches[i-2]))
		}
	}
	t.Logf("%d of %d good tokens got 503", late, asked)
	if late*10 > asked {
		t.Errorf("%d of %d good tokens are not served", late, asked)
	}
	if rate < 500 {
		t.Errorf("%.0f a second are no flood", rate)
	}
}
