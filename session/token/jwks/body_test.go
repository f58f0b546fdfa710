package jwks_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session/token/jwks"
)

// hoarder sends so many bytes and then nothing more.
type hoarder struct {
	bytes int
	open  atomic.Int64
}

func (h *hoarder) RoundTrip(r *http.Request) (*http.Response, error) {
	h.open.Add(1)
	body := io.MultiReader(strings.NewReader(strings.Repeat(" ", h.bytes)), endless{r})
	return &http.Response{StatusCode: 200, Body: &hoarded{body, h}, Request: r}, nil
}

type hoarded struct {
	io.Reader
	h *hoarder
}

func (b *hoarded) Close() error {
	b.h.open.Add(-1)
	return nil
}

// TestBodiesThatAreHoardedTakeBoundedMemory: many providers send what they can and hold on,
// and one sends 20 KiB of keys, slowly.
func TestBodiesThatAreHoardedTakeBoundedMemory(t *testing.T) {
	testneed.Optimized(t)
	n, sizes := 149, []int{20 << 10, 400 << 10}
	if testneed.Soak() {
		n, sizes = 399, []int{60 << 10, 1 << 20}
	}
	for _, size := range sizes {
		t.Run(fmt.Sprint(size>>10, " KiB"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, err := jwks.New(jwks.Config{})
				if err != nil {
					t.Fatal(err)
				}
				bad := &hoarder{bytes: size}
				f.WithTransport(byHost{bad: bad, good: drip{setOf(newSigner(t, "good", "k1")) + strings.Repeat(" ", 20<<10)}})
				for n := range n {
					if _, err := f.Add(jwks.Endpoint{Issuer: fmt.Sprint(n), URL: fmt.Sprintf("https://bad/%d", n)}); err != nil {
						t.Fatal(err)
					}
				}
				if err := f.Start(context.Background()); err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				time.Sleep(5 * time.Second)
				good, err := f.Add(jwks.Endpoint{Issuer: "good", URL: "https://good"})
				if err != nil {
					t.Fatal(err)
				}
				most := 0
				for range 40 {
					synctest.Wait()
					most = max(most, f.HeldBodies())
					if open := int(bad.open.Load()); open > 2*n || open*size > jwks.MaxBodies {
						t.Fatalf("%d bodies are open", open)
					}
					time.Sleep(50 * time.Millisecond)
				}
				if most > jwks.MaxBodies || most < jwks.MaxBodies/8 {
					t.Errorf("%d bytes are held, at most %d are allowed", most, jwks.MaxBodies)
				}
				if !good.Ready() {
					t.Error("the one that works has no keys")
				}
				f.Close()
				if left := f.HeldBodies(); left != 0 {
					t.Errorf("%d bytes are held by nobody", left)
				}
			})
		})
	}
}

type byHost struct{ bad, good http.RoundTripper }

func (b byHost) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "good" {
		return b.good.RoundTrip(r)
	}
	return b.bad.RoundTrip(r)
}

// drip sends a text 1 KiB at a time, 10 ms apart.
type drip struct{ text string }

func (d drip) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Body: io.NopCloser(&slowly{strings.NewReader(d.text)}), Request: r}, nil
}

type slowly struct{ r io.Reader }

func (s *slowly) Read(b []byte) (int, error) {
	time.Sleep(10 * time.Millisecond)
	return s.r.Read(b[:min(len(b), 1<<10)])
}
