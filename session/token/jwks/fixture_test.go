package jwks_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/jwks"
	"github.com/reevehq/reeve/tenant"
)

// provider is an identity provider in memory. The zero provider hangs.
type provider struct {
	mu      sync.Mutex
	status  int // 0 hangs
	body    string
	header  http.Header
	took    time.Duration
	next    []int // status of the next answers, before that of all
	fetches []time.Time
	last    http.Header
}

// RoundTrip answers as the provider is at the moment the request came.
func (p *provider) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.fetches = append(p.fetches, time.Now())
	p.last = r.Header
	status, body, header, took := p.status, p.body, p.header.Clone(), p.took
	if len(p.next) > 0 {
		status, p.next = p.next[0], p.next[1:]
	}
	p.mu.Unlock()
	if header == nil {
		header = http.Header{}
	}
	wait := time.After(took)
	if status == 0 {
		wait = nil
	}
	select {
	case <-wait:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if tag := header.Get("ETag"); status == 200 && tag != "" && r.Header.Get("If-None-Match") == tag {
		status, body = 304, ""
	}
	read := io.Reader(strings.NewReader(body))
	if body == stuck {
		read = endless{r}
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(read), Request: r}, nil
}

// stuck is a body that has no end.
const stuck = "…"

// endless sends a space every 100 ms.
type endless struct{ r *http.Request }

func (e endless) Read(b []byte) (int, error) {
	select {
	case <-time.After(100 * time.Millisecond):
		b[0] = ' '
		return 1, nil
	case <-e.r.Context().Done():
		return 0, e.r.Context().Err()
	}
}

func (p *provider) set(status int, body string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.body = status, body
}

func (p *provider) say(header ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.header = http.Header{}
	for i := 0; i < len(header); i += 2 {
		p.header.Add(header[i], header[i+1])
	}
}

func (p *provider) takes(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took = d
}

// answers gives the next requests these statuses, of which 0 hangs.
func (p *provider) answers(statuses ...int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = statuses
}

// asked returns the header of the last request.
func (p *provider) asked() http.Header {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

func (p *provider) times() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]time.Time(nil), p.fetches...)
}

func (p *provider) publish(signers ...*token.Signer) { p.set(200, setOf(signers...)) }

func setOf(signers ...*token.Signer) string {
	var keys []token.Key
	for _, s := range signers {
		keys = append(keys, s.Key())
	}
	set, err := token.NewKeySet(keys...)
	if err != nil {
		panic(err)
	}
	doc, err := set.JWKS()
	if err != nil {
		panic(err)
	}
	return string(doc)
}

// providers answers by host.
type providers map[string]*provider

func (p providers) RoundTrip(r *http.Request) (*http.Response, error) {
	return p[r.URL.Host].RoundTrip(r)
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func url(n int) string    { return fmt.Sprintf("https://id%d.example.com", n) }
func host(n int) string   { return strings.TrimPrefix(url(n), "https://") }
func issuer(n int) string { return url(n) }

func newSigner(t testing.TB, iss, kid string) *token.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s, err := token.NewSigner(token.SignerConfig{Issuer: iss, Audience: "api", KeyID: kid, Algorithm: token.EdDSA, Key: session.NewPrivateKey(private), Lifetime: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sign(t testing.TB, s *token.Signer) string {
	t.Helper()
	signed, err := s.Sign(session.Session{
		ID: session.NewID(), Tenant: tenant.MustParse("acme"), User: session.MustParseUserID("alice"), ExpiresAt: time.Now().Add(24 * time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	return signed.Reveal()
}

// fixture is a fetcher of n providers, each with one key, and a verifier that trusts them.
// It has to be made inside of a synctest bubble.
type fixture struct {
	t         testing.TB
	fetcher   *jwks.Fetcher
	providers providers
	sources   []*jwks.Source
	signers   []*token.Signer
	verifier  *token.Verifier
}

func newFixture(t testing.TB, n int, edit ...func(*jwks.Endpoint)) *fixture {
	t.Helper()
	f, err := jwks.New(jwks.Config{})
	if err != nil {
		t.Fatal(err)
	}
	w := &fixture{t: t, providers: providers{}, fetcher: f}
	f.WithTransport(w.providers)
	var issuers []token.Issuer
	for i := range n {
		e := jwks.Endpoint{Issuer: issuer(i), URL: url(i) + "/keys"}
		for _, edit := range edit {
			edit(&e)
		}
		s, err := f.Add(e)
		if err != nil {
			t.Fatal(err)
		}
		signer := newSigner(t, issuer(i), "k1")
		p := &provider{}
		p.publish(signer)
		w.providers[host(i)] = p
		w.sources, w.signers = append(w.sources, s), append(w.signers, signer)
		issuers = append(issuers, token.Issuer{Name: issuer(i), Audience: "api", Algorithms: []token.Algorithm{token.EdDSA}, Keys: s})
	}
	if w.verifier, err = token.NewVerifier(issuers...); err != nil {
		t.Fatal(err)
	}
	return w
}

// start starts the fetcher, which is closed when the test ends.
func (w *fixture) start() *fixture {
	w.t.Helper()
	if err := w.fetcher.Start(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = w.fetcher.Close() })
	return w
}

func (w *fixture) verify(s *token.Signer) error {
	_, err := w.verifier.Verify(context.Background(), sign(w.t, s))
	return err
}

func (w *fixture) accepts(s *token.Signer) {
	w.t.Helper()
	if err := w.verify(s); err != nil {
		w.t.Errorf("a good token is refused: %v", err)
	}
}

func (w *fixture) refuses(s *token.Signer, want error) {
	w.t.Helper()
	if err := w.verify(s); !errors.Is(err, want) {
		w.t.Errorf("got %v, want %v", err, want)
	}
}

func (w *fixture) health(n int) jwks.Stats {
	w.t.Helper()
	for _, h := range w.fetcher.Stats() {
		if h.Issuer == issuer(n) {
			return h
		}
	}
	w.t.Fatalf("no health of issuer %d", n)
	return jwks.Stats{}
}

// mostIn returns the most fetches in any stretch of time of the given length.
func mostIn(fetches []time.Time, length time.Duration) int {
	most := 0
	for i, from := range fetches {
		n := 0
		for _, at := range fetches[i:] {
			if at.Sub(from) < length {
				n++
			}
		}
		most = max(most, n)
	}
	return most
}
