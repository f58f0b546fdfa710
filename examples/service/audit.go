package main

import (
	"bufio"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/authz"
)

// audit writes a line of JSON for each decision. No request waits for it: when the queue is full,
// decisions are dropped and counted, and a check says so.
type audit struct {
	path    string
	logger  *slog.Logger
	queue   chan slog.Record
	again   atomic.Bool // the file is to be opened anew
	dropped atomic.Int64
	written atomic.Int64
	failed  atomic.Pointer[error] // of the last write
	lost    atomic.Int64          // dropped, when the check was last asked

	mu     sync.RWMutex
	opened bool
	ended  chan struct{}
	file   *os.File
	buffer *bufio.Writer
}

func newAudit(path string, queue int, logger *slog.Logger) *audit {
	return &audit{path: path, logger: logger, queue: make(chan slog.Record, queue), ended: make(chan struct{})}
}

// observe queues a decision.
func (a *audit) observe(e authz.Event) {
	if a.path == "" {
		return
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "decision", 0)
	r.AddAttrs(slog.Any("event", e))
	if !a.opened {
		a.dropped.Add(1)
		return
	}
	select {
	case a.queue <- r:
	default:
		a.dropped.Add(1)
	}
}

// open opens the file, to the end of which lines are added, and begins to write.
func (a *audit) open(context.Context) error {
	if a.path == "" {
		close(a.ended)
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(a.path), 0o700); err != nil {
		return err
	}
	if err := a.openFile(); err != nil {
		return err
	}
	a.mu.Lock()
	a.opened = true
	a.mu.Unlock()
	go a.write()
	return nil
}

func (a *audit) openFile() (err error) {
	if a.file, err = os.OpenFile(a.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return err
	}
	a.buffer = bufio.NewWriter(a.file)
	return nil
}

// write writes what is queued, and flushes whenever the queue is empty.
func (a *audit) write() {
	defer close(a.ended)
	lines := slog.NewJSONHandler(writerFunc(func(p []byte) (int, error) { return a.buffer.Write(p) }), nil)
	for r := range a.queue {
		if a.again.Swap(false) {
			a.note(errors.Join(a.closeFile(), a.openFile()))
		}
		err := lines.Handle(context.Background(), r)
		if len(a.queue) == 0 {
			err = errors.Join(err, a.buffer.Flush())
		}
		a.note(err)
		if err == nil {
			a.written.Add(1)
		} else {
			a.buffer.Reset(a.file) // which would fail for ever
			a.dropped.Add(1)
		}
	}
	a.note(a.closeFile())
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// closeFile brings to the disk what was written.
func (a *audit) closeFile() error {
	return errors.Join(a.buffer.Flush(), a.file.Sync(), a.file.Close())
}

func (a *audit) note(err error) {
	if err == nil {
		a.failed.Store(nil)
		return
	}
	a.failed.Store(&err)
}

// reopen has the file opened anew before the next line, for those who have moved it away.
func (a *audit) reopen() { a.again.Store(true) }

// close writes what is queued and closes the file.
func (a *audit) close(ctx context.Context) error {
	if a.path == "" {
		return nil
	}
	a.mu.Lock()
	a.opened = false
	close(a.queue)
	a.mu.Unlock()
	select {
	case <-a.ended:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := a.failed.Load(); err != nil {
		return *err
	}
	return nil
}

var errDropped = errors.New("decisions were dropped: the queue is full or the file cannot be written")

// Err returns what is wrong: decisions were dropped since the last call, or a write has failed.
func (a *audit) Err() error {
	if err := a.failed.Load(); err != nil {
		return *err
	}
	if n := a.dropped.Load(); n != a.lost.Swap(n) {
		return errDropped
	}
	return nil
}
