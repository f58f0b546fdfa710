//go:build unix

package testproc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/reevehq/reeve/internal/testwait"
)

const childEnv = "REEVE_TEST_PROCESS"

// TestAProcessThatIsKilled is run by TestAProcessEndsWithTheOneThatStartedIt in a process of
// its own, which is killed.
func TestAProcessThatIsKilled(t *testing.T) {
	how := os.Getenv(childEnv)
	if how == "" {
		t.Skip("is run by TestAProcessEndsWithTheOneThatStartedIt")
	}
	then := map[string]string{"running": "exec sleep 100", "frozen": "kill -STOP $$", "deaf": "trap '' HUP INT TERM; exec sleep 100"}[how]
	cmd := exec.Command("/bin/sh", "-c", "echo $$; "+then)
	cmd.Stdout = os.Stdout
	p, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	_ = p.Wait()
}

func TestAProcessEndsWithTheOneThatStartedIt(t *testing.T) {
	for _, c := range []struct {
		how    string
		signal syscall.Signal
		group  bool // to the parent and all that it has started, as from a terminal
	}{
		{"running", syscall.SIGKILL, false}, {"frozen", syscall.SIGKILL, false}, {"running", syscall.SIGTERM, true},
		{"frozen", syscall.SIGTERM, true}, {"deaf", syscall.SIGTERM, true}, {"deaf", syscall.SIGHUP, true}, {"deaf", syscall.SIGINT, true},
	} {
		how := fmt.Sprintf("%s, %v, group %v", c.how, c.signal, c.group)
		if signal.Ignored(c.signal) { // and so do the processes that it starts
			t.Logf("%s: left out: this process was started to ignore it, as nohup does", how)
			continue
		}
		parent := exec.Command(os.Args[0], "-test.run=^TestAProcessThatIsKilled$")
		parent.Env = append(os.Environ(), childEnv+"="+c.how)
		parent.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		out, in, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		parent.Stdout = in
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		in.Close()
		_ = out.SetReadDeadline(time.Now().Add(testwait.Limit))
		lines := bufio.NewReader(out)
		var pid int
		if _, err := fmt.Fscanln(lines, &pid); err != nil {
			t.Errorf("%s: it does not start: %v", how, err)
		}
		to := parent.Process.Pid
		if c.group {
			to = -to
		}
		if err := syscall.Kill(to, c.signal); err != nil {
			t.Errorf("%s: %v", how, err)
		}
		_ = parent.Wait()
		// The file ends when the last process that writes to it does.
		if rest, err := io.ReadAll(lines); err != nil {
			t.Errorf("%s: it lives on: %q, %v", how, rest, err)
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// started starts a command and returns what it says.
func started(t *testing.T, cmd *exec.Cmd) (*Process, io.Reader) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	return p, out
}

// A process that has been waited for has no process id any more, and who has it next is not killed.
func TestNobodyIsKilledForAProcessThatHasEnded(t *testing.T) {
	cmd := exec.Command("cat")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p, out := started(t, cmd)
	defer func() { _ = p.Kill(); _ = p.cmd.Wait() }()
	fd, err := syscall.Dup(int(p.hold.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	watch := os.NewFile(uintptr(fd), "watch")
	defer watch.Close()

	p.release() // as if it had ended: here it has its own process id still
	testwait.Until(t, "the watch ends", func() bool {
		_, err := watch.WriteString(" ")
		return errors.Is(err, syscall.EPIPE)
	})
	if _, err := io.WriteString(in, "alive\n"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "alive\n" {
		t.Errorf("it was killed: %q, %v", line, err)
	}
}

func TestAProcessIsWhatItsCommandSays(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", `echo "$$ $1 $HOUSE"; exit 3`, "sh", "a b")
	cmd.Env = []string{"HOUSE=reeve"}
	p, out := started(t, cmd)
	text, err := io.ReadAll(out) // to its end, which the watch must not hold open
	if err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := p.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("Wait: %v", err)
	}
	if want := fmt.Sprintln(p.Pid, "a b", "reeve"); string(text) != want {
		t.Errorf("it says %q, want %q", text, want)
	}
	if _, err := Start(exec.Command("no-such-program")); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a program that is not there: %v", err)
	}
}
