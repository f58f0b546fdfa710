package redisstore

import (
	"maps"
	"sync"
)

// How much of each kind a [memory] remembers for certain; at most twice as much is held, in
// about 100 bytes each, 15 MB in all.
const (
	keepShared  = 1 << 13 // epochs of tenants, and that of everyone
	keepRevoked = 1 << 14 // epochs of users that were seen to move
	keepSeen    = 1 << 14 // epochs of users that were only read
	keepGone    = 1 << 15 // sessions that were ended one by one
)

// memory is what an instance knows of revocations, so that a failover which loses them does
// not undo them. It is bounded: the oldest is forgotten, in each kind for itself, so that
// the users who are merely active push out no revocation.
type memory struct {
	shared, revoked, seen, gone generations
}

func newMemory() *memory {
	return &memory{
		shared: generations{limit: keepShared}, revoked: generations{limit: keepRevoked},
		seen: generations{limit: keepSeen}, gone: generations{limit: keepGone},
	}
}

// ofShared returns the highest epoch that is known of a tenant or of everyone, at least read.
func (m *memory) ofShared(key string, read uint64) uint64 { return m.shared.max(key, read) }

// ofUser is ofShared for a user.
func (m *memory) ofUser(key string, read uint64) uint64 {
	known := m.seen.get(key)
	if known != 0 && known < read { // somebody revoked the user
		m.revoked.max(key, read)
	}
	return max(m.seen.max(key, read), m.revoked.get(key))
}

// userRevoked remembers what this instance has done.
func (m *memory) userRevoked(key string, epoch uint64) { m.revoked.max(key, epoch) }

func (m *memory) ended(record string)         { m.gone.max(record, 1) }
func (m *memory) hasEnded(record string) bool { return m.gone.get(record) != 0 }

// generations are two maps. When the younger one is full it becomes the older one, and
// what only the older one held is forgotten. What is asked for stays.
type generations struct {
	limit      int
	mu         sync.RWMutex
	young, old map[string]uint64
}

// get returns the value of key, 0 for none.
func (g *generations) get(key string) uint64 {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return max(g.young[key], g.old[key])
}

// max raises the value of key to at least value and returns it. Zero is not remembered.
func (g *generations) max(key string, value uint64) uint64 {
	g.mu.RLock()
	young := g.young[key]
	g.mu.RUnlock()
	if young != 0 && young >= value {
		return young
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	value = max(value, g.young[key], g.old[key])
	if value == 0 {
		return 0
	}
	if len(g.young) >= g.limit {
		g.old, g.young = g.young, nil
	}
	if g.young == nil {
		g.young = make(map[string]uint64)
	}
	g.young[key] = value
	return value
}

// all returns a copy of what is remembered.
func (g *generations) all() map[string]uint64 {
	g.mu.RLock()
	defer g.mu.RUnlock()
	all := maps.Clone(g.old)
	if all == nil {
		all = make(map[string]uint64, len(g.young))
	}
	for key, value := range g.young {
		all[key] = max(all[key], value)
	}
	return all
}
