package service

import (
	"fmt"
	"sync"
	"time"
)

// Lifecycle is the state of one service. Its zero value is Stopped and ready for use. It is safe
// for concurrent use and must not be copied.
type Lifecycle struct {
	mu      sync.Mutex
	state   State
	since   time.Time
	serves  bool       // new requests are served
	ran     bool       // the start came to its end
	ended   bool       // it was started, and has stopped again
	told    sync.Mutex // held while observers are told, so that they hear of moves in their order
	observe []func(from, to State)
}

// MoveError is a move that is not allowed.
type MoveError struct{ From, To State }

// Error names both states.
func (e *MoveError) Error() string {
	return fmt.Sprintf("service: illegal move: %v to %v", e.From, e.To)
}

// Observe has a function told of every move from now on, in their order and before Move returns.
// It must return soon and must not move the state itself.
func (l *Lifecycle) Observe(f func(from, to State)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.observe = append(l.observe, f)
}

// State returns the state of now.
func (l *Lifecycle) State() State {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state
}

// Serves reports whether new requests are served now: as [State.Serves] says, but for a Draining
// that follows a Paused or a Starting. A service that an operator has paused is not resumed by its
// stop.
func (l *Lifecycle) Serves() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.serves
}

// started reports whether the start came to its end, and the end is not over.
func (l *Lifecycle) started() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ran && !l.ended
}

// Since returns when the state of now began, and zero before the first move.
func (l *Lifecycle) Since() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.since
}

// Move goes on to another state. A move that is not allowed is a [*MoveError] and changes
// nothing; so is a second start, since a service that has stopped does not start again.
func (l *Lifecycle) Move(to State) error { return l.move(to, nil) }

// MoveFrom is Move where the state is the one that is given; otherwise it is a [*MoveError].
// It is for those who decided by a state that may have changed meanwhile.
func (l *Lifecycle) MoveFrom(from, to State) error { return l.move(to, &from) }

func (l *Lifecycle) move(to State, only *State) error {
	l.told.Lock()
	defer l.told.Unlock()
	from, observers, err := l.step(to, only)
	if err != nil {
		return err
	}
	for _, f := range observers {
		f(from, to)
	}
	return nil
}

func (l *Lifecycle) step(to State, only *State) (State, []func(from, to State), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := l.state
	if !from.CanMove(to) || l.ended || only != nil && *only != from {
		return from, nil, &MoveError{from, to}
	}
	l.state, l.since = to, time.Now()
	l.serves = to.Serves() && (to != Draining || from.Serves())
	l.ran = l.ran || from == Starting && to != Draining
	l.ended = to == Stopped
	return from, l.observe, nil
}
