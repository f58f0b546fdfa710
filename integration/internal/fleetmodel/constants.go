// Package fleetmodel predicts what a fleet of instances asks of a Redis Cluster, and simulates it.
//
// Everything is derived from [Measured], a few constants of one load, one change and one heartbeat.
// Each names the test that measures it on a real Redis, so that a change of the code that moves one
// fails there. [Fleet.Predict] is arithmetic, [Simulate] replays the same constants request by
// request with the rules of cachestore, and a test compares the two.
package fleetmodel

import "time"

// Calls are the commands of one operation (EVALSHA), by the slot that they go to, and how often
// it is announced to caches.
type Calls struct {
	User     float64 // to the slot of the user
	Tenant   float64 // to the slot of the tenant
	Everyone float64 // to the one slot of everyone's epoch
	Changes  float64
}

// Sum is how many commands it is.
func (c Calls) Sum() float64 { return c.User + c.Tenant + c.Everyone }

// Constants are the costs of one operation.
type Constants struct {
	// Commands of one operation: integration TestFleetConstantsOfCommands.
	Load, Touch, SignIn, Refresh, Revoke Calls

	// Commands that each instance sends to each master in a second, whatever the traffic:
	// heartbeats, a check for lost keys, and a question whose data the server has:
	// TestFleetConstantsOfFeeds.
	Heartbeats, Checks, Queries float64

	// Connections of an instance to each master beside its pool: TestFleetConstantsOfFeeds.
	FeedConnections float64

	// Bytes of Redis: for a user (index, epoch, events), and for each session: TestFleetConstantsOfMemory.
	// UserBytesSmall is that of a user under stream-node-max-bytes 512, which is 4096 by default.
	UserBytes, SessionBytes, UserBytesSmall float64

	// Bytes of a change on its way to a subscriber, and of any PUBLISH on its way to another node of
	// the cluster: TestFleetConstantsOfBytes.
	ChangeBytes, BusBytes float64

	// Bytes of a cached session in an instance: session/cachestore TestACachedSessionTakesUnder600Bytes.
	EntryBytes float64

	// Processor time of Redis: for a call in the slot of a user that reads, for one of a tenant or of
	// everyone, for one that writes, for a heartbeat, for a check, for a message to a subscriber, and
	// for a message that another node of the cluster is sent or receives: TestFleetConstantsOfTime.
	UserCall, SharedCall, WriteCall, HeartbeatCall, CheckCall, Delivery, BusMessage time.Duration

	// Processor time of an instance: for a request that is served from memory, HTTP included (make
	// bench); for a read of a session; for a change that it hears: TestFleetConstantsOfTime.
	Request, Read, Heard time.Duration
}

// Rules of cachestore and of session.Store that the model repeats. TestTheCacheReadsAsTheModelSays
// compares them with the real cache.
const (
	touchInterval = 15 * time.Second // session.TouchInterval
	maxAge        = 30 * time.Second // of an entry
)
