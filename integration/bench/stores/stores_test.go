package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/reevehq/reeve/integration/redisserver"
)

func TestAFifthOfTheSessionsIsAskedForFourTimesOfFive(t *testing.T) {
	const size, draws = 1_000, 100_000
	random := rand.New(rand.NewPCG(1, 2))
	z := newZipf(random, size)
	first := map[int]bool{}
	for _, i := range z.order[:size/5] {
		first[i] = true
	}
	hits, seen := 0, map[int]bool{}
	for range draws {
		i := z.draw(random)
		if i < 0 || i >= size {
			t.Fatalf("%d of %d", i, size)
		}
		seen[i] = true
		if first[i] {
			hits++
		}
	}
	if hits < draws*79/100 || hits > draws*81/100 || len(seen) < size*99/100 {
		t.Errorf("%d of %d draws are of a fifth, %d of %d are drawn at all", hits, draws, len(seen), size)
	}
}

// TestEveryStoreKeepsTheSessionsThatItIsAskedFor: with the tag rivals also those of gorilla.
func TestEveryStoreKeepsTheSessionsThatItIsAskedFor(t *testing.T) {
	url := redisserver.Shared(t)
	table, bars, err := measureAll(t.Context(), url, stores(), settings{size: 20, rounds: 2, workers: 4, each: 10 * time.Millisecond, changes: 0.2})
	if err != nil {
		t.Fatal(err)
	}
	if len(bars) != len(stores()) || strings.Count(table.String(), "\n") != 2+len(stores()) {
		t.Error(table)
	}
	for _, b := range bars {
		if b.Value <= 0 {
			t.Errorf("%s loads nothing", b.Label)
		}
	}
}

// TestAStoreThatMixesSessionsUpIsNotMeasured: a figure of wrong answers is none.
func TestAStoreThatMixesSessionsUpIsNotMeasured(t *testing.T) {
	url := redisserver.Shared(t)
	other := store{"other", func(ctx context.Context, url string, size int) (*kept, error) {
		k, err := scsSessions(ctx, url, size, 0)
		if err != nil {
			return nil, err
		}
		load := k.load
		k.load = func(ctx context.Context, i int) error {
			if i == 3 {
				return errOther
			}
			return load(ctx, i)
		}
		return k, nil
	}}
	_, _, err := measureAll(t.Context(), url, []store{other}, settings{size: 5, rounds: 1, workers: 2, each: 20 * time.Millisecond})
	if !errors.Is(err, errOther) {
		t.Errorf("it is measured: %v", err)
	}
}
