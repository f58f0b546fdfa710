package token_test

import (
	"context"
	"testing"
	"time"

	"github.com/reevehq/reeve/session/token"
)

func BenchmarkVerify(b *testing.B) {
	for _, alg := range allAlgorithms {
		b.Run(string(alg), func(b *testing.B) {
			v, raw, ctx := verifier(b, trust(b, alg)), good(alg), context.Background()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(ctx, raw); err != nil {
					b.Fatal(err)
				}
			}
		})
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

// BenchmarkRefuse is what a stranger's text costs before any signature is verified.
func BenchmarkRefuse(b *testing.B) {
	for name, raw := range map[string]string{
		"junk":           "not a token",
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

// TestVerifyStaysFrugal holds the allocations of a verification, measured at 85 with
// nine claims, to a limit.
func TestVerifyStaysFrugal(t *testing.T) {
	v, raw, ctx := verifier(t, trust(t, token.HS256)), good(token.HS256), context.Background()
	n := testing.AllocsPerRun(100, func() { v.Verify(ctx, raw) })
	if n > 110 {
		t.Errorf("%v allocations, at most 110 are allowed", n)
	}
}
