// Package testproc starts the servers of tests, so that none outlives its test: also not when
// the test process is killed, or ends at go test's timeout, and cleans up nothing.
//
//	server, err := testproc.Start(exec.Command(path, args...))
//	t.Cleanup(func() { _ = server.Kill(); _ = server.Wait() })
package testproc

import (
	"os"
	"os/exec"
)

// Process is a process that is killed (SIGKILL) when this one ends, however it ends. It must
// be waited for with [Process.Wait].
type Process struct {
	*os.Process
	cmd  *exec.Cmd
	hold *os.File
}

// script starts a shell that waits at a pipe and becomes the command itself, which so has
// the process id of the child. The pipe's other end is in this process alone: a line says
// that the child has been waited for, and the end of the file that nobody can do so any
// more. Linux could send a signal instead (PR_SET_PDEATHSIG), but at the end of the thread
// that started the child. The waiting shell holds nothing else open, least of all a
// standard output that somebody reads to its end.
//
// A signal to the whole group, such as an interrupt at the terminal, must not end the watch
// before it has killed a command that is stopped, or that ignores the signal.
const script = `trap '' HUP INT TERM; { read -r line <&3 || kill -9 $$; } >/dev/null 2>&1 & trap - HUP INT TERM; exec "$@" 3<&-`

// Start starts a command, which may have no ExtraFiles.
func Start(cmd *exec.Cmd) (*Process, error) {
	if cmd.Err != nil {
		return nil, cmd.Err
	}
	end, hold, err := os.Pipe() // closed in every other child
	if err != nil {
		return nil, err
	}
	defer end.Close()
	cmd.Args = append([]string{"sh", "-c", script, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	cmd.ExtraFiles = []*os.File{end}
	if err := cmd.Start(); err != nil {
		hold.Close()
		return nil, err
	}
	return &Process{Process: cmd.Process, cmd: cmd, hold: hold}, nil
}

// Wait waits for the process as [exec.Cmd.Wait] does.
func (p *Process) Wait() error {
	err := p.cmd.Wait()
	p.release()
	return err
}

// release ends the watch, so that the process id may be another's from now on.
func (p *Process) release() {
	_, _ = p.hold.WriteString("waited for\n")
	_ = p.hold.Close()
}
