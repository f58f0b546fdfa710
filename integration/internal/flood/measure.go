//go:build linux

package main

import (
	"flag"
	"sync"
	"time"
)

// measure asks at a constant rate, or one request after the other. A rate is kept whether or not what was asked before is answered: one
// slow answer must not keep the next one from being slow as well.
func measure(flags *flag.FlagSet, args []string, o *orders) error {
	to := flags.String("to", "", "`host:port` of the service")
	connections := flags.Int("connections", 32, "how many requests may be open at a time")
	if err := flags.Parse(args); err != nil {
		return err
	}
	clients := make([]*client, *connections)
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
	Times []time.Duration // from when a request was sent
	Late  []time.Duration // and how long after it was due that was, for want of a processor
	CPU   time.Duration
}

func clocked(clients []*client, o order) *clocks {
	came := &clocks{outcome: newOutcome(), Times: make([]time.Duration, o.Count), Late: make([]time.Duration, o.Count)}
	text := request(o.Path, append(o.Bearer, "")[0])
	if o.Rate == 0 {
		clients = clients[:1]
	}
	var running sync.WaitGroup
	start, used := time.Now().Add(10*time.Millisecond), cpu()
	for i, c := range clients {
		running.Go(func() {
			for n := i; n < o.Count; n += len(clients) {
				due := time.Now()
				if o.Rate > 0 {
					due = start.Add(time.Duration(n) * time.Second / time.Duration(o.Rate))
					time.Sleep(time.Until(due))
				}
				sent := time.Now()
				status, answer, err := c.do(text)
				came.Times[n], came.Late[n] = time.Since(sent), sent.Sub(due)
				came.count(status, answer, err)
			}
		})
	}
	running.Wait()
	came.CPU = cpu() - used
	return came
}
