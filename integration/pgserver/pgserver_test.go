//go:build unix

package pgserver_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/pgserver"
	"github.com/reevehq/reeve/internal/testwait"
)

func TestADatabaseIsOfOneTest(t *testing.T) {
	s := pgserver.New(t)
	if again := pgserver.New(t); again != s {
		t.Error("a second server was started")
	}
	var name, roles string
	t.Run("first", func(t *testing.T) {
		db := s.Database(t)
		name, roles = db.Name, fmt.Sprintf("'%s', '%s'", db.OwnerRole, db.AppRole)
		db.Exec(db.Owner(), "CREATE TABLE note (id int);\nINSERT INTO note VALUES (1), (2);")
		if got := db.Exec(db.Owner(), "SELECT id, 'x' FROM note ORDER BY id"); got != "1|x\n2|x" {
			t.Errorf("the owner reads %q", got)
		}
		for _, refused := range []string{"SELECT * FROM note", "CREATE TABLE public.own (id int)", "CREATE SCHEMA own"} {
			if out, err := db.TryExec(db.App(), refused); err == nil || !strings.Contains(err.Error(), "permission denied") {
				t.Errorf("the app's %s: %q, %v", refused, out, err)
			}
		}
		if got := db.Exec(db.Super(), "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname IN ("+roles+")"); got != "f\nf" {
			t.Errorf("superuser or bypassing: %q", got)
		}
		if got := db.Exec(db.Owner(), "SELECT 'a' < 'B' AND 'B' < 'c'"); got != "t" {
			t.Error("texts are in the order of bytes, which hides what a query leaves to the database")
		}
	})
	db := s.Database(t)
	if got := db.Exec(db.Super(), "SELECT count(*) FROM pg_database WHERE datname = '"+name+"'"); got != "0" {
		t.Error("the database outlives its test")
	}
	if got := db.Exec(db.Super(), "SELECT count(*) FROM pg_roles WHERE rolname IN ("+roles+")"); got != "0" {
		t.Error("the roles outlive their test")
	}
}

const childEnv = "REEVE_TEST_KILLED"

// TestIsKilledWithItsServer is run by TestAKilledTestLeavesNoServer in a process of its own.
func TestIsKilledWithItsServer(t *testing.T) {
	if os.Getenv(childEnv) == "" {
		t.Skip("is run by TestAKilledTestLeavesNoServer")
	}
	fmt.Printf("%s%s\n", started, pgserver.New(t).Addr())
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed, or its parent ends
}

const started = "server: "

func TestAKilledTestLeavesNoServer(t *testing.T) {
	pgserver.New(t) // or the test ends here
	tmp, err := os.MkdirTemp("", "pgserver-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil { // the server runs as another user
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestIsKilledWithItsServer$")
	child.Env = append(os.Environ(), childEnv+"=1", "TMPDIR="+tmp)
	in, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	lines := bufio.NewScanner(out)
	var addr string
	for found := false; !found && lines.Scan(); {
		addr, found = strings.CutPrefix(lines.Text(), started)
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) != 1 {
		t.Fatalf("while it runs its folders are %q", left)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(testwait.Limit))
	// A process of the server that outlives the first says why it ends.
	if _, err := io.Copy(io.Discard, conn); err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server on %s lives on: %v", addr, err)
	}
	testwait.Until(t, "its files are removed", func() bool {
		left, _ := filepath.Glob(filepath.Join(tmp, "*"))
		return len(left) == 0
	})
}
