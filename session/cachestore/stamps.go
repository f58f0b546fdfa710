package cachestore

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"

	"github.com/reevehq/reeve/session"
)

// stamps counts announcements. An answer that was read under one stamp is as good as new while the
// stamp of its index is the same: the stamp is taken before the store is asked, so that also a
// change during the read outdates what was read.
//
// Counters are found by hash and shared by several topics. Two that meet cost a read of
// the store now and then, never a change unheard, and the memory is fixed.
type stamps struct {
	seed                     maphash.Seed
	all                      atomic.Uint64
	sessions, users, tenants []atomic.Uint64
}

// Tables are at least as long as the cache, so that few entries share a counter. A
// tenant has many sessions, so tenants have a table of their own.
const (
	minStamps    = 1 << 10
	maxStamps    = 1 << stampBits
	tenantStamps = 1 << tenantBits
)

func newStamps(entries int) *stamps {
	size := min(max(minStamps, 1<<bits.Len(uint(entries-1))), maxStamps)
	return &stamps{
		seed:     maphash.MakeSeed(),
		sessions: make([]atomic.Uint64, size),
		users:    make([]atomic.Uint64, size),
		tenants:  make([]atomic.Uint64, tenantStamps),
	}
}

// counterIndex is where the counters of one session are.
type counterIndex struct{ session, user, tenant uint32 }

// packedIndex is a counterIndex in the memory of one number.
type packedIndex uint64

// The bits of an index, of the tables of sessions and users and of that of tenants.
const (
	stampBits  = 22
	tenantBits = 12
)

func (p counterIndex) pack() packedIndex {
	return packedIndex(p.session)<<(stampBits+tenantBits) | packedIndex(p.user)<<tenantBits | packedIndex(p.tenant)
}

func (p packedIndex) unpack() counterIndex {
	const index, tenant = maxStamps - 1, tenantStamps - 1
	return counterIndex{uint32(p >> (stampBits + tenantBits) & index), uint32(p >> tenantBits & index), uint32(p & tenant)}
}

func (m *stamps) indexOf(t session.Topics) counterIndex {
	return counterIndex{m.index(m.sessions, t.Session), m.index(m.users, t.User), m.index(m.tenants, t.Tenant)}
}

func (m *stamps) index(table []atomic.Uint64, topic string) uint32 {
	return uint32(maphash.String(m.seed, topic) & uint64(len(table)-1)) // tables are shorter than 2^32
}

// stamp is the sum of the counters of an index. None ever decreases, so two sums are equal
// only when each of the counters is.
func (m *stamps) stamp(p counterIndex) uint64 {
	return m.all.Load() + m.tenants[p.tenant].Load() + m.users[p.user].Load() + m.sessions[p.session].Load()
}

// advance outdates what was read of a topic.
func (m *stamps) advance(scope session.Scope, topic string) {
	switch scope {
	case session.ScopeSession:
		m.sessions[m.index(m.sessions, topic)].Add(1)
	case session.ScopeUser:
		m.users[m.index(m.users, topic)].Add(1)
	case session.ScopeTenant:
		m.tenants[m.index(m.tenants, topic)].Add(1)
	default:
		m.all.Add(1)
	}
}
