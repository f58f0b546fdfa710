package fleetmodel

import "math"

// Limits are how far a server may be used.
type Limits struct {
	CPU     float64 // of the one core that runs commands
	Fanout  float64 // part of that core for announcements and heartbeats
	Clients float64 // connections: maxclients of Redis
	Memory  float64 // bytes of a master
	FromRAM float64 // least share of the requests that is to be served from memory
}

// DefaultLimits leave room for a burst and for the failover of a neighbour. maxclients is Redis's
// own default.
var DefaultLimits = Limits{CPU: 0.6, Fanout: 0.25, Clients: 10_000, Memory: 24 << 30, FromRAM: 0.5}

// Choice is something that has to change when a fleet grows.
type Choice string

// The choices, each with how much of its limit is used up by a prediction: 1 is where it has to
// change.
const (
	Publish     Choice = "PUBLISH"                      // sharded pub/sub in its place
	Everyone    Choice = "one slot of everyone's epoch" // several copies, or epochs kept by the lease
	OfTenant    Choice = "one slot of a tenant"
	Anywhere    Choice = "any instance for a session" // one instance for the requests of a session
	NearCache   Choice = "entries of the near cache"
	Connections Choice = "connections of each instance to each master"
	Memory      Choice = "memory of a master"
	Processor   Choice = "processor time of a master"
)

// Choices are all of them, in the order of docs/fleet.md.
var Choices = []Choice{Everyone, OfTenant, Anywhere, NearCache, Publish, Connections, Processor, Memory}

// Use is how much of its limit each choice uses.
func (p Prediction) Use(c Constants, l Limits) map[Choice]float64 {
	return map[Choice]float64{
		Everyone:    p.Everyone.CPU / l.CPU,
		OfTenant:    p.Largest.CPU / l.CPU,
		Publish:     p.fanout(c) / l.Fanout,
		Anywhere:    (1 - p.FromRAM) / (1 - l.FromRAM),
		NearCache:   p.Needed / float64(p.Fleet.CacheEntries),
		Connections: p.Average.Connections / l.Clients,
		Memory:      p.Average.Memory / l.Memory,
		Processor:   p.Average.CPU / l.CPU,
	}
}

// fanout is the part of a master's core that announcements and heartbeats take.
func (p Prediction) fanout(c Constants) float64 {
	return seconds(c.Delivery)*p.Average.Deliveries + seconds(c.BusMessage)*p.Average.Bus +
		seconds(c.HeartbeatCall)*float64(p.Fleet.Instances)*c.Heartbeats
}

// Point returns the requests a second from which on a choice of a growing fleet is over its limit,
// and 0 where it is not up to a thousand million. of says what the fleet is at a number of requests.
func Point(choice Choice, of func(requests float64) Fleet, c Constants, l Limits) (float64, error) {
	over := func(requests float64) (bool, error) {
		p, err := of(requests).Predict(c)
		if err != nil {
			return false, err
		}
		return p.Use(c, l)[choice] > 1, nil
	}
	low, high := 1000.0, 1e9
	for high/low > 1.01 {
		mid := math.Sqrt(low * high)
		is, err := over(mid)
		if err != nil {
			return 0, err
		}
		if is {
			high = mid
		} else {
			low = mid
		}
	}
	if high >= 1e9 {
		return 0, nil
	}
	return high, nil
}
