//go:build unix

package redisserver

import (
	"os"
	"path/filepath"
)

// Snapshot copies what a server that runs has on disk, and returns a function that puts it
// back into a server that was killed: that server continues with an old file. With appendfsync
// always the copy has all that was acknowledged before the call.
func (s *Server) Snapshot() (putBack func()) {
	s.tb.Helper()
	copied := s.tb.TempDir()
	from := filepath.Join(s.dir, appendOnlyDir)
	if err := os.CopyFS(copied, os.DirFS(from)); err != nil {
		s.tb.Fatalf("redisserver: %v", err)
	}
	return func() {
		s.tb.Helper()
		if s.process != nil {
			s.tb.Fatal("redisserver: the server runs")
		}
		if err := os.RemoveAll(from); err != nil {
			s.tb.Fatalf("redisserver: %v", err)
		}
		if err := os.CopyFS(from, os.DirFS(copied)); err != nil {
			s.tb.Fatalf("redisserver: %v", err)
		}
	}
}

// appendOnlyDir is where Redis keeps what it appends.
const appendOnlyDir = "appendonlydir"
