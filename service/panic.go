package service

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
)

// errGone is the result of a function that has ended its goroutine (runtime.Goexit) and returned none.
var errGone = errors.New("its goroutine was ended")

// guarded calls f. A panic is an error, so that whatever is broken the other parts are closed; the log has
// where it was.
func guarded(logger *slog.Logger, name slog.Attr, f func() error) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
			return
		case error:
			err = fmt.Errorf("panic: %w", v)
		default:
			err = fmt.Errorf("panic: %v", v)
		}
		logger.Error("service: panic", name, slog.String("error", err.Error()), slog.String("stack", string(debug.Stack())))
	}()
	return f()
}

// started calls f in a goroutine and returns where its result will be.
func started(logger *slog.Logger, name slog.Attr, f func() error) <-chan error {
	result := make(chan error, 1)
	go func() {
		err := errGone
		defer func() { result <- err }()
		err = guarded(logger, name, f)
	}()
	return result
}
