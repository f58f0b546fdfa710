//go:build race

package testneed

// Race says that the race detector runs: everything takes more time, small values take more
// memory, and a sync.Pool forgets at random.
const Race = true
