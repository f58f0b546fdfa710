package fleetmodel

import "math/rand/v2"

// Draw returns how the sessions of requests are drawn.
func Draw(f Fleet) func(r *rand.Rand) int { return newZipf(f).next }
