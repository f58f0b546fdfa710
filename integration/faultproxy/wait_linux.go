package faultproxy

import (
	"syscall"
	"time"
)

// exact is the longest wait for which the kernel is asked: Go's own timers make a millisecond of
// whatever is shorter while nothing else runs.
const exact = 5 * time.Millisecond

// wait waits so long.
func wait(d time.Duration) {
	if d > exact {
		time.Sleep(d)
		return
	}
	for left := syscall.NsecToTimespec(d.Nanoseconds()); syscall.Nanosleep(&left, &left) == syscall.EINTR; {
	}
}
