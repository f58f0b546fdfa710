//go:build race

package casbinindex_test

// racing is whether the race detector runs, under which a sync.Pool forgets at random.
const racing = true
