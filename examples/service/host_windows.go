package main

import (
	"time"

	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/reevehq/reeve/service"
)

// waitHint is within what time the manager is told again that a start or an end goes on.
const waitHint = 4 * extendEvery

// onHangup does nothing: Windows has no SIGHUP, and sends ParamChange.
func onHangup(func()) (stop func()) { return func() {} }

// tellManager writes why the service has ended to the event log of Windows: nobody reads its standard error,
// and a configuration that is wrong ends it before there is a log.
func tellManager(why error) {
	if is, err := svc.IsWindowsService(); err != nil || !is {
		return
	}
	events, err := eventlog.Open(name)
	if err != nil {
		return
	}
	defer events.Close()
	_ = events.Error(1, why.Error()) // nowhere else is left to tell
}

// restartOnFailure has the manager start the service again also when it has stopped with an error of its
// own: without it, only a process that is gone counts as a failure.
func restartOnFailure() error {
	m, err := mgr.Connect()
	if err != nil {
		return err
	}
	defer m.Disconnect()
	s, err := m.OpenService(name)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.SetRecoveryActionsOnNonCrashFailures(true)
}

// outliveReaders does nothing: on Windows a pipe that nobody reads ends no process.
func outliveReaders() {}

// run serves as a service of Windows where its manager has started the process, and otherwise as a
// program.
func (t *tracker) run(w *environment) error {
	is, err := svc.IsWindowsService()
	if err != nil {
		return err
	}
	if !is {
		return t.runProgram(w)
	}
	h := &handler{tracker: t}
	if err := svc.Run(name, h); err != nil {
		return err
	}
	return h.err
}

// handler speaks to the service manager in its words; controls decides.
type handler struct {
	tracker *tracker
	err     error
}

// Execute implements [svc.Handler].
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	commands := make(chan command)
	over := make(chan struct{})
	defer close(over)
	go func() {
		for {
			select {
			case <-over:
				return
			case r := <-requests:
				select {
				case <-over:
					return
				case commands <- ofWindows[r.Cmd]:
				}
			}
		}
	}()
	reload, ended := background(h.tracker.reload)
	defer ended()
	var step uint32
	h.err = controls(h.tracker.group, reload, commands, func(s service.State) {
		now := svc.Status{State: toWindows[s], Accepts: accepts(s)}
		if s == service.Starting || s == service.Draining {
			step++
			now.CheckPoint, now.WaitHint = step, uint32(waitHint/time.Millisecond)
		}
		status <- now
	})
	if h.err != nil {
		return true, exitFailed
	}
	return false, 0
}

var ofWindows = map[svc.Cmd]command{
	svc.Stop: commandStop, svc.PreShutdown: commandStop, svc.Shutdown: commandStop, svc.Pause: commandPause, svc.Continue: commandContinue,
	svc.ParamChange: commandReload, svc.Interrogate: commandInterrogate,
}

var toWindows = map[service.State]svc.State{
	service.Stopped: svc.Stopped, service.Starting: svc.StartPending, service.Running: svc.Running, service.Degraded: svc.Running,
	service.Paused: svc.Paused, service.Draining: svc.StopPending,
}

func accepts(s service.State) svc.Accepted {
	if s == service.Running || s == service.Degraded || s == service.Paused {
		// Before a shutdown there is more time than at it, which is five seconds.
		return svc.AcceptStop | svc.AcceptPreShutdown | svc.AcceptShutdown | svc.AcceptPauseAndContinue | svc.AcceptParamChange
	}
	return 0
}
