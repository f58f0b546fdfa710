package jwks_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/jwks"
)

func publicOf(t testing.TB, s *token.Signer) any {
	t.Helper()
	doc, err := s.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []struct{ X string } }
	if err := json.Unmarshal(doc, &set); err != nil {
		t.Fatal(err)
	}
	x, err := base64.RawURLEncoding.DecodeString(set.Keys[0].X)
	if err != nil {
		t.Fatal(err)
	}
	return ed25519.PublicKey(x)
}

func TestNothingRunsBeforeStartOrAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t, 3)
		time.Sleep(time.Hour)
		w.refuses(w.signers[0], token.ErrUnavailable)
		if n := len(w.providers[host(0)].times()); n != 0 {
			t.Fatalf("%d fetches before Start", n)
		}
		w.start()
		if err := w.fetcher.Start(context.Background()); err == nil {
			t.Error("it starts twice")
		}
		synctest.Wait()
		w.providers[host(0)].set(0, "") // a fetch that hangs is in progress when Close is called
		go w.sources[0].Key(context.Background(), "x", token.EdDSA)
		synctest.Wait()
		start := time.Now()
		w.fetcher.Close()
		w.fetcher.Close()
		if took := time.Since(start); took != 0 {
			t.Errorf("Close took %v", took)
		}
		n := len(w.providers[host(1)].times())
		time.Sleep(time.Hour)
		w.sources[1].Key(context.Background(), "x", token.EdDSA)
		if got := len(w.providers[host(1)].times()); got != n {
			t.Errorf("%d fetches after Close", got-n)
		}
		w.accepts(w.signers[1])
		if _, err := w.fetcher.Add(jwks.Endpoint{Issuer: "x", URL: "https://x"}); err == nil {
			t.Error("an endpoint is added after Close")
		}
		if err := w.fetcher.Start(context.Background()); err == nil {
			t.Error("it starts after Close")
		}
	}) // the bubble ends only when every goroutine in it has
}

// The end of the context of Start ends all fetching, as Close does, and the keys serve on.
func TestNothingIsFetchedAfterTheContextOfStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t, 2)
		ctx, cancel := context.WithCancel(t.Context())
		if err := w.fetcher.Start(ctx); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.providers[host(0)].set(0, "") // a fetch that hangs is in progress
		go w.sources[0].Key(context.Background(), "x", token.EdDSA)
		synctest.Wait()
		cancel()
		synctest.Wait()
		before := []int{len(w.providers[host(0)].times()), len(w.providers[host(1)].times())}
		time.Sleep(time.Hour)
		for i, source := range w.sources {
			source.Key(context.Background(), "x", token.EdDSA)
			if got := len(w.providers[host(i)].times()); got != before[i] {
				t.Errorf("%d fetches after the context has ended", got-before[i])
			}
			w.accepts(w.signers[i])
		}
		if err := w.fetcher.Start(t.Context()); err == nil {
			t.Error("it starts again")
		}
		w.fetcher.Close()
	})
}

// lateTransport is a transport that does not notice the end of a context for a while.
type lateTransport struct{ ended chan struct{} }

func (d lateTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	time.Sleep(time.Second)
	close(d.ended)
	return nil, r.Context().Err()
}

func TestCloseWaitsForTheFetchesInProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, err := jwks.New(jwks.Config{})
		if err != nil {
			t.Fatal(err)
		}
		d := lateTransport{make(chan struct{})}
		f.WithTransport(d)
		if _, err := f.Add(jwks.Endpoint{Issuer: "x", URL: "https://x"}); err != nil {
			t.Fatal(err)
		}
		if err := f.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		f.Close()
		select {
		case <-d.ended:
		default:
			t.Error("Close has not waited")
		}
	})
}

// stubborn is a transport that notices the end of a context a minute late.
type stubborn struct{ under, most atomic.Int32 }

func (s *stubborn) RoundTrip(r *http.Request) (*http.Response, error) {
	n := s.under.Add(1)
	defer s.under.Add(-1)
	s.most.Store(max(n, s.most.Load()))
	time.Sleep(time.Minute)
	return nil, context.DeadlineExceeded
}

func TestAnIssuerHasTwoFetchesAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, err := jwks.New(jwks.Config{})
		if err != nil {
			t.Fatal(err)
		}
		s := &stubborn{}
		f.WithTransport(s)
		if _, err := f.Add(jwks.Endpoint{Issuer: "x", URL: "https://x"}); err != nil {
			t.Fatal(err)
		}
		if err := f.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Minute)
		f.Close()
		if n := s.most.Load(); n != 2 {
			t.Errorf("%d fetches at a time, want 2", n)
		}
	})
}

func TestARemovedIssuerIsFetchedNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t, 2).start()
		synctest.Wait()
		w.providers[host(0)].takes(time.Second)
		go w.sources[0].Key(context.Background(), "x", token.EdDSA)
		time.Sleep(100 * time.Millisecond)
		if !w.fetcher.Remove(issuer(0)) || w.fetcher.Remove(issuer(0)) {
			t.Error("Remove does not report what it did")
		}
		w.refuses(w.signers[0], token.ErrUnavailable)
		time.Sleep(2 * time.Second) // the answer comes to nobody
		w.refuses(w.signers[0], token.ErrUnavailable)
		n := len(w.providers[host(0)].times())
		time.Sleep(time.Hour)
		if got := len(w.providers[host(0)].times()); got != n {
			t.Errorf("%d fetches after Remove", got-n)
		}
		if _, err := w.fetcher.Add(jwks.Endpoint{Issuer: issuer(0), URL: url(0) + "/keys"}); err != nil {
			t.Errorf("it cannot be added again: %v", err)
		}
		w.accepts(w.signers[1])
	})
}

// TestIssuersComeAndGoWhileTokensAreVerified is for the race detector.
func TestIssuersComeAndGoWhileTokensAreVerified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t, 4).start()
		synctest.Wait()
		raw := []string{sign(t, w.signers[0]), sign(t, w.signers[1])}
		var work sync.WaitGroup
		for range 4 {
			work.Go(func() {
				for i := range 500 {
					if _, err := w.verifier.Verify(context.Background(), raw[0]); err != nil {
						t.Errorf("an issuer that stays: %v", err)
						return
					}
					_, err := w.verifier.Verify(context.Background(), raw[1])
					if err != nil && !errors.Is(err, token.ErrInvalid) && !errors.Is(err, token.ErrUnavailable) {
						t.Errorf("an issuer that goes: %v", err)
					}
					w.sources[i%4].Key(context.Background(), "x", token.EdDSA)
					w.fetcher.Stats()
				}
			})
		}
		work.Go(func() {
			for range 200 {
				w.verifier.Remove(issuer(1))
				w.fetcher.Remove(issuer(1))
				source, err := w.fetcher.Add(jwks.Endpoint{Issuer: issuer(1), URL: url(1) + "/keys"})
				if err != nil {
					t.Error(err)
					return
				}
				if err := w.verifier.Add(token.Issuer{Name: issuer(1), Audience: "api", Algorithms: []token.Algorithm{token.EdDSA}, Keys: source}); err != nil {
					t.Error(err)
				}
				source.DropKey("nobody's")
				time.Sleep(time.Millisecond)
			}
		})
		work.Wait()
	})
}

func TestAThousandIssuersTakeLittleMemoryAndNoGoroutine(t *testing.T) {
	testneed.Optimized(t)
	const n = 1000
	before, goroutines := heapInUse(), runtime.NumGoroutine()
	f, err := jwks.New(jwks.Config{})
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{}
	p.set(200, rsaSet(t, 4))
	all := everywhere{p}
	f.WithTransport(all)
	issuers := make([]token.Issuer, n)
	for i := range n {
		source, err := f.Add(jwks.Endpoint{Issuer: issuer(i), URL: url(i)})
		if err != nil {
			t.Fatal(err)
		}
		issuers[i] = token.Issuer{Name: issuer(i), Audience: "api", Algorithms: []token.Algorithm{token.RS256}, Keys: source}
	}
	if _, err := f.Add(jwks.Endpoint{Issuer: "one more", URL: "https://one.more"}); err == nil {
		t.Error("a thousand and one are accepted")
	}
	v, err := token.NewVerifier(issuers...)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	deadline := time.Now().Add(time.Minute)
	for ready := 0; ready < n; {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d are ready after a minute", ready, n)
		}
		ready = 0
		for _, h := range f.Stats() {
			if h.Ready {
				ready++
			}
		}
	}
	for runtime.NumGoroutine() > goroutines {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), goroutines)
		}
		runtime.Gosched()
	}
	p.mu.Lock()
	p.fetches = nil
	p.mu.Unlock()
	used := heapInUse() - before
	t.Logf("%d issuers of 4 RSA keys: %.1f MiB, %d goroutines more", n, float64(used)/(1<<20), runtime.NumGoroutine()-goroutines)
	if used > 20<<20 {
		t.Errorf("%d issuers take %d bytes, at most 20 MiB are allowed", n, used)
	}
	runtime.KeepAlive(v)
	runtime.KeepAlive(issuers)
}

// rsaSet is a set of n keys of 2048 bits.
func rsaSet(t testing.TB, n int) string {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var keys []token.Key
	for i := range n {
		k, err := token.NewKey(fmt.Sprint("k", i), token.RS256, &private.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	set, err := token.NewKeySet(keys...)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := set.JWKS()
	if err != nil {
		t.Fatal(err)
	}
	return string(doc)
}

// everywhere is one provider under every host.
type everywhere struct{ *provider }

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestAKnownKeyCostsNoAllocation(t *testing.T) {
	f, _ := jwks.New(jwks.Config{})
	p := &provider{}
	p.publish(newSigner(t, "x", "k1"))
	f.WithTransport(everywhere{p})
	source, err := f.Add(jwks.Endpoint{Issuer: "x", URL: "https://x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for !f.Stats()[0].Ready && ctx.Err() == nil {
		runtime.Gosched()
	}
	source.Key(ctx, "x", token.EdDSA) // the one fetch that unknown kids have in 30 s
	for f.Stats()[0].Fetches < 2 && ctx.Err() == nil {
		runtime.Gosched()
	}
	for kid, want := range map[string]error{"k1": nil, "x": token.ErrUnknownKey} {
		var err error
		if n := testing.AllocsPerRun(100, func() { _, err = source.Key(ctx, kid, token.EdDSA) }); n != 0 || !errors.Is(err, want) {
			t.Errorf("%s: %v allocations and %v", kid, n, err)
		}
	}
	if _, err := source.Key(ctx, "k1", token.ES256); !errors.Is(err, token.ErrUnknownKey) {
		t.Errorf("the key of another algorithm: %v", err)
	}
}
