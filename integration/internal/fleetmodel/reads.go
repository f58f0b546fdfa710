package fleetmodel

import "math"

// reads are how often caches ask for sessions.
type reads struct {
	Loads   float64 // in a second, over the fleet
	Touches float64
	Kept    float64 // seconds for which an unused entry stays in the cache of an instance
	Needed  float64 // entries of an instance that would be used again in time
}

// reads follows from the rules of the cache. Let a session have r requests in a second over the
// fleet and ρ at one instance, Poisson. The first use after 15 s since the last recorded one reads
// it and records itself. It begins a cycle, of 15 s and the time to the next use, 1/r. In a cycle
// each other instance with a use in the 15 s reads once, since what it has is of the cycle before:
//
//	reads in a cycle = 1 + (instances − 1) (1 − e^(−15 ρ))
//
// An entry that was not used for Kept seconds was evicted, by Che's approximation of LRU: Kept is
// what fills the cache, Σ (1 − e^(−ρ Kept)) = CacheEntries. Where it is less than 15 s, each pause
// within the 15 s that is longer reads once more.
func (f Fleet) reads() reads {
	classes := f.classes()
	instances, here := float64(f.Instances), 1.0
	if f.Sticky { // each instance has a part of the sessions, and each session one instance
		instances, here = 1, 1/float64(f.Instances)
	}
	entries := func(seconds float64) (sum float64) {
		for _, c := range classes {
			sum += here * c.count * (1 - math.Exp(-c.rate/instances*seconds))
		}
		return sum
	}
	const window = 15.0
	got := reads{Kept: kept(entries, float64(f.CacheEntries)), Needed: entries(maxAge.Seconds())}
	changed := (f.SignIns + f.Revocations) / float64(f.Active) // of each session
	for _, c := range classes {
		each := c.rate / instances // ρ
		cycle := window + 1/c.rate
		others := 1 - math.Exp(-window*each)
		inCycle := 1 + (instances-1)*others
		if left := window - got.Kept; left > 0 {
			gone := math.Exp(-each * got.Kept)
			inCycle += gone*each*left + (instances-1)*gone*(each*left-(1-math.Exp(-each*left)))
		}
		// A change outdates every copy, and most begin a cycle of their own: in the middle of one they
		// cost half a read more, of each instance that had read and would have been served again.
		uses := window * each
		before := (1 - math.Exp(-uses)) / uses
		again, both := 1-before, 1-2*before+math.Exp(-uses)
		outdated := changed * window / cycle / 2 * (again + (instances-1)*both)
		got.Loads += c.count * (inCycle/cycle + outdated)
		got.Touches += c.count / cycle
	}
	return got
}

// kept solves entries(t) = size for t.
func kept(entries func(seconds float64) float64, size float64) float64 {
	low, high := 0.0, 24*3600.0
	if entries(high) <= size {
		return high
	}
	for range 60 {
		if mid := (low + high) / 2; entries(mid) > size {
			high = mid
		} else {
			low = mid
		}
	}
	return low
}
