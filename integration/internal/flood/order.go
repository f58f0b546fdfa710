//go:build linux

package main

import (
	"syscall"
	"time"
)

// order is the task of a process; each kind of process reads the fields it knows.
type order struct {
	Path    string   // what to ask for
	Bearer  []string // the tokens to ask with, in turn; none asks without
	Rate    int      // requests a second; 0 for each as soon as the last is answered
	Count   int      // of measure
	Clients int      // of load: how many connections ask
	Stop    bool     // of load
	Collect bool     // of serve: the garbage first
}

// cpu is the processor time that this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
