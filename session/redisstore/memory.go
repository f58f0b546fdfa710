package redisstore

import "github.com/reevehq/reeve/tenant"

// How much of each kind a [memory] remembers for certain; at most twice as much is held.
const (
	keepShared  = 1 << 13 // epochs of tenants, and that of everyone; statuses of tenants
	keepRevoked = 1 << 14 // epochs of users that were seen to move
	keepSeen    = 1 << 14 // epochs of users that were only read
	keepMade    = 1 << 15 // sessions that this instance has changed or ended
	keepRead    = 1 << 14 // sessions that this instance has read after a change
)

// memory is the newest state that an instance knows, so that a Redis which was set back
// does not undo it. It is bounded: the oldest is forgotten, in each kind for itself, so that
// the users who are merely active push out no revocation, and none pushes out much of others.
type memory struct {
	shared, revoked, seen generations
	statuses              recent[status]
	made, read            *stamps

	limits generations // see limited

	blocks  recent[block] // of users
	signIns *signIns
	cuts    *cutMemory
}

func newMemory() *memory {
	m := &memory{made: newStamps(keepMade), read: newStamps(keepRead), signIns: newSignIns(keepMade), cuts: newCutMemory()}
	m.shared.limit, m.statuses.limit, m.revoked.limit, m.seen.limit = keepShared, keepShared, keepRevoked, keepSeen
	m.limits.limit = keepRevoked
	m.blocks.limit = keepRevoked
	return m
}

// status is the status of a tenant and its version.
type status struct {
	status  tenant.Status
	version uint64
}

// newer returns the one of two statuses that counts. Of two histories the stricter one does.
func (s status) newer(n status) status {
	if n.version > s.version || n.version == s.version && n.status == tenant.Suspended {
		return n
	}
	return s
}

// known is the state that an instance knew before it asked Redis. The answer of Redis to a question that
// was asked later is at least as new, unless Redis is behind. Facts that are learnt while the
// question is under way say nothing about the answer.
type known struct {
	epochs epochs
	status status
	stamp  stamp
	last   uint64 // change of the user
}

// ofTenant returns what is known of a tenant and of everyone.
func (m *memory) ofTenant(global, tenant string) known {
	return known{
		epochs: epochs{tenant: m.shared.get(tenant), global: m.shared.get(global)},
		status: m.statuses.get(tenant),
	}
}

// ofUser adds to k what is known of a user.
func (m *memory) ofUser(k known, user userKeys) known {
	k.epochs.user = max(m.seen.get(user.epoch), m.revoked.get(user.epoch))
	k.last = max(m.made.users.get(user.base).last, m.read.users.get(user.base).last)
	return k
}

// ofSession returns what is known of a session, by the name of its record.
func (m *memory) ofSession(record string) stamp {
	return m.made.sessions.get(record).raised(m.read.sessions.get(record))
}

// readUser remembers the epoch of a user as it was read.
func (m *memory) readUser(key string, read uint64) {
	known := m.seen.get(key)
	if known != 0 && known < read { // somebody revoked the user
		m.revoked.max(key, read)
	}
	m.seen.max(key, read)
}

// readSession remembers a session as it was read. The first version has none before it.
func (m *memory) readSession(user userKeys, record string, n stamp, change uint64) {
	if n.version > 1 || n.steps > 0 {
		m.read.raise(user, record, n, change)
	}
}

// setStatus remembers the status of a tenant.
func (m *memory) setStatus(key string, n status) {
	if n.version != 0 {
		m.statuses.update(key, func(held status) status { return held.newer(n) })
	}
}

// endSession remembers that a session was ended, and so its sign-in at a provider, if there is one.
func (m *memory) endSession(user userKeys, record string, e ending) {
	m.retireSession(user, record, stamp{gone: true}, e)
}

// retireSession is endSession of a session of which something is left that loads.
func (m *memory) retireSession(user userKeys, record string, left stamp, e ending) {
	m.made.raise(user, record, left, e.change)
	if e.as != 0 {
		m.signIns.end(user.ends+":"+e.digest, e.as, e.change, e.signIns)
		return
	}
	m.signIns.endOf(record, e.change)
}
