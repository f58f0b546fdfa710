package main

import (
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/bench/workload"
)

// TestAllEnginesAgree asks all that are compiled, so with the tag rivals Cedar and OPA too.
func TestAllEnginesAgree(t *testing.T) {
	for _, name := range workload.Names {
		w, err := workload.Make(name, 4, 7)
		if err != nil {
			t.Fatal(err)
		}
		all, allowed, err := measure(w, engines(), settings{2, time.Microsecond})
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != len(engines()) || allowed == 0 || allowed == len(w.Requests) {
			t.Errorf("%s: %d engines, %d allowed", name, len(all), allowed)
		}
		for engine, m := range all {
			if s := summarize(engine, []*measured{m}); s.median <= 0 || s.asked < least || s.least > s.most || len(m.rounds) != 2 {
				t.Errorf("%s: %s: %+v of %+v", name, engine, s, m)
			}
		}
	}
}

// TestEnginesThatDisagreeAreNotCompared: figures of engines that answer differently say nothing.
func TestEnginesThatDisagreeAreNotCompared(t *testing.T) {
	w, err := workload.Make("tinytodo", 4, 7)
	if err != nil {
		t.Fatal(err)
	}
	other := engine{"other", func(w *workload.Workload) (decider, error) {
		decide, err := reeve(w)
		return func(i int) (bool, error) {
			allowed, err := decide(i)
			return allowed != (i == 321), err
		}, err
	}}
	_, _, err = measure(w, append(engines(), other), settings{1, time.Microsecond})
	if err == nil || !strings.Contains(err.Error(), "other") {
		t.Errorf("one decision of 500 is another, and it is measured: %v", err)
	}
}
