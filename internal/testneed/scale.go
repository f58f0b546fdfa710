package testneed

import "os"

// Soak reports whether the long proofs run: make soak sets REEVE_SOAK=1.
func Soak() bool { return os.Getenv("REEVE_SOAK") != "" }

// Scale returns how often a test that only computes repeats what it does. It is full, and an
// eighth of it under the race detector, which finds nothing more in the other seven and makes
// each slower by ten: scripts/unit.sh runs those packages without it too. When soaking it is
// soak times as many.
func Scale(full, soak int) int {
	n := full
	if Race {
		n = (full + 7) / 8
	}
	if Soak() {
		n *= soak
	}
	return n
}
