package jwks_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/jwks"
)

// TestARotationIsAcceptedWithin35sDuringAFloodOfRandomKids rotates without publishing the
// new key beforehand, at the worst moment: just after the flood has caused a fetch.
func TestARotationIsAcceptedWithin35sDuringAFloodOfRandomKids(t *testing.T) {
	for n, row := range []struct {
		name    string
		control string
		takes   time.Duration
		then    []int // the provider's first answers after the rotation
	}{
		{"a provider that is cached for a day", "max-age=86400", 0, nil},
		{"a provider that forbids caching", "no-store", 0, nil},
		{"a provider that takes 3 s", "max-age=86400", 2990 * time.Millisecond, nil},
		{"a provider that forbids caching and takes 3 s", "no-store", 2990 * time.Millisecond, nil},
		{"a provider that hangs once", "max-age=86400", 0, []int{0}},
		{"a provider that forbids caching and hangs once", "no-store", 0, []int{0}},
		{"a provider that takes 3 s and hangs once", "max-age=86400", 2990 * time.Millisecond, []int{0}},
		{"a provider that fails once", "max-age=86400", 0, []int{500}},
		{"a provider that takes 3 s and fails once", "no-store", 2990 * time.Millisecond, []int{500}},
	} {
		perSecond, before := testneed.Scale(200, 1), 2*time.Minute
		if testneed.Soak() && n == 0 {
			perSecond, before = 10_000, 0
		}
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newFixture(t, 2).start()
				p := w.providers[host(0)]
				p.say("Cache-Control", row.control)
				synctest.Wait()
				w.accepts(w.signers[0])
				p.takes(row.takes)

				calm := row.takes == 0 && row.then == nil // then it is always known that there is no such key
				stop := flood(t, w.sources[0], perSecond, calm)
				time.Sleep(before)
				for before := len(p.times()); len(p.times()) == before; {
					time.Sleep(time.Millisecond)
				}
				synctest.Wait()
				next := newSigner(t, issuer(0), "k2")
				p.publish(w.signers[0], next)
				p.answers(row.then...)
				rotated := time.Now()
				for w.verify(next) != nil && time.Since(rotated) < time.Minute {
					w.accepts(w.signers[0])
					time.Sleep(100 * time.Millisecond)
				}
				if took := time.Since(rotated); took > 35*time.Second {
					t.Errorf("the new key is accepted after %v", took)
				} else if took < time.Second {
					t.Errorf("the new key is accepted after %v: the test has missed the worst moment", took)
				}
				time.Sleep(time.Minute)
				stop()
				if most := mostIn(p.times(), 30*time.Second); most > 2 {
					t.Errorf("%d fetches in 30 s, at most 2 are allowed", most)
				}
				if n := len(w.providers[host(1)].times()); n != 1 {
					t.Errorf("the flood of one issuer has made %d fetches of another", n)
				}
			})
		})
	}
}

// flood asks a source for so many made-up keys a second, until stop is called. None is
// there, and only a provider that is not calm makes that uncertain at times.
func flood(t *testing.T, s *jwks.Source, perSecond int, calm bool) (stop func()) {
	const strangers = 20
	end := make(chan struct{})
	var work sync.WaitGroup
	for n := range strangers {
		work.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-end:
					return
				case <-time.After(time.Second * strangers / time.Duration(perSecond)):
				}
				_, err := s.Key(context.Background(), fmt.Sprintf("x-%d-%d", n, i), token.EdDSA)
				if unsure := errors.Is(err, token.ErrUnavailable); unsure == errors.Is(err, token.ErrUnknownKey) || unsure && calm {
					t.Errorf("a made-up kid is answered with %v", err)
				}
			}
		})
	}
	return func() {
		close(end)
		work.Wait()
	}
}

// TestARotationIsAcceptedWithin35sAtAnyMoment has the provider behave as it likes, but for
// the time from the rotation on, when it hangs or fails once at most.
func TestARotationIsAcceptedWithin35sAtAnyMoment(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		life := rapid.SampledFrom([]string{"no-store", "max-age=35", "max-age=60", "max-age=86400"}).Draw(r, "life")
		before := rapid.SliceOfN(rapid.SampledFrom([]int{0, 200, 500}), 0, 8).Draw(r, "before")
		takes := time.Duration(rapid.IntRange(0, 2990).Draw(r, "takes")) * time.Millisecond
		moment := time.Duration(rapid.IntRange(1, 200_000).Draw(r, "moment")) * time.Millisecond
		then := rapid.SampledFrom([][]int{nil, {0}, {500}}).Draw(r, "then")
		every := time.Duration(rapid.SampledFrom([]int{50, 1000}).Draw(r, "every")) * time.Millisecond
		synctest.Test(t, func(t *testing.T) {
			w := newFixture(t, 1)
			p := w.providers[host(0)]
			p.say("Cache-Control", life)
			w.start()
			synctest.Wait()
			p.answers(before...)
			p.takes(takes)
			next := newSigner(t, issuer(0), "k2")
			raw := sign(t, next)
			var rotated time.Time
			for start := time.Now(); ; time.Sleep(every) {
				if rotated.IsZero() && time.Since(start) >= moment {
					p.publish(w.signers[0], next)
					p.answers(then...)
					rotated = time.Now()
				}
				_, err := w.verifier.Verify(context.Background(), raw)
				if err == nil {
					break
				}
				if !rotated.IsZero() && time.Since(rotated) > 35*time.Second+every {
					r.Errorf("the new key is not accepted %v after its publication", time.Since(rotated))
					break
				}
			}
			time.Sleep(time.Minute)
			if most := mostIn(p.times(), 30*time.Second); most > 2 {
				r.Errorf("%d fetches in 30 s, at most 2 are allowed", most)
			}
		})
	})
}

// TestTheTickerAndUnknownKidsTogetherFetchTwiceIn30s has a provider that wants a fetch as
// often as it can get one, and one that fails.
func TestTheTickerAndUnknownKidsTogetherFetchTwiceIn30s(t *testing.T) {
	for name, status := range map[string]int{"a provider that forbids caching": 200, "a provider that fails": 500} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newFixture(t, 1)
				w.providers[host(0)].say("Cache-Control", "no-store")
				w.start()
				synctest.Wait()
				w.providers[host(0)].set(status, setOf(w.signers[0]))
				for range 20 * 60 {
					// A stranger who sees the ticker's fetches asks just after each.
					if fetches := w.providers[host(0)].times(); time.Since(fetches[len(fetches)-1]) < 2*time.Second {
						w.sources[0].Key(context.Background(), "x", token.EdDSA)
					}
					time.Sleep(time.Second)
				}
				if most := mostIn(w.providers[host(0)].times(), 30*time.Second); most != 2 {
					t.Errorf("%d fetches in 30 s, want 2", most)
				}
				w.accepts(w.signers[0])
			})
		})
	}
}

func TestTheFirstTokenOfANewKeyWaitsForItAndIsAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t, 1).start()
		synctest.Wait()
		next := newSigner(t, issuer(0), "k2")
		w.providers[host(0)].publish(w.signers[0], next)
		w.providers[host(0)].takes(100 * time.Millisecond)
		w.accepts(next)
		if got := w.providers[host(0)].asked().Get("Cache-Control"); got != "no-cache" {
			t.Errorf("a fetch for an unknown kid is answered from caches on the way: Cache-Control %q", got)
		}
		time.Sleep(time.Hour)
		if got := w.providers[host(0)].asked().Get("Cache-Control"); got != "" {
			t.Errorf("a fetch that nobody waits for goes past caches: Cache-Control %q", got)
		}
	})
}

func TestARequestWaitsBrieflyAndFewDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t, 1).start()
		synctest.Wait()
		w.providers[host(0)].set(0, "")
		start := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		if _, err := w.sources[0].Key(ctx, "x", token.EdDSA); !errors.Is(err, token.ErrUnavailable) || time.Since(start) != 50*time.Millisecond {
			t.Errorf("got %v after %v, want the context's 50 ms", err, time.Since(start))
		}
		var wait sync.WaitGroup
		for range 10 * jwks.MaxOwn {
			wait.Go(func() { w.sources[0].Key(context.Background(), "x", token.EdDSA) })
		}
		start = time.Now()
		synctest.Wait()
		if n := w.sources[0].Waiting(); n != jwks.MaxOwn {
			t.Errorf("%d requests wait, want %d", n, jwks.MaxOwn)
		}
		w.accepts(w.signers[0]) // a known key waits for nothing
		if time.Since(start) != 0 {
			t.Error("a request with a known key waited")
		}
		wait.Wait()
		if took := time.Since(start); took != 200*time.Millisecond {
			t.Errorf("requests waited for %v, and the fetch was 50 ms old before", took)
		}
		if n := w.sources[0].Waiting(); n != 0 {
			t.Errorf("%d requests still count as waiting", n)
		}
	})
}

// TestAKeyThatIsAskedForEarlyIsAcceptedOncePublished: nothing is remembered against a kid
// that somebody guessed before its time.
func TestAKeyThatIsAskedForEarlyIsAcceptedOncePublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t, 1).start()
		synctest.Wait()
		next := newSigner(t, issuer(0), "k2")
		for range 300 {
			w.refuses(next, token.ErrInvalid)
			time.Sleep(time.Second)
		}
		w.providers[host(0)].publish(w.signers[0], next)
		time.Sleep(31 * time.Second)
		w.accepts(next)
	})
}

func TestAWithdrawnKeyIsRefusedAfterTheNextFetch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t, 1, func(e *jwks.Endpoint) { e.MaxAge = time.Minute }).start()
		synctest.Wait()
		w.accepts(w.signers[0])
		raw := sign(t, w.signers[0])
		if _, err := w.verifier.Verify(context.Background(), raw); err != nil {
			t.Fatal(err)
		}
		w.providers[host(0)].publish(newSigner(t, issuer(0), "k2"))
		time.Sleep(time.Minute)
		if _, err := w.verifier.Verify(context.Background(), raw); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("a remembered token of a withdrawn key: %v", err)
		}
		w.refuses(w.signers[0], token.ErrInvalid)
	})
}

func TestADroppedKeyStaysDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t, 1, func(e *jwks.Endpoint) { e.MaxAge = time.Minute }).start()
		synctest.Wait()
		source, stolen := w.sources[0], w.signers[0]
		raw := sign(t, stolen)
		if _, err := w.verifier.Verify(context.Background(), raw); err != nil {
			t.Fatal(err)
		}
		if _, ok := source.DropKey("k2"); ok {
			t.Error("an unknown kid is dropped")
		}
		thumbprint, ok := source.DropKey("k1")
		if !ok || thumbprint != stolen.Key().Thumbprint() {
			t.Fatalf("got %q, %v", thumbprint, ok)
		}
		if _, err := w.verifier.Verify(context.Background(), raw); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("a remembered token of a dropped key: %v", err)
		}
		w.refuses(stolen, token.ErrInvalid)
		time.Sleep(10 * time.Minute) // many fetches, each with the key in it
		w.refuses(stolen, token.ErrInvalid)

		// The same key under another id, and another key under the same id.
		moved, err := token.NewKey("k9", token.EdDSA, publicOf(t, stolen))
		if err != nil {
			t.Fatal(err)
		}
		fresh := newSigner(t, issuer(0), "k1")
		set, err := token.NewKeySet(moved, fresh.Key())
		if err != nil {
			t.Fatal(err)
		}
		doc, _ := set.JWKS()
		w.providers[host(0)].set(200, string(doc))
		time.Sleep(time.Minute)
		if _, err := source.Key(context.Background(), "k9", token.EdDSA); !errors.Is(err, token.ErrUnknownKey) {
			t.Errorf("the dropped key under another id: %v", err)
		}
		w.accepts(fresh)
		w.refuses(stolen, token.ErrInvalid)

		// After a restart the thumbprint does the same.
		again := newFixture(t, 1, func(e *jwks.Endpoint) { e.Dropped = []string{thumbprint} })
		again.providers[host(0)].set(200, setOf(stolen))
		again.start()
		synctest.Wait()
		again.refuses(stolen, token.ErrInvalid)
	})
}

// TestAKeyIsDroppedWhileItIsFetched: the answer that is under way brings it no second life.
func TestAKeyIsDroppedWhileItIsFetched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t, 1).start()
		synctest.Wait()
		w.providers[host(0)].takes(200 * time.Millisecond)
		go w.sources[0].Key(context.Background(), "x", token.EdDSA)
		time.Sleep(100 * time.Millisecond)
		if _, ok := w.sources[0].DropKey("k1"); !ok {
			t.Fatal("not dropped")
		}
		time.Sleep(time.Second)
		w.refuses(w.signers[0], token.ErrInvalid)
	})
}
