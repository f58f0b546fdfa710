package fleetmodel

import (
	"fmt"
	"math"
)

// Fleet is the subject of the model. Rates are by the second.
type Fleet struct {
	Requests  float64
	Instances int
	Sticky    bool // the requests of a session go to one instance; otherwise to any

	Sharded bool // announcements stay in their shard (SPUBLISH), which is not built
	Copies  int  // of everyone's epoch, each in a slot of another master: 0 and 1 are what is built

	Masters  int
	Replicas int // of each master

	Sessions float64 // stored
	Users    float64 // with a session, or an event in the last 30 days
	Active   int     // sessions that requests are of
	Skew     float64 // exponent of the Zipf-Mandelbrot law by which sessions are used, see flat
	Tenants  int
	Largest  float64 // share of the requests that the largest tenant has

	SignIns, Refreshes, Revocations float64

	CacheEntries int // of an instance
	Pool         int // connections of an instance to each master at most
}

// Of is a fleet of so many requests a second. The ratios are the assumptions of docs/fleet.md: an
// instance serves 5,000 requests a second; there are 100 stored sessions for each request in a
// second, a tenth of them in use; sessions live for twelve hours, access tokens for ten minutes,
// and one session in five is ended before its time.
func Of(requests float64, masters int) Fleet {
	sessions := 100 * requests
	return Fleet{
		Requests: requests, Instances: int(math.Ceil(requests / 5000)), Masters: masters, Replicas: 1,
		Sessions: sessions, Users: sessions, Active: int(sessions / 10), Skew: 0.8,
		Tenants: max(1, int(requests/100)), Largest: 0.05,
		SignIns: sessions / (12 * 3600), Refreshes: sessions / 10 / 600, Revocations: sessions / (12 * 3600) / 5,
		CacheEntries: 1 << 16, Pool: 80,
	}
}

// Nodes is how many servers the cluster has.
func (f Fleet) Nodes() int { return f.Masters * (1 + f.Replicas) }

// Validate returns what is wrong with f, or nil.
func (f Fleet) Validate() error {
	switch {
	case f.Requests <= 0 || f.Instances <= 0 || f.Masters <= 0 || f.Active <= 0 || f.Tenants <= 0 || f.CacheEntries <= 0 || f.Pool <= 0:
		return fmt.Errorf("fleetmodel: invalid fleet: %+v: requests, instances, masters, active sessions, tenants, entries and connections are more than 0", f)
	case f.Skew < 0 || f.Largest < 0 || f.Largest > 1 || f.Replicas < 0:
		return fmt.Errorf("fleetmodel: invalid fleet: %+v: a skew, a share or a number of replicas", f)
	}
	return nil
}

// scaled is f with a part of the traffic and of the sessions, on the same instances and masters.
func (f Fleet) scaled(by float64) Fleet {
	f.Requests, f.Sessions, f.Users = f.Requests*by, f.Sessions*by, f.Users*by
	f.Active, f.CacheEntries = max(1, int(float64(f.Active)*by)), max(1, int(float64(f.CacheEntries)*by))
	f.SignIns, f.Refreshes, f.Revocations = f.SignIns*by, f.Refreshes*by, f.Revocations*by
	return f
}
