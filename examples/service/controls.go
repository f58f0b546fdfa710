package main

import (
	"context"

	"github.com/reevehq/reeve/service"
)

// command is what a service manager asks for. The zero command is none.
type command uint8

const (
	commandStop command = iota + 1
	commandPause
	commandContinue
	commandReload
	commandInterrogate
)

// controls runs a group as a service manager with Pause and Continue asks, and reports each state,
// the last one being Stopped. It returns as [service.Group.Run] does, for the same reasons: a stop
// takes the path of a signal.
func controls(g *service.Group, reload func(), commands <-chan command, report func(service.State)) error {
	states := make(chan service.State, 16)
	g.Lifecycle().Observe(func(_, to service.State) { states <- to })
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	for {
		select {
		case s := <-states:
			report(s)
		case err := <-ran:
			for len(states) > 0 {
				report(<-states)
			}
			return err
		case c := <-commands:
			switch c {
			case commandStop:
				stop()
			case commandPause:
				_ = g.Pause() // a state that cannot be paused refuses, and the answer is the state
				report(g.Lifecycle().State())
			case commandContinue:
				_ = g.Resume()
				report(g.Lifecycle().State())
			case commandReload:
				reload()
				report(g.Lifecycle().State())
			case commandInterrogate:
				report(g.Lifecycle().State())
			}
		}
	}
}
