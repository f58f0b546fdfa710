//go:build unix

package redisserver_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/redisserver"
	"github.com/reevehq/reeve/internal/testneed"
	"github.com/reevehq/reeve/internal/testwait"
)

const childEnv = "REEVE_TEST_KILLED"

// TestIsKilledWithItsServers is run by TestAKilledTestLeavesNoServer in a process of its own.
func TestIsKilledWithItsServers(t *testing.T) {
	if os.Getenv(childEnv) == "" {
		t.Skip("is run by TestAKilledTestLeavesNoServer")
	}
	one, again, frozen := redisserver.Start(t), redisserver.Start(t), redisserver.Start(t)
	again.Kill()
	again.Restart()
	replica, sentinel := redisserver.StartReplica(t, one), redisserver.StartSentinel(t)
	addrs := append(redisserver.StartCluster(t), one.Addr(), again.Addr(), frozen.Addr(), replica.Addr(), sentinel.Addr())
	frozen.Freeze()
	fmt.Printf("%s%s\n", started, strings.Join(addrs, " "))
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed, or its parent ends
}

const started = "servers: "

func TestAKilledTestLeavesNoServer(t *testing.T) {
	testneed.Program(t, "redis-server", "install it")
	child := exec.Command(os.Args[0], "-test.run=^TestIsKilledWithItsServers$")
	child.Env = append(os.Environ(), childEnv+"=1", "TMPDIR="+t.TempDir()) // it does not clean up
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
	var text string
	for found := false; !found && lines.Scan(); {
		text, found = strings.CutPrefix(lines.Text(), started)
	}
	conns := map[string]net.Conn{}
	for _, addr := range strings.Fields(text) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conns[addr] = conn
	}
	if len(conns) != 8 {
		t.Fatalf("the servers are %q", text)
	}

	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// A connection ends with the process that has it, frozen or not.
	deadline := time.Now().Add(testwait.Limit)
	for addr, conn := range conns {
		_ = conn.SetReadDeadline(deadline)
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("the server on %s lives on: %v", addr, err)
		}
	}
}
