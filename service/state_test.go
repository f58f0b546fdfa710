package service_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/reevehq/reeve/service"
)

// The table of moves, as the documentation shows it.
var allowed = map[service.State][]service.State{
	service.Stopped:  {service.Starting},
	service.Starting: {service.Running, service.Degraded, service.Draining},
	service.Running:  {service.Degraded, service.Paused, service.Draining},
	service.Degraded: {service.Running, service.Paused, service.Draining},
	service.Paused:   {service.Running, service.Degraded, service.Draining},
	service.Draining: {service.Stopped},
}

func TestMovesAreThoseOfTheTable(t *testing.T) {
	for _, from := range service.States() {
		if got := from.Moves(); !slices.Equal(got, allowed[from]) {
			t.Errorf("%v: %v, want %v", from, got, allowed[from])
		}
		for _, to := range service.States() {
			if from.CanMove(to) != slices.Contains(allowed[from], to) {
				t.Errorf("%v to %v", from, to)
			}
		}
	}
	unknown := service.State(200)
	if unknown.CanMove(service.Running) || unknown.Serves() || unknown.String() != "unknown" {
		t.Error("a state that is none moves or serves")
	}
	if service.State(0).Serves() {
		t.Error("the zero State serves")
	}
}

// A move that is not allowed changes nothing and tells nobody, whatever moves are tried, and a
// service that has stopped does not start again.
func TestIllegalMovesAreRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l service.Lifecycle
		var told []service.State
		l.Observe(func(from, to service.State) { told = append(told, from, to) })
		state, ended := service.Stopped, false
		for _, to := range rapid.SliceOfN(rapid.SampledFrom(append(service.States(), 77)), 1, 30).Draw(t, "moves") {
			before := len(told)
			err := l.Move(to)
			if may := slices.Contains(allowed[state], to) && !ended; may != (err == nil) {
				t.Fatalf("%v to %v: %v", state, to, err)
			}
			if err != nil {
				var move *service.MoveError
				if !errors.As(err, &move) || move.From != state || move.To != to {
					t.Fatalf("%v to %v: %v", state, to, err)
				}
				if l.State() != state || len(told) != before {
					t.Fatalf("a refused move from %v to %v changed something: %v, %v", state, to, l.State(), told[before:])
				}
				continue
			}
			if !slices.Equal(told[before:], []service.State{state, to}) {
				t.Fatalf("observers were told %v of %v to %v", told[before:], state, to)
			}
			state, ended = to, to == service.Stopped
		}
	})
}

// Moves at the same time happen one after the other, and observers hear them in their order.
func TestObserversHearMovesInTheirOrder(t *testing.T) {
	var l service.Lifecycle
	at := service.Stopped
	l.Observe(func(from, to service.State) {
		if from != at {
			t.Errorf("told of %v to %v, while %v was the last", from, to, at)
		}
		at = to
	})
	for _, to := range []service.State{service.Starting, service.Running} {
		if err := l.Move(to); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				_ = l.MoveFrom(service.Running, service.Degraded)
				_ = l.MoveFrom(service.Degraded, service.Running)
				_ = l.Move(service.Paused)
				_ = l.MoveFrom(service.Paused, service.Running)
			}
		})
	}
	all.Wait()
	if l.State() != at {
		t.Errorf("%v, and the last that was told is %v", l.State(), at)
	}
}
