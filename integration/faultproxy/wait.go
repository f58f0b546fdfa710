//go:build !linux

package faultproxy

import "time"

// wait waits so long, or a millisecond where that is more.
func wait(d time.Duration) { time.Sleep(d) }
