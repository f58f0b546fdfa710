package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// settings are those of a measurement.
type settings struct {
	size, rounds, workers int
	each                  time.Duration
	changes               float64 // the part of the uses that change the session
}

// round is one round of a store.
type round struct {
	loads    float64 // a second
	p50, p99 time.Duration
	changed  time.Duration // the median of a change
}

// mixed uses sessions for a while, on all workers at once.
func mixed(ctx context.Context, k *kept, z zipf, set settings, seed uint64) (round, error) {
	var mu sync.Mutex
	var loads, changes []time.Duration
	var failed error
	began := time.Now()
	var all sync.WaitGroup
	for w := range set.workers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(w)))
			var mine [2][]time.Duration
			var err error
			for now := time.Now(); err == nil && now.Sub(began) < set.each; {
				i, kind, use := z.draw(random), 0, k.load
				if random.Float64() < set.changes {
					kind, use = 1, k.change
				}
				err = use(ctx, i)
				end := time.Now()
				mine[kind] = append(mine[kind], end.Sub(now))
				now = end
			}
			mu.Lock()
			defer mu.Unlock()
			loads, changes, failed = append(loads, mine[0]...), append(changes, mine[1]...), errors.Join(failed, err)
		})
	}
	all.Wait()
	elapsed := time.Since(began)
	if failed != nil || len(loads) == 0 {
		return round{}, errors.Join(failed, errIf(len(loads) == 0, "nothing was loaded"))
	}
	slices.Sort(loads)
	slices.Sort(changes)
	r := round{loads: float64(len(loads)) / elapsed.Seconds(), p50: loads[len(loads)/2], p99: loads[len(loads)*99/100]}
	if len(changes) > 0 {
		r.changed = changes[len(changes)/2]
	}
	return r, nil
}

func errIf(is bool, text string) error {
	if is {
		return errors.New(text)
	}
	return nil
}

// cost is that of a load that nothing else disturbs.
type cost struct{ allocs, bytes, trips, commands float64 }

// idle counts the reads and commands of Redis in a second while nobody loads: the heartbeat of Reeve's feed.
type idle struct{ reads, commands float64 }

// resting measures it.
func resting(ctx context.Context, client *redis.Client, length time.Duration) (idle, error) {
	reads, commands, err := counts(ctx, client)
	if err != nil {
		return idle{}, err
	}
	began := time.Now()
	time.Sleep(length)
	readsNow, commandsNow, err := counts(ctx, client)
	took := time.Since(began).Seconds()
	return idle{(readsNow - reads - 1) / took, (commandsNow - commands - 1) / took}, err
}

// alone loads sessions one after the other. Trips count the reads of Redis from its clients, and
// commands those that it ran, within scripts too, both without its other work.
func alone(ctx context.Context, client *redis.Client, besides idle, k *kept, z zipf, loads int) (cost, error) {
	random := rand.New(rand.NewPCG(5, 5))
	drawn := make([]int, loads)
	for i := range drawn {
		drawn[i] = z.draw(random)
		if err := k.load(ctx, drawn[i]); err != nil { // so that a cache has what it may have
			return cost{}, err
		}
	}
	reads, commands, err := counts(ctx, client)
	if err != nil {
		return cost{}, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	began := time.Now()
	for _, i := range drawn {
		if err := k.load(ctx, i); err != nil {
			return cost{}, err
		}
	}
	runtime.ReadMemStats(&after)
	readsNow, commandsNow, err := counts(ctx, client)
	if err != nil {
		return cost{}, err
	}
	n, took := float64(loads), time.Since(began).Seconds()
	// One of each is the second question for the counts.
	return cost{float64(after.Mallocs-before.Mallocs) / n, float64(after.TotalAlloc-before.TotalAlloc) / n,
		max(0, readsNow-reads-1-took*besides.reads) / n, max(0, commandsNow-commands-1-took*besides.commands) / n}, nil
}

// counts asks Redis what it has read and run.
func counts(ctx context.Context, client *redis.Client) (reads, commands float64, err error) {
	text, err := client.Info(ctx, "stats").Result()
	if err != nil {
		return 0, 0, err
	}
	of := func(name string) float64 {
		_, after, _ := strings.Cut(text, name+":")
		value, _, _ := strings.Cut(after, "\r\n")
		n, bad := strconv.ParseFloat(value, 64)
		err = errors.Join(err, bad)
		return n
	}
	reads, commands = of("total_reads_processed"), of("total_commands_processed")
	return reads, commands, err
}
