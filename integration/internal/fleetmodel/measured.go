package fleetmodel

import "time"

// Measured are the constants of this version of the code, on Redis 7.0 and Linux, with two cores of
// an AMD EPYC that others use as well. Times are of a server without I/O threads, each call on its
// own as on a cluster; they are the constants that depend on the machine.
var Measured = Constants{
	Load:    Calls{User: 1, Tenant: 1, Everyone: 1},
	Touch:   Calls{User: 1},
	SignIn:  Calls{User: 2, Tenant: 1, Everyone: 1},
	Refresh: Calls{User: 2, Tenant: 1, Everyone: 1},
	Revoke:  Calls{User: 1, Changes: 1},

	Heartbeats: 4, Checks: 1, Queries: 1,
	FeedConnections: 1,

	UserBytes: 5025, SessionBytes: 1340, UserBytesSmall: 1750,
	ChangeBytes: 109, BusBytes: 2370,
	EntryBytes: 600,

	UserCall: 25 * time.Microsecond, SharedCall: 17 * time.Microsecond, WriteCall: 110 * time.Microsecond,
	HeartbeatCall: 30 * time.Microsecond, CheckCall: 60 * time.Microsecond, Delivery: 3 * time.Microsecond, BusMessage: 3 * time.Microsecond,

	Request: 65 * time.Microsecond, Read: 80 * time.Microsecond, Heard: 8 * time.Microsecond,
}
