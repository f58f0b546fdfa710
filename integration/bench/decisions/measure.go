package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/reevehq/reeve/integration/bench/internal/figure"
	"github.com/reevehq/reeve/integration/bench/workload"
)

// measured is the cost of the requests of one seed to one engine.
type measured struct {
	rounds []float64 // ns a decision
	allocs float64
	asked  int // how many of the requests, in their order, which is random
}

// settings are how long is measured.
type settings struct {
	rounds int
	each   time.Duration // of one engine in one round
}

// least is how many requests are measured, however long an engine takes.
const least = 50

// measure has all engines decide a workload: first to agree, then by the clock, all in each round.
// It returns how many requests are allowed.
func measure(w *workload.Workload, list []engine, set settings) (all map[string]*measured, allowed int, err error) {
	deciders := make([]decider, len(list))
	for i, e := range list {
		if deciders[i], err = e.make(w); err != nil {
			return nil, 0, fmt.Errorf("%s, seed %d: %s: %w", w.Name, w.Seed, e.name, err)
		}
	}
	allowed, took, err := agree(w, list, deciders)
	if err != nil {
		return nil, 0, err
	}
	all = map[string]*measured{}
	passes := make([]int, len(list))
	for i, e := range list {
		m := &measured{asked: len(w.Requests)}
		all[e.name] = m
		// One that is too slow for all is asked the first ones, which are drawn like the others.
		if took[i] > set.each {
			m.asked = max(least, int(int64(m.asked)*int64(set.each)/int64(took[i])))
		}
		one := pass(deciders[i], m.asked)
		passes[i] = max(1, int(set.each/max(one, 1)))
		m.allocs = allocations(deciders[i], m.asked)
	}
	for range set.rounds {
		for i, e := range list {
			m := all[e.name]
			runtime.GC()
			began := time.Now()
			for range passes[i] {
				pass(deciders[i], m.asked)
			}
			m.rounds = append(m.rounds, float64(time.Since(began))/float64(passes[i]*m.asked))
		}
	}
	return all, allowed, nil
}

// agree has each engine decide each request, and is an error where one says something else. It
// returns how many are allowed, and what each engine took for all.
func agree(w *workload.Workload, list []engine, deciders []decider) (allowed int, took []time.Duration, err error) {
	var first []bool
	took = make([]time.Duration, len(list))
	for k, decide := range deciders {
		began := time.Now()
		for i := range w.Requests {
			got, err := decide(i)
			if err != nil {
				return 0, nil, fmt.Errorf("%s, seed %d: %s: %v: %w", w.Name, w.Seed, list[k].name, w.Requests[i].Cedar, err)
			}
			if k == 0 {
				first = append(first, got)
				if got {
					allowed++
				}
			}
			if got != first[i] {
				return 0, nil, fmt.Errorf("%s, seed %d: %v: %s says %v and %s %v", w.Name, w.Seed, w.Requests[i].Cedar, list[0].name, first[i], list[k].name, got)
			}
		}
		took[k] = time.Since(began)
	}
	return allowed, took, nil
}

func pass(decide decider, asked int) time.Duration {
	began := time.Now()
	for i := range asked {
		_, _ = decide(i) // that it answers, and what, was seen before
	}
	return time.Since(began)
}

// allocations are those of one decision.
func allocations(decide decider, asked int) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	pass(decide, asked)
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(asked)
}

// summary is an engine's row of several seeds.
type summary struct {
	name          string
	median        float64 // of the seeds' medians
	least, most   float64 // of them
	spread        float64 // within the rounds of a seed, of the seed where it is widest
	allocs        float64
	asked, seeded int
}

func summarize(name string, seeds []*measured) summary {
	s := summary{name: name, seeded: len(seeds)}
	var medians, allocs []float64
	for _, m := range seeds {
		at := figure.Median(m.rounds)
		medians, allocs = append(medians, at), append(allocs, m.allocs)
		s.spread = max(s.spread, figure.Spread(m.rounds))
		s.most = max(s.most, at)
		if s.least == 0 || at < s.least {
			s.least = at
		}
		if s.asked == 0 || m.asked < s.asked {
			s.asked = m.asked
		}
	}
	s.median, s.allocs = figure.Median(medians), figure.Median(allocs)
	return s
}
