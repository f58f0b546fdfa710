//go:build !unix

package testneed

import (
	"testing"
	"time"
)

var began = time.Now()

// ProcessorTime returns how long this process has run: the time that it has used is not told
// here.
func ProcessorTime(testing.TB) time.Duration { return time.Since(began) }
