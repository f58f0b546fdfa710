package token_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/session/token"
)

// forgetful is a verifier that sees every token for the first time.
func forgetful(t testing.TB, issuers ...token.Issuer) *token.Verifier {
	t.Helper()
	v, err := token.NewVerifierWithConfig(token.VerifierConfig{Issuers: issuers, CacheSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// BenchmarkVerify is the cost of a token that is seen for the first time, and of one that
// is remembered.
func BenchmarkVerify(b *testing.B) {
	run := func(name string, v *token.Verifier, raw string) {
		b.Run(name, func(b *testing.B) {
			ctx := context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(ctx, raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for _, alg := range allAlgorithms {
		run(string(alg)+" first", forgetful(b, trust(b, alg)), good(alg))
		run(string(alg)+" remembered", verifier(b, trust(b, alg)), good(alg))
	}
}

func BenchmarkSign(b *testing.B) {
	for _, alg := range allAlgorithms {
		b.Run(string(alg), func(b *testing.B) {
			s, live := signer(b, config(alg)), sess(time.Hour)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := s.Sign(live); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRefuse measures the cost of a stranger's text before any signature is verified.
func BenchmarkRefuse(b *testing.B) {
	for name, raw := range map[string]string{
		"junk":           "not a token",
		"1 MiB":          strings.Repeat("A", 1<<20),
		"1 MiB of dots":  strings.Repeat(".", 1<<20),
		"unknown issuer": good(token.EdDSA, "iss", `"https://evil.example.com"`),
		"unknown key":    ours().forge(token.EdDSA, headerOf(token.EdDSA, "kid", `"x"`), claimsOf()),
	} {
		b.Run(name, func(b *testing.B) {
			v, ctx := verifier(b, trust(b, token.EdDSA)), context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(ctx, raw); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

// TestVerifyStaysFrugal holds the allocations of a verification with nine claims to a limit. Of a first
// sight 11 are Reeve's own: header, payload, signature and kid, the identifiers that are kept and the
// session's id, and what holds them. The rest is that of the verification of the signature. A
// remembered token costs none. Under the race detector pools forget at random.
func TestVerifyStaysFrugal(t *testing.T) {
	for alg, limit := range map[token.Algorithm]float64{token.EdDSA: 11, token.HS256: 17, token.ES256: 34} {
		raw, ctx := good(alg), context.Background()
		for _, row := range []struct {
			name  string
			v     *token.Verifier
			limit float64
		}{
			{"first", forgetful(t, trust(t, alg)), limit},
			{"remembered", verifier(t, trust(t, alg)), 0},
		} {
			if testneed.Race {
				row.limit = 2*row.limit + 2
			}
			if n := testing.AllocsPerRun(100, func() { row.v.Verify(ctx, raw) }); n > row.limit {
				t.Errorf("%s, %s: %v allocations, at most %v are allowed", alg, row.name, n, row.limit)
			}
		}
	}
}
