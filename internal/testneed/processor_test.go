package testneed_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
)

func TestProcessorTimeCountsWorkAndNoWaiting(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("it is the clock on the wall there")
	}
	before := testneed.ProcessorTime(t)
	time.Sleep(30 * time.Millisecond) // in which nothing is done
	waited := testneed.ProcessorTime(t)
	for sum := 0; testneed.ProcessorTime(t)-waited < 5*time.Millisecond; sum++ {
	}
	if waited-before > 20*time.Millisecond {
		t.Errorf("30 ms of waiting count for %v", waited-before)
	}
}
