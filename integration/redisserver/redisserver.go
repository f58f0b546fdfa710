//go:build unix

// Package redisserver gives tests a real Redis: one of their own, which they may kill,
// freeze and restart, or the one that REDIS_URL names.
//
//	server := redisserver.Start(t)
//	store, err := redisstore.Open(server.URL(), options)
//	server.Kill()
//
// Without redis-server on the PATH, a test that needs one fails in CI and is skipped
// elsewhere, never passed.
package redisserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testproc"
)

// startTimeout is how long a server gets to answer PING, on a busy machine too.
const startTimeout = 30 * time.Second

// Server is a Redis that belongs to one test. Its data survive Kill and Restart: each
// write is on disk before it is acknowledged. It is stopped when the test ends, also when
// that is killed.
type Server struct {
	tb      testing.TB
	addr    string
	dir     string
	args    []string
	process *testproc.Process // nil while it does not run
}

// Start starts a server of the test's own on a free port of the loopback interface. args
// are added to its command line, such as "--maxmemory", "10mb".
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	path := testneed.Program(tb, "redis-server", "install it (Debian: apt-get install redis-server)")
	s := &Server{tb: tb, dir: tb.TempDir()}
	s.args = append([]string{path, "--bind", "127.0.0.1", "--dir", s.dir,
		"--appendonly", "yes", "--appendfsync", "always", "--save", ""}, args...)
	tb.Cleanup(s.stop)
	var err error
	// Another process may take the port between the choice and the start.
	for range 5 {
		if s.addr, err = freePort(); err == nil {
			err = s.start()
		}
		if err == nil {
			return s
		}
	}
	tb.Fatalf("redisserver: %v", err)
	return nil
}

// inMemory is for servers that are never restarted: nothing waits for the disk, which tests
// that run at the same time share.
var inMemory = []string{"--appendonly", "no"}

// Shared returns the URL of a Redis for a test that needs no process of its own: that of
// REDIS_URL when it is set, and otherwise one of its own. Tests share it, so each must
// use a prefix of its own and may flush nothing.
func Shared(tb testing.TB) string {
	tb.Helper()
	if url := os.Getenv("REDIS_URL"); url != "" {
		return url
	}
	return Start(tb, inMemory...).URL() // with the URL alone nobody restarts it
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// start starts the process and waits until it answers.
func (s *Server) start() error {
	_, port, _ := strings.Cut(s.addr, ":")
	log, err := os.Create(filepath.Join(s.dir, "redis.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(s.args[0], append([]string{"--port", port}, s.args[1:]...)...)
	cmd.Stdout, cmd.Stderr = log, log
	if s.process, err = testproc.Start(cmd); err != nil {
		return err
	}
	client := s.Client()
	defer client.Close()
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		// The process id tells our server from another that has the port.
		info, err := client.Info(context.Background(), "server").Result()
		if err == nil && strings.Contains(info, fmt.Sprintf("process_id:%d\r", s.process.Pid)) {
			return nil
		}
	}
	s.stop()
	text, _ := os.ReadFile(log.Name())
	return fmt.Errorf("redis-server on %s does not answer: %s", s.addr, text)
}

func (s *Server) stop() {
	if s.process == nil {
		return
	}
	_ = s.process.Kill() // also ends a frozen process; gone already is fine
	_ = s.process.Wait()
	s.process = nil
}

// Addr returns host and port.
func (s *Server) Addr() string { return s.addr }

// URL returns the address as redisstore.Open takes it.
func (s *Server) URL() string { return "redis://" + s.addr }

// Dir returns the folder that holds what the server writes.
func (s *Server) Dir() string { return s.dir }

// Client returns a new client for looking behind the back of what is tested. The caller
// closes it.
func (s *Server) Client() *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr:                     s.addr,
		ContextTimeoutEnabled:    true,
		DialTimeout:              time.Second,
		ReadTimeout:              time.Second,
		MaxRetries:               -1,
		DialerRetries:            1,
		DisableIdentity:          true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

// Kill ends the server as a crash does (SIGKILL).
func (s *Server) Kill() {
	s.tb.Helper()
	if s.process == nil {
		s.tb.Fatal("redisserver: Kill of a server that does not run")
	}
	s.stop()
}

// Restart starts a killed server again, on the same port and with the same data.
func (s *Server) Restart() {
	s.tb.Helper()
	if s.process != nil {
		s.tb.Fatal("redisserver: Restart of a server that runs")
	}
	if err := s.start(); err != nil {
		s.tb.Fatalf("redisserver: %v", err)
	}
}

// Snapshots are arguments of Start for a server that keeps what [Server.Save] wrote, and
// nothing after it: killed and started again it is set back.
func Snapshots() []string { return []string{"--appendonly", "no"} }

// Save writes a snapshot of the data now.
func (s *Server) Save() {
	s.tb.Helper()
	client := s.Client()
	defer client.Close()
	var err error
	for range 5 { // a busy machine may take longer than the client waits
		if err = client.Save(context.Background()).Err(); err == nil {
			return
		}
	}
	s.tb.Fatalf("redisserver: SAVE: %v", err)
}

// RestartWith is Restart with more arguments on the command line, from now on.
func (s *Server) RestartWith(args ...string) {
	s.tb.Helper()
	s.args = append(s.args, args...)
	s.Restart()
}

// Freeze stops the server without closing its connections (SIGSTOP), as a hung machine or
// a black hole on the network does.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw ends a Freeze (SIGCONT).
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

func (s *Server) signal(sig os.Signal) {
	s.tb.Helper()
	if s.process == nil {
		s.tb.Fatal("redisserver: the server does not run")
	}
	if err := s.process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.tb.Fatalf("redisserver: %v", err)
	}
}
