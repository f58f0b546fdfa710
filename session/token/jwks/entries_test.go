package jwks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session/token"
	"github.com/reevehq/reeve/session/token/jwks"
)

// with adds entries to the set of some signers.
func with(set string, more ...string) string {
	return strings.Replace(set, "]", ","+strings.Join(more, ",")+"]", 1)
}

// A provider with a bad entry loses that entry and nothing else: its kid and the reason are
// in Stats and in the log, once.
func TestABadEntryIsLeftOutAndToldInStatsAndLog(t *testing.T) {
	for name, tt := range map[string]struct{ entry, kid, why string }{
		"null":              {"null", "", "not an object"},
		"a kid that is 7":   {`{"kty":"OKP","kid":7}`, "", "kid: not a string"},
		"an alg of null":    {`{"kty":"OKP","kid":"bad","alg":null}`, "bad", "alg: not a string"},
		"key_ops of text":   {`{"kty":"OKP","kid":"bad","key_ops":"verify"}`, "bad", "key_ops: not an array"},
		"a member twice":    {`{"kid":"bad","use":"sig","use":"sig"}`, "bad", "a member twice"},
		"an unknown kty":    {`{"kid":"bad","kty":"AKP"}`, "bad", "kty"},
		"two keys of a kid": {`{"kid":"bad","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},{"kid":"bad","kty":"OKP","crv":"Ed25519","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"}`, "bad", "key 1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var log bytes.Buffer
			f, err := jwks.New(jwks.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			p := &provider{}
			f.WithTransport(everywhere{p})
			signer := newSigner(t, "id", "k1")
			p.set(200, with(setOf(signer), tt.entry))
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
				t.Errorf("%s: the good key: %v", name, err)
			}
			h := f.Stats()[0]
			lines := strings.Join(h.Ignored, "\n")
			if !h.Ready || h.Keys != 1 || h.Failed != 0 || h.LastError != "" || !strings.Contains(lines, tt.kid) || !strings.Contains(lines, tt.why) {
				t.Errorf("%s: its health is %+v", name, h)
			}
			if n := strings.Count(log.String(), "not used"); n != 1 || !strings.Contains(log.String(), tt.kid) || !strings.Contains(log.String(), tt.why) {
				t.Errorf("%s: it is logged %d times: %s", name, n, &log)
			}
		})
	}
}

// A set of which nothing is left, or that publishes a secret, is a failed fetch: the keys
// that are held go on serving.
func TestASetOfWhichNothingIsLeftReplacesNothing(t *testing.T) {
	const x, y = `{"kid":"k1","kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`, `{"kid":"k1","kty":"OKP","crv":"Ed25519","x":"PUAXw-hDiVqStwqnTRt-vJyYLM8uxJaMwM1V8Sr0Zgw"}`
	for _, bad := range []string{
		`{"keys":[null]}`, `{"keys":null}`, `{"keys":[{"kid":null}]}`, `{"keys":[` + x + "," + y + `]}`, `{"keys":[` + x + `,{"kty":"AKP","d":null}]}`,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newFixture(t, 1, func(e *jwks.Endpoint) { e.MaxAge = time.Minute }).start()
			synctest.Wait()
			w.providers[host(0)].set(200, bad)
			time.Sleep(10 * time.Minute)
			w.accepts(w.signers[0])
			if h := w.health(0); !h.Ready || h.Keys != 1 || h.LastError == "" || h.Failed == 0 {
				t.Errorf("after %s: %+v", bad, h)
			}
		})
	}
}

// Stats are bounded, and say that there is more.
func TestManyBadEntriesAreTrimmedInStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t, 1)
		w.providers[host(0)].set(200, with(setOf(w.signers[0]), slices.Repeat([]string{"null"}, 99)...))
		w.start()
		synctest.Wait()
		w.accepts(w.signers[0])
		if lines := w.health(0).Ignored; len(lines) != 33 || lines[32] != "and 67 more" {
			t.Errorf("%d lines: %q", len(lines), lines)
		}
	})
}

// One id may be of several keys, for different algorithms: each serves its own, and they
// are dropped together, for what is known of a theft is the id.
func TestKeysOfOneIDForTwoAlgorithmsServeAndAreDroppedTogether(t *testing.T) {
	const es = `{"kid":"k1","kty":"EC","crv":"P-256","x":"l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs","y":"9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"}`
	synctest.Test(t, func(t *testing.T) {
		w := newFixture(t, 1)
		doc := with(setOf(w.signers[0]), es)
		w.providers[host(0)].set(200, doc)
		w.start()
		synctest.Wait()
		w.accepts(w.signers[0])
		s := w.sources[0]
		key := func(s *jwks.Source, alg token.Algorithm) error {
			_, err := s.Key(context.Background(), "k1", alg)
			return err
		}
		for _, alg := range []token.Algorithm{token.EdDSA, token.Ed25519, token.ES256} {
			if err := key(s, alg); err != nil {
				t.Errorf("%s: %v", alg, err)
			}
		}
		if h := w.health(0); h.Keys != 2 {
			t.Errorf("%d keys", h.Keys)
		}
		thumbprints, ok := s.DropKey("k1")
		if !ok || len(strings.Fields(thumbprints)) != 2 {
			t.Fatalf("got %q, %v", thumbprints, ok)
		}
		again := newFixture(t, 1, func(e *jwks.Endpoint) { e.Dropped = []string{thumbprints} })
		again.providers[host(0)].set(200, doc)
		again.start()
		synctest.Wait()
		for _, s := range []*jwks.Source{s, again.sources[0]} {
			for _, alg := range []token.Algorithm{token.EdDSA, token.ES256} {
				if err := key(s, alg); !errors.Is(err, token.ErrUnknownKey) {
					t.Errorf("dropped, %s: %v", alg, err)
				}
			}
		}
		if _, ok := s.DropKey("k1"); ok {
			t.Error("dropped twice")
		}
	})
	f, err := jwks.New(jwks.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, dropped := range []string{" ", "x", strings.Repeat("A", 43) + "  " + strings.Repeat("A", 43)} {
		if _, err := f.Add(jwks.Endpoint{Issuer: "i", URL: "https://i", Dropped: []string{dropped}}); err == nil || !strings.Contains(fmt.Sprint(err), "Dropped[0]") {
			t.Errorf("%q: %v", dropped, err)
		}
	}
}
