package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/DeRuina/timberjack"

	"github.com/reevehq/reeve/examples/service/config"
)

// sink is where lines of the log go: a file that is put aside by its size and removed by its age,
// or standard output, of which somebody else takes care. Lines that the file does not take go to
// standard output. slog drops the errors of writes, so the sink keeps the last one for a check.
type sink struct {
	cfg      config.Config // of the log alone
	fallback io.Writer     // nil where lines go to standard output anyhow

	mu     sync.Mutex
	to     io.Writer
	file   *timberjack.Logger // nil for standard output
	torn   bool               // the last line is there in part
	failed error              // of the last write
	lost   int                // lines that were not written since it began to fail
}

func newSink(cfg *config.Config, stdout io.Writer) (*sink, error) {
	s := &sink{to: stdout}
	s.cfg.Log = cfg.Log
	if cfg.Log.File == "" {
		return s, nil
	}
	s.fallback = stdout
	if err := isFile(cfg.Log.File, fs.ModeType); err != nil {
		return nil, err
	}
	return s, s.open()
}

var errNoLogFile = errors.New("log.file is no file; without it the log goes to standard output")

// isFile refuses what is there and of one of the types. A device, which the name of standard output may be,
// would be renamed when the log is put aside.
func isFile(path string, types fs.FileMode) error {
	for _, folder := range []string{"/dev/", "/proc/"} {
		if types&fs.ModeDevice != 0 && strings.HasPrefix(filepath.Clean(path), folder) {
			return fmt.Errorf("%s: %w", path, errNoLogFile)
		}
	}
	if info, err := os.Stat(path); err == nil && info.Mode()&types != 0 {
		return fmt.Errorf("%s: %w", path, errNoLogFile)
	}
	return nil
}

// open opens the file, in place of one that was open before. An error changes nothing.
func (s *sink) open() error {
	log := s.cfg.Log
	if err := writable(log.File); err != nil {
		return err
	}
	if s.file != nil {
		_ = s.file.Close() // another is open, whatever its error
	}
	s.file = &timberjack.Logger{Filename: log.File, MaxSize: log.SizeMB, MaxAge: log.Days, MaxBackups: log.Files, FileMode: 0o600}
	s.to, s.torn = s.file, false
	return nil
}

// writable refuses what is no file that can be written. The library would put a folder aside.
func writable(path string) error {
	if err := isFile(path, fs.ModeNamedPipe); err != nil { // each line would wait for a reader
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// Write implements [io.Writer].
func (s *sink) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.write(line); err != nil {
		if s.fallback != nil {
			_, _ = s.fallback.Write(line)
		}
		s.lost++
		return 0, err
	}
	return len(line), nil
}

// write writes a line. One that follows a part of another begins anew.
func (s *sink) write(line []byte) error {
	if s.torn {
		line = append([]byte("\n"), line...)
	}
	n, err := s.to.Write(line)
	if n > 0 {
		s.torn = n < len(line)
	}
	s.failed = err
	return err
}

// reopen opens the file anew, for those who have moved it away.
func (s *sink) reopen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	return s.open()
}

// check returns why lines are not written: a disk that is full, a folder that is gone, an output that
// nobody reads. A file that is gone is begun anew, which is told once. Where lines were lost, a line of
// missing is tried, which says how many, so that a log which can be written again says so.
func (s *sink) check(missing func(lines int) []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		// Nobody puts the file aside meanwhile, since that is a part of a write.
		if _, err := os.Stat(s.cfg.Log.File); err != nil {
			if failed := s.open(); failed != nil {
				return fmt.Errorf("the file of the log is gone, and cannot be begun anew: %w", failed)
			}
			return fmt.Errorf("the file of the log was gone, and is begun anew: %w", err)
		}
	}
	if s.failed == nil && s.lost == 0 {
		return nil
	}
	if err := s.write(missing(s.lost)); err != nil {
		return err
	}
	s.lost = 0
	return nil
}

// Close closes the file.
func (s *sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
