package main

import (
	"math"
	"math/rand/v2"
	"sort"
)

// zipf draws numbers below a size, so that a fifth of them is drawn in four of five cases.
type zipf struct {
	up    []float64 // the sums of the weights so far
	order []int     // which number has which rank
}

// part is the fifth that is asked for four times of five.
const part, share = 0.2, 0.8

func newZipf(random *rand.Rand, size int) zipf {
	// The exponent is found by halves: the steeper, the more the first fifth is drawn.
	low, high := 0.0, 3.0
	z := zipf{up: make([]float64, size), order: random.Perm(size)}
	for range 50 {
		exponent := (low + high) / 2
		sum := 0.0
		for i := range z.up {
			sum += math.Pow(float64(i+1), -exponent)
			z.up[i] = sum
		}
		if z.up[max(0, int(part*float64(size))-1)]/sum < share {
			low = exponent
		} else {
			high = exponent
		}
	}
	return z
}

func (z zipf) draw(random *rand.Rand) int {
	at := random.Float64() * z.up[len(z.up)-1]
	return z.order[min(len(z.up)-1, sort.SearchFloat64s(z.up, at))]
}
