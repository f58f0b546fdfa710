package service

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// StopContext returns a context that is over at the first interrupt (Ctrl-C) or SIGTERM, whose name
// is the cause. A second one ends the process at once, by exit with 128 and the signal's number, as
// shells count: 130 and 143. stop puts the signals back as they were.
func StopContext(parent context.Context, logger *slog.Logger, exit func(code int)) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	ended := make(chan struct{})
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go stopBy(signals, ended, cancel, logger, exit)
	return ctx, sync.OnceFunc(func() {
		signal.Stop(signals)
		close(ended)
		cancel(context.Canceled)
	})
}

// stopBy waits for two signals.
func stopBy(signals <-chan os.Signal, ended <-chan struct{}, cancel context.CancelCauseFunc, logger *slog.Logger, exit func(code int)) {
	for first := true; ; first = false {
		select {
		case <-ended:
			return
		case s := <-signals:
			if first {
				cancel(fmt.Errorf("service: %v", s))
				continue
			}
			logger.Error("service: a second signal: nothing more is waited for", slog.String("signal", s.String()))
			exit(exitCode(s))
			return
		}
	}
}

func exitCode(s os.Signal) int {
	if number, ok := s.(syscall.Signal); ok {
		return 128 + int(number)
	}
	return 1
}
