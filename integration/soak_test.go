package integration_test

import "github.com/reevehq/reeve/internal/testneed"

// scale is short, or long when the long proofs are asked for.
func scale(short, long int) int {
	if testneed.Soak() {
		return long
	}
	return short
}
