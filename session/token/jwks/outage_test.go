package jwks_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/jwks"
)

// broken are the ways in which a provider can fail to give keys, in memory.
var broken = map[string]func(*provider){
	"it fails":                       func(p *provider) { p.set(500, "") },
	"it hangs":                       func(p *provider) { p.set(0, "") },
	"it begins a body and no more":   func(p *provider) { p.set(200, stuck) },
	"it gives an empty set":          func(p *provider) { p.set(200, `{"keys":[]}`) },
	"it answers only after a minute": func(p *provider) { p.takes(time.Minute) },
}

func TestAProviderThatIsDownAtStartStopsItsIssuerAlone(t *testing.T) {
	for name, spoil := range broken {
		// The moment of the return falls between two fetches, into one, and into two.
		for moment := range testneed.Scale(12, 1) {
			t.Run(fmt.Sprint(name, moment), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newFixture(t, 3)
					spoil(w.providers[host(1)])
					w.start()
					for range 20 {
						time.Sleep(time.Second)
						w.accepts(w.signers[0])
						w.refuses(w.signers[1], token.ErrUnavailable)
						w.accepts(w.signers[2])
					}
					time.Sleep(time.Duration(moment) * 317 * time.Millisecond)
					if h := w.health(1); h.Ready || h.Keys != 0 || h.LastError == "" || h.Failed < 10 {
						t.Errorf("its health is %+v", h)
					}
					// Nobody asks, so that the return is noticed without help, and it still takes a
					// while to answer. A fetch that hangs, in memory, does not see the return.
					w.providers[host(1)].publish(w.signers[1])
					w.providers[host(1)].takes(700 * time.Millisecond)
					back := time.Now()
					for !w.health(1).Ready && time.Since(back) < time.Minute {
						time.Sleep(10 * time.Millisecond)
					}
					if took := time.Since(back); took > 2*time.Second {
						t.Errorf("ready %v after the provider is back, want at most 2 s", took)
					}
					w.accepts(w.signers[1])
					if h := w.health(1); h.LastError != "" || h.Keys != 1 {
						t.Errorf("its health is %+v", h)
					}
					if most := mostIn(w.providers[host(1)].times(), time.Second); most > 2 {
						t.Errorf("it was asked %d times in a second", most)
					}
				})
			})
		}
	}
}

// TestAProviderThatIsAlwaysSlowIsStillHeard: it takes longer than the fetches that are
// made beside its own.
func TestAProviderThatIsAlwaysSlowIsStillHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t, 2)
		w.providers[host(0)].set(0, "")
		w.providers[host(1)].takes(2900 * time.Millisecond)
		w.start()
		time.Sleep(2910 * time.Millisecond)
		w.accepts(w.signers[1])
		time.Sleep(10 * time.Second)
		w.providers[host(0)].publish(w.signers[0])
		w.providers[host(0)].takes(2900 * time.Millisecond)
		time.Sleep(3500*time.Millisecond + 2910*time.Millisecond)
		w.accepts(w.signers[0])
	})
}

func TestLastGoodKeysServeFor24HoursOfOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t, 2).start()
		synctest.Wait()
		w.providers[host(0)].set(500, "")
		start := time.Now()
		for time.Since(start) < 24*time.Hour {
			w.accepts(w.signers[0])
			time.Sleep(10 * time.Minute)
		}
		w.refuses(w.signers[0], token.ErrUnavailable)
		w.accepts(w.signers[1])
		if h := w.health(0); h.Ready || h.Age < 24*time.Hour {
			t.Errorf("its health is %+v", h)
		}
		w.providers[host(0)].publish(w.signers[0])
		time.Sleep(31*time.Second + 2*time.Second) // at most one retry of the time with keys is still to come
		w.accepts(w.signers[0])
	})
}

// TestAnUnknownKeyIsAnOutageWhileNobodyCanAsk: a provider rotates and is out, or slow. A caller
// with the new key is not signed out, and one who makes a key up is not let in.
func TestAnUnknownKeyIsAnOutageWhileNobodyCanAsk(t *testing.T) {
	for name, status := range map[string]int{"it fails": 500, "it hangs": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newFixture(t, 2).start()
				defer w.fetcher.Close()
				synctest.Wait()
				p, next, forger := w.providers[host(0)], newSigner(t, issuer(0), "k2"), newSigner(t, issuer(0), "k3")
				w.refuses(forger, token.ErrInvalid)
				time.Sleep(time.Minute) // until another unknown kid may ask

				p.set(status, "")
				for range 100 {
					w.refuses(next, token.ErrUnavailable)
					w.refuses(forger, token.ErrUnavailable)
					w.accepts(w.signers[0])
					time.Sleep(time.Second)
				}
				if _, err := w.sources[0].Key(context.Background(), "k1", token.ES256); !errors.Is(err, token.ErrUnknownKey) {
					t.Errorf("a key that is there, and for another algorithm: %v", err)
				}
				w.refuses(newSigner(t, issuer(1), "k2"), token.ErrInvalid) // the other provider can tell

				p.publish(w.signers[0], next)
				time.Sleep(35 * time.Second)
				w.accepts(next)
				w.refuses(forger, token.ErrInvalid)
			})
		})
	}
	t.Run("it takes a second", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := newFixture(t, 1).start()
			defer w.fetcher.Close()
			synctest.Wait()
			next := newSigner(t, issuer(0), "k2")
			w.providers[host(0)].publish(w.signers[0], next)
			w.providers[host(0)].takes(time.Second)
			w.refuses(next, token.ErrUnavailable)
			w.refuses(next, token.ErrUnavailable)
			time.Sleep(time.Second)
			w.accepts(next)
		})
	})
}

// TestABadAnswerNeverReplacesGoodKeys has the provider answer everything but good keys,
// each for an hour.
func TestABadAnswerNeverReplacesGoodKeys(t *testing.T) {
	const private = `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k2","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}]}`
	for _, row := range []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"an empty set", 200, `{"keys":[]}`, "no usable key"},
		{"JSON that is no set", 200, `{"foo":1}`, "no member keys"},
		{"garbage", 200, "<html>sorry</html>", "not strict JSON"},
		{"nothing", 200, "", "not strict JSON"},
		{"a set with a private key", 200, private, "private or symmetric"},
		{"keys of another use", 200, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k2","use":"enc","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`, "no usable key"},
		{"more than 1 MiB", 200, `{"keys":[]}` + strings.Repeat(" ", 1<<20), "more than 1 MiB"},
		{"500", 500, "", "status 500"},
		{"404 with a good set", 404, "good", "status 404"},
		{"206 with a good set", 206, "good", "status 206"},
		{"a redirect", 302, "", "redirects are refused"},
		{"304 to a question that was none", 304, "", "status 304"},
		{"no answer", 0, "", "no answer in time"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newFixture(t, 1, func(e *jwks.Endpoint) { e.MaxAge = time.Minute }).start()
				synctest.Wait()
				if row.body == "good" {
					row.body = setOf(newSigner(t, issuer(0), "k2"))
				}
				w.providers[host(0)].set(row.status, row.body)
				time.Sleep(time.Hour)
				w.accepts(w.signers[0])
				h := w.health(0)
				if !strings.Contains(h.LastError, row.want) || h.Keys != 1 || !h.Ready || h.Failed < 60 || h.Failed != h.Fetches-1 {
					t.Errorf("its health is %+v, want %q", h, row.want)
				}
				w.providers[host(0)].publish(w.signers[0])
				time.Sleep(time.Minute)
				if h := w.health(0); h.LastError != "" || h.Age > time.Minute {
					t.Errorf("after its return its health is %+v", h)
				}
			})
		})
	}
}

// TestAKeyThatIsNotUsedIsToldAndTheOthersServe: sets have keys of other uses and of more
// algorithms than ours in them, and some that are weak (RFC 7517 §5).
func TestAKeyThatIsNotUsedIsToldAndTheOthersServe(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weak := fmt.Sprintf(`{"kty":"RSA","kid":"weak","use":"sig","alg":"RS256","e":"AQAB","n":%q}`, b64(string(short.N.Bytes())))
	const foreign = `{"kty":"EC","crv":"secp256k1","kid":"foreign","x":"AA","y":"AA"}`
	const encrypting = `{"kty":"OKP","crv":"Ed25519","kid":"enc","use":"enc","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		f, err := jwks.New(jwks.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		p := &provider{}
		f.WithTransport(everywhere{p})
		signer := newSigner(t, "id", "k1")
		mixed := func(more ...string) string {
			return strings.Replace(setOf(signer), "]", ","+strings.Join(more, ",")+"]", 1)
		}
		p.set(200, mixed(weak, foreign))
		p.say("Cache-Control", "no-store")
		s, err := f.Add(jwks.Endpoint{Issuer: "id", URL: "https://id"})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		time.Sleep(time.Hour)
		synctest.Wait()
		if _, err := s.Key(context.Background(), "k1", token.EdDSA); err != nil {
			t.Errorf("the good key: %v", err)
		}
		for kid, alg := range map[string]token.Algorithm{"weak": token.RS256, "foreign": token.ES256} {
			if _, err := s.Key(context.Background(), kid, alg); !errors.Is(err, token.ErrUnknownKey) {
				t.Errorf("%s: %v", kid, err)
			}
		}
		h := f.Stats()[0]
		if !h.Ready || h.Keys != 1 || h.Failed != 0 || len(h.Ignored) != 2 || !strings.Contains(h.Ignored[0], "1024 bits") || !strings.Contains(h.Ignored[1], "not accepted") {
			t.Errorf("its health is %+v", h)
		}
		if n := strings.Count(log.String(), "not used"); n != 1 {
			t.Errorf("it is logged %d times: %s", n, &log)
		}
		p.set(200, mixed(encrypting))
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := strings.Count(log.String(), "not used"); n != 2 || !strings.Contains(log.String(), "enc") {
			t.Errorf("another one is not logged once: %s", &log)
		}
		p.set(200, setOf(signer))
		time.Sleep(time.Hour)
		if h := f.Stats()[0]; len(h.Ignored) != 0 {
			t.Errorf("its health is %+v", h)
		}
	})
}

// TestAnUnchangedSetIsNotSentAgain, and counts as a good fetch.
func TestAnUnchangedSetIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t, 1)
		w.providers[host(0)].say("ETag", `"v1"`, "Cache-Control", "max-age=60")
		w.start()
		synctest.Wait()
		w.providers[host(0)].set(200, "never read, since the tag is the same")
		time.Sleep(30 * time.Hour)
		w.accepts(w.signers[0])
		h := w.health(0)
		if h.Failed != 0 || h.Age > time.Minute || h.Fetches < 30*60 {
			t.Errorf("its health is %+v", h)
		}
		// A bad answer does not take its tag along.
		w.providers[host(0)].say("ETag", `"v2"`)
		time.Sleep(time.Hour)
		asked := w.providers[host(0)].asked().Get("If-None-Match")
		if asked != `"v1"` {
			t.Errorf("it asks whether %s has changed", asked)
		}
	})
}

// TestProvidersThatHangDelayNobody: 999 of 1,000 do, from the start.
func TestProvidersThatHangDelayNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := testneed.Scale(999, 1)
		all := bad + 1
		w := newFixture(t, all, func(e *jwks.Endpoint) { e.MaxAge = time.Minute })
		for n := range bad {
			w.providers[host(n)].set(0, "")
		}
		w.providers[host(bad)].takes(50 * time.Millisecond)
		s := newSigner(t, "https://new.example.com", "k1")
		w.providers["new.example.com"] = &provider{}
		w.providers["new.example.com"].publish(s)
		before := stacks()
		w.start()
		time.Sleep(50 * time.Millisecond)
		synctest.Wait()
		w.accepts(w.signers[bad])

		// With a minute of life a set is fetched after 48 to 53 s.
		for range 60 {
			time.Sleep(time.Second)
			if h := w.health(bad); h.Age > 54*time.Second || h.Failed > 0 {
				t.Fatalf("the health of the one that works is %+v", h)
			}
		}
		if n := runtime.NumGoroutine(); n > 2*bad+20 {
			t.Errorf("%d goroutines", n)
		}
		if used := stacks() - before; used > 20<<20 {
			t.Errorf("those that hang take %d bytes", used)
		}

		// A new one is not delayed either, nor one that hung and is back.
		w.fetcher.Remove(issuer(1))
		source, err := w.fetcher.Add(jwks.Endpoint{Issuer: "https://new.example.com", URL: "https://new.example.com/keys"})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := source.Key(context.Background(), "k1", token.EdDSA); err != nil {
			t.Errorf("a new one: %v", err)
		}
		w.providers[host(0)].publish(w.signers[0])
		time.Sleep(2 * time.Second)
		w.accepts(w.signers[0])
	})
}

// stacks returns the bytes of the heap and of goroutines.
func stacks() int64 {
	used := heapInUse()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return used + int64(m.StackInuse)
}

// TestWhoWaitsForProvidersThatHangLeavesRoomForOthers: a place to verify a token is held
// while it waits for keys, so those who wait for all providers together are fewer than
// there are places.
func TestWhoWaitsForProvidersThatHangLeavesRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bad = 10
		w := newFixture(t, bad+1)
		for n := range bad {
			w.providers[host(n)].set(0, "")
		}
		w.start()
		var strangers sync.WaitGroup
		ask := func() {
			for n := range bad {
				for range 2 * jwks.MaxOwn {
					strangers.Go(func() { w.sources[n].Key(context.Background(), "x", token.EdDSA) })
				}
			}
			synctest.Wait()
		}
		ask()
		if n := w.fetcher.Waiting(); n != jwks.MaxWaiting {
			t.Errorf("%d requests wait, want %d", n, jwks.MaxWaiting)
		}
		time.Sleep(250 * time.Millisecond)
		ask()
		if n := w.fetcher.Waiting(); n != 0 {
			t.Errorf("%d requests wait for what has hung for 250 ms", n)
		}
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			ask()
			if n := w.fetcher.Waiting(); n != 0 {
				t.Fatalf("%d requests wait for providers that have failed", n)
			}
		}
		strangers.Wait()
	})
}
