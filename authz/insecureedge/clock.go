package insecureedge

import "time"

// instant is one moment by both clocks of the system. The monotonic one stands still while a
// machine is suspended, and the other one jumps when it is set.
type instant struct {
	wall time.Time
	mono time.Duration
}

// newClock returns a clock that begins now.
func newClock() func() instant {
	began := time.Now()
	return func() instant {
		now := time.Now()
		return instant{now.Round(0), now.Sub(began)}
	}
}

// staleness is how old the answer of a load can be, by a cache in front of the store.
const staleness = 2 * time.Second

// after reports whether the answer of a load that began at i is later than then.
func (i instant) after(then instant) bool { return i.mono > then.mono+staleness }

// since is the time from then to i, by the monotonic clock.
func (i instant) since(then instant) time.Duration { return i.mono - then.mono }

// steady reports whether from i to now both clocks went on alike.
func (i instant) steady(now instant) bool {
	apart := now.wall.Sub(i.wall) - now.since(i)
	return now.since(i) >= 0 && apart > -clockSkew && apart < clockSkew
}

// floor is the earliest that it can be: the store's clock, when it was last heard of.
type floor struct {
	store time.Time
	at    instant
}

// raise notes a time of the store.
func (f *floor) raise(store time.Time, now instant) {
	if f.store.IsZero() || store.After(f.store.Add(now.since(f.at))) {
		*f = floor{store.Round(0), now}
	}
}

// holds reports whether the clock is not behind it.
func (f *floor) holds(now instant) bool {
	return f.store.IsZero() || !now.wall.Before(f.store.Add(now.since(f.at)-clockSkew))
}

// latest is the latest that the store's clock can be.
func (f *floor) latest(now instant) time.Time {
	at := now.wall
	if heard := f.store.Add(now.since(f.at)); heard.After(at) {
		at = heard
	}
	return at.Add(clockSkew)
}
