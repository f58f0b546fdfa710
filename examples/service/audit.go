package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	again   chan struct{} // the file is to be opened anew; has room for one
	dropped atomic.Int64
	written atomic.Int64
	failed  atomic.Pointer[error] // of the last write
	lost    atomic.Int64          // dropped, when the check was last asked

	mu     sync.RWMutex
	opened bool
	ended  chan struct{}
	file   *os.File // nil when it could not be opened anew
	torn   bool     // the file ends within a line
}

func newAudit(path string, queue int, logger *slog.Logger) *audit {
	return &audit{path: path, logger: logger, queue: make(chan slog.Record, queue), ended: make(chan struct{}), again: make(chan struct{}, 1)}
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
	if err := os.MkdirAll(filepath.Dir(a.path), 0o700); err != nil {
		return err
	}
	a.file, err = os.OpenFile(a.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	return err
}

// maxLines is how much is written at once, in bytes.
const maxLines = 64 << 10

// write writes what is queued, all at once where there is more than one.
func (a *audit) write() {
	defer close(a.ended)
	var lines bytes.Buffer
	handler := slog.NewJSONHandler(&lines, nil)
	for {
		select {
		case <-a.again:
			a.note(a.openAnew())
		case r, more := <-a.queue:
			if !more {
				if err := a.closeFile(); err != nil {
					a.note(err)
				}
				return
			}
			_ = handler.Handle(context.Background(), r) // into memory
			if len(a.queue) == 0 || lines.Len() >= maxLines {
				a.note(a.append(lines.Bytes()))
				lines.Reset()
			}
		}
	}
}

// openAnew opens the file by its name again.
func (a *audit) openAnew() error {
	a.torn = false
	return errors.Join(a.closeFile(), a.openFile())
}

// append adds lines to the file. Those that are not in it as a whole are counted as dropped.
func (a *audit) append(lines []byte) error {
	all := int64(bytes.Count(lines, newline))
	anew := a.file == nil // since the last opening failed
	select {
	case <-a.again:
		anew = true
	default:
	}
	if anew {
		if err := a.openAnew(); err != nil {
			a.dropped.Add(all)
			return err
		}
	}
	if a.torn { // a part of a line is the last one
		if _, err := a.file.Write(newline); err != nil {
			a.dropped.Add(all)
			return err
		}
		a.torn = false
	}
	n, err := a.file.Write(lines)
	whole := int64(bytes.Count(lines[:n], newline))
	a.torn = n > 0 && lines[n-1] != '\n'
	a.written.Add(whole)
	a.dropped.Add(all - whole)
	return err
}

var newline = []byte("\n")

// closeFile brings to the disk what was written. A pipe, which is no file, has no disk.
func (a *audit) closeFile() error {
	if a.file == nil {
		return nil
	}
	info, err := a.file.Stat()
	if err == nil && info.Mode().IsRegular() {
		err = a.file.Sync()
	}
	err = errors.Join(err, a.file.Close())
	a.file = nil
	return err
}

func (a *audit) note(err error) {
	if err == nil {
		a.failed.Store(nil)
		return
	}
	a.failed.Store(&err)
}

// reopen has the file opened anew before the next line, for those who have moved it away.
func (a *audit) reopen() {
	select {
	case a.again <- struct{}{}:
	default:
	}
}

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

// Err returns what is wrong: decisions were dropped since the last call, a write has failed, or the
// file is gone, which is then begun anew.
func (a *audit) Err() error {
	a.mu.RLock()
	opened := a.opened
	a.mu.RUnlock()
	if opened {
		if _, err := os.Stat(a.path); err != nil {
			a.reopen()
			return fmt.Errorf("the file of the audit log is gone, and is to be begun anew: %w", err)
		}
	}
	if err := a.failed.Load(); err != nil {
		return *err
	}
	if n := a.dropped.Load(); n != a.lost.Swap(n) {
		return errDropped
	}
	return nil
}
