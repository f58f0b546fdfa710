// Command stores measures sessions in Redis: Reeve with and without its cache, scs, and with the tag
// rivals gorilla/sessions on two stores. Of 100,000 sessions of 400 to 600 bytes a fifth is asked for
// four times of five, and one use of five changes the session. "make bench" runs it.
//
//	go run -tags rivals ./stores -sessions 100000 -workers 16
package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/reevehq/reeve/integration/bench/internal/figure"
	"github.com/reevehq/reeve/integration/bench/internal/redisproc"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "stores:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	flags := flag.NewFlagSet("stores", flag.ExitOnError)
	var set settings
	flags.IntVar(&set.size, "sessions", 100_000, "sessions")
	flags.IntVar(&set.rounds, "rounds", 5, "rounds")
	flags.IntVar(&set.workers, "workers", 16, "goroutines that use sessions at once")
	flags.DurationVar(&set.each, "each", 2*time.Second, "time of a store in a round")
	flags.Float64Var(&set.changes, "changes", 0.2, "part of the uses that change the session")
	svg := flags.String("svg", "", "file for a picture of the table")
	_ = flags.Parse(args)
	return redisproc.With(func(ctx context.Context, url, _ string) error {
		table, bars, err := measureAll(ctx, url, stores(), set)
		if err != nil {
			return err
		}
		fmt.Println(table)
		if *svg == "" {
			return nil
		}
		return os.WriteFile(*svg, []byte(figure.Bars("loads a second beside changes", bars)), 0o644)
	})
}

// measureAll measures the stores, all in each round, after one round that nobody counts.
func measureAll(ctx context.Context, url string, all []store, set settings) (*figure.Table, []figure.Bar, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, nil, err
	}
	client := redis.NewClient(options)
	defer client.Close()
	z := newZipf(rand.New(rand.NewPCG(1, 1)), set.size)
	made := make([]*kept, len(all))
	for i, s := range all {
		if made[i], err = s.make(ctx, url, set.size); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", s.name, err)
		}
		defer made[i].Close()
		fmt.Fprintf(os.Stderr, "stores: %s keeps %d sessions\n", s.name, set.size)
	}
	rounds, costs := make([][]round, len(all)), make([]cost, len(all))
	for n := range set.rounds + 1 {
		for i, s := range all {
			r, err := mixed(ctx, made[i], z, set, uint64(n))
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", s.name, err)
			}
			if n > 0 {
				rounds[i] = append(rounds[i], r)
			}
		}
	}
	besides, err := resting(ctx, client, set.each)
	if err != nil {
		return nil, nil, err
	}
	for i, s := range all {
		if costs[i], err = alone(ctx, client, besides, made[i], z, min(20_000, 2*set.size)); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	table := figure.NewTable("store", "loads/s", "CoV", "p50", "p99", "a change, p50", "round trips a load", "commands in Redis", "allocations", "bytes")
	var bars []figure.Bar
	for i, s := range all {
		var loads, p50, p99, changed []float64
		for _, r := range rounds[i] {
			loads, p50, p99, changed = append(loads, r.loads), append(p50, float64(r.p50)), append(p99, float64(r.p99)), append(changed, float64(r.changed))
		}
		perSecond := figure.Thousands(int(figure.Median(loads)))
		table.Row(s.name, perSecond, figure.Percent(figure.Spread(loads)), figure.Short(figure.Median(p50)), figure.Short(figure.Median(p99)), figure.Short(figure.Median(changed)),
			fmt.Sprintf("%.2f", costs[i].trips), fmt.Sprintf("%.2f", costs[i].commands), fmt.Sprintf("%.0f", costs[i].allocs), figure.Thousands(int(costs[i].bytes)))
		bars = append(bars, figure.Bar{Label: s.name, Text: perSecond + "/s", Value: figure.Median(loads), Ours: i < 2})
	}
	return table, bars, nil
}
