package main

import (
	"context"
	"sync"
	"time"

	"github.com/reevehq/reeve/service"
)

// command is a request of a service manager. The zero command is none.
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
// takes the path of a signal. reload must return at once.
func controls(g *service.Group, reload func(), commands <-chan command, report func(service.State)) error {
	moved := newMoves(g.Lifecycle())
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- g.Run(ctx) }()
	pending := time.NewTicker(extendEvery)
	defer pending.Stop()
	for {
		select {
		case <-moved.told:
			moved.each(report)
		case <-pending.C: // or the manager takes a long start, or a long end, for one that hangs
			if s := g.Lifecycle().State(); s == service.Starting || s == service.Draining {
				moved.each(report)
				report(s)
			}
		case err := <-ran:
			moved.each(report)
			return err
		case c := <-commands:
			switch c {
			case commandStop:
				stop()
				continue
			case commandPause:
				_ = g.Pause() // a state that cannot be paused refuses, and the answer is the state
			case commandContinue:
				_ = g.Resume()
			case commandReload:
				reload()
			case commandInterrogate:
			default:
				continue
			}
			moved.each(report)
			report(g.Lifecycle().State())
		}
	}
}

// moves are those that were not reported yet. Code that moves the state does not wait for a manager
// that is slow to listen: the manager may be the one that asked for the move.
type moves struct {
	told chan struct{} // has room for one

	mu     sync.Mutex
	states []service.State
}

func newMoves(l *service.Lifecycle) *moves {
	m := &moves{told: make(chan struct{}, 1)}
	l.Observe(func(_, to service.State) {
		m.mu.Lock()
		m.states = append(m.states, to)
		m.mu.Unlock()
		select {
		case m.told <- struct{}{}:
		default:
		}
	})
	return m
}

// each reports them in their order.
func (m *moves) each(report func(service.State)) {
	m.mu.Lock()
	states := m.states
	m.states = nil
	m.mu.Unlock()
	for _, s := range states {
		report(s)
	}
}
