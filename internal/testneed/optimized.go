package testneed

import "testing"

// Optimized skips a test that counts allocations or memory where the race detector runs: it is compiled
// in without inlining, so more escapes to the heap. scripts/unit.sh runs each test that calls this
// without the detector.
func Optimized(tb testing.TB) {
	tb.Helper()
	if Race {
		tb.Skip("the race detector is compiled in without optimization; it runs without it too")
	}
}
