//go:build unix

// Package pgbouncer gives tests a real pgbouncer in transaction mode before a PostgreSQL of
// theirs:
//
//	db := pgserver.New(t).Database(t)
//	pool, err := pgxpool.New(ctx, pgbouncer.Start(t, db.App(), 1))
//
// Without pgbouncer, a test that needs it fails in CI and is skipped elsewhere, never passed.
package pgbouncer

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testproc"
)

// startTimeout is how long pgbouncer gets to answer, on a busy machine too.
const startTimeout = 30 * time.Second

// Start starts a pgbouncer that leads to the database of an address, with so many connections
// to it at most, and returns the address that leads there through it. It ends with the test.
func Start(tb testing.TB, target string, servers int) string {
	tb.Helper()
	path, err := exec.LookPath("pgbouncer")
	if err != nil { // Debian has it where only root finds it
		path = "/usr/sbin/pgbouncer"
	}
	path = testneed.Program(tb, path, "install pgbouncer (Debian: apt-get install pgbouncer)")
	to, err := url.Parse(target)
	if err != nil {
		tb.Fatalf("pgbouncer: %v", err)
	}
	// Another process may take the port between the choice and the start.
	for range 5 {
		var through string
		if through, err = start(tb, path, to, servers); err == nil {
			return through
		}
	}
	tb.Fatalf("pgbouncer: %v", err)
	return ""
}

func start(tb testing.TB, path string, to *url.URL, servers int) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return "", err
	}
	dir := tb.TempDir()
	name := to.Path[1:]
	config := fmt.Sprintf(`[databases]
%[1]s = host=%[2]s port=%[3]s dbname=%[1]s

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %[4]d
unix_socket_dir =
auth_type = trust
auth_file = %[5]s
pool_mode = transaction
default_pool_size = %[6]d
max_client_conn = 500
ignore_startup_parameters = extra_float_digits
`, name, to.Hostname(), to.Port(), port, filepath.Join(dir, "users"), servers)
	users := fmt.Sprintf("%q \"\"\n", to.User.Username())
	for file, text := range map[string]string{"config": config, "users": users} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	cmd := exec.Command(path, "--quiet", filepath.Join(dir, "config"))
	if cmd.SysProcAttr, err = account(dir); err != nil {
		return "", err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return "", err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	process, err := testproc.Start(cmd)
	if err != nil {
		return "", err
	}
	stop := func() {
		_ = process.Kill()
		_ = process.Wait()
	}
	through := *to
	through.Host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if err := answers(through.String()); err != nil {
		stop()
		text, _ := os.ReadFile(log.Name())
		return "", fmt.Errorf("%w: %s", err, text)
	}
	tb.Cleanup(stop)
	return through.String(), nil
}

// answers waits until there is a way to the database.
func answers(through string) (err error) {
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		var conn *pgx.Conn
		if conn, err = pgx.Connect(ctx, through); err == nil {
			err = conn.Close(ctx)
		}
		cancel()
		if err == nil {
			return nil
		}
	}
	return err
}

// account returns how to run it, which refuses to be root: as the user that Debian's packages
// create. That user gets the folder.
func account(dir string) (*syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("run as root, pgbouncer needs the user postgres: %w", err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	for up := dir; up != filepath.Dir(up) && up != os.TempDir(); up = filepath.Dir(up) {
		if err := os.Chmod(up, 0o755); err != nil { // it must get there
			return nil, err
		}
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, os.Chown(dir, uid, gid)
}
