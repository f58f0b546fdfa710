package jwks_test

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testwait"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/jwks"
)

// fetchFrom starts a fetcher of one endpoint and returns how it is after its first fetch.
func fetchFrom(t testing.TB, cfg jwks.Config, url string) (*jwks.Fetcher, *jwks.Source, jwks.Stats) {
	t.Helper()
	f, err := jwks.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	s, err := f.Add(jwks.Endpoint{Issuer: "id", URL: url})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	testwait.Until(t, "it has fetched", func() bool { return f.Stats()[0].Fetches > 0 })
	return f, s, f.Stats()[0]
}

func trusting(srv *httptest.Server) jwks.Config {
	pool := x509.NewCertPool()
	pool.AddCert(srv.Certificate())
	return jwks.Config{RootCAs: pool}
}

func quiet(srv *httptest.Server) *httptest.Server {
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	return srv
}

// TestWhatAProviderMaySendIsBounded has servers that misbehave on the wire.
func TestWhatAProviderMaySendIsBounded(t *testing.T) {
	set := setOf(newSigner(t, "id", "k1"))
	var elsewhere, sent atomic.Int64
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		elsewhere.Add(1)
		io.WriteString(w, set)
	}))
	defer target.Close()
	for _, row := range []struct {
		name    string
		handler http.HandlerFunc
		want    string // LastError, "" for keys
	}{
		{"a good set", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, set) }, ""},
		{"a good set of the wrong media type", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, set)
		}, ""},
		{"a redirect to a good set", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, target.URL, http.StatusFound) }, "redirects are refused"},
		{"a permanent redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, target.URL, http.StatusPermanentRedirect)
		}, "redirects are refused"},
		{"a body without end", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				n, err := w.Write(make([]byte, 64<<10))
				sent.Add(int64(n))
				if err != nil {
					return
				}
			}
		}, "more than 1 MiB"},
		{"a body that trickles", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				io.WriteString(w, " ")
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(50 * time.Millisecond):
				}
			}
		}, "no answer in time"},
		{"no header", func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no answer in time"},
		{"a header without end", func(w http.ResponseWriter, r *http.Request) {
			for n := range 100 {
				w.Header().Set(fmt.Sprint("X-", n), strings.Repeat("x", 1<<10))
			}
			io.WriteString(w, set)
		}, "not HTTP"},
		{"a compressed set", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, set)
			z.Close()
		}, "not strict JSON"},
		{"a body cut short", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(set)))
			io.WriteString(w, set[:20])
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, "cut short"},
		{"no HTTP", func(w http.ResponseWriter, r *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			io.WriteString(conn, "SSH-2.0-x\r\n\r\n")
			conn.Close()
		}, "not HTTP"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			srv := quiet(httptest.NewUnstartedServer(row.handler))
			srv.Start()
			defer srv.Close()
			_, _, h := fetchFrom(t, jwks.Config{}, srv.URL+"/keys?key=secret")
			if row.want == "" && (!h.Ready || h.LastError != "") || row.want != "" && (h.Ready || !strings.Contains(h.LastError, row.want)) {
				t.Errorf("its health is %+v, want %q", h, row.want)
			}
			if strings.Contains(h.LastError, "secret") || strings.Contains(h.LastError, "/keys") {
				t.Errorf("the error shows the URL: %q", h.LastError)
			}
		})
	}
	t.Cleanup(func() {
		if n := elsewhere.Load(); n != 0 {
			t.Errorf("a redirect was followed %d times", n)
		}
		if n := sent.Load(); n > 64<<20 {
			t.Errorf("%d bytes were taken of a body without end", n)
		}
	})
}

func TestTheConnectionIsAuthenticated(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, setOf(newSigner(t, "id", "k1"))) })
	srv := quiet(httptest.NewUnstartedServer(handler))
	srv.StartTLS()
	defer srv.Close()
	if _, _, h := fetchFrom(t, trusting(srv), srv.URL); !h.Ready {
		t.Errorf("a certificate of our authority: %+v", h)
	}
	if _, _, h := fetchFrom(t, jwks.Config{}, srv.URL); h.Ready || !strings.Contains(h.LastError, "certificate") {
		t.Errorf("a certificate of nobody's: %+v", h)
	}
	if _, _, h := fetchFrom(t, trusting(srv), strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)); h.Ready || !strings.Contains(h.LastError, "certificate") {
		t.Errorf("a certificate of another host: %+v", h)
	}
	old := quiet(httptest.NewUnstartedServer(handler))
	old.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	old.StartTLS()
	defer old.Close()
	if _, _, h := fetchFrom(t, trusting(old), old.URL); h.Ready || h.LastError == "" {
		t.Errorf("TLS 1.1: %+v", h)
	}
}

func TestPublicOnlyDoesNotConnectToPrivateAddresses(t *testing.T) {
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked.Add(1) }))
	defer srv.Close()
	for _, host := range []string{"127.0.0.1", "localhost"} {
		_, _, h := fetchFrom(t, jwks.Config{PublicOnly: true}, strings.Replace(srv.URL, "127.0.0.1", host, 1))
		if h.Ready || !strings.Contains(h.LastError, "not public") {
			t.Errorf("%s: %+v", host, h)
		}
	}
	if asked.Load() != 0 {
		t.Error("it was asked")
	}
}

// TestAFloodOverTheWireFetchesTwice is the flood of made-up kids through Verify, as fast
// as this machine can, against a provider on loopback.
func TestAFloodOverTheWireFetchesTwice(t *testing.T) {
	attempts := 20_000
	if testneed.Soak() {
		attempts = 1_000_000
	}
	signer := newSigner(t, "id", "k1")
	var fetches atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fetches.Add(1)
		w.Header().Set("Cache-Control", "max-age=86400")
		io.WriteString(w, setOf(signer))
	}))
	defer srv.Close()
	_, source, h := fetchFrom(t, jwks.Config{}, srv.URL)
	if !h.Ready {
		t.Fatalf("%+v", h)
	}
	v, err := token.NewVerifier(token.Issuer{Name: "id", Audience: "api", Algorithms: []token.Algorithm{token.EdDSA}, Keys: source})
	if err != nil {
		t.Fatal(err)
	}
	good := sign(t, signer)
	parts := strings.SplitN(good, ".", 2)
	start := time.Now()
	var work sync.WaitGroup
	for worker := range 8 {
		work.Go(func() {
			for n := range attempts / 8 {
				header := fmt.Sprintf(`{"alg":"EdDSA","kid":"x-%d-%d","typ":"at+jwt"}`, worker, n)
				if _, err := v.Verify(context.Background(), b64(header)+"."+parts[1]); !errors.Is(err, token.ErrInvalid) {
					t.Errorf("got %v", err)
					return
				}
				if _, err := v.Verify(context.Background(), good); err != nil {
					t.Errorf("a good token in between: %v", err)
					return
				}
			}
		})
	}
	work.Wait()
	allowed := int64(2 + 2*(time.Since(start)/(30*time.Second)))
	if n := fetches.Load(); n < 2 || n > allowed {
		t.Errorf("%d fetches in %v, want 2 to %d", n, time.Since(start), allowed)
	}
}
