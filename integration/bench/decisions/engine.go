package main

import (
	"context"

	"github.com/reevehq/reeve/integration/bench/workload"
)

// decider answers a request of the workload that it was made for. Everything that an engine is
// given is prepared when the decider is made: a call decides, and does nothing else.
type decider func(i int) (allowed bool, err error)

// engine makes deciders.
type engine struct {
	name string
	make func(*workload.Workload) (decider, error)
}

// engines are Reeve, Casbin, and those of the tag rivals.
func engines() []engine {
	return append([]engine{{"Reeve", reeve}, {"Casbin", stock}}, rivals()...)
}

func reeve(w *workload.Workload) (decider, error) {
	e, err := w.Engine()
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	return func(i int) (bool, error) {
		d, err := e.Decide(ctx, w.Requests[i].Reeve)
		return d.Allowed(), err
	}, nil
}

func stock(w *workload.Workload) (decider, error) {
	e, err := w.Enforcer()
	if err != nil {
		return nil, err
	}
	return func(i int) (bool, error) { return e.Enforce(w.Requests[i].Casbin...) }, nil
}
