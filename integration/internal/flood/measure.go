//go:build linux

package main

import (
	"flag"
	"sync"
	"time"
)

// measure asks at a constant rate, or one request after the other. A rate is kept whether
// or not what was asked before is answered: one slow answer must not keep the next one from
// being slow as well.
func measure(flags *flag.FlagSet, args []string, o *orders) error {
	to := flags.String("to", "", "`host:port` of the service")
	if err := flags.Parse(args); err != nil {
		return err
	}
	clients := make([]*client, 32)
	for i := range clients {
		clients[i] = &client{addr: *to}
	}
	if err := o.out.Encode("ready"); err != nil {
		return err
	}
	return each(o, func(o order) (any, error) { return clocked(clients, o), nil })
}

// clocks are the times of a measurement, in nanoseconds and in the order of the requests.
type clocks struct {
	*outcome
	Times []time.Duration
}

func clocked(clients []*client, o order) *clocks {
	came := &clocks{newOutcome(), make([]time.Duration, o.Count)}
	text := request(o.Path, append(o.Bearer, "")[0])
	if o.Rate == 0 {
		clients = clients[:1]
	}
	var running sync.WaitGroup
	start := time.Now().Add(10 * time.Millisecond)
	for i, c := range clients {
		running.Go(func() {
			for n := i; n < o.Count; n += len(clients) {
				from := time.Now()
				if o.Rate > 0 {
					from = await(start.Add(time.Duration(n) * time.Second / time.Duration(o.Rate)))
				}
				status, answer, err := c.do(text)
				came.Times[n] = time.Since(from)
				came.count(status, answer, err)
			}
		})
	}
	running.Wait()
	return came
}

// await waits until a request is due, and returns from when it is clocked. A sleep that is
// too long is no fault of the service; a client that is still waiting for its last answer
// is, and then the next one is late already.
func await(due time.Time) time.Time {
	left := time.Until(due)
	if left <= 0 {
		return due
	}
	time.Sleep(left)
	return time.Now()
}
