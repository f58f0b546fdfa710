package redisstore

import (
	"time"

	"github.com/reevehq/reeve/session"
	"github.com/reevehq/reeve/tenant"
)

// How much of each kind a [memory] remembers for certain; at most twice as much is held.
const (
	keepShared  = 1 << 13 // epochs of tenants, and that of everyone; statuses of tenants
	keepRevoked = 1 << 14 // epochs of users that were seen to move
	keepSeen    = 1 << 14 // epochs of users that were only read
	keepMade    = 1 << 15 // sessions that this instance has changed or ended
	keepMet     = 1 << 14 // sessions that this instance has read after a change
)

// memory is the newest state that an instance knows, so that a Redis which was set back
// does not undo it. It is bounded: the oldest is forgotten, in each kind for itself, so that
// the users who are merely active push out no revocation, and none pushes out much of others.
type memory struct {
	shared, revoked, seen generations
	statuses              recent[status]
	made, met             *stamps

	limits generations // see limited

	cuts   generations        // before which sign-ins at a provider are refused, by the key
	links  generations        // sign-ins that have a session, by the key: linkedNamed or linkedUnnamed
	blocks recent[block]      // of users
	ended  generations        // when in µs the last session of a sign-in ended, by the key of the link
	bonds  recent[string]     // the key of the link, by the name of the record
	found  recent[session.ID] // the session of a sign-in, by the key of the link
}

func newMemory() *memory {
	m := &memory{made: newStamps(keepMade), met: newStamps(keepMet)}
	m.shared.limit, m.statuses.limit, m.revoked.limit, m.seen.limit = keepShared, keepShared, keepRevoked, keepSeen
	m.limits.limit = keepRevoked
	m.cuts.limit, m.blocks.limit, m.links.limit, m.found.limit = keepRevoked, keepRevoked, keepMade, keepMade
	m.ended.limit, m.bonds.limit = keepMade, keepMade
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

// known is what an instance knew before it asked Redis. Whatever Redis answers to a question
// that was asked later is at least as new, unless Redis is behind. What is learnt while the
// question is under way says nothing about the answer.
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
	k.last = max(m.made.users.get(user.base).last, m.met.users.get(user.base).last)
	return k
}

// ofSession returns what is known of a session, by the name of its record.
func (m *memory) ofSession(record string) stamp {
	return m.made.sessions.get(record).raised(m.met.sessions.get(record))
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
		m.met.raise(user, record, n, change)
	}
}

// setStatus remembers the status of a tenant.
func (m *memory) setStatus(key string, n status) {
	if n.version != 0 {
		m.statuses.update(key, func(held status) status { return held.newer(n) })
	}
}

// bind remembers which session a sign-in at a provider has.
func (m *memory) bind(link string, as uint64, id session.ID, record string) {
	m.found.update(link, func(session.ID) session.ID { return id })
	m.bonds.update(record, func(string) string { return link })
	m.links.max(link, as)
}

// rebind remembers that a rotation has moved the session of a sign-in at a provider. The end of what
// is left of the old one is no end of the sign-in.
func (m *memory) rebind(link string, id session.ID, from, to string) {
	m.found.update(link, func(session.ID) session.ID { return id })
	m.bonds.update(to, func(string) string { return link })
	m.bonds.forget(from)
}

// endSession remembers that a session was ended by a change, and so its sign-in at a provider, if
// there is one.
func (m *memory) endSession(user userKeys, record string, change uint64) {
	m.retireSession(user, record, stamp{gone: true}, change)
}

// retireSession is endSession of a session of which something is left that loads.
func (m *memory) retireSession(user userKeys, record string, left stamp, change uint64) {
	m.made.raise(user, record, left, change)
	if link := m.bonds.get(record); link != "" {
		m.ended.max(link, change)
	}
}

// outdatesSignIn reports whether the session of a sign-in cannot be live: it has ended, and the
// store did not know that when it made this one.
func (m *memory) outdatesSignIn(link, name string, since time.Time) bool {
	end := m.ended.get(link)
	if name != "" {
		return end != 0
	}
	return int64(end) > since.UnixMicro() && end != 0
}
