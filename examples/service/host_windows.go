package main

import (
	"golang.org/x/sys/windows/svc"

	"github.com/reevehq/reeve/service"
)

// onHangup does nothing: Windows has no SIGHUP, and sends ParamChange.
func onHangup(func()) (stop func()) { return func() {} }

// run serves as a service of Windows where its manager has started the process, and otherwise as a
// program.
func (t *tracker) run(w *world) error {
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
	ended := make(chan struct{})
	defer close(ended)
	go func() {
		for {
			select {
			case <-ended:
				return
			case r := <-requests:
				select {
				case <-ended:
					return
				case commands <- ofWindows[r.Cmd]:
				}
			}
		}
	}()
	h.err = controls(h.tracker.group, h.tracker.reload, commands, func(s service.State) {
		status <- svc.Status{State: toWindows[s], Accepts: accepts(s)}
	})
	if h.err != nil {
		return true, exitFailed
	}
	return false, 0
}

var ofWindows = map[svc.Cmd]command{
	svc.Stop: commandStop, svc.Shutdown: commandStop, svc.Pause: commandPause, svc.Continue: commandContinue,
	svc.ParamChange: commandReload, svc.Interrogate: commandInterrogate,
}

var toWindows = map[service.State]svc.State{
	service.Stopped: svc.Stopped, service.Starting: svc.StartPending, service.Running: svc.Running, service.Degraded: svc.Running,
	service.Paused: svc.Paused, service.Draining: svc.StopPending,
}

func accepts(s service.State) svc.Accepted {
	if s == service.Running || s == service.Degraded || s == service.Paused {
		return svc.AcceptStop | svc.AcceptShutdown | svc.AcceptPauseAndContinue | svc.AcceptParamChange
	}
	return 0
}
