//go:build unix

// Package pgserver gives tests a real PostgreSQL: one server for all tests of a binary, and a
// database with roles of its own for each.
//
//	db := pgserver.New(t).Database(t)
//	db.Exec(db.Owner(), "CREATE TABLE note (id bigint PRIMARY KEY, body text)")
//	conn, err := sql.Open("pgx", db.App())
//
// Without PostgreSQL, a test that needs it fails in CI and is skipped elsewhere, never passed.
package pgserver

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testproc"
)

// startTimeout is how long a server gets to be ready, on a busy machine too.
const startTimeout = 60 * time.Second

const install = "install PostgreSQL 15 or later (Debian: apt-get install postgresql)"

// Server is a PostgreSQL that the tests of one binary share. It ends with the process of the
// tests, also when that is killed, and leaves no files.
type Server struct {
	bin     string // the folder of initdb and postgres
	dir     string
	port    int
	process *testproc.Process
	hold    *os.File // keeps the files, see keep
}

var shared struct {
	sync.Mutex
	server *Server
	err    error
}

// New returns the server, and starts it for the first test that asks. It listens on a free
// port of the loopback interface, keeps nothing over a crash (fsync is off), orders texts as
// people do and not by bytes, and lets everybody on the machine in.
func New(tb testing.TB) *Server {
	tb.Helper()
	bin := find()
	if bin == "" {
		testneed.Missing(tb, "PostgreSQL is neither on the PATH nor in /usr/lib/postgresql; "+install)
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = start(bin)
	}
	if shared.err != nil {
		tb.Fatalf("pgserver: %v", shared.err)
	}
	return shared.server
}

// Addr returns host and port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL returns the address of a database for a role.
func (s *Server) URL(role, database string) string {
	return fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", role, s.Addr(), database)
}

// superuser is the role that may do everything.
const superuser = "postgres"

// find returns the folder with the programs of the newest version, or "".
func find() string {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	version := func(dir string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(dir)))
		return n
	}
	slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), dirs...) {
		whole := dir != ""
		for _, program := range []string{"initdb", "postgres"} {
			_, err := exec.LookPath(filepath.Join(dir, program))
			whole = whole && err == nil
		}
		if whole {
			return dir
		}
	}
	return ""
}

// account returns how to run the programs: PostgreSQL refuses the superuser of the system,
// for whom it runs as the user that its packages create.
func account() (*syscall.SysProcAttr, int, error) {
	if os.Geteuid() != 0 {
		return nil, os.Geteuid(), nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, 0, fmt.Errorf("run as root, PostgreSQL needs the user postgres: %w", err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, 0, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, 0, err
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, uid, nil
}

// environ is the environment without what would change where PostgreSQL's programs connect
// and how they print.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "PG") || strings.HasPrefix(v, "LC_") || strings.HasPrefix(v, "LANG")
	})
}

// command is a program of PostgreSQL, run in the server's folder.
func (s *Server) command(attr *syscall.SysProcAttr, program string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = s.dir, environ(), attr
	return cmd
}

func start(bin string) (*Server, error) {
	attr, uid, err := account()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pgserver-")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir}
	if s.hold, err = keep(dir); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, uid, -1); err != nil {
			return nil, err
		}
	}
	out, err := s.command(attr, "initdb", "--pgdata", s.data(), "--username", superuser, "--auth", "trust", "--no-sync",
		"--encoding", "UTF8", "--locale", "C", "--locale-provider", "icu", "--icu-locale", "en-US").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	// Another process may take the port between the choice and the start.
	for range 5 {
		if err = s.serve(attr); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// keep keeps a folder until this process ends, however it ends, and removes it then.
func keep(dir string) (*os.File, error) {
	end, hold, err := os.Pipe() // closed in every other child
	if err != nil {
		return nil, err
	}
	defer end.Close()
	// Files that the server still writes when it is killed are removed in a later round.
	cmd := exec.Command("/bin/sh", "-c", `trap '' HUP INT TERM; cat >/dev/null; n=0
		while [ -e "$1" ] && [ $n -lt 100 ]; do rm -rf "$1" 2>/dev/null; n=$((n+1)); sleep 0.1; done`, "sh", dir)
	cmd.Dir, cmd.Stdin = "/", end
	if err := cmd.Start(); err != nil {
		hold.Close()
		return nil, err
	}
	go func() { _ = cmd.Wait() }() // somebody else may kill it
	return hold, nil
}

// serve starts the process and waits until it is ready.
func (s *Server) serve(attr *syscall.SysProcAttr) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s.port = l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{"-D", s.data(), "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-F"}
	for _, setting := range []string{"unix_socket_directories=", "synchronous_commit=off", "full_page_writes=off",
		"max_connections=200", "shared_buffers=64MB", "max_wal_size=256MB", "timezone=UTC"} {
		args = append(args, "-c", setting)
	}
	cmd := s.command(attr, "postgres", args...)
	cmd.Stdout, cmd.Stderr = log, log
	if s.process, err = testproc.Start(cmd); err != nil {
		return err
	}
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if s.ready() {
			return nil
		}
		if errors.Is(syscall.Kill(s.process.Pid, 0), syscall.ESRCH) || ended(s.process.Pid) {
			break
		}
	}
	_ = s.process.Kill()
	_ = s.process.Wait()
	text, _ := os.ReadFile(log.Name())
	return fmt.Errorf("postgres on %s does not come up: %s", s.Addr(), text)
}

// ready reads the file in which the server tells how far it is: its first line is the process
// id, its last the state.
func (s *Server) ready() bool {
	text, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	lines := strings.Fields(string(text))
	return err == nil && len(lines) > 1 && lines[0] == strconv.Itoa(s.process.Pid) && lines[len(lines)-1] == "ready"
}

// ended reports whether a child has ended and waits to be waited for, where the system tells.
func ended(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, found := strings.Cut(string(text), ") ")
	return err == nil && found && strings.HasPrefix(state, "Z")
}
