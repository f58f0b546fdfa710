package main

import (
	"runtime"
	"sync/atomic"
	"time"

	"github.com/reevehq/reeve/integration/bench/internal/figure"
)

// call does one thing for the ith time.
type call func(i int) error

// settings are how long is measured.
type settings struct {
	rounds int
	each   time.Duration // of a point in a round
	rest   func()        // waits for what a measurement leaves to be done, where it leaves any
}

// inTurn measures what each call takes alone, all in each round, so that what else the machine does
// meets them alike. It returns the nanoseconds of each by round.
func inTurn(calls []call, set settings) ([][]float64, error) {
	took := make([][]float64, len(calls))
	next := make([]int, len(calls))
	for round := range set.rounds + 1 {
		for k, do := range calls {
			if round == 0 {
				runtime.GC()
			}
			began, n, elapsed := time.Now(), 0, time.Duration(0)
			for elapsed < set.each {
				// The clock is read once in 64 calls, and a call of Redis takes longer than that.
				for range 64 {
					if err := do(next[k]); err != nil {
						return nil, err
					}
					next[k]++
				}
				n += 64
				elapsed = time.Since(began)
			}
			if set.rest != nil {
				set.rest()
			}
			if round > 0 { // the first is for caches
				took[k] = append(took[k], float64(elapsed)/float64(n))
			}
		}
	}
	return took, nil
}

// atOnce measures how many calls a second so many goroutines make together, by round.
func atOnce(do call, goroutines int, set settings) ([]float64, error) {
	var perSecond []float64
	for round := range set.rounds + 1 {
		var done atomic.Int64
		began := time.Now()
		err := together(goroutines, func(w int) error {
			n := 0
			for i := w * 7919; time.Since(began) < set.each; { // each begins elsewhere
				for range 8 {
					if err := do(i); err != nil {
						return err
					}
					i++
				}
				n += 8
			}
			done.Add(int64(n))
			return nil
		})
		if err != nil {
			return nil, err
		}
		if round > 0 {
			perSecond = append(perSecond, float64(done.Load())/time.Since(began).Seconds())
		}
	}
	return perSecond, nil
}

// point is a measurement of a curve and its spread.
func point(x int, rounds []float64) (figure.Point, string) {
	return figure.Point{X: float64(x), Y: figure.Median(rounds)}, figure.Percent(figure.Spread(rounds))
}
