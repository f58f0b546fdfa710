//go:build unix

package testneed

import (
	"syscall"
	"testing"
	"time"
)

// ProcessorTime returns how long this process has kept processors busy. A test compares or bounds
// by it the work that was done: on a busy machine a long run is interrupted more often than a short
// one, and the clock on the wall says nothing of either.
func ProcessorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
