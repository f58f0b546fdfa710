package jwks_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/jwks"
)

func TestAProviderThatIsDownAtStartStopsItsIssuerAlone(t *testing.T) {
	for name, status := range map[string]int{"it fails": 500, "it hangs": 0} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, 3)
				w.providers[host(1)].set(status, "")
				w.start()
				defer w.fetcher.Close()
				for range 100 {
					time.Sleep(time.Second)
					w.accepts(w.signers[0])
					w.refuses(w.signers[1], token.ErrUnavailable)
					w.accepts(w.signers[2])
				}
				if h := w.health(1); h.Ready || h.Keys != 0 || h.LastError == "" || h.Failed < 10 {
					t.Errorf("its health is %+v", h)
				}
				// Nobody asks, so that the return is noticed without help.
				w.providers[host(1)].publish(w.signers[1])
				back := time.Now()
				for !w.health(1).Ready && time.Since(back) < time.Minute {
					time.Sleep(10 * time.Millisecond)
				}
				limit := 2 * time.Second
				if status == 0 {
					limit += 5 * time.Second // the request that hangs, in memory, does not see the return
				}
				if took := time.Since(back); took > limit {
					t.Errorf("ready %v after the provider is back, want at most %v", took, limit)
				}
				w.accepts(w.signers[1])
				if h := w.health(1); h.LastError != "" || h.Keys != 1 {
					t.Errorf("its health is %+v", h)
				}
			})
		})
	}
}

func TestLastGoodKeysServeFor24HoursOfOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2).start()
		defer w.fetcher.Close()
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
				w := newWorld(t, 1, func(e *jwks.Endpoint) { e.MaxAge = time.Minute }).start()
				defer w.fetcher.Close()
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

// TestAnUnchangedSetIsNotSentAgain, and counts as a good fetch.
func TestAnUnchangedSetIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		w.providers[host(0)].say("ETag", `"v1"`, "Cache-Control", "max-age=60")
		w.start()
		defer w.fetcher.Close()
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

// TestProvidersThatHangDelayNobody: 800 of 810 do.
func TestProvidersThatHangDelayNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bad, all = 800, 810
		w := newWorld(t, all, func(e *jwks.Endpoint) { e.MaxAge = time.Minute })
		s := newSigner(t, "https://new.example.com", "k1")
		w.providers["new.example.com"] = &provider{}
		w.providers["new.example.com"].publish(s)
		w.start()
		defer w.fetcher.Close()
		synctest.Wait()
		hangs := map[string]bool{}
		for n := range bad {
			w.providers[host(n)].set(0, "")
			hangs[issuer(n)] = true
		}
		// The first fetches of those that hang are still in the lane of those that work.
		time.Sleep(2 * time.Minute)
		// With a minute of life a set is fetched after 48 to 53 s.
		for range 3 * 60 {
			time.Sleep(time.Second)
			for _, h := range w.fetcher.Health() {
				if hangs[h.Issuer] {
					continue
				}
				if h.Age > 54*time.Second || h.Failed > 0 {
					t.Fatalf("the health of one that works is %+v", h)
				}
			}
		}
		for n := bad; n < all; n++ {
			w.accepts(w.signers[n])
		}
		for n := range bad {
			if h := w.health(n); h.Failed == 0 || !h.Ready {
				t.Fatalf("the health of one that hangs is %+v", h)
			}
		}
		// A new one is not delayed either.
		source, err := w.fetcher.Add(jwks.Endpoint{Issuer: "https://new.example.com", URL: "https://new.example.com/keys"})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.verifier.Add(token.Issuer{Name: "https://new.example.com", Audience: "api", Algorithms: []token.Algorithm{token.EdDSA}, Keys: source}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.accepts(s)
	})
}

// TestProvidersThatHangFromTheStartDelayNobody has fewer of them than a lane is wide.
func TestProvidersThatHangFromTheStartDelayNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bad, all = 30, 50
		w := newWorld(t, all)
		for n := range bad {
			w.providers[host(n)].set(0, "")
		}
		w.start()
		defer w.fetcher.Close()
		synctest.Wait()
		for n := bad; n < all; n++ {
			w.accepts(w.signers[n])
		}
	})
}
