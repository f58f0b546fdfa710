package token_test

import "testing"

// BenchmarkVerifyProof measures the cost of DPoP to a request, beside one command of the replay
// store: proofs are new for each, so none is remembered.
func BenchmarkVerifyProof(b *testing.B) {
	v := proofs(b, allProofAlgorithms)
	for _, alg := range publicAlgorithms {
		raw := proof(alg)
		b.Run(string(alg), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(raw, wantRequest); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
