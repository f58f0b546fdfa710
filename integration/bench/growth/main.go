// Command growth measures how what Reeve does grows with rules, tenants, sessions, goroutines and
// processors. "make bench" runs it; the whole HTTP path over connections is the command chains'.
//
//	go run ./growth -rules 1000,1000000 -sessions 1000,1000000
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/reevehq/reeve/integration/bench/internal/figure"
	"github.com/reevehq/reeve/integration/bench/internal/numbers"
	"github.com/reevehq/reeve/integration/bench/internal/redisproc"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "growth:", err)
		os.Exit(1)
	}
}

// sizes are the points of the curves. Spread is how many rules are spread over tenants, and decided
// on by goroutines.
type sizes struct {
	rules, tenants, sessions, goroutines, procs []int
	spread                                      int
}

func run(args []string) error {
	flags := flag.NewFlagSet("growth", flag.ExitOnError)
	at := sizes{spread: 100_000}
	list := func(name, fallback, what string, into *[]int) {
		*into, _ = numbers.Parse(fallback)
		flags.Func(name, what+" (default "+fallback+")", func(text string) (err error) {
			*into, err = numbers.Parse(text)
			return err
		})
	}
	list("rules", "100,1000,10000,100000,1000000", "rules of a policy, a tenant to 100", &at.rules)
	list("tenants", "1,10,100,1000,10000,100000", "tenants of 100,000 rules", &at.tenants)
	list("sessions", "1000,10000,100000,1000000", "sessions, of a user each", &at.sessions)
	list("goroutines", "1,10,100,1000", "goroutines at once", &at.goroutines)
	list("procs", "1,2", "processors, as GOMAXPROCS counts them", &at.procs)
	var set settings
	flags.IntVar(&set.rounds, "rounds", 5, "rounds")
	flags.DurationVar(&set.each, "each", 200*time.Millisecond, "time of a point in a round")
	svg := flags.String("svg", "", "file for a picture of the curves")
	_ = flags.Parse(args)
	return redisproc.With(func(ctx context.Context, url, _ string) error {
		table, charts, err := measureAll(ctx, url, at, set)
		if err != nil {
			return err
		}
		fmt.Println(table)
		if *svg == "" {
			return nil
		}
		return os.WriteFile(*svg, []byte(figure.Charts(charts)), 0o644)
	})
}

// measureAll measures every curve.
func measureAll(ctx context.Context, url string, at sizes, set settings) (*figure.Table, []figure.Chart, error) {
	t := figure.NewTable("what", "of", "median", "of the first", "CoV")
	rules, err := curve(t, "a decision, by rules", at.rules, set, func(n int) (call, error) {
		return population{rules: n, tenants: max(1, n/100)}.decisions()
	})
	if err != nil {
		return nil, nil, err
	}
	tenants, err := curve(t, "a decision, by tenants", at.tenants, set, func(n int) (call, error) {
		return population{rules: max(n, at.spread), tenants: n}.decisions()
	})
	if err != nil {
		return nil, nil, err
	}
	charts := []figure.Chart{
		{Title: "a decision", X: "rules", Format: figure.Short, Curves: []figure.Curve{{Name: "Decide", Points: rules}}},
		{Title: "a decision among 100,000 rules", X: "tenants", Format: figure.Short, Curves: []figure.Curve{{Name: "Decide", Points: tenants}}},
	}
	loads, rates, err := sessionCurves(ctx, t, url, at, set)
	if err != nil {
		return nil, nil, err
	}
	return t, append(charts, loads, rates), nil
}

// curve measures a call of each size, all in turn.
func curve(t *figure.Table, name string, at []int, set settings, make func(n int) (call, error)) ([]figure.Point, error) {
	var calls []call
	for _, n := range at {
		c, err := make(n)
		if err != nil {
			return nil, fmt.Errorf("%s: %d: %w", name, n, err)
		}
		calls = append(calls, c)
	}
	took, err := inTurn(calls, set)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return rows(t, name, at, took, figure.Short), nil
}

// rows adds a row for each point, and returns the points.
func rows(t *figure.Table, name string, at []int, rounds [][]float64, format func(float64) string) []figure.Point {
	var all []figure.Point
	for i, n := range at {
		p, spread := point(n, rounds[i])
		all = append(all, p)
		t.Row(name, figure.Thousands(n), format(p.Y), figure.Times(p.Y/all[0].Y), spread)
	}
	return all
}

func rate(perSecond float64) string { return figure.Thousands(int(perSecond)) + "/s" }

// sessionCurves measure loads by sessions, and loads and decisions by goroutines and processors.
func sessionCurves(ctx context.Context, t *figure.Table, url string, at sizes, set settings) (loads, rates figure.Chart, err error) {
	most := at.sessions[len(at.sessions)-1]
	s, err := newSessions(ctx, url, most)
	if err != nil {
		return loads, rates, err
	}
	defer s.Close()
	set.rest = s.rest
	var took [2][][]float64
	for _, n := range at.sessions {
		if err := s.grow(ctx, n); err != nil {
			return loads, rates, err
		}
		near := s.loads(ctx, s.near, n)
		if err := together(32, func(w int) error { // so that the cache has them all
			for i := w; i < n; i += 32 {
				if err := near(i); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return loads, rates, err
		}
		both, err := inTurn([]call{s.loads(ctx, s.far, n), near}, set)
		if err != nil {
			return loads, rates, err
		}
		took[0], took[1] = append(took[0], both[0]), append(took[1], both[1])
	}
	loads = figure.Chart{Title: "a load", X: "sessions", Format: figure.Short, Curves: []figure.Curve{
		{Name: "from the cache", Points: rows(t, "a load from the cache, by sessions", at.sessions, took[1], figure.Short)},
		{Name: "from Redis", Points: rows(t, "a load from Redis, by sessions", at.sessions, took[0], figure.Short)},
	}}
	decide, err := population{at.spread, at.spread / 100}.decisions()
	if err != nil {
		return loads, rates, err
	}
	rates = figure.Chart{Title: "decisions and loads a second", X: "goroutines", Format: rate}
	for _, what := range []struct {
		name string
		call call
	}{{"decisions", decide}, {"loads from the cache", s.loads(ctx, s.near, most)}, {"loads from Redis", s.loads(ctx, s.far, most)}} {
		for _, procs := range at.procs {
			before := runtime.GOMAXPROCS(procs)
			var each [][]float64
			for _, n := range at.goroutines {
				perSecond, err := atOnce(what.call, n, set)
				if err != nil {
					return loads, rates, err
				}
				each = append(each, perSecond)
			}
			runtime.GOMAXPROCS(before)
			name := fmt.Sprintf("%s, %d procs", what.name, procs)
			rates.Curves = append(rates.Curves, figure.Curve{Name: strings.TrimPrefix(name, "loads "), Points: rows(t, name+", by goroutines", at.goroutines, each, rate)})
		}
	}
	return loads, rates, nil
}
