package token_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/reevehq/reeve/session/token"
)

// TestRecallKnowsOnlyWhatStillStands recalls a token before it was ever verified, after,
// and after each thing that ends it.
func TestRecallKnowsOnlyWhatStillStands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer, raw := trust(t, token.EdDSA), good(token.EdDSA)
		ring := ringOf(key(t, "k1", token.EdDSA, ours().public(token.EdDSA)))
		issuer.Keys = ring
		v := verifier(t, issuer)
		wants := func(known bool, why string) {
			t.Helper()
			if got, ok := v.Cached(raw); ok != known || (got != nil) != known {
				t.Errorf("%s: %v, %v", why, got, ok)
			}
		}
		wants(false, "never seen")
		verified := accepts(t, v, raw)
		wants(true, "accepted")
		if got, _ := v.Cached(raw); got != verified {
			t.Error("another answer than Verify's")
		}
		other := theirs().forge(token.EdDSA, headerOf(token.EdDSA), claimsOf())
		for _, forged := range []string{
			"", other, raw + "A", raw[:len(raw)-1], strings.Repeat("a", token.MaxLength+1),
			raw[:strings.LastIndex(raw, ".")] + other[strings.LastIndex(other, "."):],
		} {
			if _, ok := v.Cached(forged); ok {
				t.Errorf("%.20q of %d bytes is recalled", forged, len(forged))
			}
		}
		held := ring.keys
		ring.keys = nil
		wants(false, "its key is gone")
		ring.keys = held
		wants(true, "its key is back")
		time.Sleep(24 * time.Hour)
		wants(false, "expired")
	})
}

func TestRecallWaitsForNothing(t *testing.T) {
	issuer, raw := trust(t, token.EdDSA), good(token.EdDSA)
	ring, waits := ringOf(key(t, "k1", token.EdDSA, ours().public(token.EdDSA))), false
	issuer.Keys = sourceFunc(func(ctx context.Context, kid string, alg token.Algorithm) (token.Key, error) {
		if waits {
			<-ctx.Done()
			return token.Key{}, ctx.Err()
		}
		return ring.Key(ctx, kid, alg)
	})
	v := verifier(t, issuer)
	accepts(t, v, raw)
	waits = true
	if _, ok := v.Cached(raw); ok { // or the test hangs here
		t.Error("a token is recalled whose key cannot be had")
	}
}

func TestAVerifierWithoutMemoryRecallsNothing(t *testing.T) {
	var zero token.Verifier
	if _, ok := zero.Cached(good(token.EdDSA)); ok {
		t.Error("the zero Verifier recalls a token")
	}
}
