//go:build !windows

package main

import (
	"os"
	"os/signal"
	"syscall"
)

func (t *tracker) run(w *environment) error { return t.runProgram(w) }

// tellManager has nothing to do: the manager has the standard error.
func tellManager(error) {}

// restartOnFailure has nothing to do: the unit says it.
func restartOnFailure() error { return nil }

// outliveReaders has writes to a standard output that nobody reads any more fail, as those to a file
// do, where they would end the process with its requests in flight. The check of the log tells.
func outliveReaders() { signal.Ignore(syscall.SIGPIPE) }

// onHangup calls f at each SIGHUP, until the returned function is called.
func onHangup(f func()) (stop func()) {
	hangups := make(chan os.Signal, 1)
	ended := make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-ended:
				return
			case <-hangups:
				f()
			}
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(ended)
	}
}
