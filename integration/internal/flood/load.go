//go:build linux

package main

import (
	"flag"
	"sync"
	"sync/atomic"
	"time"
)

// load asks from many connections: each as soon as it has its answer, or all together at a
// rate, as far as the answers come in time for it. An order starts it, and the next one
// stops it and is answered with what came of it.
func load(flags *flag.FlagSet, args []string, o *orders) error {
	to := flags.String("to", "", "`host:port` of the service")
	if err := flags.Parse(args); err != nil {
		return err
	}
	var crowd []*client
	var stop func() *report
	if err := o.out.Encode("ready"); err != nil {
		return err
	}
	return each(o, func(o order) (any, error) {
		if o.Stop {
			return stop(), nil
		}
		for len(crowd) < o.Clients {
			crowd = append(crowd, &client{addr: *to})
		}
		stop = begin(crowd[:o.Clients], o)
		return "started", nil
	})
}

// report describes a load.
type report struct {
	*outcome
	Took time.Duration
}

func begin(crowd []*client, o order) (stop func() *report) {
	var over atomic.Bool
	var running sync.WaitGroup
	came, start := newOutcome(), time.Now()
	var texts [][]byte
	for _, bearer := range o.Bearer {
		texts = append(texts, request(o.Path, bearer))
	}
	if texts == nil {
		texts = [][]byte{request(o.Path, "")}
	}
	for i, c := range crowd {
		running.Go(func() {
			for n := i; !over.Load(); n += len(crowd) {
				if o.Rate > 0 {
					time.Sleep(time.Until(start.Add(time.Duration(n) * time.Second / time.Duration(o.Rate))))
				}
				came.count(c.do(texts[n%len(texts)]))
			}
		})
	}
	return func() *report {
		over.Store(true)
		running.Wait()
		return &report{came, time.Since(start)}
	}
}
