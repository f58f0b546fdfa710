package fleetmodel

import "math"

// class is sessions of about the same number of requests in a second.
type class struct {
	count float64
	rate  float64 // of each, over the whole fleet
}

// exactRanks is how many of the most used sessions are classes of their own. The others are grouped
// by ranks that are at most 2 % apart.
const exactRanks = 256

// flat is the offset of Mandelbrot's form of Zipf's law, by which the most used thousandth of the
// sessions are about equal: a session is a person or a program and not a page, and none has a share of
// all traffic that grows with the fleet.
func (f Fleet) flat() float64 { return float64(f.Active) / 1000 }

// weight is the popularity of the k-th session.
func (f Fleet) weight(k int) float64 { return math.Pow(float64(k)+f.flat(), -f.Skew) }

// classes returns the active sessions of f, the most used first.
func (f Fleet) classes() []class {
	var found []class
	var weight float64
	add := func(count, each float64) {
		found = append(found, class{count, each})
		weight += count * each
	}
	for k := 1; k <= min(exactRanks, f.Active); k++ {
		add(1, f.weight(k))
	}
	for first := exactRanks + 1; first <= f.Active; {
		last := min(f.Active, max(first, first*102/100))
		count := float64(last - first + 1)
		add(count, integral(float64(first)-0.5+f.flat(), float64(last)+0.5+f.flat(), f.Skew)/count)
		first = last + 1
	}
	for i := range found {
		found[i].rate *= f.Requests / weight
	}
	return found
}

// integral is that of x^-s from a to b.
func integral(a, b, s float64) float64 {
	if math.Abs(s-1) < 1e-9 {
		return math.Log(b / a)
	}
	return (math.Pow(b, 1-s) - math.Pow(a, 1-s)) / (1 - s)
}
