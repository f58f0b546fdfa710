package integration_test

import "os"

// soak says whether the long proofs run, with their strict limits.
func soak() bool { return os.Getenv("REEVE_SOAK") != "" }

// scale is short, or long when the long proofs are asked for.
func scale(short, long int) int {
	if soak() {
		return long
	}
	return short
}
